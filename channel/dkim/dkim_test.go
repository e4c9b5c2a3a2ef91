package dkim_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	verify "github.com/emersion/go-msgauth/dkim"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/dkim"
	"github.com/waxwinghq/waxwing/channel/mime"
)

var at = time.Unix(1795491000, 0)

var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

// keys returns one key of each form that ParseKey knows.
func keys(t testing.TB) map[string]*dkim.Key {
	t.Helper()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*dkim.Key{}
	add := func(name, kind string, der []byte, err error) {
		if err != nil {
			t.Fatal(err)
		}
		k, err := dkim.ParseKey(waxwing.Secret(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
		if err != nil {
			t.Fatal(name, err)
		}
		out[name] = k
	}
	add("rsa pkcs1", "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey()), nil)
	der, err := x509.MarshalPKCS8PrivateKey(rsaKey())
	add("rsa pkcs8", "PRIVATE KEY", der, err)
	der, err = x509.MarshalPKCS8PrivateKey(ed)
	add("ed25519", "PRIVATE KEY", der, err)
	return out
}

func check(t *testing.T, k *dkim.Key, msg []byte) error {
	t.Helper()
	v, err := verify.VerifyWithOptions(bytes.NewReader(msg), &verify.VerifyOptions{
		LookupTXT: func(d string) ([]string, error) {
			if d != "wax._domainkey.acme.example" {
				return nil, errors.New("no such record")
			}
			return []string{k.Record()}, nil
		},
	})
	if err != nil || len(v) != 1 {
		t.Fatalf("%v, %d signatures", err, len(v))
	}
	return v[0].Err
}

func sign(t testing.TB, k *dkim.Key, msg []byte) []byte {
	t.Helper()
	s, err := dkim.New("acme.example", "wax", k)
	if err != nil {
		t.Fatal(err)
	}
	head, err := s.Append(nil, msg, at)
	if err != nil {
		t.Fatal(err)
	}
	again, _ := s.Append(nil, msg, at)
	if !bytes.Equal(head, again) {
		t.Error("two signatures of one message differ")
	}
	for l := range strings.SplitSeq(string(head), "\r\n") {
		if len(l) > 78 {
			t.Errorf("line of %d: %s", len(l), l)
		}
	}
	return append(head, msg...)
}

func TestSignaturesVerify(t *testing.T) {
	built := mime.Build(nil, &mime.Mail{
		From: mime.Mailbox{Name: "Müller", Addr: "orders@acme.example"}, To: mime.Mailbox{Addr: "bob@example.com"},
		Subject: strings.Repeat("Grüße ", 30), MessageID: "x@acme.example", Date: at, FeedbackID: "a:b:c",
		Text: []byte("Hello  you\n"), HTML: []byte("<p>Hello</p>"),
	})
	for name, k := range keys(t) {
		for i, msg := range [][]byte{
			built,
			[]byte("From: a@acme.example\r\nSubject: x\r\n\r\n"),
			[]byte("From: a@acme.example\r\n\r\n\r\n\r\n"),
			[]byte("From:   a@acme.example \r\nTO: b,\r\n\tc  d\r\nX: y\r\n\r\n a  b\t\r\n\r\n\r\nend"),
			[]byte("From: a@acme.example\r\nTo: a\r\nTo: b\r\nSubject :\r\n \tfolded  twice\r\n\r\nx\r\n"),
			[]byte("From: a@acme.example\r\n\r\n" + strings.Repeat("a \t b\r\n\r\n", 2000)),
		} {
			if err := check(t, k, sign(t, k, msg)); err != nil {
				t.Errorf("%s, message %d: %v", name, i, err)
			}
		}
	}
}

func TestAddedFieldsBreakIt(t *testing.T) {
	msg := []byte("From: a@acme.example\r\nTo: b@example.com\r\nSubject: x\r\nDate: now\r\nMessage-ID: <1@a>\r\n\r\nbody\r\n")
	for name, k := range keys(t) {
		s := sign(t, k, msg)
		for _, h := range []string{"From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To", "Content-Type"} {
			if check(t, k, append([]byte(h+": evil@evil.example\r\n"), s...)) == nil {
				t.Errorf("%s: still valid with another %s", name, h)
			}
		}
		if check(t, k, bytes.Replace(s, []byte("\r\nbody"), []byte("\r\nBody"), 1)) == nil {
			t.Errorf("%s: still valid with another body", name)
		}
	}
}

// TestTwoKeys: each key has a signature that verifies by its own record, and with one of the records gone the
// other still does: a rotation loses nothing.
func TestTwoKeys(t *testing.T) {
	all := keys(t)
	order := []struct {
		selector string
		key      *dkim.Key
	}{{"old", all["rsa pkcs1"]}, {"new-rsa", all["rsa pkcs8"]}, {"new-ed", all["ed25519"]}}
	s, err := dkim.New("acme.example", "old", order[0].key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.With("OLD", order[1].key); !errors.Is(err, dkim.ErrName) {
		t.Errorf("one selector for two keys: %v", err)
	}
	if _, err := s.With("a b", order[1].key); !errors.Is(err, dkim.ErrName) {
		t.Errorf("no selector: %v", err)
	}
	one := s
	for _, k := range order[1:] {
		if s, err = s.With(k.selector, k.key); err != nil {
			t.Fatal(err)
		}
	}
	msg := []byte("From: a@acme.example\r\nTo: b@example.com\r\nSubject: x\r\nFeedback-ID: a:b:c\r\n\r\nbody\r\n")
	head, err := s.Append([]byte("before"), msg, at)
	if err != nil || !bytes.HasPrefix(head, []byte("before")) {
		t.Fatal(err)
	}
	head = head[len("before"):]
	if alone, _ := one.Append(nil, msg, at); !bytes.HasPrefix(head, alone) || len(alone) > one.Room() {
		t.Error("what the first key signs differs where there are others")
	}
	if len(head) > s.Room() {
		t.Errorf("%d bytes in a room of %d", len(head), s.Room())
	}
	for gone := -1; gone < len(order); gone++ {
		v, err := verify.VerifyWithOptions(bytes.NewReader(append(head[:len(head):len(head)], msg...)), &verify.VerifyOptions{
			LookupTXT: func(d string) ([]string, error) {
				for i, k := range order {
					if i != gone && d == k.selector+"._domainkey.acme.example" {
						return []string{k.key.Record()}, nil
					}
				}
				return nil, errors.New("no such record")
			},
		})
		if err != nil || len(v) != len(order) {
			t.Fatalf("%v, %d signatures", err, len(v))
		}
		for i := range v {
			if (v[i].Err == nil) == (i == gone) {
				t.Errorf("record %d is gone: signature %d: %v", gone, i, v[i].Err)
			}
		}
	}
}

func TestBadKeysAndNames(t *testing.T) {
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{
		"", "nonsense", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
		string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(small)})),
	} {
		if _, err := dkim.ParseKey(waxwing.Secret(s)); err == nil {
			t.Errorf("accepted %.30q", s)
		}
	}
	for _, d := range []string{"", "a b", "a;b", "a\r\nb", "a..b", "ä.example", "-a", "a-.example", "::1", strings.Repeat("a", 64)} {
		if _, err := dkim.New(d, "wax", nil); err == nil {
			t.Errorf("accepted %q", d)
		}
	}
}

func FuzzAppend(f *testing.F) {
	f.Add([]byte("From: a\r\n\r\nbody"))
	f.Add([]byte(":\r\n"))
	f.Add([]byte("a:\r\n b\r\n"))
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	der, _ := x509.MarshalPKCS8PrivateKey(ed)
	k, _ := dkim.ParseKey(waxwing.Secret(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})))
	s, _ := dkim.New("acme.example", "wax", k)
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := s.Append(nil, b, at); err != nil && len(h) > 0 {
			t.Error("half a signature")
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	msg := append([]byte("From: a@acme.example\r\nTo: b@example.com\r\nSubject: x\r\nDate: now\r\nMessage-ID: <1@a>\r\n\r\n"),
		bytes.Repeat([]byte("<td style=3D\"padding:0\">some words of a mail, quoted-printable</td>\r\n"), 300)...)
	for name, k := range keys(b) {
		s, _ := dkim.New("acme.example", "wax", k)
		b.Run(name, func(b *testing.B) {
			var dst []byte
			for b.Loop() {
				dst, _ = s.Append(dst[:0], msg, at)
			}
		})
	}
	all := keys(b)
	s, _ := dkim.New("acme.example", "wax", all["rsa pkcs1"])
	s, _ = s.With("wax2", all["ed25519"])
	b.Run("both", func(b *testing.B) {
		var dst []byte
		for b.Loop() {
			dst, _ = s.Append(dst[:0], msg, at)
		}
	})
}

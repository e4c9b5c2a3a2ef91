package seal

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
)

func TestSeal(t *testing.T) {
	k, other := NewKey(), NewKey()
	s := k.Sealer()
	sealed := s.Seal(nil, []byte("Jane"), "row 1")
	if b, err := s.Open(nil, sealed, "row 1"); err != nil || string(b) != "Jane" {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("Jane")) || bytes.Equal(sealed, s.Seal(nil, []byte("Jane"), "row 1")) {
		t.Error("not sealed")
	}
	if _, err := s.Open(nil, sealed, "row 2"); err == nil {
		t.Error("content of one row opens in another")
	}
	if _, err := other.Sealer().Open(nil, sealed, "row 1"); err == nil {
		t.Error("another key opens it")
	}
	tk, tk2 := NewTenantKey(k), NewTenantKey(other)
	data := NewKey()
	w := tk.Wrap(&data, "x")
	if got, err := tk.Unwrap(w, "x"); err != nil || got != data {
		t.Error(err)
	}
	if _, err := tk2.Unwrap(w, "x"); err == nil {
		t.Error("another tenant unwraps it")
	}
	if tk.Index("person", "a", "b") == tk.Index("person", "ab") || tk.Index("person", "a") == tk.Index("number", "a") || tk.Index("person", "a") == tk2.Index("person", "a") {
		t.Error("lookups collide")
	}
	if tk.Token(1) != tk.Token(1) || tk.Token(1) == tk.Token(2) || len(tk.Token(1)) != 32 {
		t.Error(tk.Token(1))
	}
	for _, bad := range []waxwing.Secret{"", "abc", "zz"} {
		if _, err := ParseKey(bad); err == nil {
			t.Errorf("%q is no key", bad.Reveal())
		}
	}
}

// TestParseKeyForms: each form that "waxwing check" calls good opens the ledger.
func TestParseKeyForms(t *testing.T) {
	k := NewKey()
	k[0], k[1], k[2] = 0xfb, 0xff, 0xbf // "+" and "/" in one alphabet, "-" and "_" in the other
	for _, s := range []string{hex.EncodeToString(k[:]), base64.StdEncoding.EncodeToString(k[:]), base64.RawStdEncoding.EncodeToString(k[:]),
		base64.URLEncoding.EncodeToString(k[:]), base64.RawURLEncoding.EncodeToString(k[:])} {
		if got, err := ParseKey(waxwing.Secret(s + "\n")); err != nil || got != k {
			t.Errorf("%d characters: %v", len(s), err)
		}
	}
	for _, s := range []string{"", "k", hex.EncodeToString(k[:31]), base64.StdEncoding.EncodeToString(append(k[:], 1))} {
		if _, err := ParseKey(waxwing.Secret(s)); err == nil {
			t.Errorf("%d characters are taken for a key", len(s))
		}
	}
}

// TestKeyed: hashes are HMAC-SHA256 of kind and parts with a zero byte before each part,
// whatever was hashed before them: rows of older programs are found by them.
func TestKeyed(t *testing.T) {
	k := Key{1, 2, 3}
	tk, index, token := NewTenantKey(k), k.derive("index"), k.derive("token")
	for round := range 2 {
		for _, n := range []int{0, 1, 30, 55, 64, 200, mostText, mostText + 1, 50000, 3} {
			long := strings.Repeat("é", n)
			m := hmac.New(sha256.New, index[:])
			m.Write([]byte("person\x00" + long + "\x00" + "\x00" + long))
			if got := tk.Index("person", long, "", long); !bytes.Equal(got[:], m.Sum(nil)[:len(got)]) {
				t.Errorf("round %d, %d bytes: %x", round, n, got)
			}
			m = hmac.New(sha256.New, token[:])
			m.Write(binary.BigEndian.AppendUint64(nil, uint64(n)))
			if got := tk.Token(waxwing.ID(n)); got != tokenEncoding.EncodeToString(m.Sum(nil)[:20]) {
				t.Errorf("round %d, message %d: %s", round, n, got)
			}
		}
	}
}

func BenchmarkIndex(b *testing.B) {
	t := NewTenantKey(NewKey())
	b.ReportAllocs()
	for b.Loop() {
		t.Index("order", "shop", "820982911946154508", "confirmation", "0")
	}
}

func BenchmarkToken(b *testing.B) {
	t := NewTenantKey(NewKey())
	b.ReportAllocs()
	for b.Loop() {
		t.Token(77)
	}
}

package ledger

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
)

func chainOf(n int) (lines []byte, c Chain) {
	c.Instance = 1
	for i := range n {
		lines = c.Append(lines, &machine.Entry{At: time.UnixMilli(int64(i)), Confirmation: waxwing.ID(i * 64), From: waxwing.Received, To: waxwing.Ready,
			Cause: machine.CauseReleased, Detail: [][2]string{{"reason", "ü \" \\ \n " + strings.Repeat("x", i)}}})
	}
	return lines, c
}

// TestChainShowsEveryChange flips, removes, doubles and swaps, one at a time.
func TestChainShowsEveryChange(t *testing.T) {
	lines, want := chainOf(6)
	if got, err := walkHead(lines); err != nil || got != want.Head {
		t.Fatal(err)
	}
	all := bytes.SplitAfter(lines, []byte("\n"))
	all = all[:len(all)-1]
	for i := range lines {
		b := bytes.Clone(lines)
		b[i] ^= 1
		if got, err := walkHead(b); err == nil && got == want.Head {
			t.Fatalf("byte %d was changed unseen", i)
		}
	}
	for i := range all {
		gone := bytes.Join(append(append([][]byte{}, all[:i]...), all[i+1:]...), nil)
		if got, err := walkHead(gone); err == nil && got == want.Head {
			t.Fatalf("entry %d was removed unseen", i)
		}
		for j := i + 1; j < len(all); j++ {
			s := append([][]byte{}, all...)
			s[i], s[j] = s[j], s[i]
			if got, err := walkHead(bytes.Join(s, nil)); err == nil && got == want.Head {
				t.Fatalf("entries %d and %d were swapped unseen", i, j)
			}
		}
	}
}

func walkHead(lines []byte) (Head, error) {
	c := Chain{Instance: 1}
	err := c.Walk(lines, func(waxwing.TrailEntry, Head) error { return nil })
	return c.Head, err
}

// FuzzWalk: hostile lines neither panic nor make another's head.
func FuzzWalk(f *testing.F) {
	lines, c := chainOf(3)
	f.Add(lines)
	f.Add([]byte("{}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := walkHead(b); err == nil && got == c.Head && !bytes.Equal(b, lines) {
			t.Fatalf("%q has the head of other lines", b)
		}
	})
}

func TestAnchors(t *testing.T) {
	pub, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	_, c := chainOf(3)
	a := c.Sign(key, time.UnixMilli(99))
	if err := a.Verify(pub); err != nil {
		t.Fatal(err)
	}
	for _, change := range []func(*Anchor){func(a *Anchor) { a.Seq++ }, func(a *Anchor) { a.Instance++ }, func(a *Anchor) { a.At++ },
		func(a *Anchor) { a.Head = strings.Repeat("0", 64) }, func(a *Anchor) { a.Sig = "" }} {
		b := a
		change(&b)
		if b.Verify(pub) == nil {
			t.Errorf("%+v verifies", b)
		}
	}
	got, err := ReadAnchors(strings.NewReader(`{"instance":1,"seq":3}` + "\n\n" + `{"instance":1,"se`))
	if err != nil || len(got) != 1 {
		t.Errorf("a cut-off last line is passed over: %v %v", got, err)
	}
}

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

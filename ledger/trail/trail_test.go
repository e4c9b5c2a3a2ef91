package trail

import (
	"bytes"
	"crypto/ed25519"
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

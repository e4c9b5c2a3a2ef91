package queue

import (
	"bytes"
	"testing"

	"github.com/waxwinghq/waxwing"
)

// TestCarriedReadsItself: what is written is read, and whatever else a broker gives is an id, or nothing.
func TestCarriedReadsItself(t *testing.T) {
	id := waxwing.ID(0x123456789abcdef)
	text, _ := id.MarshalText()
	for what, c := range map[string]struct {
		payload []byte
		sealed  string
		bad     bool
	}{
		"content":             {payload: Carrying(id, []byte("sealed")), sealed: "sealed"},
		"a reference":         {payload: text},
		"a later program's":   {payload: append([]byte{2}, Carrying(id, []byte("other"))[1:]...)},
		"without content":     {payload: Carrying(id, nil)},
		"content without end": {payload: Carrying(id, make([]byte, MostCarried+1))},
		"nothing":             {bad: true},
		"a byte":              {payload: []byte{1}, bad: true},
		"cut off in its id":   {payload: Carrying(id, nil)[:8], bad: true},
		"words":               {payload: []byte("hello, these are words"), bad: true},
	} {
		got, sealed, err := Carried(c.payload)
		if (err != nil) != c.bad || string(sealed) != c.sealed || !c.bad && got != id {
			t.Errorf("%s: %v, %q, %v", what, got, sealed, err)
		}
	}
}

func FuzzCarried(f *testing.F) {
	f.Add([]byte(nil))
	f.Add(Carrying(7, []byte("sealed")))
	f.Fuzz(func(t *testing.T, b []byte) {
		id, sealed, err := Carried(b)
		if err == nil && len(sealed) > 0 && !bytes.Equal(Carrying(id, sealed), b) {
			t.Errorf("%x is read as %v and %x", b, id, sealed)
		}
	})
}

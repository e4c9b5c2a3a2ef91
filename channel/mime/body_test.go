package mime

import (
	"encoding/binary"
	"testing"
)

// TestLiterals: eight bytes at a time and one by one are judged alike, but for the tab.
func TestLiterals(t *testing.T) {
	for c := range 256 {
		for at := range 8 {
			for _, other := range []byte{' ', '!', '<', '>', '~', 'x'} {
				b := [8]byte{other, other, other, other, other, other, other, other}
				b[at] = byte(c)
				if got, want := literals(binary.LittleEndian.Uint64(b[:])), literal[c] && c != '\t'; got != want {
					t.Fatalf("%#x at %d among %q: %v, want %v", c, at, other, got, want)
				}
			}
		}
	}
}

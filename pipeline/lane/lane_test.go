package lane

import (
	"slices"
	"testing"
)

// TestTurns: a backlog goes on, too, and the lane is not left standing where nobody else works.
func TestTurns(t *testing.T) {
	l := New(9)
	l.Put(1, "a")
	var rests []bool
	for range 8 {
		rests = append(rests, l.Rests(true))
	}
	if want := []bool{false, false, false, true, false, false, false, true}; !slices.Equal(rests, want) {
		t.Errorf("rests %v", rests)
	}
	if l.Rests(false) {
		t.Error("it rests for nobody")
	}
	if id, ok := l.Take(); id != 1 || !ok || l.Rests(true) || len(l.of) != 0 {
		t.Error("the one that waited")
	}
}

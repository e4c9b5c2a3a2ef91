package seal

import (
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

// TestAFullCacheForgetsWhatIsOld: what another instance has sent is dropped by nobody here, and
// must not keep newcomers out for ever. What is young stays.
func TestAFullCacheForgetsWhatIsOld(t *testing.T) {
	began := time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)
	id := func(minute int) waxwing.ID { return waxwing.NewID(began.Add(time.Duration(minute)*time.Minute), 0, 0) }
	out := func() *Entry { return &Entry{Out: &waxwing.Outgoing{Data: make([]byte, 400)}} }
	c := NewCache(3 * (entryFixed + 400))
	for _, minute := range []int{0, 1, 9} {
		c.Put(id(minute), out())
	}
	c.Put(id(10), out())
	if c.Get(id(10)) != nil || c.Get(id(0)) == nil {
		t.Error("a full cache takes a newcomer, and nothing in it is old")
	}
	c.Put(id(12), out())
	for minute, want := range map[int]bool{0: false, 1: false, 9: true, 12: true} {
		if got := c.Get(id(minute)) != nil; got != want {
			t.Errorf("the entry of minute %d is there: %t, want %t", minute, got, want)
		}
	}
}

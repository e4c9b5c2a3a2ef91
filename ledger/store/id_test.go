package store

import (
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

// TestInstancesGiveNoIDTwice: two instances with one clock, and one whose clock stands
// still, at more confirmations than a millisecond has room for.
func TestInstancesGiveNoIDTwice(t *testing.T) {
	now := time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)
	seen := map[waxwing.ID]int64{}
	for _, instance := range []int64{1, 2, Instances - 1, Instances} {
		last := waxwing.ID(0)
		for i := range 10_000 {
			id := NextID(now.Add(time.Duration(i%3)*time.Millisecond), last, instance)
			if id <= last || ConfirmationOf(id) != id {
				t.Fatalf("instance %d: %s follows %s, want a confirmation's, and greater", instance, id, last)
			}
			if by, twice := seen[id]; twice {
				t.Fatalf("%s of instance %d is instance %d's, too", id, instance, by)
			}
			seen[id], last = instance, id
		}
	}
}

// TestNextIDTellsItsTime: an id is of the millisecond in which it was made, and follows one
// that another program made, whatever bits that has.
func TestNextIDTellsItsTime(t *testing.T) {
	now := time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)
	if id := NextID(now, 0, 7); !id.Time().Equal(now) {
		t.Errorf("made at %s, and it says %s", now, id.Time())
	}
	for _, noise := range []uint32{0, 1 << 6, 0xfffff, 0x12340} {
		old := waxwing.NewID(now, 0, noise) &^ (IDStep - 1)
		id := NextID(now, old, 7)
		if id <= old || id.Time().Sub(now) > time.Millisecond {
			t.Errorf("%s follows %s", id, old)
		}
	}
	first := NextID(now, 0, 5)
	if again := NextID(now.Add(-time.Hour), first, 5); again <= first {
		t.Errorf("with the clock set back %s follows %s", again, first)
	}
}

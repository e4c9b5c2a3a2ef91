package store

import (
	"time"

	"github.com/waxwinghq/waxwing"
)

// An id of a confirmation is 42 bits of milliseconds, 6 that count the confirmations of an
// instance in one of them, 10 that tell the instance, and 6 of nought (see IDStep).
const (
	instanceBits = 10
	countBits    = 6
	idBits       = 6
)

// Instances is how many instances can write at once: those whose numbers are apart by a
// multiple of it give the same ids.
const Instances = 1 << instanceBits

// NextID returns an id for a confirmation that is made now, greater than the last one of
// this instance. No other instance gives the same, whatever its clock says. An instance
// that makes more than 64 in a millisecond takes those of the next.
func NextID(now time.Time, last waxwing.ID, instance int64) waxwing.ID {
	const step = waxwing.ID(1) << (instanceBits + idBits) // from a count to the next
	own := waxwing.ID(instance&(Instances-1)) << idBits
	id := waxwing.NewID(now, 0, 0)&^(1<<(countBits+instanceBits+idBits)-1) | own
	if id <= last {
		id = last&^(step-1) + step | own // the count's carry is the next millisecond
	}
	return id
}

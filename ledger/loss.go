package ledger

import (
	"time"

	"github.com/waxwinghq/waxwing"
)

// Loss is a time of which the ledger knows nothing, and which a person accepted.
type Loss struct {
	Since    time.Time `json:"since"`
	Until    time.Time `json:"until"`
	Accepted time.Time `json:"accepted"`
}

// retried is how long shops go on to offer an event that was not answered. One
// that tells no time of its own may be of the lost time for so long.
const retried = 72 * time.Hour

// covers reports whether the event's order may have had its mail in the lost time:
// it was completed before that ended.
func (x *Loss) covers(occurred, at time.Time) bool {
	if occurred.IsZero() {
		return at.Before(x.Accepted.Add(retried))
	}
	return !occurred.After(x.Until) // shops tell whole seconds, cut off
}

// Losses are those of a ledger, wherever it is kept by now.
type Losses []Loss

// MaybeSent says that a mail of this event's may have gone out in a time that the
// ledger lost.
func (l Losses) MaybeSent(ev *waxwing.Event) bool {
	placed := ev.Key.PlacedAt
	if placed.IsZero() {
		placed = ev.Key.OccurredAt
	}
	for i := range l {
		if l[i].covers(placed, ev.At) {
			return true
		}
	}
	return false
}

package ledger

import (
	"fmt"
	"strings"
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

// LossError says that a ledger is older than it was: whoever goes on from it mails again what was
// mailed since.
type LossError struct {
	Found  []string  // what was noticed, in words
	Newest time.Time // of the newest that is here; zero: nothing is
	Until  time.Time // until when entries may be lacking
}

// Error says what was noticed and what to do.
func (e *LossError) Error() string {
	from := e.Newest
	if from.IsZero() {
		from = e.Until.AddDate(0, 0, -1)
	}
	return strings.Join(e.Found, "; ") + ". What was sent since is not known here, and would be mailed again. " +
		"Put the newest ledger back. If there is none, start once with --accept-loss " + from.UTC().Format(time.RFC3339) +
		" (since when orders may be lacking): what may have been sent is then held for a person"
}

// Acceptance is a person's word that a loss is known and shall be lived with.
type Acceptance struct {
	// Since is the time from which on entries may be lacking.
	Since time.Time
	// Nothing says that nothing was sent since: the ledger was moved, its
	// original is stopped for good, and nothing has to be held.
	Nothing bool
}

// ParseTime reads a time as people write it: RFC 3339, or a day with or without a time of
// this machine's zone.
func ParseTime(s string) (t time.Time, ok bool) {
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, s, time.Local); err == nil {
			return t, true
		}
	}
	return t, false
}

// ParseAcceptance reads "none" or a time: RFC 3339, or "2006-01-02 15:04" of
// this machine's zone.
func ParseAcceptance(s string) (*Acceptance, error) {
	if s == "none" {
		return &Acceptance{Nothing: true}, nil
	}
	if t, ok := ParseTime(s); ok {
		return &Acceptance{Since: t}, nil
	}
	return nil, fmt.Errorf("%q is no time: write it as 2006-01-02T15:04:05Z or \"2006-01-02 15:04\", or none where nothing was sent since", s)
}

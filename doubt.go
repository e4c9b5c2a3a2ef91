package waxwing

import "time"

// HeldInDoubt is the reason of a message that may have arrived several times and
// goes out no more until a person decides.
const HeldInDoubt = "held_in_doubt"

// The policies for an attempt whose answer was lost.
const (
	ResendDoubt = "resend"      // a marked, possible duplicate
	AssumeDoubt = "assume_sent" // a possible loss
	HoldDoubt   = "hold"        // a person decides
)

// DoubtRule says what becomes of a message whose answer was lost.
type DoubtRule struct {
	// Policy is one of the three; "" is ResendDoubt.
	Policy string
	// After is how long a late answer is waited for (1 min).
	After time.Duration
	// Copies is how often the message goes out again at most (3).
	Copies int
	// Ask has the provider asked before the policy decides. It is set where some provider can be.
	Ask bool
}

// doubtSteps are how many times After is waited before each copy; the last repeats.
var doubtSteps = [...]time.Duration{1, 5, 15, 60}

// longestAsking is for how long a provider is asked at most: within it each doubt is resolved
// (docs/design/promise.md).
const longestAsking = 15 * time.Minute

// Next says how long a message waits whose answer has been lost this many times,
// from 1 on. held: it goes out no more. With Ask none is held before its provider was asked.
//
// The waits grow because an answer that is lost twice is no accident: something
// stands between us and the server that takes each copy.
func (r DoubtRule) Next(lost int) (wait time.Duration, held bool) {
	after := r.after()
	switch {
	case r.Policy == AssumeDoubt:
		return after, false
	case r.Holds(lost) && r.Ask:
		return after, false
	case r.Holds(lost):
		return 0, true
	}
	return after * doubtSteps[min(max(lost, 1), len(doubtSteps))-1], false
}

func (r DoubtRule) after() time.Duration {
	if r.After <= 0 {
		return time.Minute
	}
	return r.After
}

// Holds reports whether a message goes out no more by itself, by the policy alone, whose answer has
// been lost this many times.
func (r DoubtRule) Holds(lost int) bool {
	copies := r.Copies
	if copies <= 0 {
		copies = 3
	}
	return r.Policy == HoldDoubt || r.Policy != AssumeDoubt && lost > copies
}

// Again says how long to wait before a provider is asked once more that did not know, since after
// its answer was lost: as long as it is by now, so that the waits double. It is asked about four
// times, and not beyond a quarter of an hour. ok false: that was enough.
func (r DoubtRule) Again(lost int, since time.Duration) (wait time.Duration, ok bool) {
	first, _ := r.Next(lost)
	if wait = max(since, first); since+wait > min(8*first, longestAsking) {
		return 0, false
	}
	return wait, true
}

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
}

// doubtSteps are how many times After is waited before each copy; the last repeats.
var doubtSteps = [...]time.Duration{1, 5, 15, 60}

// Next says how long a message waits whose answer has been lost this many times,
// from 1 on. held: it goes out no more.
//
// The waits grow because an answer that is lost twice is no accident: something
// stands between us and the server that takes each copy.
func (r DoubtRule) Next(lost int) (wait time.Duration, held bool) {
	after, copies := r.After, r.Copies
	if after <= 0 {
		after = time.Minute
	}
	if copies <= 0 {
		copies = 3
	}
	switch {
	case r.Policy == AssumeDoubt:
		return after, false
	case r.Policy == HoldDoubt, lost > copies:
		return 0, true
	}
	return after * doubtSteps[min(max(lost, 1), len(doubtSteps))-1], false
}

// Package verify proves a ledger: it replays the trail of any store, and holds every row and
// every sealed content against what follows from it. What is wrong stands in a Report, in words.
package verify

import (
	"fmt"
	"time"
)

// Report is what was found.
type Report struct {
	Entries, Batches, Anchors, Confirmations, Messages, Contents int64
	// Problems lists what is wrong, in words; empty: the ledger is as it was
	// written, as far as can be seen.
	Problems []string
	// Blind lists what could not be seen, in words, and why: it accuses nobody.
	Blind []string
	// Anchored is when the newest good anchor was made: what came after it could be
	// cut off unseen. Zero: there is none.
	Anchored time.Time
}

// Whole is the report's verdict.
func (r *Report) Whole() bool { return len(r.Problems) == 0 }

const maxProblems = 100

// Problem adds what is wrong, up to a hundred times.
func (r *Report) Problem(format string, args ...any) {
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, fmt.Sprintf(format, args...))
	}
}

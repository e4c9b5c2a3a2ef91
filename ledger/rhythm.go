package ledger

import "time"

const (
	// Under load a commit waits this long for company: a group of 64 costs a
	// fifth of what groups of 8 do, for the sync and the pages it writes are
	// shared. A group that came with fewer than gatherFrom is not load, and
	// nobody waits for more than its turn.
	gather       = time.Millisecond
	gatherFrom   = 4
	gatherEnough = 128

	// Commits begin this far apart, where what comes meanwhile shares them: each writes ten
	// pages or so, whatever is in it. A commit that waited in vain is of somebody who does one
	// thing after the other, and for a while nobody waits. Smaller groups are further apart: what
	// a commit writes is shared by fewer, and the disk has more of it to do than the customer has
	// of three milliseconds.
	pace     = 5 * time.Millisecond
	slowPace = 8 * time.Millisecond
	large    = 24 // ops of a group
	unpaced  = 16 // commits
)

// rhythm says how long a commit waits for others to share it.
type rhythm struct {
	began time.Time // the last commit
	busy  bool      // it was a group
	large bool      // it was one that a commit is cheap for
	alone int       // so many commits do not wait
}

// wait is how long a commit that could begin now had better wait; so many more are there.
func (r *rhythm) wait(now time.Time, more int) time.Duration {
	var d time.Duration
	switch {
	case more >= gatherEnough:
		return 0
	case r.busy:
		d = gather
	}
	if r.alone > 0 {
		return d
	}
	if r.large {
		return max(d, pace-now.Sub(r.began))
	}
	return max(d, slowPace-now.Sub(r.began))
}

// begin takes the commit of a group that waited so long.
func (r *rhythm) begin(now time.Time, waited time.Duration, size int) {
	r.began, r.busy, r.large = now, size >= gatherFrom, size >= large
	switch {
	case size > 1:
		r.alone = 0
	case waited > 0:
		r.alone = unpaced
	case r.alone > 0:
		r.alone--
	}
}

package ledger

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestCommitsKeepApart: those of several share a commit each five or eight milliseconds, whoever is
// alone waits once in a while only, and a full group does not wait at all.
func TestCommitsKeepApart(t *testing.T) {
	now := time.Now()
	r := rhythm{began: now.Add(-time.Second)}
	wait := func(want time.Duration, more int) time.Duration {
		t.Helper()
		d := r.wait(now, more)
		if max(d, 0) != want { // a negative one is none
			t.Errorf("waits %s, not %s", d, want)
		}
		return d
	}
	commit := func(waited time.Duration, size int) {
		now = now.Add(max(waited, 0))
		r.begin(now, waited, size)
		now = now.Add(time.Millisecond) // it takes that long
	}
	commit(wait(0, 0), 2)                         // after a rest nobody waits
	commit(wait(slowPace-time.Millisecond, 0), 3) // the next keeps its distance, and got company
	commit(wait(slowPace-time.Millisecond, 0), 1) // this one waited in vain
	for range unpaced {
		commit(wait(0, 0), 1)
	}
	commit(wait(slowPace-time.Millisecond, 0), gatherFrom) // and now it is tried again
	wait(0, gatherEnough)
	commit(wait(slowPace-time.Millisecond, 0), large)
	commit(wait(pace-time.Millisecond, 0), large) // large groups follow each other faster
	now = now.Add(time.Second)
	commit(wait(gather, 0), 1) // a large group was load: the next waits a little in any case
}

// TestHurryEndsAWait: who is in a hurry waits for nobody, and is remembered once.
func TestHurryEndsAWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := NewWriter(WriterParts{})
		began := time.Now()
		waits := func(d, want time.Duration, what string) {
			t.Helper()
			if got := w.wait(d); got != want {
				t.Errorf("%s: it waited %s, not %s", what, got, want)
			}
		}
		waits(pace, pace, "nobody in a hurry")
		waits(-pace, -pace, "its time is over")
		if d := time.Since(began); d != pace {
			t.Errorf("that took %s", d)
		}
		w.hurry <- struct{}{}
		waits(pace, 0, "somebody came in a hurry before")
		time.AfterFunc(time.Millisecond, func() { w.hurry <- struct{}{} })
		waits(pace, 0, "somebody comes in a hurry")
		if d := time.Since(began); d != pace+time.Millisecond {
			t.Errorf("all took %s", d)
		}
		w.hurry <- struct{}{}
		waits(0, 0, "it does not wait anyway")
		waits(pace, pace, "and nobody is in a hurry any more")
	})
}

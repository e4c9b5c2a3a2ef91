package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// scrubWait is how long an erasure waits for its end before it is answered.
const scrubWait = 2 * time.Second

// Erase destroys what is kept of a person: see ledger.People. Copies in free places of the
// files go later, and for a moment it waits for that: see Scrub.
func (l *Ledger) Erase(ctx context.Context, tid waxwing.TenantID, ask waxwing.Erase) (waxwing.Erasure, error) {
	e, err := l.Ledger.Erase(ctx, tid, ask)
	if err == nil && e.Erased > 0 {
		n, _ := l.scrubs.wanted()
		l.scrubs.await(context.WithoutCancel(ctx), n, scrubWait)
	}
	e.Scrub = l.Scrub()
	return e, err
}

// An erasure is two things: the commit, after which nobody is shown anything of the
// person, and the scrub, after which nothing of hers stands in any file: not in pages
// that her rows once lay in, not in the write-ahead log. The second needs the end of
// every reader that was there before, so that nobody waits for it: it is done beside
// the writer, again until it succeeds, and it goes on after a restart.

const (
	// metaScrub is when the oldest erasure that is not scrubbed was committed, in ms.
	metaScrub = "scrub"
	// metaClean says that the file was written with secure_delete from its first page
	// on, or was scrubbed as a whole.
	metaClean = "clean"

	// metaIndexed is the last confirmation of a program that did not give lookups to all
	// whom an event names.
	metaIndexed = "indexed"
	// metaKeyed is the last confirmation of a program that knew orders by seal.FormerOrderKey.
	metaKeyed = "keyed"

	scrubPiece = 512 // pages a read transaction
	scrubBatch = 32  // pages an op of the writer

	// The log can be emptied only while no reader is in it. Ours are done within a
	// millisecond or so; the writer waits this long for them, and no longer.
	emptyWait  = 15 * time.Millisecond
	firstPause = 5 * time.Millisecond
	longPause  = 2 * time.Second
	// complainAfter is when the log tells that somebody keeps an erasure from its end.
	complainAfter = time.Minute
)

// scrubber keeps count of the erasures that are not scrubbed yet.
type scrubber struct {
	mu      sync.Mutex
	want    uint64 // erasures committed
	done    uint64 // of these, scrubbed
	since   time.Time
	blocked bool // by a reader, as the last try saw it
	changed chan struct{}
	wake    chan struct{}
	ended   chan struct{} // closed when its goroutine has ended; nil: it never ran
}

func newScrubber() scrubber {
	return scrubber{changed: make(chan struct{}), wake: make(chan struct{}, 1)}
}

// begin counts an erasure that was committed at a time and gives its number.
func (s *scrubber) begin(at time.Time) uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.want == s.done {
		s.since = at
	}
	s.want++
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return s.want
}

func (s *scrubber) set(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *scrubber) wanted() (want, done uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.want, s.done
}

// await waits until an erasure is scrubbed, until it is known that a reader is in the
// way, or for so long, or until ctx ends.
func (s *scrubber) await(ctx context.Context, n uint64, limit time.Duration) {
	t := time.NewTimer(limit)
	defer t.Stop()
	for {
		s.mu.Lock()
		over, changed := s.done >= n || s.blocked, s.changed
		s.mu.Unlock()
		if over {
			return
		}
		select {
		case <-changed:
		case <-t.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// toScrub records that something was deleted that must be in no file, and has the scrub
// begin after the commit, where the time for it is now.
func (t *dbTx) toScrub(now bool) error {
	t.traces = t.traces || now
	if t.marked {
		return nil
	}
	t.marked = true
	_, err := t.exec("INSERT INTO meta (k, v) VALUES (?,?) ON CONFLICT DO NOTHING", metaScrub, t.d.o.Clock().UnixMilli())
	return err
}

// Scrub is how far erasures are.
func (l *Ledger) Scrub() waxwing.Scrub {
	s := &l.scrubs
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.want == s.done {
		return waxwing.Scrub{Done: true}
	}
	v := waxwing.Scrub{Since: s.since, Remaining: "The keys are destroyed; copies of them in the ledger's files are being overwritten."}
	if s.blocked {
		v.Blocked = true
		v.Remaining = "The keys are destroyed, but copies of them stay in ledger.db-wal until a program that reads the ledger ends: an export, sqlite3, " +
			"a back-up. \"fuser -v ledger.db\" in the data folder names it. It is done by itself then, also after a restart."
	}
	return v
}

// resumeScrub takes up what the last start left undone, and files of older programs.
func (l opening) resumeScrub(t *dbTx, fresh bool) error {
	for _, k := range []string{metaIndexed, metaKeyed} {
		if _, err := t.exec("INSERT INTO meta (k, v) SELECT ?, coalesce(max(id),0) FROM confirmations WHERE true ON CONFLICT DO NOTHING", k); err != nil {
			return err
		}
	}
	if fresh {
		_, err := t.exec("INSERT INTO meta (k, v) VALUES (?, 1) ON CONFLICT DO NOTHING", metaClean)
		return err
	}
	var v [1]driver.Value
	left, err := t.c.Row("SELECT v FROM meta WHERE k=?", v[:], metaScrub)
	if err != nil {
		return store.Fault{Err: err}
	}
	clean, err := t.c.Row("SELECT 1 FROM meta WHERE k=?", make([]driver.Value, 1), metaClean)
	if err != nil {
		return store.Fault{Err: err}
	}
	at := l.o.Clock()
	if left {
		at = time.UnixMilli(db.Int(v[0]))
	}
	if left || !clean {
		t.after = append(t.after, func() { l.scrubs.begin(at) })
	}
	return nil
}

// scrubbing is the ledger as what overwrites traces has it, in a goroutine of its own.
type scrubbing struct{ *Ledger }

// scrub runs beside the writer until Close.
func (l scrubbing) scrub(ctx context.Context) {
	defer close(l.scrubs.ended)
	for {
		select {
		case <-l.scrubs.wake:
		case <-l.Stopping():
			return
		}
		if !l.scrubAll(ctx) {
			return
		}
	}
}

// scrubAll tries until nothing is left to do. It says no where the ledger is being closed.
func (l scrubbing) scrubAll(ctx context.Context) bool {
	pause, passed, told := firstPause, uint64(0), time.Time{}
	for {
		want, done := l.scrubs.wanted()
		if want == done {
			return true
		}
		began := time.Now()
		err := l.scrubOnce(ctx, want, &passed)
		if errors.Is(err, waxwing.ErrStopping) {
			return false
		}
		switch _, now := l.scrubs.wanted(); {
		case err != nil:
			l.o.Log.Error("traces of erased people not removed; tried again", "err", err)
			pause = min(max(2*pause, longPause), complainAfter/2)
		case now == want:
			pause = firstPause
		default:
			if pause = min(2*pause, longPause); l.o.Clock().Sub(told) > 10*complainAfter {
				if v := l.Scrub(); l.o.Clock().Sub(v.Since) > complainAfter {
					told = l.o.Clock()
					l.o.Log.Warn("an erasure is not complete", "since", v.Since, "remaining", v.Remaining)
				}
			}
		}
		if want, done := l.scrubs.wanted(); want == done {
			return true
		}
		// What a pass takes is rested as well: erasures may be many.
		if !l.rest(max(pause, time.Since(began))) {
			return false
		}
	}
}

// rest waits, and says no where the ledger is being closed.
func (l scrubbing) rest(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.Stopping():
		return false
	}
}

// scrubOnce overwrites what is left in pages, unless that is done for all erasures up
// to want, and tries to empty the log.
func (l scrubbing) scrubOnce(ctx context.Context, want uint64, passed *uint64) error {
	c, err := db.Open(dsn(l.path, false))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // it wrote checkpoints only
	if _, err := c.Exec("PRAGMA busy_timeout=0"); err != nil {
		return err
	}
	if l.Scrub().Blocked { // looking at pages is for when that is over
		if empty, err := l.emptyLog(ctx, c); err != nil || !empty {
			return err
		}
		l.scrubs.set(func() { l.scrubs.blocked = false })
	}
	if *passed < want {
		if err := l.scrubPages(ctx, c); err != nil {
			return err
		}
		*passed = want
	}
	empty, err := l.emptyLog(ctx, c)
	if err != nil || !empty {
		if err == nil {
			l.scrubs.set(func() { l.scrubs.blocked = true })
		}
		return err
	}
	err = l.do(ctx, func(ctx context.Context, t *dbTx) error {
		if now, _ := l.scrubs.wanted(); now != want {
			return nil // another one came meanwhile: its mark must stay
		}
		_, err := t.exec("DELETE FROM meta WHERE k=?", metaScrub)
		return err
	})
	if err == nil {
		l.scrubs.set(func() {
			l.scrubs.done, l.scrubs.blocked = want, false
			l.scrubs.since = l.o.Clock() // of those that came meanwhile
		})
	}
	return err
}

// emptyLog moves the log's pages to the file and cuts the log to nothing. It says no
// where a reader keeps it.
func (l scrubbing) emptyLog(ctx context.Context, c *db.Conn) (bool, error) {
	// Most of it beside the writer, so that little is left to do within.
	var pages, moved int64
	err := l.guard.During(func() (err error) {
		if err = l.Sync(ctx); err == nil { // the witness knows then that the file is being written
			_, pages, moved, err = c.Checkpointed("PASSIVE")
		}
		return err
	})
	if err != nil || pages-moved > 1000 {
		return false, err // a reader holds it, and what it holds is long
	}
	busy := true
	var failed error
	err = l.do(ctx, func(ctx context.Context, t *dbTx) error {
		t.after = append(t.after, func() { busy, failed = t.truncate() })
		return nil
	})
	return !busy, errors.Join(err, failed)
}

// truncate empties the log, unless a reader is in it for longer than ours are.
func (t *dbTx) truncate() (busy bool, err error) {
	if _, err := t.c.Exec(fmt.Sprintf("PRAGMA busy_timeout=%d", emptyWait.Milliseconds())); err != nil {
		return true, err
	}
	err = t.d.guard.During(func() (err error) {
		t.d.noteWitnesses()
		busy, _, _, err = t.c.Checkpointed("TRUNCATE")
		return err
	})
	_, again := t.c.Exec(fmt.Sprintf("PRAGMA busy_timeout=%d", busyWait.Milliseconds()))
	return busy, errors.Join(err, again)
}

package sqlite

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

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
// way, or for so long.
func (s *scrubber) await(n uint64, limit time.Duration) {
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
		}
	}
}

// toScrub records that something was deleted that must be in no file, and has the scrub
// begin after the commit, where the time for it is now.
func (t *tx) toScrub(now bool) error {
	if _, err := t.exec("INSERT INTO meta (k, v) VALUES (?,?) ON CONFLICT DO NOTHING", metaScrub, t.now.UnixMilli()); err != nil {
		return err
	}
	if now {
		t.after = append(t.after, func() { t.l.scrubs.begin(t.now) })
	}
	return nil
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
func (l *Ledger) resumeScrub(t *tx, fresh bool) error {
	if _, err := t.exec("INSERT INTO meta (k, v) SELECT ?, coalesce(max(id),0) FROM confirmations WHERE true ON CONFLICT DO NOTHING", metaIndexed); err != nil {
		return err
	}
	if fresh {
		_, err := t.exec("INSERT INTO meta (k, v) VALUES (?, 1) ON CONFLICT DO NOTHING", metaClean)
		return err
	}
	var v [1]driver.Value
	left, err := t.c.row("SELECT v FROM meta WHERE k=?", v[:], metaScrub)
	if err != nil {
		return fault{err}
	}
	clean, err := t.c.row("SELECT 1 FROM meta WHERE k=?", make([]driver.Value, 1), metaClean)
	if err != nil {
		return fault{err}
	}
	at := t.now
	if left {
		at = time.UnixMilli(num(v[0]))
	}
	if left || !clean {
		t.after = append(t.after, func() { l.scrubs.begin(at) })
	}
	return nil
}

// scrub runs beside the writer until Close.
func (l *Ledger) scrub() {
	defer close(l.scrubs.ended)
	for {
		select {
		case <-l.scrubs.wake:
		case <-l.stop:
			return
		}
		if !l.scrubAll() {
			return
		}
	}
}

// scrubAll tries until nothing is left to do. It says no where the ledger is being closed.
func (l *Ledger) scrubAll() bool {
	pause, passed, told := firstPause, uint64(0), time.Time{}
	for {
		want, done := l.scrubs.wanted()
		if want == done {
			return true
		}
		began := time.Now()
		err := l.scrubOnce(want, &passed)
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
func (l *Ledger) rest(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-l.stop:
		return false
	}
}

// scrubOnce overwrites what is left in pages, unless that is done for all erasures up
// to want, and tries to empty the log.
func (l *Ledger) scrubOnce(want uint64, passed *uint64) error {
	c, err := openConn(dsn(l.path, false))
	if err != nil {
		return err
	}
	defer func() { _ = c.close() }() // it wrote checkpoints only
	if _, err := c.exec("PRAGMA busy_timeout=0"); err != nil {
		return err
	}
	if l.Scrub().Blocked { // looking at pages is for when that is over
		if empty, err := l.emptyLog(c); err != nil || !empty {
			return err
		}
		l.scrubs.set(func() { l.scrubs.blocked = false })
	}
	if *passed < want {
		if err := l.scrubPages(c); err != nil {
			return err
		}
		*passed = want
	}
	empty, err := l.emptyLog(c)
	if err != nil || !empty {
		if err == nil {
			l.scrubs.set(func() { l.scrubs.blocked = true })
		}
		return err
	}
	err = l.do(func(t *tx) error {
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
func (l *Ledger) emptyLog(c *conn) (bool, error) {
	// Most of it beside the writer, so that little is left to do within.
	var pages, moved int64
	err := l.guard.during(func() (err error) {
		if err = l.Sync(); err == nil { // the witness knows then that the file is being written
			_, pages, moved, err = c.checkpointed("PASSIVE")
		}
		return err
	})
	if err != nil || pages-moved > 1000 {
		return false, err // a reader holds it, and what it holds is long
	}
	busy := true
	var failed error
	err = l.do(func(t *tx) error {
		t.after = append(t.after, func() { busy, failed = t.truncate() })
		return nil
	})
	return !busy, errors.Join(err, failed)
}

// truncate empties the log, unless a reader is in it for longer than ours are.
func (t *tx) truncate() (busy bool, err error) {
	if _, err := t.c.exec(fmt.Sprintf("PRAGMA busy_timeout=%d", emptyWait.Milliseconds())); err != nil {
		return true, err
	}
	err = t.l.guard.during(func() (err error) {
		t.l.noteWitnesses()
		busy, _, _, err = t.c.checkpointed("TRUNCATE")
		return err
	})
	_, again := t.c.exec(fmt.Sprintf("PRAGMA busy_timeout=%d", busyWait.Milliseconds()))
	return busy, errors.Join(err, again)
}

// scrubPages overwrites what stands in places of the file that belong to no row.
func (l *Ledger) scrubPages(c *conn) error {
	n, err := c.pageCount()
	if err != nil {
		return err
	}
	if n >= maxPages {
		return fmt.Errorf("the ledger has %d pages: what is left of erased rows in so large a file goes with VACUUM only", n)
	}
	if err := plainFile(c); err != nil {
		return err
	}
	var v [1]driver.Value
	clean, err := c.row("SELECT 1 FROM meta WHERE k=?", v[:], metaClean)
	if err != nil {
		return err
	}
	if clean {
		_, err = l.scrubPass(c, false)
		return err
	}
	// A file that was written without secure_delete: copies move with their pages, so
	// that a pass which finds none is the last.
	for range 10 {
		found, err := l.scrubPass(c, true)
		if err != nil {
			return err
		}
		if found == 0 {
			break
		}
	}
	return l.do(func(t *tx) error {
		_, err := t.exec("INSERT INTO meta (k, v) VALUES (?, 1) ON CONFLICT DO NOTHING", metaClean)
		return err
	})
}

// scrubPass looks at each page once, a piece a read transaction, and has the writer
// overwrite what it found. deep looks at free pages and behind long values, too.
func (l *Ledger) scrubPass(c *conn, deep bool) (found int, err error) {
	if deep {
		if found, err = l.scrubFree(c); err != nil {
			return found, err
		}
	}
	var dirty []int64
	for from := int64(1); ; from += scrubPiece {
		n, err := c.pageCount()
		if err != nil {
			return found, err
		}
		var owners []int64
		if from <= n {
			err = c.pages(from, min(scrubPiece, n-from+1), func(no int64, b []byte) {
				if deep && len(overflows(b, no)) > 0 {
					owners = append(owners, no)
				}
				if clearUnused(b, no) {
					dirty = append(dirty, no)
				}
			})
		}
		if err == nil {
			owners, err = dirtyTails(c, owners)
		}
		if err == nil {
			err = l.batched(owners, (*tx).clearTails)
		}
		found += len(owners)
		if err == nil && (len(dirty) >= scrubBatch || from > n) {
			found += len(dirty)
			err = l.batched(dirty, (*tx).clearPages)
			dirty = dirty[:0]
		}
		if err != nil || from > n {
			return found, err
		}
		if l.closed.Load() {
			return found, waxwing.ErrStopping
		}
	}
}

// batched has the writer do something to pages, some a group commit.
func (l *Ledger) batched(pages []int64, f func(*tx, []int64) error) error {
	for some := range slices.Chunk(pages, scrubBatch) {
		if err := l.do(func(t *tx) error { return f(t, some) }); err != nil {
			return err
		}
	}
	return nil
}

func (t *tx) setPage(no int64, b []byte) error {
	_, err := t.exec("UPDATE sqlite_dbpage SET data=? WHERE pgno=?", b, no)
	return err
}

func (t *tx) clearPages(some []int64) error {
	for _, no := range some {
		if err := t.clearPage(no); err != nil {
			return err
		}
	}
	return nil
}

// clearPage overwrites what belongs to no cell of a page, as it is now.
func (t *tx) clearPage(no int64) error {
	b, err := t.c.page(no)
	if err != nil {
		return fault{err}
	}
	if !clearUnused(b, no) {
		return nil
	}
	return t.setPage(no, b)
}

// tails calls f with the last page of each chain that begins in a page, and with what
// of it is used.
func tails(c *conn, owner int64, f func(no int64, b []byte, used int) error) error {
	b, err := c.page(owner)
	if err != nil {
		return err
	}
	for _, o := range overflows(b, owner) {
		no := o.first
		for i := 1; ; i++ {
			if b, err = c.page(no); err != nil {
				return err
			}
			if i >= o.pages {
				break
			}
			no = int64(be16(b))<<16 | int64(be16(b[2:]))
		}
		if err := f(no, b, 4+o.rest); err != nil {
			return err
		}
	}
	return nil
}

// dirtyTails keeps those pages whose chains end in something that is not zeroed.
func dirtyTails(c *conn, owners []int64) (dirty []int64, err error) {
	if len(owners) == 0 {
		return nil, nil
	}
	if _, err := c.exec("BEGIN"); err != nil {
		return nil, err
	}
	defer func() { _, _ = c.exec("COMMIT") }() // reads only
	if owners, err = inUse(c, owners); err != nil {
		return nil, err
	}
	for _, no := range owners {
		found := false
		err := tails(c, no, func(_ int64, b []byte, used int) error {
			found = found || wipe(b[used:])
			return nil
		})
		if err != nil {
			return nil, err
		}
		if found {
			dirty = append(dirty, no)
		}
	}
	return dirty, nil
}

func (t *tx) clearTails(owners []int64) error {
	owners, err := inUse(t.c, owners)
	for _, owner := range owners {
		if err != nil {
			break
		}
		err = tails(t.c, owner, func(no int64, b []byte, used int) error {
			if !wipe(b[used:]) {
				return nil
			}
			return t.setPage(no, b)
		})
	}
	if err != nil && !errors.As(err, new(fault)) {
		err = fault{err}
	}
	return err
}

// inUse leaves out the pages that are free now. A free page may look like one of a
// b-tree, with chains that lead to pages of others by now: a statement that was undone
// leaves what it wrote in a page that was free before it.
func inUse(c *conn, pages []int64) (used []int64, err error) {
	trunks, leaves, err := c.freePages()
	if err != nil {
		return nil, err
	}
	for _, no := range pages {
		if _, trunk := trunks[no]; !trunk && !leaves[no] {
			used = append(used, no)
		}
	}
	return used, nil
}

// scrubFree overwrites the free pages.
func (l *Ledger) scrubFree(c *conn) (found int, err error) {
	dirty, err := dirtyFree(c)
	if err != nil {
		return 0, err
	}
	for some := range slices.Chunk(dirty, 8*scrubBatch) {
		if err := l.do(func(t *tx) error { return t.clearFree(some) }); err != nil {
			return 0, err
		}
	}
	return len(dirty), nil
}

func dirtyFree(c *conn) (dirty []int64, err error) {
	if _, err := c.exec("BEGIN"); err != nil {
		return nil, err
	}
	defer func() { _, _ = c.exec("COMMIT") }() // reads only
	trunks, leaves, err := c.freePages()
	if err != nil {
		return nil, err
	}
	look := func(no int64, used int) error {
		b, err := c.page(no)
		if err == nil && wipe(b[used:]) {
			dirty = append(dirty, no)
		}
		return err
	}
	for no, n := range trunks {
		if err := look(no, 8+4*n); err != nil {
			return nil, err
		}
	}
	for no := range leaves {
		if err := look(no, 0); err != nil {
			return nil, err
		}
	}
	slices.Sort(dirty)
	return dirty, nil
}

// clearFree overwrites those of some pages that are free now.
func (t *tx) clearFree(some []int64) error {
	trunks, leaves, err := t.c.freePages()
	if err != nil {
		return fault{err}
	}
	for _, no := range some {
		used := 0
		if n, ok := trunks[no]; ok {
			used = 8 + 4*n
		} else if !leaves[no] {
			continue
		}
		b, err := t.c.page(no)
		if err != nil {
			return fault{err}
		}
		if wipe(b[used:]) {
			if err := t.setPage(no, b); err != nil {
				return err
			}
		}
	}
	return nil
}

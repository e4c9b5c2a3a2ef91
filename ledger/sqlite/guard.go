package sqlite

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync/atomic"
	"time"
)

// guardEvery is how often an idle ledger looks whether its file is still there.
const guardEvery = 250 * time.Millisecond

// guard notices that the ledger's files are deleted, moved, replaced or written
// by somebody else while this process works with them. Nothing of that makes
// SQLite fail: it goes on in a file that no name leads to, and what it
// acknowledges is gone with the process.
//
// A commit writes the log only. The database file is written by checkpoints, and all
// of ours say so: whatever else changes it is not ours. The writer alone checks.
type guard struct {
	path    string
	f       *os.File    // never closed before SQLite's: POSIX locks go with any close (fcntl(2))
	db, wal fs.FileInfo // as this process knows them; wal is nil until there is one
	head    [100]byte   // of the database file

	ours  atomic.Int32 // checkpoints under way, on any connection
	stale atomic.Bool  // there was one since db was noted
}

var errMoved = errors.New("the ledger's file is not the one that was opened")

// open notes the file as it is. It follows SQLite's own opening of it.
func (g *guard) open() (err error) {
	if g.f, err = os.Open(g.path); err != nil {
		return g.gone(err)
	}
	if g.db, err = g.f.Stat(); err != nil {
		return err
	}
	return g.readHead(g.head[:])
}

// close comes after SQLite has closed its own.
func (g *guard) close() {
	if g.f != nil {
		_ = g.f.Close() // only read
	}
}

func (g *guard) readHead(b []byte) error {
	_, err := g.f.ReadAt(b, 0)
	if errors.Is(err, io.EOF) {
		return nil // shorter than any database: what it should be, it is not
	}
	return err
}

// during runs a checkpoint. The witness must be told before the file is written: see mixture.
func (g *guard) during(f func() error) error {
	g.ours.Add(1)
	defer func() {
		g.stale.Store(true)
		g.ours.Add(-1)
	}()
	return f()
}

// stand is the file's, where no checkpoint changes it just now.
func (g *guard) stand() stand {
	if g.db == nil || g.ours.Load() > 0 || g.stale.Load() {
		return stand{}
	}
	return standOf(g.db)
}

// check says what is wrong; nil: the files are those that were opened, and
// nobody else has written the database.
func (g *guard) check() error {
	st, err := os.Stat(g.path)
	if err != nil {
		return g.gone(err)
	}
	if !os.SameFile(st, g.db) {
		return fmt.Errorf("%s was replaced by another file while running: %w", g.path, errMoved)
	}
	if err := g.checkWAL(); err != nil {
		return err
	}
	if g.ours.Load() > 0 {
		return nil
	}
	adopt := g.stale.Swap(false)
	if st.ModTime().Equal(g.db.ModTime()) && st.Size() == g.db.Size() {
		return nil
	}
	var head [100]byte
	if err := g.readHead(head[:]); err != nil {
		return err
	}
	if !adopt && (st.Size() != g.db.Size() || head != g.head) && g.ours.Load() == 0 && !g.stale.Load() {
		return fmt.Errorf("another program has written %s while running: %w", g.path, errMoved)
	}
	g.db, g.head = st, head // a checkpoint of ours, or only the time was changed
	return nil
}

func (g *guard) checkWAL() error {
	wal, err := os.Stat(g.path + "-wal")
	switch {
	case errors.Is(err, fs.ErrNotExist) && g.wal == nil:
		return nil
	case err != nil:
		return g.gone(err)
	case g.wal == nil:
		g.wal = wal
	case !os.SameFile(wal, g.wal):
		return fmt.Errorf("%s-wal was replaced by another file while running: %w", g.path, errMoved)
	}
	return nil
}

// gone tells a file that is not there from one that could not be looked at,
// which proves nothing.
func (g *guard) gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s was deleted or moved away while running: %w", g.path, errMoved)
	}
	return err
}

// The log is moved to the database when it has this many pages (40 MB). How many it
// has is asked after some commits: a checkpoint must be one that we know of.
const (
	checkpointAt = 10_000
	askEvery     = 16
)

// checkpoint follows a commit. The writer calls it.
func (l *Ledger) checkpoint() {
	if l.commits++; l.commits%askEvery != 0 {
		return
	}
	busy, pages, moved, err := l.w.checkpointed("NOOP")
	if err != nil || busy || pages-moved < checkpointAt {
		return // asked again soon
	}
	_ = l.guard.during(func() error { // a reader that is in the way now is not so later
		l.noteWitnesses() // that the file is being written
		_, _, _, err := l.w.checkpointed("PASSIVE")
		return err
	})
}

package sqlite

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// guardEvery is how often an idle ledger looks whether its file is still there.
const guardEvery = 250 * time.Millisecond

// guard notices that the ledger's files are deleted, moved, replaced or written
// by somebody else while this process works with them. Nothing of that makes
// SQLite fail: it goes on in a file that no name leads to, and what it
// acknowledges is gone with the process. The writer alone uses it.
type guard struct {
	path    string
	db, wal fs.FileInfo // as this process knows them; wal is nil until there is one
	head    [100]byte   // of the database file: it changes with each checkpoint
}

var errMoved = errors.New("the ledger's file is not the one that was opened")

// rebase takes what is there now for this process's own doing.
func (g *guard) rebase() error {
	st, err := os.Stat(g.path)
	if err != nil {
		return g.gone(err)
	}
	if g.db != nil && !os.SameFile(st, g.db) {
		return fmt.Errorf("%s was replaced by another file while running: %w", g.path, errMoved)
	}
	if g.db != nil && st.ModTime().Equal(g.db.ModTime()) && st.Size() == g.db.Size() {
		g.db = st
		return nil
	}
	g.db = st
	return g.readHead(g.head[:])
}

func (g *guard) readHead(b []byte) error {
	f, err := os.Open(g.path)
	if err != nil {
		return g.gone(err)
	}
	defer func() { _ = f.Close() }() // only read
	if _, err = f.ReadAt(b, 0); errors.Is(err, io.EOF) {
		err = nil // shorter than any database: what it should be, it is not
	}
	return err
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
	if st.ModTime().Equal(g.db.ModTime()) && st.Size() == g.db.Size() {
		return nil
	}
	var head [100]byte
	if err := g.readHead(head[:]); err != nil {
		return err
	}
	if st.Size() != g.db.Size() || head != g.head {
		return fmt.Errorf("another program has written %s while running: %w", g.path, errMoved)
	}
	g.db = st // only its time was changed
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

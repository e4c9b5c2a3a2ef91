package sqlite

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
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
	real    string                            // where path leads to: SQLite keeps the log there
	stat    func(string) (fs.FileInfo, error) // Lstat, so that a link put in the file's place shows; Stat where it was one
	lock    *os.File                          // of the folder; nil: it is not looked at
	f       *os.File                          // never closed before SQLite's: POSIX locks go with any close (fcntl(2))
	db, wal fs.FileInfo                       // as this process knows them; wal is nil until there is one
	shm     fs.FileInfo                       // nil: there was none
	head    [100]byte                         // of the database file
	salt    uint32                            // of the write-ahead log
	log     *os.File                          // the write-ahead log, to read; nil until there is one

	ours  atomic.Int32 // checkpoints under way, on any connection
	stale atomic.Bool  // there was one since db was noted
}

var errMoved = errors.New("the ledger's files are not those that were opened; put the right ones back before the next start, which tells what is lacking")

// open notes the file as it is. It follows SQLite's own opening of it.
func (g *guard) open() (err error) {
	if g.f, err = os.Open(g.path); err != nil {
		return gone(g.path, err)
	}
	if g.db, err = g.f.Stat(); err != nil {
		return err
	}
	g.real, g.stat = realPath(g.path), os.Lstat
	if st, err := os.Lstat(g.path); err == nil && st.Mode()&fs.ModeSymlink != 0 {
		g.stat = os.Stat
	}
	if g.shm, err = os.Stat(g.real + "-shm"); err != nil {
		g.shm = nil // SQLite keeps it elsewhere
	}
	return g.readHead(g.head[:])
}

// realPath follows links, as SQLite does before it names its log.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// close comes after SQLite has closed its own.
func (g *guard) close() {
	for _, f := range []*os.File{g.f, g.log} {
		if f != nil {
			_ = f.Close() // only read
		}
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

// look is what an idle ledger does a few times a second: check, and what costs more than a
// commit should pay.
func (g *guard) look() error {
	if err := g.check(); err != nil {
		return err
	}
	if g.shm != nil {
		// Without it SQLite in another process takes itself for the only one.
		if err := g.same(g.real+"-shm", g.shm); err != nil {
			return err
		}
	}
	if g.lock != nil {
		held, err := g.lock.Stat()
		if err != nil {
			return err
		}
		// A second daemon would lock the new file, and take this one for dead.
		if err := g.same(g.lock.Name(), held); err != nil {
			return err
		}
	}
	return g.checkLogHead()
}

// same says what is wrong where a name does not lead to the file that it did.
func (g *guard) same(path string, was fs.FileInfo) error {
	st, err := os.Stat(path)
	if err != nil {
		return gone(path, err)
	}
	if !os.SameFile(st, was) {
		return fmt.Errorf("%s was replaced by another file while running: %w", path, errMoved)
	}
	return nil
}

// check says what is wrong; nil: the files are those that were opened, and
// nobody else has written the database or cut the log.
func (g *guard) check() error {
	st, err := g.stat(g.path)
	if err != nil {
		return gone(g.path, err)
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

// checkWAL also sees a log that was cut: only the writer's checkpoints make it shorter.
func (g *guard) checkWAL() error {
	path := g.real + "-wal"
	wal, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && g.wal == nil:
		return nil
	case err != nil:
		return gone(path, err)
	case g.wal == nil:
	case !os.SameFile(wal, g.wal):
		return fmt.Errorf("%s was replaced by another file while running: %w", path, errMoved)
	case wal.Size() < g.wal.Size() && g.ours.Load() == 0 && !g.stale.Load():
		return fmt.Errorf("another program has cut %s from %d to %d bytes while running: %w", path, g.wal.Size(), wal.Size(), errMoved)
	default:
		hole, err := g.hole(g.wal.Size())
		switch {
		case err != nil:
			return err
		case hole:
			return fmt.Errorf("another program has cut %s, which had %d bytes, while running: %w", path, g.wal.Size(), errMoved)
		}
	}
	g.wal = wal
	if g.salt == 0 {
		return g.checkLogHead() // once: to know it
	}
	return nil
}

// hole reports whether a log that had so many bytes was cut, and made as long again by a
// commit of ours: where its last frame began there are noughts then. A frame begins with
// the number of its page, which is never nought (sqlite.org/fileformat2.html, 4.1).
func (g *guard) hole(size int64) (bool, error) {
	page := int64(binary.BigEndian.Uint16(g.head[16:])) // ours is 4,096
	if page < 512 {
		return false, nil // 1 means 65,536
	}
	frame := walFrameHeader + page
	last := size - frame
	if last < walHeader || (last-walHeader)%frame != 0 || g.ours.Load() > 0 || g.stale.Load() {
		return false, nil
	}
	if g.log == nil {
		f, err := os.Open(g.real + "-wal")
		if err != nil {
			return false, gone(g.real+"-wal", err)
		}
		g.log = f
	}
	var b [4]byte
	if _, err := g.log.ReadAt(b[:], last); err != nil && !errors.Is(err, io.EOF) {
		return false, err
	}
	return b == [4]byte{}, nil
}

// checkLogHead sees a log that another was written over. SQLite counts the first salt in its
// header up by one each time that it begins the log anew, and leaves it alone otherwise;
// any other log's is a random number, or a smaller one.
func (g *guard) checkLogHead() error {
	if g.wal == nil || g.wal.Size() < walHeader {
		return nil
	}
	f, err := os.Open(g.real + "-wal")
	if err != nil {
		return gone(g.real+"-wal", err)
	}
	var b [walHeader]byte
	_, err = io.ReadFull(f, b[:])
	_ = f.Close() // only read; SQLite has no lock on this file
	if err != nil {
		return nil // it was just emptied: check tells by whom
	}
	now := binary.BigEndian.Uint32(b[16:])
	if g.salt != 0 && now-g.salt > mostResets {
		return fmt.Errorf("another program has written %s-wal while running: %w", g.real, errMoved)
	}
	g.salt = now
	return nil
}

// The sizes of the log's header, and of that of a frame, which a page follows (sqlite.org/fileformat2.html, 4.1).
const (
	walHeader      = 32
	walFrameHeader = 24
)

// mostResets is more than there can be between two looks.
const mostResets = 1 << 16

// gone tells a file that is not there from one that could not be looked at,
// which proves nothing.
func gone(path string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s was deleted or moved away while running: %w", path, errMoved)
	}
	return err
}

// The log is moved to the database when it has this many pages (40 MB). How many it
// has is asked after some commits: a checkpoint must be one that we know of.
const (
	checkpointAt = 10_000
	askEvery     = 16
)

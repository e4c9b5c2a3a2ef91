package guard

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

// Every is how often an idle ledger looks whether its file is still there.
const Every = 250 * time.Millisecond

// Guard notices that the ledger's files are deleted, moved, replaced or written
// by somebody else while this process works with them. Nothing of that makes
// SQLite fail: it goes on in a file that no name leads to, and what it
// acknowledges is gone with the process.
//
// A commit writes the log only. The database file is written by checkpoints, and all
// of ours say so: whatever else changes it is not ours. The writer alone checks.
type Guard struct {
	Path    string
	real    string                            // where path leads to: SQLite keeps the log there
	stat    func(string) (fs.FileInfo, error) // Lstat, so that a link put in the file's place shows; Stat where it was one
	Lock    *os.File                          // of the folder; nil: it is not looked at
	f       *os.File                          // never closed before SQLite's: POSIX locks go with any close (fcntl(2))
	db, wal fs.FileInfo                       // as this process knows them; wal is nil until there is one
	shm     fs.FileInfo                       // nil: there was none
	head    [100]byte                         // of the database file
	salt    uint32                            // of the write-ahead log
	log     *os.File                          // the write-ahead log, to read; nil until there is one

	ours  atomic.Int32 // checkpoints under way, on any connection
	stale atomic.Bool  // there was one since db was noted
}

// ErrMoved says that the ledger writes into files that nobody will find.
var ErrMoved = errors.New("the ledger's files are not those that were opened; put the right ones back before the next start, which tells what is lacking")

// Open notes the file as it is. It follows SQLite's own opening of it.
func (g *Guard) Open() (err error) {
	if g.f, err = os.Open(g.Path); err != nil {
		return gone(g.Path, err)
	}
	if g.db, err = g.f.Stat(); err != nil {
		return err
	}
	g.real, g.stat = RealPath(g.Path), os.Lstat
	if st, err := os.Lstat(g.Path); err == nil && st.Mode()&fs.ModeSymlink != 0 {
		g.stat = os.Stat
	}
	if g.shm, err = os.Stat(g.real + "-shm"); err != nil {
		g.shm = nil // SQLite keeps it elsewhere
	}
	return g.readHead(g.head[:])
}

// RealPath follows links, as SQLite does before it names its log.
func RealPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// Close comes after SQLite has closed its own.
func (g *Guard) Close() {
	for _, f := range []*os.File{g.f, g.log} {
		if f != nil {
			_ = f.Close() // only read
		}
	}
}

func (g *Guard) readHead(b []byte) error {
	_, err := g.f.ReadAt(b, 0)
	if errors.Is(err, io.EOF) {
		return nil // shorter than any database: what it should be, it is not
	}
	return err
}

// During runs a checkpoint. The witness must be told before the file is written: see mixture.
func (g *Guard) During(f func() error) error {
	g.ours.Add(1)
	defer func() {
		g.stale.Store(true)
		g.ours.Add(-1)
	}()
	return f()
}

// Stand is the file's, where no checkpoint changes it just now.
func (g *Guard) Stand() Stand {
	if g.db == nil || g.ours.Load() > 0 || g.stale.Load() {
		return Stand{}
	}
	return StandOf(g.db)
}

// Look is what an idle ledger does a few times a second: check, and what costs more than a
// commit should pay.
func (g *Guard) Look() error {
	if err := g.Check(); err != nil {
		return err
	}
	if g.shm != nil {
		// Without it SQLite in another process takes itself for the only one.
		if err := g.same(g.real+"-shm", g.shm); err != nil {
			return err
		}
	}
	if g.Lock != nil {
		held, err := g.Lock.Stat()
		if err != nil {
			return err
		}
		// A second daemon would lock the new file, and take this one for dead.
		if err := g.same(g.Lock.Name(), held); err != nil {
			return err
		}
	}
	return g.checkLogHead()
}

// same says what is wrong where a name does not lead to the file that it did.
func (g *Guard) same(path string, was fs.FileInfo) error {
	st, err := os.Stat(path)
	if err != nil {
		return gone(path, err)
	}
	if !os.SameFile(st, was) {
		return fmt.Errorf("%s was replaced by another file while running: %w", path, ErrMoved)
	}
	return nil
}

// Check says what is wrong; nil: the files are those that were opened, and
// nobody else has written the database or cut the log.
func (g *Guard) Check() error {
	st, err := g.stat(g.Path)
	if err != nil {
		return gone(g.Path, err)
	}
	if !os.SameFile(st, g.db) {
		return fmt.Errorf("%s was replaced by another file while running: %w", g.Path, ErrMoved)
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
		return fmt.Errorf("another program has written %s while running: %w", g.Path, ErrMoved)
	}
	g.db, g.head = st, head // a checkpoint of ours, or only the time was changed
	return nil
}

// checkWAL also sees a log that was cut: only the writer's checkpoints make it shorter.
func (g *Guard) checkWAL() error {
	path := g.real + "-wal"
	wal, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && g.wal == nil:
		return nil
	case err != nil:
		return gone(path, err)
	case g.wal == nil:
	case !os.SameFile(wal, g.wal):
		return fmt.Errorf("%s was replaced by another file while running: %w", path, ErrMoved)
	case wal.Size() < g.wal.Size() && g.ours.Load() == 0 && !g.stale.Load():
		return fmt.Errorf("another program has cut %s from %d to %d bytes while running: %w", path, g.wal.Size(), wal.Size(), ErrMoved)
	default:
		hole, err := g.hole(g.wal.Size())
		switch {
		case err != nil:
			return err
		case hole:
			return fmt.Errorf("another program has cut %s, which had %d bytes, while running: %w", path, g.wal.Size(), ErrMoved)
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
func (g *Guard) hole(size int64) (bool, error) {
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
func (g *Guard) checkLogHead() error {
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
		return fmt.Errorf("another program has written %s-wal while running: %w", g.real, ErrMoved)
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
		return fmt.Errorf("%s was deleted or moved away while running: %w", path, ErrMoved)
	}
	return err
}

// Stand is the database file as the last checkpoint left it; zero: one may be under way.
type Stand struct{ Size, Mtime int64 }

// StandOf is the file's.
func StandOf(st fs.FileInfo) Stand { return Stand{st.Size(), st.ModTime().UnixNano()} }

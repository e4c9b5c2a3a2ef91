package guard

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
)

// watched is a database under a guard, as the ledger has it: with a log that only we move.
type watched struct {
	*Guard
	t *testing.T
	c *db.Conn
}

func watch(t *testing.T, path string) *watched {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	c, err := db.Open("file:" + path + "?_pragma=journal_mode(WAL)&_pragma=wal_autocheckpoint(0)")
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{&Guard{Path: path}, t, c}
	t.Cleanup(func() {
		_ = c.Close() // the files may be gone
		w.Close()
	})
	w.run("CREATE TABLE IF NOT EXISTS g (n)")
	if err := w.Open(); err != nil {
		t.Fatal(err)
	}
	lock, err := os.Create(filepath.Join(filepath.Dir(path), "lock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lock.Close() })
	w.Lock = lock
	return w
}

func (w *watched) run(q string) {
	w.t.Helper()
	if _, err := w.c.Exec(q); err != nil {
		w.t.Fatal(q, err)
	}
}

// commit is one of ours: it writes the log.
func (w *watched) commit() { w.t.Helper(); w.run("INSERT INTO g VALUES (hex(randomblob(3000)))") }

// checkpoint is one of ours, which says so.
func (w *watched) checkpoint(mode string) {
	w.t.Helper()
	err := w.During(func() error { _, _, _, err := w.c.Checkpointed(mode); return err })
	if err != nil {
		w.t.Fatal(err)
	}
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}

// copied gives a file with the same bytes in another's place.
func copied(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err, os.WriteFile(path+".copy", b, 0o600), os.Rename(path+".copy", path))
}

// rewritten changes a file's bytes in place.
func rewritten(t *testing.T, path string, f func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_TRUNC, 0)
	must(t, err)
	_, err = file.Write(f(b))
	must(t, err, file.Close())
}

// touched has a file written at another time than it was.
func touched(t *testing.T, path string) {
	t.Helper()
	at := time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC)
	must(t, os.Chtimes(path, at, at))
}

// TestOurOwnWorkIsNoAttack: commits, checkpoints of each kind, a log that begins anew, and a
// time that was set are nothing to stop for.
func TestOurOwnWorkIsNoAttack(t *testing.T) {
	w := watch(t, filepath.Join(t.TempDir(), "g.db"))
	check := func(when string) {
		t.Helper()
		if err := w.Check(); err != nil {
			t.Errorf("%s: %v", when, err)
		}
		if err := w.Look(); err != nil {
			t.Errorf("%s, idle: %v", when, err)
		}
	}
	check("as it was opened")
	for range 3 {
		w.commit()
		check("after a commit")
	}
	for _, mode := range []string{"NOOP", "PASSIVE", "TRUNCATE", "TRUNCATE", "PASSIVE"} {
		w.checkpoint(mode)
		check("after a checkpoint, " + mode)
		w.commit()
		check("after a commit behind " + mode)
	}
	touched(t, w.Path)
	check("after its time was set")
	if w.Stand() != StandOf(w.Guard.db) || w.Stand() == (Stand{}) {
		t.Errorf("it stands at %+v, and is known as %+v", w.Stand(), StandOf(w.Guard.db))
	}
	if st, err := os.Stat(w.Path); err != nil || w.Stand() != StandOf(st) {
		t.Errorf("it stands at %+v, and the file at %+v", w.Stand(), StandOf(st))
	}
}

// TestWhatOthersDoIsNoticed: each is told at the next commit, or by an idle ledger's look,
// with the file's name and what to do.
func TestWhatOthersDoIsNoticed(t *testing.T) {
	for name, x := range map[string]struct {
		does  func(w *watched)
		word  string
		looks bool // only an idle ledger sees it
	}{
		"the file is deleted":    {func(w *watched) { must(w.t, os.Remove(w.Path)) }, "deleted or moved away", false},
		"it is moved":            {func(w *watched) { must(w.t, os.Rename(w.Path, w.Path+".old")) }, "deleted or moved away", false},
		"its folder is moved":    {func(w *watched) { must(w.t, os.Rename(filepath.Dir(w.Path), filepath.Dir(w.Path)+".old")) }, "deleted or moved away", false},
		"a copy takes its place": {func(w *watched) { copied(w.t, w.Path) }, "was replaced by another file", false},
		"a link takes its place": {func(w *watched) { must(w.t, os.Rename(w.Path, w.Path+".old"), os.Symlink(w.Path+".old", w.Path)) }, "was replaced by another file", false},
		"it is written": {func(w *watched) {
			rewritten(w.t, w.Path, func(b []byte) []byte { b[27]++; return b })
			touched(w.t, w.Path)
		}, "another program has written", false},
		"it is made longer":                 {func(w *watched) { rewritten(w.t, w.Path, func(b []byte) []byte { return append(b, 0) }) }, "another program has written", false},
		"it is emptied":                     {func(w *watched) { must(w.t, os.Truncate(w.Path, 0)) }, "another program has written", false},
		"the log is deleted":                {func(w *watched) { must(w.t, os.Remove(w.Path+"-wal")) }, "deleted or moved away", false},
		"a copy of the log takes its place": {func(w *watched) { copied(w.t, w.Path+"-wal") }, "was replaced by another file", false},
		"the log is emptied":                {func(w *watched) { must(w.t, os.Truncate(w.Path+"-wal", 0)) }, "has cut", false},
		"the log's last byte is cut off":    {func(w *watched) { must(w.t, os.Truncate(w.Path+"-wal", w.wal.Size()-1)) }, "has cut", false},
		"the log is cut, and we write on": {func(w *watched) {
			size := w.wal.Size()
			must(w.t, os.Truncate(w.Path+"-wal", 0), os.Truncate(w.Path+"-wal", size+4120))
		}, "has cut", false},
		"another begins the log anew": {func(w *watched) {
			rewritten(w.t, w.Path+"-wal", func(b []byte) []byte {
				binary.BigEndian.PutUint32(b[16:], binary.BigEndian.Uint32(b[16:])+mostResets+1)
				return b
			})
		}, "another program has written", true},
		"an older log is put back": {func(w *watched) {
			rewritten(w.t, w.Path+"-wal", func(b []byte) []byte { binary.BigEndian.PutUint32(b[16:], binary.BigEndian.Uint32(b[16:])-1); return b })
		}, "another program has written", true},
		"the index of the log is deleted":  {func(w *watched) { must(w.t, os.Remove(w.Path+"-shm")) }, "deleted or moved away", true},
		"the index of the log is replaced": {func(w *watched) { copied(w.t, w.Path+"-shm") }, "was replaced by another file", true},
		"the lock is deleted":              {func(w *watched) { must(w.t, os.Remove(w.Lock.Name())) }, "deleted or moved away", true},
		"the lock is replaced":             {func(w *watched) { copied(w.t, w.Lock.Name()) }, "was replaced by another file", true},
	} {
		t.Run(name, func(t *testing.T) {
			w := watch(t, filepath.Join(t.TempDir(), "data", "g.db"))
			w.commit()
			w.checkpoint("PASSIVE")
			w.commit()
			must(t, w.Check(), w.Look())
			x.does(w)
			err := w.Check()
			if x.looks {
				if err != nil {
					t.Errorf("each commit looks for it: %v", err)
				}
				err = w.Look()
			}
			if !errors.Is(err, ErrMoved) || !strings.Contains(err.Error(), x.word) || !strings.Contains(err.Error(), filepath.Dir(w.Path)) {
				t.Errorf("%v, want ErrMoved, %q and the file's name", err, x.word)
			}
			if err := w.Look(); !errors.Is(err, ErrMoved) {
				t.Errorf("an idle ledger goes on: %v", err)
			}
			if err != nil && !strings.Contains(err.Error(), "put the right ones back") {
				t.Errorf("%v says no remedy", err)
			}
		})
	}
}

// TestACheckpointUnderWay: while one of ours runs, the file may change in any way, and after
// it what is there is what is known, once.
func TestACheckpointUnderWay(t *testing.T) {
	w := watch(t, filepath.Join(t.TempDir(), "g.db"))
	w.commit()
	must(t, w.Check())
	own := errors.New("its own")
	err := w.During(func() error {
		if w.Stand() != (Stand{}) {
			t.Error("where the file stands is told while a checkpoint moves it")
		}
		rewritten(t, w.Path, func(b []byte) []byte { return append(b, make([]byte, 4096)...) })
		must(t, os.Truncate(w.Path+"-wal", 0))
		if err := w.Check(); err != nil {
			t.Errorf("while it runs: %v", err)
		}
		return own
	})
	if !errors.Is(err, own) {
		t.Errorf("%v, want the checkpoint's own error", err)
	}
	if w.Stand() != (Stand{}) {
		t.Error("where the file stands is told before it was looked at")
	}
	if err := w.Check(); err != nil {
		t.Errorf("right after it: %v", err)
	}
	if st, err := os.Stat(w.Path); err != nil || w.Stand() != StandOf(st) {
		t.Errorf("it stands at %+v, and the file at %+v", w.Stand(), StandOf(st))
	}
	rewritten(t, w.Path, func(b []byte) []byte { return append(b, 0) })
	if err := w.Check(); !errors.Is(err, ErrMoved) {
		t.Errorf("the same by another, after it: %v", err)
	}
}

// TestAHoleInTheLog tells a log that was cut and written on from one that was not, by its
// last frame as it was known.
func TestAHoleInTheLog(t *testing.T) {
	const page, frame = 4096, 4096 + walFrameHeader
	log := func(frames int) []byte {
		b := make([]byte, walHeader+frames*frame)
		for i := range frames {
			binary.BigEndian.PutUint32(b[walHeader+i*frame:], uint32(i+1))
		}
		return b
	}
	cut := append(log(1), make([]byte, 2*frame)...)
	for name, x := range map[string]struct {
		page uint16
		log  []byte
		size int64
		want bool
	}{
		"as it was":                {page, log(3), walHeader + 3*frame, false},
		"grown since":              {page, log(5), walHeader + 3*frame, false},
		"cut before the last":      {page, cut, walHeader + 3*frame, true},
		"the frame before the cut": {page, cut, walHeader + frame, false},
		"no frame was known":       {page, cut, walHeader, false},
		"nothing was known":        {page, cut, 0, false},
		"in the midst of a frame":  {page, cut, walHeader + 3*frame - 1, false},
		"of pages of another size": {512, cut, walHeader + 3*frame, false},
		"of pages of no size":      {1, cut, walHeader + 3*frame, false},
		"shorter than was known":   {page, log(1), walHeader + 3*frame, true},
	} {
		path := filepath.Join(t.TempDir(), "g.db")
		must(t, os.WriteFile(path+"-wal", x.log, 0o600))
		g := &Guard{real: path}
		binary.BigEndian.PutUint16(g.head[16:], x.page)
		if got, err := g.hole(x.size); err != nil || got != x.want {
			t.Errorf("%s: %t %v, want %t", name, got, err, x.want)
		}
		g.stale.Store(true)
		if got, err := g.hole(x.size); err != nil || got {
			t.Errorf("%s, after a checkpoint of ours: %t %v", name, got, err)
		}
		g.Close()
	}
	g := &Guard{real: filepath.Join(t.TempDir(), "none")}
	binary.BigEndian.PutUint16(g.head[16:], page)
	if _, err := g.hole(walHeader + frame); !errors.Is(err, ErrMoved) {
		t.Errorf("without a log: %v", err)
	}
}

// TestALedgerBehindALink: SQLite keeps its log where the link leads to, and there it is
// watched; that the link leads on to the same file is enough.
func TestALedgerBehindALink(t *testing.T) {
	dir := t.TempDir()
	real, link := filepath.Join(dir, "real", "g.db"), filepath.Join(dir, "link.db")
	must(t, os.Mkdir(filepath.Dir(real), 0o700), os.WriteFile(real, nil, 0o600), os.Symlink(real, link))
	if want, err := filepath.EvalSymlinks(real); err != nil || RealPath(link) != want {
		t.Errorf("%s leads to %s, want %s", link, RealPath(link), want)
	}
	w := watch(t, link)
	w.commit()
	must(t, w.Check(), w.Look())
	if w.wal == nil {
		t.Fatal("its log is not watched")
	}
	must(t, os.Remove(link), os.Symlink(real, link))
	if err := w.Check(); err != nil {
		t.Errorf("another link to the same file: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(dir, "other.db"), nil, 0o600), os.Remove(link), os.Symlink(filepath.Join(dir, "other.db"), link))
	if err := w.Check(); !errors.Is(err, ErrMoved) {
		t.Errorf("the link leads to another file: %v", err)
	}
	if path := filepath.Join(dir, "none"); RealPath(path) != path {
		t.Errorf("a path that leads nowhere is %s", RealPath(path))
	}
}

// TestOpenAndClose: a file that is not there is told as one that was deleted, and an
// unopened guard closes.
func TestOpenAndClose(t *testing.T) {
	g := &Guard{Path: filepath.Join(t.TempDir(), "none.db")}
	if err := g.Open(); !errors.Is(err, ErrMoved) || !strings.Contains(err.Error(), "none.db") {
		t.Errorf("%v, want that it is gone, by its name", err)
	}
	if g.Stand() != (Stand{}) {
		t.Error("a file that was never looked at stands somewhere")
	}
	g.Close()
	short := &Guard{Path: filepath.Join(t.TempDir(), "short.db")}
	must(t, os.WriteFile(short.Path, []byte("SQLite"), 0o600), short.Open(), short.Check())
	if short.Stand().Size != 6 {
		t.Errorf("it stands at %+v", short.Stand())
	}
	short.Close()
	if err := gone("x", fs.ErrPermission); errors.Is(err, ErrMoved) || !errors.Is(err, fs.ErrPermission) {
		t.Errorf("a file that may not be looked at: %v, which proves nothing", err)
	}
}

// TestAnEmptyLogProvesNothing: SQLite empties its log, and what is too short for a head has
// none to know.
func TestAnEmptyLogProvesNothing(t *testing.T) {
	w := watch(t, filepath.Join(t.TempDir(), "g.db"))
	w.commit()
	must(t, w.Check())
	known := w.salt
	w.checkpoint("TRUNCATE")
	must(t, w.Check(), w.Look())
	if known == 0 || w.salt != known {
		t.Errorf("the log's salt was %d and is %d: an emptied log has none", known, w.salt)
	}
	w.commit() // SQLite counts on
	must(t, w.Check(), w.Look())
	if w.salt-known > mostResets || w.salt == known {
		t.Errorf("the log was begun anew, and its salt is %d after %d", w.salt, known)
	}
}

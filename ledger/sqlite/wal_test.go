package sqlite

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// TestTheLogStaysBounded: the log is moved to the database by us, since SQLite no
// longer does it by itself, and the guard takes no checkpoint for a stranger's.
func TestTheLogStaysBounded(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir, nil, "resend")
	defer closeTest(t, l)
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 1200 {
				if _, err := l.Accept(event(w*10_000 + i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	var pages, moved int64
	if err := l.do(func(x *tx) error {
		x.after = append(x.after, func() { _, pages, moved, _ = x.c.checkpointed("NOOP") })
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(filepath.Join(dir, LedgerFile+"-wal"))
	if err != nil {
		t.Fatal(err)
	}
	if pages-moved > 2*checkpointAt || st.Size() > 2*checkpointAt*4200 {
		t.Errorf("%d pages wait in a log of %d bytes", pages-moved, st.Size())
	}
	db, err := os.Stat(filepath.Join(dir, LedgerFile))
	if err != nil || db.Size() < 1<<20 {
		t.Errorf("nothing was moved: %v %v", db, err)
	}
	if err := l.guard.check(); err != nil {
		t.Error(err)
	}
}

package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/sqlite/guard"
	"github.com/waxwinghq/waxwing/ledger/sqlite/schema"
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
				if _, err := l.Accept(t.Context(), event(w*10_000+i)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	var pages, moved int64
	if err := l.do(t.Context(), func(ctx context.Context, x *dbTx) error {
		x.after = append(x.after, func() { _, pages, moved, _ = x.c.Checkpointed("NOOP") })
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
	l.mu.Lock() // the writer looks too, from time to time
	defer l.mu.Unlock()
	if err := l.guard.Check(); err != nil {
		t.Error(err)
	}
}

// TestKilledInTheFirstStart: tables without an entry are a new ledger, and no old one.
func TestKilledInTheFirstStart(t *testing.T) {
	dir := t.TempDir()
	for _, k := range []string{masterFile, anchorFile} {
		if err := os.WriteFile(filepath.Join(dir, k), []byte(strings.Repeat("ab", 32)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := db.Open(dsn(filepath.Join(dir, LedgerFile), false))
	if err == nil {
		err = errors.Join(schema.Migrate(c), c.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	l := openTest(t, dir, nil, "resend")
	defer closeTest(t, l)
	if p := verified(t, l); len(p) != 0 {
		t.Error(p)
	}
}

// TestLogCutAndGrownAgain: a log that is cut between two looks, and that a commit of ours has made
// as long again, has a hole where its last frame was; one that was not cut has none.
func TestLogCutAndGrownAgain(t *testing.T) {
	dir := t.TempDir()
	l := openTest(t, dir, nil, "resend")
	for i := range 20 {
		if _, err := l.Accept(t.Context(), event(i)); err != nil {
			t.Fatal(err)
		}
	}
	log := filepath.Join(dir, LedgerFile+"-wal")
	var whole, cut error
	err := l.do(t.Context(), func(context.Context, *dbTx) error { // where nobody else looks
		st, err := os.Stat(log)
		if err != nil {
			return err
		}
		whole = l.guard.Check()
		if err := errors.Join(os.Truncate(log, 8192), os.Truncate(log, st.Size()+4120)); err != nil {
			return err
		}
		cut = l.guard.Check()
		return nil
	})
	if whole != nil || !errors.Is(cut, guard.ErrMoved) {
		t.Errorf("before it was cut: %v, after: %v (%v)", whole, cut, err)
	}
	_ = l.Close() // it cannot write what it would
}

package sqlite

import (
	"bytes"
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
)

func event(n int) *waxwing.Event {
	id := fmt.Sprint(n)
	return &waxwing.Event{Tenant: "acme", Shop: "web", Source: "api", Format: "generic", Raw: []byte(`{"id":"` + id + `","email":"canary@example.com"}`),
		At: time.Now(), Key: waxwing.EventKey{OrderID: id}}
}

// TestBackupUnderLoad copies the ledger again and again while it is written to.
// Each copy verifies against its own anchors, opens, and has every event that
// was accepted before it began.
func TestBackupUnderLoad(t *testing.T) {
	dir := t.TempDir()
	open := func(dir string, readOnly bool) *Ledger {
		o := Options{Options: ledger.Options{Dir: dir, Tenants: []waxwing.TenantID{"acme"}}, ReadOnly: readOnly}
		l, err := Open(t.Context(), o)
		if lost := new(LossError); errors.As(err, &lost) && strings.HasPrefix(filepath.Base(dir), "copy") {
			o.AcceptLoss = &ledger.Acceptance{Nothing: true} // a copy is not started by mistake
			l, err = Open(t.Context(), o)
		} else if strings.HasPrefix(filepath.Base(dir), "copy") && placeOf(filepath.Join(dir, LedgerFile)) != "" {
			t.Errorf("a copy starts as if it were the ledger: %v", err)
		}
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	live := open(filepath.Join(dir, "live"), false)
	stop := make(chan struct{})
	var load sync.WaitGroup
	var mu sync.Mutex
	var accepted []waxwing.ID
	for w := range 4 {
		load.Go(func() {
			for n := w; ; n += 4 {
				select {
				case <-stop:
					return
				default:
				}
				rc, err := live.Accept(t.Context(), event(n))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				accepted = append(accepted, rc.ID)
				mu.Unlock()
			}
		})
	}
	if _, err := live.Erase(t.Context(), "acme", waxwing.Erase{Address: "nobody@example.com"}); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		mu.Lock()
		before := append([]waxwing.ID(nil), accepted...)
		mu.Unlock()
		if err := live.Anchor(t.Context()); err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, fmt.Sprint("copy", i))
		beside := open(filepath.Join(dir, "live"), true) // as the command line does it
		if err := beside.Backup(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		if err := beside.Backup(t.Context(), to); err == nil || !strings.Contains(err.Error(), "there already") {
			t.Fatalf("a second backup to one place: %v", err)
		}
		_ = beside.Close()
		for _, f := range []string{LedgerFile, AnchorsFile, PublicKeyFile} {
			st, err := os.Stat(filepath.Join(to, f))
			if err != nil || st.Mode().Perm() != 0o600 || st.Size() == 0 {
				t.Fatalf("%s: %v %v", f, st, err)
			}
		}
		if _, err := os.Stat(filepath.Join(to, "master.key")); err == nil {
			t.Fatal("the master key is in the backup")
		}
		for _, k := range []string{"master.key", "anchor.key"} {
			b, err := os.ReadFile(filepath.Join(dir, "live", k))
			if err == nil {
				err = os.WriteFile(filepath.Join(to, k), b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		restored := open(to, false)
		r, err := restored.Verify(t.Context(), "")
		if err != nil || !r.Whole() || len(r.Blind) != 0 || r.Anchors < int64(i+1) {
			t.Fatalf("%+v %v", r, err)
		}
		for _, id := range before {
			if _, _, raw, err := restored.Raw(t.Context(), "acme", id); err != nil || !bytes.Contains(raw, []byte("canary")) {
				t.Fatalf("%s of before is not in the backup: %v", id, err)
			}
		}
		if rc, err := restored.Accept(t.Context(), event(0)); err != nil || rc.New {
			t.Fatalf("a restored ledger does not know its orders: %+v %v", rc, err)
		}
		if err := restored.Close(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	load.Wait()
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestVerifyWithoutAnchors says what it cannot see, and accuses nobody.
func TestVerifyWithoutAnchors(t *testing.T) {
	dir := t.TempDir()
	l, err := Open(t.Context(), Options{Options: ledger.Options{Dir: dir, Tenants: []waxwing.TenantID{"acme"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(t.Context(), event(1)); err != nil {
		t.Fatal(err)
	}
	r, err := l.Verify(t.Context(), "")
	if err != nil || !r.Whole() || len(r.Blind) != 0 || r.Anchored.IsZero() {
		t.Fatalf("%+v %v", r, err)
	}
	for _, path := range []string{filepath.Join(dir, "nowhere"), os.DevNull} {
		r, err := l.Verify(t.Context(), path)
		if err != nil || !r.Whole() || len(r.Blind) != 1 || !strings.Contains(r.Blind[0], "cannot be seen") {
			t.Errorf("%s: %+v %v", path, r, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestReadAfterClose: a read that comes late is told so; it does not hang.
func TestReadAfterClose(t *testing.T) {
	l, err := Open(t.Context(), Options{Options: ledger.Options{Dir: t.TempDir(), Tenants: []waxwing.TenantID{"acme"}}})
	if err != nil {
		t.Fatal(err)
	}
	inside, leave, closed := make(chan struct{}), make(chan struct{}), make(chan struct{})
	var r sync.WaitGroup
	r.Go(func() {
		if err := l.db.read(t.Context(), func(c *db.Conn) error {
			close(inside)
			<-leave
			return c.Query("SELECT 1", func([]driver.Value) error { return nil })
		}); err != nil {
			t.Error("a read under way at Close:", err)
		}
	})
	<-inside
	go func() { _ = l.Close(); close(closed) }()
	for l.Healthy() == nil { // until Close has begun
		runtime.Gosched()
	}
	close(leave)
	r.Wait()
	<-closed
	if _, err := l.List(t.Context(), waxwing.Query{Tenant: "acme"}); !errors.Is(err, waxwing.ErrStopping) {
		t.Fatalf("a read after Close: %v", err)
	}
}

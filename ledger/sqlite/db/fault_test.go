package db

import (
	"database/sql/driver"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestFaultsOfADatabase has SQLite itself fail in each way that can be had without a bad
// disk, and wants each sorted by what may be done after it.
func TestFaultsOfADatabase(t *testing.T) {
	filled := func(t *testing.T, path string) {
		c := opened(t, path, "")
		run(t, c, "CREATE TABLE f (n INTEGER PRIMARY KEY, s)", "INSERT INTO f SELECT value, hex(zeroblob(300)) FROM "+series(200))
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for name, x := range map[string]struct {
		want Fault
		fail func(t *testing.T, path string) error
	}{
		"it is full": {Full, func(t *testing.T, path string) error {
			c := opened(t, path, "")
			run(t, c, fmt.Sprintf("PRAGMA max_page_count=%d", number(t, c, "PRAGMA page_count")))
			_, err := c.Exec("INSERT INTO f SELECT NULL, hex(zeroblob(9000)) FROM " + series(50))
			if n := number(t, c, "SELECT count(*) FROM f"); n != 200 {
				t.Errorf("%d rows: a part of what did not fit was kept", n)
			}
			return err
		}},
		"another writes": {ReadFault, func(t *testing.T, path string) error {
			run(t, opened(t, path, ""), "BEGIN IMMEDIATE")
			_, err := opened(t, path, "_pragma=busy_timeout(0)").Exec("DELETE FROM f")
			return err
		}},
		"it is no database any more": {Broken, func(t *testing.T, path string) error {
			smash(t, path, 0, 32)
			_, err := opened(t, path, "").PageCount()
			if err == nil {
				_, err = opened(t, path, "").Exec("DELETE FROM f")
			}
			return err
		}},
		"a page is overwritten": {Broken, func(t *testing.T, path string) error {
			smash(t, path, 4096, 4096)
			return opened(t, path, "").Query("SELECT * FROM f", func([]driver.Value) error { return nil })
		}},
		"it cannot be opened": {ReadFault, func(t *testing.T, path string) error {
			c, err := Open("file:" + path + "-none?mode=ro")
			if err == nil {
				defer func() { _ = c.Close() }()
				_, err = c.PageCount()
			}
			return err
		}},
		"it is only read": {NoFault, func(t *testing.T, path string) error {
			_, err := opened(t, path, "mode=ro").Exec("DELETE FROM f")
			return err
		}},
		"a rule of the table": {NoFault, func(t *testing.T, path string) error {
			_, err := opened(t, path, "").Exec("INSERT INTO f VALUES (1, 'twice')")
			return err
		}},
		"a mistake in SQL": {NoFault, func(t *testing.T, path string) error {
			_, err := opened(t, path, "").Exec("DELETE FORM f")
			return err
		}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f.db")
			filled(t, path)
			err := x.fail(t, path)
			if err == nil {
				t.Fatal("nothing failed")
			}
			if got := FaultOf(err); got != x.want {
				t.Errorf("%v is fault %d, want %d", err, got, x.want)
			}
			if got := FaultOf(fmt.Errorf("ledger: %w", errors.Join(errors.New("another"), err))); got != x.want {
				t.Errorf("wrapped it is fault %d, want %d", got, x.want)
			}
			if IsRollback(err) {
				t.Errorf("%v is taken for a transaction that was cut short", err)
			}
		})
	}
	for _, err := range []error{nil, os.ErrNotExist, errors.New("disk I/O error (266)")} {
		if FaultOf(err) != NoFault || IsRollback(err) {
			t.Errorf("%v is no error of SQLite's, and is taken for one", err)
		}
	}
}

// smash writes over some bytes of a file.
func smash(t *testing.T, path string, at int64, n int) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt([]byte(strings.Repeat("\xa5", n)), at)
		_ = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestACutTransactionIsToldApart: whoever may only read a file whose last transaction was cut
// short, in a mode that only older programs used, is told so, and nothing is said of the disk.
func TestACutTransactionIsToldApart(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "j.db")
	c := opened(t, path, "_pragma=cache_size(2)")
	run(t, c, "CREATE TABLE j (s)", "BEGIN", "INSERT INTO j SELECT hex(zeroblob(2000)) FROM "+series(100))
	cut := filepath.Join(dir, "cut.db") // as a kill at this moment leaves it
	for _, end := range []string{"", "-journal"} {
		b, err := os.ReadFile(path + end)
		if err == nil {
			err = os.WriteFile(cut+end, b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := opened(t, cut, "mode=ro").Row("SELECT count(*) FROM j", make([]driver.Value, 1))
	if !IsRollback(err) || FaultOf(err) != NoFault {
		t.Errorf("to a reader: %v, rollback %t, fault %d", err, IsRollback(err), FaultOf(err))
	}
	if n := number(t, opened(t, cut, ""), "SELECT count(*) FROM j"); n != 0 {
		t.Errorf("a writer finds %d rows, want the transaction undone", n)
	}
}

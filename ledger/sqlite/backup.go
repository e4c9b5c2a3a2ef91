package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
)

// PublicKeyFile is the key that anchors are checked with, in hex, beside a
// backup's ledger. It is no secret.
const PublicKeyFile = "anchor.pub"

// LedgerFile is the ledger in the data folder and in a backup.
const LedgerFile = "ledger.db"

// Backup writes the ledger as it is at one instant into a new folder: the
// database, the anchors and the public key, each 0600, synced, and whole or not
// there. It reads by a connection of its own, so that a daemon that runs
// beside it neither waits nor is locked out. The keys are not in it.
//
// The folder must not exist. What was written is gone again where it fails.
func (l *Ledger) Backup(ctx context.Context, dir string) (err error) {
	dir = filepath.Clean(dir) // a slash at the end would put the part inside
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		return waxwing.Permanent(fmt.Errorf("%s is there already: name a new one, since a backup overwrites nothing", dir))
	}
	part := dir + ".part"
	if err := os.Mkdir(part, 0o700); err != nil {
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s is there: another backup runs, or one was killed; remove it", part)
		}
		return err
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(part) // the first error is the one to tell
		}
	}()
	// The anchors first: every entry that one of them names is then in the copy,
	// which the chain may only outgrow.
	anchors, err := os.ReadFile(filepath.Join(l.o.Dir, AnchorsFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := l.copyTo(filepath.Join(part, LedgerFile)); err != nil {
		return fmt.Errorf("copy the ledger: %w", err)
	}
	if err := writeDurable(filepath.Join(part, AnchorsFile), anchors); err != nil {
		return err
	}
	if err := writeDurable(filepath.Join(part, PublicKeyFile), []byte(l.PublicKey()+"\n")); err != nil {
		return err
	}
	if err := os.Rename(part, dir); err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// copyTo writes the database as one read transaction sees it. VACUUM INTO takes
// no lock that a writer minds, and leaves out what was deleted: a backup does
// not bring erased keys back. It does not sync what it writes: that is done here.
func (l *Ledger) copyTo(path string) error {
	// Made before, so that nobody else may read it at any moment. SQLite takes an
	// empty file.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }() // synced before, or an error was met
	c, err := db.Open(dsn(l.path, true))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // only read
	// query_only would refuse the file that is being made.
	if _, err := c.Exec("PRAGMA query_only=0"); err != nil {
		return err
	}
	if _, err := c.Exec("VACUUM INTO ?", path); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

package sqlite

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/trail"
)

const (
	lockFile   = "lock"
	masterFile = "master.key"
	anchorFile = "anchor.key"
	// AnchorsFile is the list of signed heads: see ledger.AnchorsFile.
	AnchorsFile = ledger.AnchorsFile
)

// folder is the data folder around the database: its keys, its lock, and what stands in it,
// and elsewhere, of how far the trail had come. It is looked at before SQLite opens anything.
type folder struct {
	o    *Options
	path string // of the database
	keys *seal.Keyring
	lock *os.File
}

func (dir *folder) loadKeys() (err error) {
	secret := dir.o.Master
	if secret == "" {
		s, err := dir.keyFile(masterFile, func() string { k := seal.NewKey(); return hex.EncodeToString(k[:]) })
		if err != nil {
			return err
		}
		secret = waxwing.Secret(s)
	}
	master, err := seal.ParseKey(secret)
	if err != nil {
		return err
	}
	seed, err := dir.keyFile(anchorFile, func() string {
		_, k, _ := ed25519.GenerateKey(rand.Reader) // never fails (crypto/rand)
		return hex.EncodeToString(k.Seed())
	})
	if err != nil {
		return err
	}
	b, err := hex.DecodeString(seed)
	if err != nil || len(b) != ed25519.SeedSize {
		return fmt.Errorf("%s: want %d bytes in hex", anchorFile, ed25519.SeedSize)
	}
	dir.keys = seal.NewKeyring(master, ed25519.NewKeyFromSeed(b))
	return nil
}

// keyFile reads a key, or makes it at the first start (durably: the ledger is
// worthless without it).
func (dir *folder) keyFile(name string, make func() string) (string, error) {
	p := filepath.Join(dir.o.Dir, name)
	b, err := os.ReadFile(p)
	if err == nil {
		return strings.TrimSpace(string(b)), nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if _, err := os.Stat(dir.path); err == nil {
		return "", fmt.Errorf("%s is missing though the ledger exists: restore it from your backup", p)
	}
	if dir.o.ReadOnly {
		return "", fmt.Errorf("%s is missing", p)
	}
	s := make()
	dir.o.Log.Warn("made a key: back it up apart from the ledger", "file", p)
	return s, writeDurable(p, []byte(s+"\n"))
}

func writeDurable(p string, b []byte) error {
	f, err := os.OpenFile(p+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(p+".new", p)
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(p))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// anchorOf appends the signed head of a chain to the anchors' file, unless its newest
// entry is there. The writer calls it.
func (l *Ledger) anchorOf(c *trail.Chain) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	place := trailPlace{c.Instance, int64(c.Seq)}
	if place == l.anchored || l.broken.Load() != nil {
		return nil
	}
	a := c.Sign(l.keys.AnchorKey(), l.o.Clock())
	b, err := json.Marshal(a)
	if err != nil {
		return err
	}
	p := filepath.Join(l.o.Dir, AnchorsFile)
	f, err := os.OpenFile(p, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	err = appendLine(f, b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("anchor: %w", err)
	}
	l.anchored = place
	l.noteWitnesses()
	if err := l.syncWitnesses(); err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	return nil
}

// appendLine ends a line that a crash cut off before it adds its own.
func appendLine(f *os.File, b []byte) error {
	st, err := f.Stat()
	if err != nil {
		return err
	}
	var last [1]byte
	if st.Size() > 0 {
		if _, err := f.ReadAt(last[:], st.Size()-1); err != nil {
			return err
		}
	}
	if st.Size() > 0 && last[0] != '\n' {
		if err := f.Truncate(lastLineEnd(f, st.Size())); err != nil {
			return err
		}
	}
	if _, err := f.Seek(0, 2); err != nil {
		return err
	}
	_, err = f.Write(append(b, '\n'))
	return err
}

func lastLineEnd(f *os.File, size int64) int64 {
	var b [1]byte
	for size > 0 {
		if _, err := f.ReadAt(b[:], size-1); err != nil || b[0] == '\n' {
			break
		}
		size--
	}
	return size
}

// orderKeys gives the key of an event's order, and the one that it may be known by from
// programs before layout 9.
func (l *Ledger) orderKeys(t *seal.Tenant, ev *waxwing.Event) (key, former seal.Hash) {
	switch {
	case l.o.olden:
		former = seal.FormerOrderKey(t, ev.Shop, &ev.Key)
		return former, former
	case l.former:
		return seal.OrderKey(t, ev.Shop, &ev.Key), seal.FormerOrderKey(t, ev.Shop, &ev.Key)
	}
	key = seal.OrderKey(t, ev.Shop, &ev.Key)
	return key, key
}

// Sign signs with the key that signs anchors (Ed25519).
func (f *folder) Sign(b []byte) []byte { return ed25519.Sign(f.keys.AnchorKey(), b) }

// Derive makes a key from the master key, the same at each start: what other
// parts seal with it is worth nothing in another installation.
func (l *Ledger) Derive(label string) [32]byte { return l.keys.Derive(label) }

// PublicKey is the key that anchors are checked with, in hex.
func (l *Ledger) PublicKey() string { return l.keys.PublicKey() }

// Tenants lists the tenants that the ledger has keys for.
func (l *Ledger) Tenants() []waxwing.TenantID { return l.keys.Tenants() }

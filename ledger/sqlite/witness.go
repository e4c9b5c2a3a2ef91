package sqlite

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/sqlite/guard"
)

// WitnessFile remembers, outside the database, how far the trail had come. It is
// rewritten after each commit and synced with each anchor, so that a ledger
// that is older than it, or gone, is noticed before it acts.
const WitnessFile = "witness"

// mark is a place in the trail: what a witness or an anchor says was reached.
type mark struct {
	Ledger   string // the ledger's own name; empty: not told
	Instance int64
	Seq      uint64
	Head     string // hex
	At       time.Time
	By       string // who says so, for people
	file     guard.Stand
	anchored uint64 // the entry of the chain's newest anchor; 0: none was made
}

// A witness holds two slots that are written in turn: a crash of the machine in
// the middle of one leaves the other.
const slotSize = 512

// witness is one such file, open for writing. The writer alone uses it.
type witness struct {
	path   string
	key    seal.Key
	f      *os.File
	n      uint64 // of the newest slot
	buf    []byte
	failed bool // and said so
}

func witnessKey(keys *seal.Keyring) seal.Key { return keys.Derive("witness") }

// note writes where the trail stands now. It does not sync: what a killed
// process wrote, the system still has.
func (w *witness) note(m *mark) error {
	w.n++
	b := fmt.Appendf(w.buf[:0], "waxwing witness 1\n%d %s %d %d %s %d %d %d %d\n", w.n, m.Ledger, m.Instance, m.Seq, m.Head, m.At.UnixMilli(), m.file.Size, m.file.Mtime, m.anchored)
	b = hex.AppendEncode(b, w.mac(b))
	b = append(b, '\n')
	for len(b) < slotSize-1 {
		b = append(b, ' ')
	}
	w.buf = append(b, '\n')
	_, err := w.f.WriteAt(w.buf, int64(w.n%2)*slotSize)
	return err
}

func (w *witness) sync() error { return w.f.Sync() }

func (w *witness) close() error { return w.f.Close() }

func (w *witness) mac(b []byte) []byte {
	m := hmac.New(sha256.New, w.key[:])
	m.Write(b)
	return m.Sum(nil)
}

// openWitness opens or makes a witness for writing. Whatever it said before is
// written over by turns.
func openWitness(path string, key seal.Key) (*witness, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	w := &witness{path: path, key: key, f: f}
	if _, n, err := readWitness(path, key); err == nil {
		w.n = n
	}
	return w, nil
}

var errWitness = errors.New("it was written with another master key, or damaged")

// readWitness gives the newest whole slot and its number. A file that is not
// there is fs.ErrNotExist, one without a whole slot is errWitness.
func readWitness(path string, key seal.Key) (*mark, uint64, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, err
	}
	if len(b) == 0 { // made, and not yet written
		return nil, 0, fs.ErrNotExist
	}
	w := &witness{key: key}
	var best *mark
	var newest uint64
	for len(b) > 0 {
		slot := b[:min(slotSize, len(b))]
		b = b[len(slot):]
		if m, n := w.slot(slot); m != nil && n > newest {
			best, newest = m, n
		}
	}
	if best == nil {
		return nil, 0, errWitness
	}
	best.By = path
	return best, newest, nil
}

// slot reads one; nil: it is not whole, or not of this key.
func (w *witness) slot(b []byte) (*mark, uint64) {
	first := bytes.IndexByte(b, '\n') + 1
	end := first + bytes.IndexByte(b[first:], '\n') + 1
	seal := bytes.IndexByte(b[end:], '\n')
	if first == 0 || end == first || seal < 0 {
		return nil, 0
	}
	sum, err := hex.DecodeString(string(b[end : end+seal]))
	if err != nil || !hmac.Equal(sum, w.mac(b[:end])) {
		return nil, 0
	}
	var m mark
	var n uint64
	var at int64
	if fields, err := fmt.Sscanf(string(b[first:end]), "%d %s %d %d %s %d %d %d %d\n", &n, &m.Ledger, &m.Instance, &m.Seq, &m.Head, &at, &m.file.Size, &m.file.Mtime, &m.anchored); err != nil && fields < 8 { // older ones have eight
		return nil, 0
	}
	m.At = time.UnixMilli(at).UTC()
	return &m, n
}

// openWitnesses begins to write them. One that cannot be written is complained
// of, and keeps nobody from being mailed.
func (l opening) openWitnesses() error {
	for _, p := range l.witnessPaths() {
		w, err := openWitness(p, witnessKey(l.keys))
		if err != nil {
			l.o.Log.Error("no witness is kept there: a ledger that is lost or older would be noticed by its anchors only", "file", p, "err", err)
			continue
		}
		l.witness = append(l.witness, w)
	}
	l.noteWitnesses()
	return nil
}

// syncWitnesses makes them outlive the machine.
func (d *database) syncWitnesses() error {
	var errs []error
	for _, w := range d.witness {
		errs = append(errs, w.sync())
	}
	return errors.Join(errs...)
}

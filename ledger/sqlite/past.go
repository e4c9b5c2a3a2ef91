package sqlite

import (
	"bytes"
	"database/sql/driver"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/sqlite/guard"
	"github.com/waxwinghq/waxwing/ledger/sqlite/schema"
	"github.com/waxwinghq/waxwing/ledger/trail"
	"github.com/waxwinghq/waxwing/ledger/verify"
)

// LossError says that the ledger is not the newest that there was: it is
// missing, cut, older than its witness or anchors say, or a copy of another
// that may still run. Whoever goes on from it mails again what was mailed since.
type LossError struct {
	last   int64     // the highest chain that is known to have begun
	proven bool      // entries are lacking for certain, and not only by the look of the file
	remedy string    // in place of the usual one; empty: that
	Found  []string  // what was noticed, in words
	Newest time.Time // of the newest entry that is here; zero: none is
	Until  time.Time // until when entries may be lacking
}

// Error says what was noticed and what to do.
func (e *LossError) Error() string {
	if e.remedy != "" {
		return strings.Join(e.Found, "; ") + ". " + e.remedy
	}
	s := (&ledger.LossError{Found: e.Found, Newest: e.Newest, Until: e.Until}).Error()
	if !e.Newest.IsZero() && !e.proven {
		s += ". If nothing was sent since, because this is the only ledger and it was merely moved: --accept-loss none"
	}
	return s
}

// marks reads what stands outside the database about how far it had come, and
// what of that contradicts itself.
func (dir *folder) marks() (out []mark, found []string) {
	for _, p := range dir.witnessPaths() {
		m, _, err := readWitness(p, witnessKey(dir.keys))
		switch {
		case err == nil:
			out = append(out, *m)
		case !errors.Is(err, fs.ErrNotExist):
			dir.o.Log.Error("the witness cannot be read; the anchors alone tell whether the ledger is the newest", "file", p, "err", err)
		}
	}
	path := filepath.Join(dir.o.Dir, AnchorsFile)
	anchors, err := newestAnchors(path)
	if err != nil {
		if !errors.Is(err, fs.ErrNotExist) {
			dir.o.Log.Error("the anchors cannot be read", "file", path, "err", err)
		}
		return out, nil
	}
	good := dir.goodAnchors(anchors)
	if len(anchors) > 0 && len(good) == 0 {
		dir.o.Log.Error("no anchor is signed with this ledger's key: is anchor.key the right one?", "file", path)
	}
	if n := len(good); n > 0 {
		a := &good[n-1] // it says all that the older ones do
		out = append(out, mark{Instance: a.Instance, Seq: a.Seq, Head: a.Head, At: time.UnixMilli(a.At).UTC(), By: path})
	}
	if a := forkedAnchor(good); a != nil {
		found = append(found, fmt.Sprintf("%s has two anchors of entry %d of chain %d that differ: two ledgers went on from one copy", path, a.Seq, a.Instance))
	}
	return out, found
}

// forkedAnchor finds two anchors of one entry with different heads; nil: there are none.
func forkedAnchor(good []trail.Anchor) *trail.Anchor {
	type entry struct {
		instance int64
		seq      uint64
	}
	heads := map[entry]string{}
	for i := range good {
		at := entry{good[i].Instance, good[i].Seq}
		if h, ok := heads[at]; ok && h != good[i].Head {
			return &good[i]
		}
		heads[at] = good[i].Head
	}
	return nil
}

func (dir *folder) goodAnchors(all []trail.Anchor) (good []trail.Anchor) {
	pub := dir.keys.AnchorPublic()
	for i := range all {
		if all[i].Verify(pub) == nil {
			good = append(good, all[i])
		}
	}
	return good
}

// anchorsTail is how much of the anchors' file is read at the start: some 200.
const anchorsTail = 64 << 10

// newestAnchors reads the end of the file. Lines that are no anchors are passed over:
// here it matters what is told, and verify tells of the rest.
func newestAnchors(path string) (out []trail.Anchor, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	from := max(0, st.Size()-anchorsTail)
	b, err := io.ReadAll(io.NewSectionReader(f, from, anchorsTail))
	if err != nil {
		return nil, err
	}
	if i := bytes.IndexByte(b, '\n'); from > 0 {
		b = b[i+1:]
	}
	for line := range bytes.Lines(b) {
		if got, err := trail.ReadAnchors(bytes.NewReader(line)); err == nil {
			out = append(out, got...)
		}
	}
	return out, nil
}

// witnessPaths are where witnesses stand: in the data folder, and where the
// configuration wants another.
func (dir *folder) witnessPaths() []string {
	paths := []string{filepath.Join(dir.o.Dir, WitnessFile)}
	if dir.o.Witness != "" {
		paths = append(paths, dir.o.Witness)
	}
	return paths
}

// missing looks before the database is opened, which would make a new one.
func (dir *folder) missing(marks []mark) error {
	if st, err := os.Stat(dir.path); err == nil && st.Size() > 0 {
		return nil
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	what := fmt.Sprintf("there is no ledger at %s", dir.path)
	if st, err := os.Stat(guard.RealPath(dir.path) + "-wal"); err == nil && st.Size() > 0 {
		return &LossError{last: highest(marks), proven: true, Found: []string{what + ", but its write-ahead log is there"}, Until: dir.o.Clock()}
	}
	if len(marks) == 0 {
		return nil
	}
	m := newestMark(marks)
	return &LossError{last: highest(marks), proven: true, Found: []string{fmt.Sprintf("%s, though one was written until %s, as %s says", what, stamp(m.At), m.By)}, Until: m.At.Add(markGrace)}
}

// mixture finds a database that was put beside the log of another: SQLite lays the
// log's pages over it, and what comes out is neither. Where the file is not as the witness
// left it, all pages and rows are looked at, by a connection that only reads.
func (dir *folder) mixture(marks []mark, short bool) error {
	wal, err := os.Stat(guard.RealPath(dir.path) + "-wal")
	if err != nil || wal.Size() == 0 {
		return nil // there is no log that could be laid over it
	}
	file, err := os.Stat(dir.path)
	if err != nil || file.Size() == 0 {
		return nil // missing says so
	}
	if short { // a full disk does that too: then the log has what is lacking
		marks = append(marks, mark{At: file.ModTime()})
	}
	for i := range marks {
		m := &marks[i]
		if (m.file == (guard.Stand{}) || m.file == guard.StandOf(file)) && (!short || i < len(marks)-1) {
			continue
		}
		dir.o.Log.Warn("the ledger's file was written by others, or copied, while its log was not: looking at all of it first", "file", dir.path)
		r := &verify.Report{}
		c, err := db.Open(dsn(dir.path, true))
		if err != nil {
			return err
		}
		for _, err := range []error{structure(c, r), dir.verifyRows(c, r, false)} {
			if err != nil {
				r.Problem("%v", err)
			}
		}
		_ = c.Close() // only read
		if r.Whole() {
			return nil
		}
		return &LossError{Until: m.At.Add(markGrace), remedy: "Put both back. If they are lost, move the log out of the folder and start again, which then says what is lacking and what to do",
			Found: []string{fmt.Sprintf("%s was written since %s, and not by this program, while its log %s-wal was left: a database beside the log of another makes a mixture (%s)",
				dir.path, stamp(m.At), filepath.Base(dir.path), r.Problems[0])}}
	}
	return nil
}

// markGrace is how much longer than the newest mark the ledger may have lived: an
// anchor is made each minute.
const markGrace = 2 * time.Minute

func newestMark(marks []mark) mark {
	best := marks[0]
	for _, m := range marks[1:] {
		if m.At.After(best.At) {
			best = m
		}
	}
	return best
}

// highest is the last chain that one of the marks knows.
func highest(marks []mark) (n int64) {
	for i := range marks {
		n = max(n, marks[i].Instance)
	}
	return n
}

func stamp(t time.Time) string { return t.Local().Format(time.DateTime) }

// beforeOpening looks back by a connection that only reads: what is refused stays
// as it is, log and all, so that it can still be mended.
func (dir *folder) beforeOpening(marks []mark, found []string) error {
	if st, err := os.Stat(dir.path); err != nil || st.Size() == 0 {
		return nil // a new ledger
	}
	c, err := db.Open(dsn(dir.path, true))
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }() // only read
	if _, err := schema.Of(c); db.IsRollback(err) {
		// Killed in its very first start, when the file became one with a log: who only reads
		// cannot undo that half.
		w, err := db.Open(dsn(dir.path, false))
		if err != nil {
			return err
		}
		defer func() { _ = w.Close() }() // undone
	}
	return dir.lookBack(c, marks, found)
}

// lookBack holds the file against what stands outside it, before anything is
// written.
func (dir *folder) lookBack(c *db.Conn, marks []mark, found []string) error {
	lost := &LossError{last: highest(marks), proven: len(found) > 0, Found: found, Until: dir.o.Clock()}
	has, err := schema.Of(c)
	if err != nil {
		return err
	}
	if has == 0 {
		if len(marks) == 0 {
			return nil
		}
		m := newestMark(marks)
		lost.proven = true
		lost.Found, lost.Until = []string{fmt.Sprintf("the ledger at %s is empty, though one was written until %s, as %s says", dir.path, stamp(m.At), m.By)}, m.At.Add(markGrace)
		return lost
	}
	if lost.Newest, err = newestEntry(c); err != nil {
		return err
	}
	name, place, err := identity(c)
	if err != nil {
		return err
	}
	for i := range marks {
		what, err := differs(c, &marks[i], name)
		if err != nil {
			return err
		}
		if what != "" {
			lost.Found = append(lost.Found, what)
		}
	}
	if len(lost.Found) > len(found) {
		lost.proven, lost.Until = true, newestMark(marks).At.Add(markGrace)
	}
	if now := placeOf(dir.path); place != "" && now != "" && now != place {
		lost.Found = append(lost.Found, fmt.Sprintf("%s is a copy of another file (it is %s, and was %s): the original, or another copy, may have gone on", dir.path, now, place))
		lost.Until = dir.o.Clock() // whoever has the original may still send
	}
	if len(lost.Found) == 0 {
		return nil
	}
	return lost
}

// identity is the ledger's own name and the file that it was last written in.
func identity(c *db.Conn) (name, place string, err error) {
	err = c.Query("SELECT k, v FROM meta WHERE k IN ('ledger','place')", func(v []driver.Value) error {
		if db.Text(v[0]) == "place" {
			place = db.Text(v[1])
		} else {
			name = db.Text(v[1])
		}
		return nil
	})
	return name, place, err
}

func newestEntry(c *db.Conn) (at time.Time, err error) {
	var v [2]driver.Value
	ok, err := c.Row("SELECT instance, entries FROM trail ORDER BY batch DESC LIMIT 1", v[:])
	if err != nil || !ok {
		return at, err
	}
	lines := bytes.Split(bytes.TrimSuffix(entriesOf(v[1]), []byte{'\n'}), []byte{'\n'})
	e, err := trail.ParseLine(lines[len(lines)-1])
	if err != nil {
		return at, nil // verify tells of it
	}
	return e.At, nil
}

// differs says in words what is wrong where the trail has not the entry that a mark
// names, or another one.
func differs(c *db.Conn, m *mark, name string) (string, error) {
	if m.Ledger != "" && name != "" && m.Ledger != name {
		return fmt.Sprintf("%s is of another ledger, which was written until %s", m.By, stamp(m.At)), nil
	}
	what := ""
	prev := trail.Head{}
	var found *struct {
		first   int64
		entries []byte
	}
	err := c.Query("SELECT instance, first, last, entries, head FROM trail ORDER BY batch DESC", func(v []driver.Value) error {
		inst, first, last := db.Int(v[0]), db.Int(v[1]), db.Int(v[2])
		if found != nil { // the batch before it: where its hashes begin
			if inst == m.Instance {
				copy(prev[:], db.Blob(v[4]))
			}
			return db.ErrStop
		}
		switch {
		case inst < m.Instance || inst == m.Instance && last < int64(m.Seq):
			what = fmt.Sprintf("the ledger ends with entry %d of chain %d, but %s knows entry %d of chain %d (%s): its end is lacking",
				last, inst, m.By, m.Seq, m.Instance, stamp(m.At))
			return db.ErrStop
		case inst == m.Instance && first <= int64(m.Seq):
			found = &struct {
				first   int64
				entries []byte
			}{first, entriesOf(v[3])}
		}
		return nil
	})
	if err != nil && !errors.Is(err, db.ErrStop) {
		return "", err
	}
	switch {
	case what != "":
		return what, nil
	case found == nil:
		return fmt.Sprintf("the ledger has no entry %d of chain %d, which %s knows (%s)", m.Seq, m.Instance, m.By, stamp(m.At)), nil
	case headAt(m.Instance, found.first, prev, found.entries, m.Seq) != m.Head:
		return fmt.Sprintf("entry %d of chain %d is another one than %s knows (%s): two ledgers went on from one copy, or it was changed",
			m.Seq, m.Instance, m.By, stamp(m.At)), nil
	}
	return "", nil
}

// headAt is the chain's head after an entry of a batch, in hex.
func headAt(instance, first int64, prev trail.Head, entries []byte, seq uint64) (head string) {
	c := trail.Chain{Instance: instance, Seq: uint64(first) - 1, Head: prev}
	_ = c.Walk(entries, func(e waxwing.TrailEntry, h trail.Head) error { // what does not parse has no head
		if e.Seq == seq {
			head = hex.EncodeToString(h[:])
		}
		return nil
	})
	return head
}

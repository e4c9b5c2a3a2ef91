package sqlite

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/trail"
	"github.com/waxwinghq/waxwing/ledger/verify"
)

// Verify replays the whole trail: hashes, sequence, anchors, transitions; and
// compares what follows from it with every row and every sealed content. Rows are
// held against their sealed sums, too, pages and indexes against each other, and the
// newest entry against the witness.
// Anchors are read from the files named, or from the data folder where none is.
func (l *Ledger) Verify(ctx context.Context, anchors ...string) (*verify.Report, error) {
	r := &verify.Report{}
	err := l.db.read(ctx, func(c *db.Conn) error {
		if _, err := c.Exec("BEGIN"); err != nil {
			return err
		}
		defer func() { _, _ = c.Exec("COMMIT") }() // reads only
		// What stands outside first: the chain may only grow after it.
		m, err := l.readWitnessFor(r)
		if err != nil {
			return err
		}
		v := &anchored{r, map[int64]map[uint64]string{}}
		if err := l.readAnchors(v, m, anchors); err != nil {
			return err
		}
		return verify.Ledger(ctx, verify.Parts{Rows: rows{c, nil}, Contents: l.contents, Report: r, Anchors: v.anchors, Own: []func(bool) error{
			func(sealed bool) error { return marked(l.verifyRows(c, r, sealed)) },
			func(bool) error { return marked(structure(c, r)) },
			func(bool) error { return marked(verifyWitness(c, r, m)) },
		}})
	})
	return r, err
}

// damage is an error of a file that is no whole database.
type damage struct{ error }

// Is says that it is store.ErrDamaged.
func (damage) Is(target error) bool { return target == store.ErrDamaged } //nolint:errorlint // it is asked what it is itself

// Unwrap gives SQLite's error.
func (d damage) Unwrap() error { return d.error }

// marked makes an error that says that the file is damaged one that every store has.
func marked(err error) error {
	if db.FaultOf(err) == db.Broken {
		return damage{err}
	}
	return err
}

// anchored is what anchors say, and what is wrong with them.
type anchored struct {
	r       *verify.Report
	anchors map[int64]map[uint64]string
}

// readAnchors reads those of the files named, or of the data folder's file, whose newest
// the witness knows.
func (dir *folder) readAnchors(v *anchored, m *mark, paths []string) error {
	named := false
	for _, p := range paths {
		if p == "" {
			continue
		}
		named = true
		if err := dir.readAnchorsOf(v, p, true); err != nil {
			return err
		}
	}
	own := filepath.Join(dir.o.Dir, AnchorsFile)
	if !named {
		paths = []string{own}
		if err := dir.readAnchorsOf(v, own, false); err != nil {
			return err
		}
	}
	if v.r.Anchored.IsZero() {
		v.r.Blind = append(v.r.Blind, fmt.Sprintf("There is no good anchor in %s, so that a cut-off end, or a chain that somebody with the "+
			"keys wrote anew, cannot be seen. Name a copy of anchors.jsonl with --anchors FILE.", strings.Join(paths, ", ")))
		return nil
	}
	if !named && m != nil && m.anchored > 0 {
		newest := uint64(0)
		for seq := range v.anchors[m.Instance] {
			newest = max(newest, seq)
		}
		if newest < m.anchored {
			v.r.Problem("%s: the anchor of entry %d of chain %d, which the witness knows, is gone: anchors were cut off", own, m.anchored, m.Instance)
		}
	}
	return nil
}

func (dir *folder) readAnchorsOf(v *anchored, path string, named bool) error {
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	list, err := trail.ReadAnchors(bytes.NewReader(b))
	if err != nil && named && len(list) == 0 { // another file was named: that accuses nobody
		return fmt.Errorf("%s is no copy of %s: %w", path, AnchorsFile, err)
	}
	if err != nil {
		v.r.Problem("%v", err)
	}
	pub := dir.keys.AnchorPublic()
	for i := range list {
		a := &list[i]
		v.r.Anchors++
		if err := a.Verify(pub); err != nil {
			v.r.Problem("%v", err)
			continue
		}
		if v.anchors[a.Instance] == nil {
			v.anchors[a.Instance] = map[uint64]string{}
		}
		if h, ok := v.anchors[a.Instance][a.Seq]; ok && h != a.Head {
			v.r.Problem("ALARM: two anchors of chain %d at entry %d differ (%s): two ledgers went on from one copy, each with mails of its own", a.Instance, a.Seq, path)
			continue
		}
		v.anchors[a.Instance][a.Seq] = a.Head
		if at := time.UnixMilli(a.At).UTC(); at.After(v.r.Anchored) {
			v.r.Anchored = at
		}
	}
	return nil
}

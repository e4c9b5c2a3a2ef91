package sqlite

import (
	"context"

	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/verify"
)

// Verify replays the whole trail: hashes, sequence, anchors, transitions; and
// compares what follows from it with every row and every sealed content. Rows are
// held against their sealed sums, too, pages and indexes against each other, and the
// newest entry against the witness.
// Anchors are read from the files named, or from the data folder where none is.
func (l *Ledger) Verify(ctx context.Context, anchors ...string) (*verify.Report, error) {
	r := &verify.Report{}
	err := l.db.read(ctx, func(c *conn) error {
		if _, err := c.exec("BEGIN"); err != nil {
			return err
		}
		defer func() { _, _ = c.exec("COMMIT") }() // reads only
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
	if faultOf(err) == diskBroken {
		return damage{err}
	}
	return err
}

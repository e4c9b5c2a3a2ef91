package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"text/tabwriter"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
)

type ledgerCount struct {
	where
	tenantFlag
	spanFlags
	JSON bool `help:"Print JSON."`
}

// Run counts.
func (c ledgerCount) Run(s streams) error {
	l, err := c.open(context.Background())
	if err != nil {
		return err
	}
	defer func() { _ = l.Close() }() // reads only
	q := waxwing.Query{}
	if q.Tenant, err = c.of(l); err != nil {
		return err
	}
	if err := c.bound(&q); err != nil {
		return err
	}
	n, err := l.Count(context.Background(), q)
	if err != nil {
		return err
	}
	if c.JSON {
		return writeIndented(s, n)
	}
	total := int64(0)
	w := tabwriter.NewWriter(s.out, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, state := range slices.Sorted(maps.Keys(n)) {
		_, _ = fmt.Fprintf(w, "%s\t%d\t\n", state, n[state])
		total += n[state]
	}
	_, _ = fmt.Fprintf(w, "all\t%d\t\n", total)
	return w.Flush()
}

type ledgerMigrate struct {
	where
	Status bool `help:"Only tell the layout of the ledger and of this program. Status 1: they differ."`
}

// Run brings the ledger to this program's layout.
func (c ledgerMigrate) Run(s streams) error {
	l, err := c.open(context.Background())
	if err != nil {
		return err
	}
	has, err := l.Layout(context.Background())
	if err = errors.Join(err, l.Close()); err != nil {
		return err
	}
	switch {
	case has > sqlite.Layout:
		return fmt.Errorf("the ledger has layout %d and this program knows %d: run the newer program", has, sqlite.Layout)
	case has == sqlite.Layout:
		_, err = fmt.Fprintf(s.out, "The ledger has layout %d, which is this program's: there is nothing to do.\n", has)
		return err
	case c.Status:
		return statusError{1, fmt.Errorf("the ledger has layout %d, and this program's is %d: run waxwing ledger migrate, or start the daemon", has, sqlite.Layout)}
	}
	o, err := c.options()
	if err != nil {
		return err
	}
	if _, err := sqlite.Migrate(o); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.out, "The ledger was brought from layout %d to %d. Programs before this one cannot open it any more.\n", has, sqlite.Layout)
	return err
}

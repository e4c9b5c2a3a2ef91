package view

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

func runLimit(n int) int {
	if n <= 0 || n > 500 {
		return 50
	}
	return n
}

func runOf(row *store.Run) waxwing.Run {
	return waxwing.Run{ID: row.ID, Plugin: row.Plugin, Confirmation: row.Confirmation, Hook: row.Hook, Role: row.Role,
		Hash: row.Hash, At: timeOf(row.At), Fuel: row.Fuel, Micros: row.Micros, Fault: row.Fault}
}

// PluginRuns gives a plugin's runs, or those of all where its name is empty,
// newest first, from below an id (0: from the newest) and without what they
// were given and said.
func (r *Reader) PluginRuns(ctx context.Context, tid waxwing.TenantID, plugin string, before int64, limit int) ([]waxwing.Run, error) {
	tn, err := r.p.Keys.Tenant(tid)
	if err != nil {
		return nil, err
	}
	if before <= 0 {
		before = math.MaxInt64
	}
	out := []waxwing.Run{}
	err = r.p.Rows.Browse(ctx, tn.No, func(rows store.Rows) error {
		found, err := rows.Runs(ctx, &store.RunQuery{Tenant: tn.No, Plugin: plugin, Before: before, Limit: runLimit(limit)})
		for i := range found {
			out = append(out, runOf(&found[i]))
		}
		return err
	})
	return out, err
}

// PluginRunsFull gives runs whole, oldest first, from above an id. Those that
// cannot be read any more are left out.
func (r *Reader) PluginRunsFull(ctx context.Context, tid waxwing.TenantID, plugin string, after int64, limit int) ([]waxwing.Run, error) {
	tn, err := r.p.Keys.Tenant(tid)
	if err != nil {
		return nil, err
	}
	out := []waxwing.Run{}
	err = r.p.Rows.Browse(ctx, tn.No, func(rows store.Rows) error {
		found, err := rows.Runs(ctx, &store.RunQuery{Tenant: tn.No, Plugin: plugin, After: after, Limit: runLimit(limit), Bodies: true})
		if err != nil {
			return err
		}
		var f *opened
		for i := range found {
			row := &found[i]
			if f == nil || f.ID != row.Confirmation {
				if f, err = r.openOne(ctx, rows, row.Confirmation); err != nil && !errors.Is(err, waxwing.ErrNotFound) {
					return err
				}
				if err != nil {
					f = nil
					continue
				}
			}
			if f.Erased() {
				continue
			}
			run, err := r.openRun(f, row)
			if err != nil {
				return err
			}
			out = append(out, run)
		}
		return nil
	})
	return out, err
}

// openRun opens a run's body with the key of its confirmation.
func (o opener) openRun(f *opened, row *store.Run) (waxwing.Run, error) {
	run := runOf(row)
	if err := o.contents.OpenRun(&run, &f.dek, row.Body); err != nil {
		return run, fmt.Errorf("run %d: %w", row.ID, err)
	}
	return run, nil
}

// PluginRun gives one run whole. Another tenant's, an erased one and one that
// is too old look like none.
func (r *Reader) PluginRun(ctx context.Context, tid waxwing.TenantID, id int64) (*waxwing.Run, error) {
	tn, err := r.p.Keys.Tenant(tid)
	if err != nil {
		return nil, err
	}
	var run *waxwing.Run
	err = r.p.Rows.View(ctx, tn.No, func(rows store.Rows) error {
		found, err := rows.Runs(ctx, &store.RunQuery{Tenant: tn.No, ID: id, Limit: 1, Bodies: true})
		if err != nil || len(found) == 0 {
			return err
		}
		f, err := r.openOne(ctx, rows, found[0].Confirmation)
		if err != nil || f.Erased() {
			return err
		}
		one, err := r.openRun(f, &found[0])
		run = &one
		return err
	})
	if err == nil && run == nil {
		err = fmt.Errorf("run: %w", waxwing.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return run, nil
}

package sqlite

import (
	"context"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
)

// runIDBits are those of a run's id below the milliseconds. All of it stays
// within what a float64 holds: others read it from JSON.
const runIDBits = 10

type sealedRun struct {
	r    *waxwing.Run
	kind string // of the fault: its text may quote the order
	body []byte
}

// sealRuns makes a work's runs ready outside the writer, as far as there is room
// for them: what a guest says must not fill the disk of all.
func (l *Ledger) sealRuns(t *ledger.Tenant, w *waxwing.Work, dek *ledger.Key) ([]sealedRun, error) {
	if len(w.Runs) == 0 {
		return nil, nil
	}
	out := make([]sealedRun, len(w.Runs))
	room := l.roomForRuns(t)
	for i := range w.Runs {
		r := &w.Runs[i]
		k := room.fit(r)
		body, err := l.contents.SealRun(dek, w.ID, r, &k)
		if err != nil {
			return nil, err
		}
		kind, _, _ := strings.Cut(r.Fault, ":")
		out[i] = sealedRun{r, machine.Clip(strings.TrimSpace(kind), 40), body}
	}
	return out, nil
}

func (t *tx) insertRuns(tn *ledger.Tenant, id waxwing.ID, runs []sealedRun) error {
	for i := range runs {
		s := &runs[i]
		t.l.lastRun = max(t.l.lastRun+1, t.now.UnixMilli()<<runIDBits)
		_, err := t.exec(`INSERT INTO plugin_runs (id, tenant, plugin, confirmation, hook, role, hash, at, fuel, micros, fault, body)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`, t.l.lastRun, tn.No, s.r.Plugin, int64(id), string(s.r.Hook), s.r.Role, s.r.Hash,
			s.r.At.UnixMilli(), s.r.Fuel, s.r.Micros, s.kind, s.body)
		if err != nil {
			return err
		}
	}
	if len(runs) == 0 {
		return nil
	}
	return t.boundRuns(tn, runs)
}

// PrunePluginRuns deletes runs older than the given age, a batch a call, and
// says whether there are more.
func (l *Ledger) PrunePluginRuns(ctx context.Context, age time.Duration) (more bool, err error) {
	err = l.do(ctx, func(ctx context.Context, t *tx) (err error) {
		more, err = t.pruneRuns(age)
		return err
	})
	return more, err
}

func (t *tx) pruneRuns(age time.Duration) (more bool, err error) {
	before := t.now.Add(-age).UnixMilli() << runIDBits
	n, err := t.exec("DELETE FROM plugin_runs WHERE id IN (SELECT id FROM plugin_runs WHERE id<? ORDER BY id LIMIT 500)", before)
	return n == 500, err
}

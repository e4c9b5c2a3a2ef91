package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
)

// runIDBits are those of a run's id below the milliseconds. All of it stays
// within what a float64 holds: others read it from JSON.
const runIDBits = 10

// runHead stands in front of a run's input, output and log.
type runHead struct {
	Fault  string    `json:"fault,omitempty"`
	Seed   string    `json:"seed"`
	At     time.Time `json:"at"`
	Input  int       `json:"in"`
	Output int       `json:"out"`
	Costs  int       `json:"costs,omitempty"`
	Left   string    `json:"left,omitempty"`
}

// runAAD ties a body to what its row says, so that no run can pass as another
// plugin's or order's.
func runAAD(r *waxwing.Run, confirmation waxwing.ID) string {
	return "run|" + confirmation.String() + "|" + r.Plugin + "|" + string(r.Hook) + "|" + r.Role + "|" + r.Hash
}

type sealedRun struct {
	r    *waxwing.Run
	kind string // of the fault: its text may quote the order
	body []byte
}

// sealRuns makes a work's runs ready outside the writer, as far as there is room
// for them: what a guest says must not fill the disk of all.
func (l *Ledger) sealRuns(t *tenant, w *waxwing.Work, dek *ledger.Key) ([]sealedRun, error) {
	if len(w.Runs) == 0 {
		return nil, nil
	}
	sealer := dek.Sealer()
	sc := scratches.Get().(*scratch)
	defer scratches.Put(sc)
	out := make([]sealedRun, len(w.Runs))
	room := l.roomForRuns(t)
	for i := range w.Runs {
		r := &w.Runs[i]
		k := room.fit(r)
		head, err := json.Marshal(runHead{r.Fault, r.Seed, r.At, len(k.input), len(k.output), r.Costs, k.left})
		if err != nil {
			return nil, err
		}
		sc.plain = append(append(sc.plain[:0], head...), '\n')
		sc.plain = append(append(append(sc.plain, k.input...), k.output...), k.log...)
		sc.packed = l.packer.pack(sc.packed[:0], sc.plain, "")
		kind, _, _ := strings.Cut(r.Fault, ":")
		out[i] = sealedRun{r, machine.Clip(strings.TrimSpace(kind), 40),
			sealer.Seal(make([]byte, 0, len(sc.packed)+sealRoom), sc.packed, runAAD(r, w.ID))}
	}
	return out, nil
}

func (t *tx) insertRuns(tn *tenant, id waxwing.ID, runs []sealedRun) error {
	for i := range runs {
		s := &runs[i]
		t.l.lastRun = max(t.l.lastRun+1, t.now.UnixMilli()<<runIDBits)
		_, err := t.exec(`INSERT INTO plugin_runs (id, tenant, plugin, confirmation, hook, role, hash, at, fuel, micros, fault, body)
			VALUES (?,?,?,?,?,?,?,?,?,?,?,?)`, t.l.lastRun, tn.no, s.r.Plugin, int64(id), string(s.r.Hook), s.r.Role, s.r.Hash,
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

const runColumns = "id, plugin, confirmation, hook, role, hash, at, fuel, micros, fault"

func scanRun(r []driver.Value) waxwing.Run {
	return waxwing.Run{ID: num(r[0]), Plugin: str(r[1]), Confirmation: waxwing.ID(num(r[2])), Hook: waxwing.Hook(str(r[3])), Role: str(r[4]),
		Hash: str(r[5]), At: time.UnixMilli(num(r[6])).UTC(), Fuel: num(r[7]), Micros: num(r[8]), Fault: str(r[9])}
}

func runLimit(n int) int {
	if n <= 0 || n > 500 {
		return 50
	}
	return n
}

// PluginRuns gives a plugin's runs, or those of all where its name is empty,
// newest first, from below an id (0: from the newest) and without what they
// were given and said.
func (l *Ledger) PluginRuns(ctx context.Context, tid waxwing.TenantID, plugin string, before int64, limit int) ([]waxwing.Run, error) {
	if before <= 0 {
		before = math.MaxInt64
	}
	runs, _, err := l.listRuns(ctx, tid, plugin, "", "id<? ORDER BY id DESC LIMIT ?", before, limit)
	return runs, err
}

// PluginRunsFull gives runs whole, oldest first, from above an id. Those that
// cannot be read any more are left out.
func (l *Ledger) PluginRunsFull(ctx context.Context, tid waxwing.TenantID, plugin string, after int64, limit int) ([]waxwing.Run, error) {
	runs, bodies, err := l.listRuns(ctx, tid, plugin, ", body", "id>? ORDER BY id LIMIT ?", after, limit)
	if err != nil {
		return nil, err
	}
	tn, err := l.tenant(tid)
	if err != nil {
		return nil, err
	}
	out := runs[:0]
	var dek ledger.Key
	var of waxwing.ID
	err = l.browse(ctx, tn, func(c *conn) error {
		for i := range runs {
			r := runs[i]
			if of != r.Confirmation {
				f, err := l.openFile(c, r.Confirmation)
				if err != nil && !errors.Is(err, waxwing.ErrNotFound) {
					return err
				}
				if err != nil || f.erased {
					continue
				}
				of, dek = r.Confirmation, f.dek
			}
			if err := l.openRun(&r, &dek, bodies[i]); err != nil {
				return err
			}
			out = append(out, r)
		}
		return nil
	})
	return out, err
}

func (l *Ledger) listRuns(ctx context.Context, tid waxwing.TenantID, plugin, more, rest string, bound int64, limit int) (runs []waxwing.Run, bodies [][]byte, err error) {
	tn, err := l.tenant(tid)
	if err != nil {
		return nil, nil, err
	}
	where, args := "tenant=? AND ", []any{tn.no}
	if plugin != "" {
		where, args = "tenant=? AND plugin=? AND ", append(args, plugin)
	}
	runs = []waxwing.Run{}
	err = l.browse(ctx, tn, func(c *conn) error {
		if at, err := schemaOf(c); err != nil || at < 2 {
			return err
		}
		return c.query("SELECT "+runColumns+more+" FROM plugin_runs WHERE "+where+rest, func(r []driver.Value) error {
			runs = append(runs, scanRun(r))
			if more != "" {
				bodies = append(bodies, bytes.Clone(blob(r[10])))
			}
			return nil
		}, append(args, bound, runLimit(limit))...)
	})
	return runs, bodies, err
}

// openRun puts the sealed part back into a run.
func (l *Ledger) openRun(r *waxwing.Run, dek *ledger.Key, sealed []byte) error {
	wrong := func(err error) error { return fmt.Errorf("run %d: %w", r.ID, err) }
	packed, err := dek.Sealer().Open(nil, sealed, runAAD(r, r.Confirmation))
	if err != nil {
		return wrong(err)
	}
	plain, err := l.packer.unpack(packed)
	if err != nil {
		return wrong(err)
	}
	head, rest, _ := bytes.Cut(plain, []byte{'\n'})
	var h runHead
	if err := json.Unmarshal(head, &h); err != nil || h.Input < 0 || h.Output < 0 || h.Input > len(rest) || h.Output > len(rest)-h.Input {
		return wrong(errPacked)
	}
	r.Fault, r.Seed, r.At, r.Left, r.Costs = h.Fault, h.Seed, h.At, h.Left, h.Costs
	r.Input, rest = rest[:h.Input:h.Input], rest[h.Input:]
	r.Output, r.Log = rest[:h.Output:h.Output], rest[h.Output:]
	return nil
}

// PluginRun gives one run whole. Another tenant's, an erased one and one that
// is too old look like none.
func (l *Ledger) PluginRun(ctx context.Context, tid waxwing.TenantID, id int64) (*waxwing.Run, error) {
	tn, err := l.tenant(tid)
	if err != nil {
		return nil, err
	}
	var run *waxwing.Run
	err = l.readShelves(ctx, func(c *conn) error {
		var body []byte
		err := c.query("SELECT "+runColumns+", body FROM plugin_runs WHERE id=? AND tenant=?", func(r []driver.Value) error {
			one := scanRun(r)
			run, body = &one, bytes.Clone(blob(r[10]))
			return nil
		}, id, tn.no)
		if err != nil || run == nil {
			return err
		}
		f, err := l.openFile(c, run.Confirmation)
		if err != nil {
			return err
		}
		if f.erased {
			run = nil
			return nil
		}
		return l.openRun(run, &f.dek, body)
	})
	if err == nil && run == nil {
		err = fmt.Errorf("run: %w", waxwing.ErrNotFound)
	}
	if err != nil {
		return nil, err
	}
	return run, nil
}

// PrunePluginRuns deletes runs older than the given age, a batch a call, and
// says whether there are more.
func (l *Ledger) PrunePluginRuns(ctx context.Context, age time.Duration) (more bool, err error) {
	err = l.do(ctx, func(t *tx) (err error) {
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

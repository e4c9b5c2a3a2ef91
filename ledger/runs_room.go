package ledger

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
)

type sealedRun struct {
	r    *waxwing.Run
	kind string // of the fault: its text may quote the order
	body []byte
}

// sealRuns makes a work's runs ready outside the writer, as far as there is room
// for them: what a guest says must not fill the disk of all.
func (x *Plugins) sealRuns(t *seal.Tenant, w *waxwing.Work, dek *seal.Key) ([]sealedRun, error) {
	if len(w.Runs) == 0 {
		return nil, nil
	}
	out := make([]sealedRun, len(w.Runs))
	room := x.roomForRuns(t)
	for i := range w.Runs {
		r := &w.Runs[i]
		k := room.fit(r)
		body, err := x.p.Contents.SealRun(dek, w.ID, r, &k)
		if err != nil {
			return nil, err
		}
		kind, _, _ := strings.Cut(r.Fault, ":")
		out[i] = sealedRun{r, machine.Clip(strings.TrimSpace(kind), 40), body}
	}
	return out, nil
}

// insertRuns records runs, and deletes the tenant's oldest of the day where they are more
// than it may keep.
func (x *Plugins) insertRuns(ctx context.Context, g *Group, t *seal.Tenant, id waxwing.ID, runs []sealedRun) error {
	if len(runs) == 0 {
		return nil
	}
	d, err := x.runDay(ctx, g, t)
	if err != nil {
		return err
	}
	c := &store.PluginChanges{}
	for i := range runs {
		s := &runs[i]
		c.Runs = append(c.Runs, store.Run{ID: g.newRunID(), Tenant: t.No, Plugin: s.r.Plugin, Confirmation: id, Hook: s.r.Hook, Role: s.r.Role,
			Hash: s.r.Hash, At: s.r.At.UnixMilli(), Fuel: s.r.Fuel, Micros: s.r.Micros, Fault: s.kind, Body: s.body})
		n := int64(len(s.body)) + runRow
		d.kept += n
		d.written += n
	}
	if err := g.Write(ctx, &store.Changes{Plugins: c}); err != nil {
		return err
	}
	return x.boundRuns(ctx, g, t, d)
}

// runRow is what a run takes in the file beside its body: its row and its places in the indexes.
const runRow = 400

// writtenFactor times what is kept of a day's runs may be written of them in that day. Beyond, a run is kept without its
// body: who writes over his own runs all day keeps the disk busy for all.
const writtenFactor = 4

// runRoom is what one order's runs may still take.
type runRoom struct {
	most, rest int64
	none       string // why nothing is kept of any
}

func (x *Plugins) roomForRuns(t *seal.Tenant) runRoom {
	most := x.p.Quota.OrDefault().OrderRun
	r := runRoom{most: most, rest: most}
	if t != nil && t.QuietDay.Load() == dayOf(x.p.Clock()) {
		r.none = "the tenant's runs of today have written as much as they may (plugins.runs_day)"
	}
	return r
}

// fit takes from the room what a run takes. A run is whole, or it is without what
// does not fit, the largest first to go: half an input is none.
func (x *runRoom) fit(r *waxwing.Run) seal.Kept {
	k := seal.Kept{Input: r.Input, Output: r.Output, Log: r.Log}
	size := func() int64 { return int64(len(k.Input) + len(k.Output) + len(k.Log)) }
	most, why := x.rest, fmt.Sprintf("the runs of one order keep at most %d bytes (plugins.runs_order)", x.most)
	if x.none != "" {
		most, why = 0, x.none
	}
	var left []string
	for size() > most {
		largest, name := &k.Input, "input"
		if len(k.Output) > len(*largest) {
			largest, name = &k.Output, "output"
		}
		if len(k.Log) > len(*largest) {
			largest, name = &k.Log, "log"
		}
		left = append(left, fmt.Sprintf("%s (%d bytes)", name, len(*largest)))
		*largest = nil
	}
	x.rest -= size()
	if len(left) > 0 {
		k.Left = strings.Join(left, ", ") + " left out: " + why
	}
	return k
}

// runDay is what a tenant's runs of one day take.
type runDay struct{ day, kept, written int64 }

func dayOf(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }

// firstRunOf is the least id that a day's runs may have.
func firstRunOf(day int64) int64 { return day * 24 * 60 * 60 * 1000 << runIDBits }

// runDay finds a tenant's, counted from the rows where it is not known yet.
func (x *Plugins) runDay(ctx context.Context, g *Group, t *seal.Tenant) (*runDay, error) {
	day := dayOf(g.Now)
	d := x.runDays[t.No]
	if d != nil && d.day == day {
		return d, nil
	}
	s, err := g.Rows(ctx, &store.Keys{Plugins: &store.PluginKeys{Sum: &store.RunRange{Tenant: t.No, From: firstRunOf(day)}}})
	if err != nil {
		return nil, err
	}
	n := s.Plugins.Sum.Count*runRow + s.Plugins.Sum.Bytes
	d = &runDay{day: day, kept: n, written: n}
	x.runDays[t.No] = d
	return d, nil
}

// boundRuns deletes the tenant's oldest runs of the day where they are more than it may keep.
func (x *Plugins) boundRuns(ctx context.Context, g *Group, t *seal.Tenant, d *runDay) error {
	most := x.p.Quota.OrDefault().DayRuns
	if d.written > writtenFactor*most {
		t.QuietDay.Store(d.day)
	}
	// More than what came is deleted at once, so that not each order pays for it.
	for batch := 0; d.kept > most && batch < 4; batch++ {
		n, err := x.dropOldestRuns(ctx, g, t, d)
		if err != nil {
			return err
		}
		if n == 0 {
			delete(x.runDays, t.No) // an erasure took them: count again
			break
		}
	}
	return nil
}

// dropOldestRuns deletes a part of the day's oldest runs, until there is room for more than one.
func (x *Plugins) dropOldestRuns(ctx context.Context, g *Group, t *seal.Tenant, d *runDay) (n int, err error) {
	const part = 128
	most := x.p.Quota.OrDefault().DayRuns
	bytes := d.kept - most + most/64
	s, err := g.Rows(ctx, &store.Keys{Plugins: &store.PluginKeys{Runs: &store.RunRange{Tenant: t.No, From: firstRunOf(d.day), Limit: part}}})
	if err != nil {
		return 0, err
	}
	c := &store.PluginChanges{}
	for _, r := range s.Plugins.Runs {
		if bytes <= 0 {
			break
		}
		c.Gone = append(c.Gone, r.ID)
		bytes -= r.Bytes + runRow
		d.kept -= r.Bytes + runRow
	}
	if len(c.Gone) == 0 {
		return 0, nil
	}
	return len(c.Gone), g.Write(ctx, &store.Changes{Plugins: c})
}

package sqlite

import (
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
)

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

func (l *Ledger) roomForRuns(t *ledger.Tenant) runRoom {
	most := l.o.Quota.OrDefault().OrderRun
	r := runRoom{most: most, rest: most}
	if t != nil && t.QuietDay.Load() == dayOf(l.o.Clock()) {
		r.none = "the tenant's runs of today have written as much as they may (plugins.runs_day)"
	}
	return r
}

// fit takes from the room what a run takes. A run is whole, or it is without what
// does not fit, the largest first to go: half an input is none.
func (x *runRoom) fit(r *waxwing.Run) ledger.Kept {
	k := ledger.Kept{Input: r.Input, Output: r.Output, Log: r.Log}
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
	for i, s := range left {
		if i > 0 {
			k.Left += ", "
		}
		k.Left += s
	}
	if k.Left != "" {
		k.Left += " left out: " + why
	}
	return k
}

// runDay is what a tenant's runs of one day take. The writer alone uses it.
type runDay struct{ day, kept, written int64 }

func dayOf(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }

// firstRunOf is the least id that a day's runs may have.
func firstRunOf(day int64) int64 { return day * 24 * 60 * 60 * 1000 << runIDBits }

// runDay finds a tenant's, counted from the rows where it is not known yet.
func (t *tx) runDay(tn *ledger.Tenant) (*runDay, error) {
	day := dayOf(t.now)
	d := t.l.runDays[tn.No]
	if d != nil && d.day == day {
		return d, nil
	}
	var v [2]driver.Value
	if _, err := t.c.row("SELECT count(*), sum(length(body)) FROM plugin_runs WHERE tenant=? AND id>=?", v[:], tn.No, firstRunOf(day)); err != nil {
		return nil, fault{err}
	}
	n := num(v[0]) * runRow
	if v[1] != nil {
		n += num(v[1])
	}
	d = &runDay{day: day, kept: n, written: n}
	t.l.runDays[tn.No] = d
	return d, nil
}

// boundRuns counts runs that were just inserted, and deletes the tenant's oldest of
// the day where they are more than it may keep.
func (t *tx) boundRuns(tn *ledger.Tenant, runs []sealedRun) error {
	before := t.l.runDays[tn.No]
	d, err := t.runDay(tn)
	if err != nil {
		return err
	}
	if d == before { // a fresh count has them already
		for i := range runs {
			n := int64(len(runs[i].body)) + runRow
			d.kept += n
			d.written += n
		}
	}
	most := t.l.o.Quota.OrDefault().DayRuns
	if d.written > writtenFactor*most {
		tn.QuietDay.Store(d.day)
	}
	// More than what came is deleted at once, so that not each order pays for it.
	for batch := 0; d.kept > most && batch < 4; batch++ {
		n, err := t.dropOldestRuns(tn, d, d.kept-most+most/64)
		if err != nil {
			return err
		}
		if n == 0 {
			break // an erasure took them: count again
		}
	}
	return nil
}

// dropOldestRuns deletes a part of the day's oldest runs, until so many bytes are free.
func (t *tx) dropOldestRuns(tn *ledger.Tenant, d *runDay, bytes int64) (n int64, err error) {
	const part = 128
	last := int64(0)
	err = t.c.query("SELECT id, length(body) FROM plugin_runs WHERE tenant=? AND id>=? ORDER BY id LIMIT ?", func(r []driver.Value) error {
		if bytes > 0 {
			last = num(r[0])
			bytes -= num(r[1]) + runRow
			d.kept -= num(r[1]) + runRow
		}
		return nil
	}, tn.No, firstRunOf(d.day), part)
	if err != nil {
		return 0, fault{err}
	}
	n, err = t.exec("DELETE FROM plugin_runs WHERE tenant=? AND id>=? AND id<=?", tn.No, firstRunOf(d.day), last)
	if err == nil && n == 0 {
		delete(t.l.runDays, tn.No)
	}
	return n, err
}

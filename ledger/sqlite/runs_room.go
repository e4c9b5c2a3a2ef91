package sqlite

import (
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
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

// kept is what is kept of a run. left says what is not.
type kept struct {
	input, output, log []byte
	left               string
}

func (l *Ledger) roomForRuns(t *tenant) runRoom {
	most := l.o.Quota.OrDefault().OrderRun
	r := runRoom{most: most, rest: most}
	if t != nil && t.quietDay.Load() == dayOf(l.o.Clock()) {
		r.none = "the tenant's runs of today have written as much as they may (plugins.runs_day)"
	}
	return r
}

// fit takes from the room what a run takes. A run is whole, or it is without what
// does not fit, the largest first to go: half an input is none.
func (x *runRoom) fit(r *waxwing.Run) kept {
	k := kept{r.Input, r.Output, r.Log, ""}
	size := func() int64 { return int64(len(k.input) + len(k.output) + len(k.log)) }
	most, why := x.rest, fmt.Sprintf("the runs of one order keep at most %d bytes (plugins.runs_order)", x.most)
	if x.none != "" {
		most, why = 0, x.none
	}
	var left []string
	for size() > most {
		largest, name := &k.input, "input"
		if len(k.output) > len(*largest) {
			largest, name = &k.output, "output"
		}
		if len(k.log) > len(*largest) {
			largest, name = &k.log, "log"
		}
		left = append(left, fmt.Sprintf("%s (%d bytes)", name, len(*largest)))
		*largest = nil
	}
	x.rest -= size()
	for i, s := range left {
		if i > 0 {
			k.left += ", "
		}
		k.left += s
	}
	if k.left != "" {
		k.left += " left out: " + why
	}
	return k
}

// runDay is what a tenant's runs of one day take. The writer alone uses it.
type runDay struct{ day, kept, written int64 }

func dayOf(t time.Time) int64 { return t.Unix() / (24 * 60 * 60) }

// firstRunOf is the least id that a day's runs may have.
func firstRunOf(day int64) int64 { return day * 24 * 60 * 60 * 1000 << runIDBits }

// runDay finds a tenant's, counted from the rows where it is not known yet.
func (t *tx) runDay(tn *tenant) (*runDay, error) {
	day := dayOf(t.now)
	d := t.l.runDays[tn.no]
	if d != nil && d.day == day {
		return d, nil
	}
	var v [2]driver.Value
	if _, err := t.c.row("SELECT count(*), sum(length(body)) FROM plugin_runs WHERE tenant=? AND id>=?", v[:], tn.no, firstRunOf(day)); err != nil {
		return nil, fault{err}
	}
	n := num(v[0]) * runRow
	if v[1] != nil {
		n += num(v[1])
	}
	d = &runDay{day: day, kept: n, written: n}
	t.l.runDays[tn.no] = d
	return d, nil
}

// boundRuns counts runs that were just inserted, and deletes the tenant's oldest of
// the day where they are more than it may keep.
func (t *tx) boundRuns(tn *tenant, runs []sealedRun) error {
	before := t.l.runDays[tn.no]
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
		tn.quietDay.Store(d.day)
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
func (t *tx) dropOldestRuns(tn *tenant, d *runDay, bytes int64) (n int64, err error) {
	const part = 128
	last := int64(0)
	err = t.c.query("SELECT id, length(body) FROM plugin_runs WHERE tenant=? AND id>=? ORDER BY id LIMIT ?", func(r []driver.Value) error {
		if bytes > 0 {
			last = num(r[0])
			bytes -= num(r[1]) + runRow
			d.kept -= num(r[1]) + runRow
		}
		return nil
	}, tn.no, firstRunOf(d.day), part)
	if err != nil {
		return 0, fault{err}
	}
	n, err = t.exec("DELETE FROM plugin_runs WHERE tenant=? AND id>=? AND id<=?", tn.no, firstRunOf(d.day), last)
	if err == nil && n == 0 {
		delete(t.l.runDays, tn.no)
	}
	return n, err
}

package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/table"
)

// errPerson says that only a person can go on.
var errPerson = errors.New("a person must say what to do")

// begin finds out whether the log can be read on where it was left, heals a gap, and gives the
// page that is true from now on, which is on disk.
func (s *Source) begin(ctx context.Context, l *link, o *orders, accept source.Accept) (*page, error) {
	p, err := s.readPage(ctx)
	if err != nil {
		return nil, err
	}
	have, err := l.look(ctx)
	if err != nil {
		return nil, err
	}
	if p != nil && p.Slot != l.slot {
		s.log.Warn("the slot has another name by now: orders are looked for as after a gap", "slot", l.slot, "before", p.Slot)
		p.Slot = l.slot
		if have == nil || have.confirmed() <= p.flushed() { // else it is a gap anyway
			p.heal("the slot has another name", s.settings.ScanMargin.D())
		}
	}
	why := gapOf(p, l.id, have)
	switch {
	case p == nil && why != "":
		s.gap(why)
		return nil, s.person(why, "nothing is remembered to look from. Drop it (select pg_drop_replication_slot("+literal(l.slot)+")), and orders completed from then on are read")
	case p == nil:
		return s.first(ctx, l, have)
	case why == "" && p.Healing == nil:
		p.identity = l.id // a timeline may have changed with the slot kept
		return p, s.writePage(ctx, p)
	}
	if why == "" {
		why = p.Gap
	}
	s.gap(why)
	if s.settings.Scan == "" {
		return nil, s.person(why, "orders completed since "+p.Watermark.Format(time.RFC3339)+" may be missing: give the query scan, which finds them. Until then nothing is read")
	}
	p.Gap = why
	return s.heal(ctx, l, o, accept, p)
}

// gap notes one, once for each.
func (s *Source) gap(why string) {
	if s.said != why {
		s.gaps.Add(1)
	}
}

// person says in what state it waits.
func (s *Source) person(why, remedy string) error {
	s.is(source.Gap, why+"; "+remedy)
	if s.said != why {
		s.log.Error("GAP: the log cannot be read on", "why", why, "do", remedy)
	}
	s.said = why
	return errPerson
}

// first is the first start.
func (s *Source) first(ctx context.Context, l *link, have *slot) (*page, error) {
	p := &page{identity: l.id, Slot: l.slot, Watermark: l.id.now, Began: l.id.now}
	if have == nil {
		s.is(source.Starting, "the slot "+l.slot+" is being made, which waits for each transaction that is open")
		var err error
		if have, err = l.create(ctx); err != nil {
			return nil, err
		}
		s.log.Info("the slot was made: orders completed from now on are read, and none that were before", "slot", l.slot, "at", have.Confirmed)
	} else if p.Began = (time.Time{}); s.book != nil {
		s.log.Info("a slot that was there is read from where it stands", "slot", l.slot, "at", have.Confirmed)
	}
	p.Flushed = have.Confirmed
	return p, s.writePage(ctx, p)
}

// heal fills the gap that p.Gap tells of: first the slot, so that nothing falls between it and what the scan sees; then the
// scan; and the page last. Whatever ends it in between, it begins anew.
func (s *Source) heal(ctx context.Context, l *link, o *orders, accept source.Accept, p *page) (*page, error) {
	why := p.Gap
	s.is(source.Gap, why+"; orders are being looked for")
	p.heal(why, s.settings.ScanMargin.D())
	s.log.Error("GAP: the log cannot be read on where it was left; orders are looked for by the scan, and then it is read on", "why", why, "since", *p.Healing)
	if err := s.writePage(ctx, p); err != nil {
		return nil, err
	}
	have, err := l.look(ctx)
	if err != nil {
		return nil, err
	}
	if have != nil && have.lost() {
		if err := l.drop(ctx); err != nil {
			return nil, err
		}
		have = nil
	}
	if have == nil {
		if have, err = l.create(ctx); err != nil {
			return nil, err
		}
	}
	if err := l.identify(ctx); err != nil {
		return nil, err
	}
	n, err := s.scan(ctx, o, accept, *p.Healing)
	if err != nil {
		return nil, fmt.Errorf("looking for what a gap has hidden: %w", err)
	}
	next := &page{identity: l.id, Slot: l.slot, Flushed: have.Confirmed, Watermark: l.id.now, Began: p.Began, Passed: p.Passed}
	if err := s.writePage(ctx, next); err != nil {
		return nil, err
	}
	s.said = ""
	s.log.Info("the gap is healed, and the log is read on", "orders", n, "at", have.Confirmed)
	return next, nil
}

// scan has each order accepted that was completed since then. Those that the ledger has are absorbed.
func (s *Source) scan(ctx context.Context, o *orders, accept source.Accept, since time.Time) (n int, err error) {
	r := table.NewReading(ctx, s.counted(accept), false, func(place) {})
	told := time.Now()
	err = o.scan(r.Context(), since, func(list []found) error {
		if n += len(list); time.Since(told) > 10*time.Second {
			told = time.Now()
			s.log.Info("orders are looked for", "so_far", n)
			s.is(source.Gap, fmt.Sprintf("orders are being looked for: %d so far", n))
		}
		return r.Put(o.job(0, list))
	})
	return n, r.End(err, true)
}

// scan calls each with the orders that the query finds, some at a time.
func (o *orders) scan(ctx context.Context, since time.Time, each func([]found) error) error {
	c, err := o.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	whole := o.settings.Order.Row == ""
	query := table.Query(o.settings.Scan)
	if whole {
		query = asRows(query)
	}
	rows := c.Conn().PgConn().ExecParams(ctx, query, [][]byte{[]byte(since.UTC().Format(time.RFC3339Nano))}, nil, nil, nil)
	var list []found
	for rows.NextRow() {
		v := rows.Values()[0]
		if v == nil {
			continue
		}
		f := found{watch: -1}
		if whole {
			f.row = slices.Clone(v)
		} else {
			f.key = []string{string(v)}
		}
		if list = append(list, f); len(list) == table.Chunk {
			if err := each(list); err != nil {
				_ = c.Conn().Close(ctx) // else the rest would be read
				return err
			}
			list = nil
		}
	}
	if _, err := rows.Close(); err != nil {
		return advised(err, "scan")
	}
	return each(list)
}

// List is source.Lister's: what the scan finds.
func (s *Settings) List(ctx context.Context, name string, since time.Time, each func(source.Event) error) error {
	if s.Scan == "" {
		return errors.New("the source " + name + " has no query scan, which gives the keys of the orders completed since $1: add it")
	}
	watches, err := s.watches()
	if err != nil {
		return err
	}
	pool, err := openPool(ctx, s)
	if err != nil {
		return err
	}
	defer pool.Close()
	o := newOrders(s, watches, pool)
	if err := o.prepare(ctx); err != nil {
		return err
	}
	return o.scan(ctx, since, func(list []found) error {
		events, err := o.events(ctx, 0, list)
		if err != nil {
			return err
		}
		for _, ev := range events {
			if err := each(ev); err != nil {
				return err
			}
		}
		return nil
	})
}

package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/table"
)

// errPerson says that only a person can go on.
var errPerson = errors.New("a person must say what to do")

// begin finds out whether the log can be read on where it was left, heals a gap, and gives the page that is true from
// now on, which is on disk.
func (s *Source) begin(ctx context.Context, o *orders, accept source.Accept) (*page, error) {
	p, err := s.readPage(ctx)
	if err != nil {
		return nil, err
	}
	if p == nil {
		return s.first(ctx, o)
	}
	why := p.Gap
	if p.Healing == nil {
		if why, err = o.gap(ctx, p.at()); err != nil {
			return nil, err
		}
		if why == "" && (p.Spot.Born != 0 || s.settings.Scan == "") {
			return p, nil
		}
		if why == "" { // another log, begun anew twice, may have the same place: only who has read it knows it again
			return s.heal(ctx, o, accept, p, unread)
		}
	}
	if why == unread {
		return s.heal(ctx, o, accept, p, why)
	}
	s.gap(why)
	if s.settings.Scan == "" {
		return nil, s.person(why, "orders completed since "+p.Watermark.Format(time.RFC3339)+" may be missing: give the query scan, which finds them. Until then nothing is read")
	}
	return s.heal(ctx, o, accept, p, why)
}

// unread is why orders are looked for where nothing was read of the log since its place was noted. It is no gap that is known of.
const unread = "the log was not read yet where it is to be read on"

// gap says why the log cannot be read on where it was left; "" where it can, as far as can be told before it is asked for.
// The log itself proves that it is the one that was read: where we stood in it the same transactions have been.
func (o *orders) gap(ctx context.Context, at place) (string, error) {
	var state string
	if err := o.db.QueryRowContext(ctx, "SELECT @@GLOBAL.gtid_binlog_pos").Scan(&state); err != nil {
		return "", fmt.Errorf("asking for the log's position: %w", err)
	}
	now, err := parsePosition(state)
	if err != nil {
		return "", err
	}
	if at.pos.behind(now) < 0 {
		return fmt.Sprintf("the server's log ends at %q, and was read up to %q: it was begun anew, or an older state of it was restored", now, at.pos), nil
	}
	oldest, newest, there, err := o.files(ctx, at.File)
	if err != nil {
		return "", err
	}
	look := at.spot
	switch {
	case oldest == "" || number(newest) < number(at.File):
		return "the server's log was begun anew: it has no file " + at.File + " yet", nil
	case !there: // thrown away, which matters only if there was more in it
		look = spot{File: oldest, At: 4}
	}
	var pos sql.NullString
	if err := o.db.QueryRowContext(ctx, "SELECT BINLOG_GTID_POS(?, ?)", look.File, look.At).Scan(&pos); err != nil {
		return "", fmt.Errorf("asking for the log's position: %w", err)
	}
	was, err := parsePosition(pos.String)
	switch {
	case err != nil:
		return "", err
	case pos.Valid && maps.Equal(was, at.pos):
		return "", nil
	case !there:
		return "the server has thrown away the log from where it was left (file " + at.File + ")", nil
	}
	return fmt.Sprintf("the server's log is another than the one that was read: at %s %d it has %q, and not %q", at.File, at.At, pos.String, at.pos), nil
}

// files gives the first and the last file of the log, and whether one is there.
func (o *orders) files(ctx context.Context, name string) (oldest, newest string, there bool, err error) {
	rows, err := o.db.QueryContext(ctx, "SHOW BINARY LOGS")
	if err != nil {
		return "", "", false, fmt.Errorf("asking for the log's files: %w%s", err, hint(err))
	}
	defer func() { _ = rows.Close() }() // Err says what was wrong
	for rows.Next() {
		var size int64
		if err := rows.Scan(&newest, &size); err != nil {
			return "", "", false, fmt.Errorf("asking for the log's files: %w", err)
		}
		if oldest == "" {
			oldest = newest
		}
		there = there || newest == name
	}
	if err := rows.Err(); err != nil {
		return "", "", false, fmt.Errorf("asking for the log's files: %w", err)
	}
	return oldest, newest, there, nil
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
func (s *Source) first(ctx context.Context, o *orders) (*page, error) {
	at, err := o.now(ctx)
	if err != nil {
		return nil, err
	}
	s.log.Info("orders completed from now on are read, and none that were before", "at", at.pos.String())
	p := &page{Position: at.pos.String(), Spot: at.spot, Watermark: at.when, Began: at.when}
	return p, s.writePage(ctx, p)
}

// heal fills a gap: the scan looks at one moment of the database, of which the server says where in its log it is, and from
// there on it is read. Whatever ends it in between, it begins anew.
func (s *Source) heal(ctx context.Context, o *orders, accept source.Accept, p *page, why string) (*page, error) {
	p.heal(why, s.settings.ScanMargin.D())
	if why == unread {
		s.is(source.Starting, why+"; orders are being looked for")
		s.log.Info("orders are looked for, since "+why, "since", *p.Healing)
	} else {
		s.is(source.Gap, why+"; orders are being looked for")
		s.log.Error("GAP: the log cannot be read on where it was left; orders are looked for by the scan, and then it is read on", "why", why, "since", *p.Healing)
	}
	if err := s.writePage(ctx, p); err != nil {
		return nil, err
	}
	r := table.NewReading(ctx, s.counted(accept), false, func(place) {})
	n, told := 0, time.Now()
	at, err := o.scan(r.Context(), *p.Healing, func(list []found) error {
		if n += len(list); time.Since(told) > 10*time.Second {
			told = time.Now()
			s.log.Info("orders are looked for", "so_far", n)
			s.is(source.Gap, fmt.Sprintf("orders are being looked for: %d so far", n))
		}
		return r.Put(o.job(nil, list))
	})
	if err := r.End(err, true); err != nil {
		return nil, fmt.Errorf("looking for what a gap has hidden: %w", err)
	}
	next := &page{Position: at.pos.String(), Spot: at.spot, Watermark: at.when, Began: p.Began}
	if err := s.writePage(ctx, next); err != nil {
		return nil, err
	}
	s.said = ""
	s.log.Info("the gap is healed, and the log is read on", "orders", n, "at", next.Position)
	return next, nil
}

package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing/source"
)

// Source is a shop's database whose log is read.
type Source struct {
	settings Settings
	address  address
	watches  []watch
	id       uint32
	log      *slog.Logger
	book     source.Book // nil: only memory
	memory   *page

	status atomic.Pointer[source.Status]
	gaps   atomic.Int64
	event  atomic.Int64 // when one was last accepted, in nanoseconds
	stream atomic.Pointer[stream]
	said   string // of a gap that a person must end
}

var noStatus = source.Status{State: source.Starting, Lag: -1, Behind: -1}

// Keep is source.Keeper's.
func (s *Source) Keep(b source.Book) { s.book = b }

// Status is source.Reporter's.
func (s *Source) Status() source.Status {
	st := *s.status.Load()
	if x := s.stream.Load(); x != nil && st.State == source.Reading {
		x.report(&st)
	}
	st.Gaps = s.gaps.Load()
	if at := s.event.Load(); at != 0 {
		st.LastEvent = time.Unix(0, at)
	}
	return st
}

func (s *Source) is(state source.State, detail string) {
	st := noStatus
	st.State, st.Detail = state, detail
	s.status.Store(&st)
}

// How long a source that another daemon reads, or that waits for a person, is left alone.
const (
	standbyWait = 3 * time.Second
	gapWait     = 15 * time.Second
)

// Run is source.Source's.
func (s *Source) Run(ctx context.Context, accept source.Accept) error {
	s.is(source.Starting, "")
	err := s.run(ctx, accept)
	s.stream.Store(nil)
	if ctx.Err() != nil {
		return nil
	}
	if err != nil {
		s.is(source.Failing, err.Error())
	}
	return err
}

func (s *Source) run(ctx context.Context, accept source.Accept) error {
	db, err := s.address.open()
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // what it did is done
	o := newOrders(&s.settings, s.watches, db)
	if err := o.prepare(ctx); err != nil {
		return err
	}
	for {
		again, err := s.turn(ctx, o, accept)
		if err != nil || ctx.Err() != nil {
			return err
		}
		t := time.NewTimer(again)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return nil
		}
	}
}

// turn reads until something ends it, or says when it is to be tried again.
func (s *Source) turn(ctx context.Context, o *orders, accept source.Accept) (again time.Duration, err error) {
	lock, err := o.db.Conn(ctx)
	if err != nil {
		return 0, fmt.Errorf("connecting to the shop's database: %w%s", err, hint(err))
	}
	defer func() { _ = lock.Close() }() // the pool's end releases the lock, if this did not
	var mine sql.NullInt64
	name := fmt.Sprintf("waxwing_%d", s.id)
	if err := lock.QueryRowContext(ctx, "SELECT GET_LOCK(?, 0)", name).Scan(&mine); err != nil {
		return 0, fmt.Errorf("locking the source: %w", err)
	}
	if mine.Int64 != 1 {
		s.is(source.Standby, fmt.Sprintf("another daemon reads as server_id %d", s.id))
		return standbyWait, nil
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), finishFor)
		defer cancel()
		_, _ = lock.ExecContext(ctx, "DO RELEASE_LOCK(?)", name) // else with the connection
	}()
	sv, err := look(ctx, o.db)
	if err != nil {
		return 0, err
	}
	if err := o.fits(ctx, sv); err != nil {
		return 0, err
	}
	p, err := s.begin(ctx, o, accept)
	switch {
	case errors.Is(err, errPerson):
		return gapWait, nil
	case err != nil:
		return 0, err
	}
	err = s.follow(ctx, &stream{orders: o, lock: lock, server: sv, page: *p}, accept)
	if why := gapIn(err); why != "" && ctx.Err() == nil {
		return time.Second, s.lost(ctx, why)
	}
	return 0, err
}

// gapIn says why the log cannot be read on, if that is what an error says.
func gapIn(err error) string {
	var g *gapError
	var u *undecidedError
	switch {
	case errors.As(err, &g):
		return g.why
	case errors.As(err, &u):
		return u.why
	case code(err) == 1236 && !strings.Contains(err.Error(), "max_allowed_packet"):
		return "the server cannot give the log from where it was left (" + strings.TrimSpace(err.Error()) + ")"
	}
	return ""
}

// lost notes that orders are to be looked for; the next turn does.
func (s *Source) lost(ctx context.Context, why string) error {
	p, err := s.readPage(ctx)
	if err != nil || p == nil {
		return errors.Join(errors.New(why), err)
	}
	p.heal(why, s.settings.ScanMargin.D())
	return s.writePage(ctx, p)
}

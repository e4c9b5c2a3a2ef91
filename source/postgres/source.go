package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/waxwinghq/waxwing/source"
)

var errDSN = errors.New("it cannot be read (it is not shown, since it may hold a password): write postgres://user:password@host/database")

// Source is a shop's database whose log is read.
type Source struct {
	settings Settings
	watches  []watch
	name     string
	log      *slog.Logger
	book     source.Book // nil: nothing is remembered

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
	pool, err := openPool(ctx, &s.settings)
	if err != nil {
		return err
	}
	defer pool.Close()
	o := newOrders(&s.settings, s.watches, pool)
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
	l, err := connect(ctx, &s.settings)
	if err != nil {
		return 0, err
	}
	defer l.close()
	mine, err := l.lock(ctx)
	if err != nil {
		return 0, err
	}
	if !mine {
		s.is(source.Standby, "another daemon reads the slot "+s.settings.Slot)
		return standbyWait, nil
	}
	why, err := unpublished(ctx, o.pool, s.settings.Publication, s.watches)
	if err != nil {
		return 0, err
	}
	if why != "" {
		return 0, s.unpublished(ctx, &unpublishedError{why})
	}
	p, err := s.begin(ctx, l, o, accept)
	switch {
	case errors.Is(err, errPerson):
		return gapWait, nil
	case inUse(err):
		s.is(source.Standby, "the slot "+s.settings.Slot+" is in use by somebody else")
		return standbyWait, nil
	case err != nil:
		return 0, err
	}
	err = s.follow(ctx, l, o, accept, p)
	if inUse(err) {
		s.is(source.Standby, "the slot "+s.settings.Slot+" is in use by somebody else")
		return standbyWait, nil
	}
	var u *undecidedError
	if errors.As(err, &u) {
		return 0, s.undecided(ctx, o, u)
	}
	var n *unpublishedError
	if errors.As(err, &n) {
		return 0, s.unpublished(ctx, n)
	}
	return 0, err
}

// unpublishedError says that the log does not have what is watched.
type unpublishedError struct{ why string }

// Error says it, with the remedy.
func (e *unpublishedError) Error() string {
	return e.why + ", so that the log does not have its orders: run waxwing source setup"
}

// unpublished: what was written meanwhile is in no log that can be read, and is looked for by the scan once the publication is right.
func (s *Source) unpublished(ctx context.Context, n *unpublishedError) error {
	p, err := s.readPage(ctx)
	if err != nil || p == nil {
		return errors.Join(n, err)
	}
	if p.Healing == nil {
		s.gap(n.why)
	}
	p.heal(n.why, s.settings.ScanMargin.D())
	return errors.Join(n, s.writePage(ctx, p))
}

// undecided: what the log does not say is looked for by the scan, once the table's identity holds it from now on.
func (s *Source) undecided(ctx context.Context, o *orders, u *undecidedError) error {
	if s.settings.Scan == "" {
		return fmt.Errorf("%w; what was logged before stays undecided: give the query scan as well, which finds it", u)
	}
	for _, w := range s.watches {
		if w.table != u.table {
			continue
		}
		missing, err := unidentified(ctx, o.pool, w)
		if err != nil {
			return fmt.Errorf("looking at the replica identity of %s: %w", u.table, err)
		}
		if len(missing) > 0 {
			return u
		}
	}
	p, err := s.readPage(ctx)
	if err != nil || p == nil {
		return errors.Join(u, err)
	}
	if err := o.pool.QueryRow(ctx, "select pg_current_wal_lsn()::text").Scan(&p.Passed); err != nil {
		return fmt.Errorf("asking for the log's end: %w", err)
	}
	p.heal("updates were logged without old values", s.settings.ScanMargin.D())
	if err := s.writePage(ctx, p); err != nil {
		return err
	}
	return fmt.Errorf("%w (done by now; what was logged before it is looked for by the scan)", u)
}

func openPool(ctx context.Context, s *Settings) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig(s.DSN.Reveal())
	if err != nil {
		return nil, errDSN
	}
	c.MaxConns, c.MinConns, c.MaxConnIdleTime = poolSize, 0, time.Minute
	params(c.ConnConfig.RuntimeParams)
	c.ConnConfig.ConnectTimeout = connectFor
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("connecting to the shop's database: %w", err)
	}
	return pool, nil
}

const (
	poolSize   = 8
	connectFor = 5 * time.Second
)

// params has values written the same everywhere.
func params(p map[string]string) {
	p["timezone"], p["datestyle"], p["intervalstyle"], p["bytea_output"], p["extra_float_digits"] = "UTC", "ISO", "postgres", "hex", "1"
	p["statement_timeout"], p["lock_timeout"], p["idle_in_transaction_session_timeout"] = "0", "0", "0" // all of ours end by themselves
	if p["application_name"] == "" {
		p["application_name"] = "waxwing"
	}
}

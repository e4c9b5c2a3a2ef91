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
	if err := sv.fit(); err != nil {
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

// server is how it is set up.
type server struct {
	version, format, image, metadata, log string
	charsets                              map[uint64]string
	ahead                                 time.Duration // its clock before ours
}

func look(ctx context.Context, db *sql.DB) (*server, error) {
	sv := &server{charsets: map[uint64]string{}}
	var us int64
	err := db.QueryRowContext(ctx, `SELECT VERSION(), @@GLOBAL.binlog_format, @@GLOBAL.binlog_row_image, @@GLOBAL.log_bin, CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS UNSIGNED)`).Scan(&sv.version, &sv.format, &sv.image, &sv.log, &us)
	if err != nil {
		return nil, fmt.Errorf("looking at the server's settings: %w", err)
	}
	sv.ahead = time.Until(time.UnixMicro(us))
	if !strings.Contains(strings.ToLower(sv.version), "mariadb") || before(sv.version, 10, 5) {
		return sv, nil
	}
	if err := db.QueryRowContext(ctx, "SELECT @@GLOBAL.binlog_row_metadata").Scan(&sv.metadata); err != nil {
		return nil, fmt.Errorf("looking at the server's settings: %w", err)
	}
	query := "SELECT id, character_set_name FROM information_schema.collation_character_set_applicability WHERE id IS NOT NULL"
	if before(sv.version, 10, 10) {
		query = "SELECT id, character_set_name FROM information_schema.collations WHERE id IS NOT NULL"
	}
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("asking for the server's collations: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err says what was wrong
	for rows.Next() {
		var id uint64
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			return nil, fmt.Errorf("asking for the server's collations: %w", err)
		}
		sv.charsets[id] = name
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("asking for the server's collations: %w", err)
	}
	return sv, nil
}

// fit says what keeps its log from being read.
func (sv *server) fit() error {
	switch {
	case !strings.Contains(strings.ToLower(sv.version), "mariadb"):
		return fmt.Errorf("the server is no MariaDB but %s, whose log cannot be read yet: let the application fill an outbox, or ask by `waxwing reconcile`", sv.version)
	case before(sv.version, 10, 5):
		return fmt.Errorf("MariaDB %s does not name columns in its log: 10.5 or newer is needed", sv.version)
	case sv.log != "1":
		return errors.New("the server writes no log: start it with log_bin, binlog_format=ROW and binlog_row_metadata=FULL")
	case sv.format != "ROW":
		return fmt.Errorf("binlog_format is %s: SET GLOBAL binlog_format = 'ROW', and have the shop connect anew", sv.format)
	case sv.image != "FULL":
		return fmt.Errorf("binlog_row_image is %s: SET GLOBAL binlog_row_image = 'FULL', and have the shop connect anew", sv.image)
	case sv.metadata != "FULL":
		return fmt.Errorf("binlog_row_metadata is %s: SET GLOBAL binlog_row_metadata = 'FULL'", sv.metadata)
	}
	return nil
}

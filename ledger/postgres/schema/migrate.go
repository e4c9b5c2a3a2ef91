package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	goosedb "github.com/pressly/goose/v3/database"

	"github.com/waxwinghq/waxwing/ledger/layout"
)

// one is the advisory lock of whoever changes the tables: "waxw".
const one = 0x77617877

// A statement that changes a table waits for all who use it, and whoever comes behind it waits,
// too: writers would stand still for as long as somebody reads. So it waits for tableWait at
// most, lets all go on for a while, and comes again, until patience is over.
const (
	tableWait = 250 * time.Millisecond
	// idleWait ends a step whose program stands still while it has a table.
	idleWait  = 5 * time.Second
	firstRest = time.Second
	mostRest  = 5 * time.Second
	patience  = time.Minute
	// A contraction can wait, and a start should not: it is left for later after briefly. Nor does it hold the
	// instances' table from who lives for longer than that.
	briefly = 3 * time.Second
)

// Outcome is what came of a migration.
type Outcome struct {
	// From and To are the layout before and after.
	From, To int64
	// Waits says why a contraction was left for later; empty: none was.
	Waits string
}

// Migrate brings a database to this program's layout. Of several daemons that start at once one does
// it, and the others wait. A contraction that living instances do not know is left for later, or an error
// where all is asked for. It does nothing to a database that is newer, and that this program suits.
func Migrate(ctx context.Context, c *pgx.ConnConfig, log *slog.Logger, all bool) (Outcome, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return present.migrate(ctx, c, log, all)
}

func (p program) migrate(ctx context.Context, c *pgx.ConnConfig, log *slog.Logger, all bool) (o Outcome, err error) {
	db := stdlib.OpenDB(*c)
	defer func() { _ = db.Close() }()
	s, err := Of(ctx, db)
	o.From, o.To = s.Layout, s.Layout
	if err == nil && s.Layout >= p.layout { // and no lock, which a newer program may hold for long
		err = p.suits(s)
		return o, err
	}
	if err != nil {
		return o, err
	}
	lock, err := p.alone(ctx, db, log)
	if err != nil {
		return o, err
	}
	if lock == nil { // somebody else was faster
		s, err = Of(ctx, db)
		o.From, o.To = s.Layout, s.Layout
		if err == nil {
			err = p.suits(s)
		}
		return o, err
	}
	defer func() { _ = lock.Rollback() }() // it wrote nothing
	if s, err = Of(ctx, db); err != nil {
		return o, err
	}
	o.From, o.To = s.Layout, s.Layout
	lacks, err := layout.After(p.files, s.Layout)
	if err != nil {
		return o, err
	}
	x := &run{db: db, log: log, all: all}
	if x.goose, err = x.provider(p); err != nil {
		return o, err
	}
	for i, m := range lacks {
		x.last = onlyContract(lacks[i:])
		var older *olderError
		switch err := x.apply(ctx, m); {
		case err == nil:
			o.To = m.Number
		case errors.As(err, &older) && !all && onlyContract(lacks[i:]):
			o.Waits = older.Error()
			return o, nil
		case !all && onlyContract(lacks[i:]) && canWait(err):
			o.Waits = fmt.Sprintf("migration %d takes away what no program needs any more, and was not done (%s): run waxwing ledger migrate as the owner of the tables, when nobody uses them for long", m.Number, err)
			return o, nil
		default:
			return o, fmt.Errorf("bring the tables from layout %d to %d: %w", o.To, p.layout, err)
		}
	}
	if len(lacks) == 0 { // somebody else was faster
		err = p.suits(s)
	}
	return o, err
}

// lockEvery is how often a start looks whether another one has brought the tables along.
const lockEvery = 500 * time.Millisecond

// alone takes the lock of whoever changes the tables, of a transaction and not of the session, so that it holds behind a
// pooler, too. Who waits for it holds no connection, which a pooler would lend to nobody else
// meanwhile: hundreds may start at once. Nil: another one has brought the tables to where this program wants them.
func (p program) alone(ctx context.Context, db *sql.DB, log *slog.Logger) (*sql.Tx, error) {
	tick := time.NewTicker(lockEvery)
	defer tick.Stop()
	for tries := 0; ; tries++ {
		lock, err := db.BeginTx(ctx, nil)
		if err != nil {
			return nil, err
		}
		var got bool
		// The server ends it where this program stands still for long, or is gone and nobody says so.
		err = lock.QueryRowContext(ctx, "SELECT pg_try_advisory_xact_lock("+strconv.Itoa(one)+"), set_config('idle_in_transaction_session_timeout', '1800000', true)").Scan(&got, new(string))
		if err == nil && got {
			return lock, nil
		}
		_ = lock.Rollback() // it wrote nothing
		if err != nil {
			return nil, err
		}
		if tries == 0 && log != nil {
			log.Info("another program brings the ledger's tables along; waiting for it")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		s, err := Of(ctx, db)
		if err != nil || s.Layout >= p.layout {
			return nil, err
		}
	}
}

// onlyContract says that a program can work without these.
func onlyContract(lacks []layout.Migration) bool {
	for _, m := range lacks {
		if m.Kind != layout.Contract {
			return false
		}
	}
	return true
}

// canWait says that a migration failed for what may be otherwise another time, or for another user: others use its
// tables, it took too long, or it is not allowed to this one.
func canWait(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "55P03" || e.Code == "40P01" || e.Code == "57014" || e.Code == "42501")
}

// olderError says which instances keep a contraction waiting.
type olderError struct {
	number int64
	who    string
}

func (e *olderError) Error() string {
	return fmt.Sprintf("migration %d takes away what older programs need, and these instances live and do not know it: %s. End them, or start them anew with the newer program, "+
		"and run waxwing ledger migrate then; one that was killed counts for some seconds more", e.number, e.who)
}

// run is a database that is brought to a layout.
type run struct {
	db    *sql.DB
	goose *goose.Provider
	log   *slog.Logger
	all   bool // nothing may be left for later
	last  bool // nothing but contractions is left to do
}

// brief says that a migration is left for later where it cannot be done soon.
func (x *run) brief(m layout.Migration) bool { return !x.all && x.last && m.Kind == layout.Contract }

func (x *run) provider(p program) (*goose.Provider, error) {
	all, err := layout.After(p.files, 0)
	if err != nil {
		return nil, err
	}
	store, err := goosedb.NewStore(goosedb.DialectPostgres, table)
	if err != nil {
		return nil, err
	}
	var steps []*goose.Migration
	for _, m := range all {
		steps = append(steps, goose.NewGoMigration(m.Number, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error { return x.step(ctx, tx, m) }}, nil))
	}
	return goose.NewProvider(goose.DialectCustom, x.db, nil, goose.WithStore(store), goose.WithDisableGlobalRegistry(true), goose.WithGoMigrations(steps...))
}

// step runs a migration in the transaction that keeps its number.
func (x *run) step(ctx context.Context, tx *sql.Tx, m layout.Migration) error {
	most := time.Duration(0) // what time it needs
	if x.brief(m) {
		most = briefly
	}
	if _, err := tx.ExecContext(ctx, fmt.Sprintf("SELECT set_config('lock_timeout', '%d', true), set_config('statement_timeout', '%d', true), "+
		"set_config('idle_in_transaction_session_timeout', '%d', true)", tableWait.Milliseconds(), most.Milliseconds(), idleWait.Milliseconds())); err != nil {
		return err
	}
	if m.Kind != layout.Expand && m.Number > 1 { // the first one makes the instances' table
		// No instance begins or goes on until this is committed, and then a trigger refuses older ones.
		if _, err := tx.ExecContext(ctx, "LOCK TABLE instances IN SHARE ROW EXCLUSIVE MODE"); err != nil {
			return err
		}
		who, err := older(ctx, tx, m.Number)
		if err != nil {
			return err
		}
		if who != "" {
			return &olderError{m.Number, who}
		}
	}
	if _, err := tx.ExecContext(ctx, m.SQL); err != nil {
		return err
	}
	if m.Kind != layout.Contract {
		return nil
	}
	_, err := tx.ExecContext(ctx, "INSERT INTO meta (k, v) VALUES ($1, convert_to($2, 'UTF8')) ON CONFLICT (k) DO UPDATE SET v = excluded.v", MetaLeast, strconv.FormatInt(m.Number, 10))
	return err
}

// older names the instances that live, and do not know a migration; empty: there are none.
func older(ctx context.Context, tx *sql.Tx, number int64) (who string, err error) {
	const alive = "stopped = 0 AND lease > (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
	q := "SELECT coalesce(string_agg(id::text, ', ' ORDER BY id), '') FROM instances WHERE " + alive
	if number > Marked {
		q = fmt.Sprintf("SELECT coalesce(string_agg(format('%%s (layout %%s)', id, layout), ', ' ORDER BY id), '') FROM instances WHERE %s AND layout < %d", alive, number)
	}
	return who, tx.QueryRowContext(ctx, q).Scan(&who)
}

// apply runs a migration, and again where others use its tables.
func (x *run) apply(ctx context.Context, m layout.Migration) error {
	began, rest, limit := time.Now(), firstRest, patience
	if x.brief(m) {
		limit = briefly
	}
	for {
		_, err := x.goose.ApplyVersion(ctx, m.Number, true)
		var e *pgconn.PgError
		if err == nil || !errors.As(err, &e) || e.Code != "55P03" && e.Code != "40P01" {
			return err
		}
		who := x.holders(ctx, m)
		if time.Since(began) > limit {
			return fmt.Errorf("others hold its tables for longer than %s (%s): end them, or try again later: %w", limit, who, err)
		}
		x.log.Warn("a migration waits for its tables: others use them, and nobody is kept waiting for it", "migration", m.Name, "held_by", who, "again_in", rest)
		select {
		case <-time.After(rest):
		case <-ctx.Done():
			return ctx.Err()
		}
		rest = min(2*rest, mostRest)
	}
}

// holders names who uses a migration's tables, and is no daemon.
func (x *run) holders(ctx context.Context, m layout.Migration) (who string) {
	var tables []string
	for _, h := range m.Holds {
		tables = append(tables, "'"+h.Table+"'")
	}
	if len(tables) == 0 {
		return "unknown"
	}
	err := x.db.QueryRowContext(ctx, `SELECT coalesce(string_agg(DISTINCT 'process ' || a.pid || coalesce(' ' || nullif(a.application_name, ''), ''), ', '), 'daemons at work')
		FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
		WHERE l.granted AND l.relation::regclass::text IN (`+strings.Join(tables, ", ")+`) AND a.application_name <> 'waxwing' AND a.datname = current_database()`).Scan(&who)
	if err != nil {
		return "unknown"
	}
	return who
}

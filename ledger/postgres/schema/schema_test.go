package schema

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waxwinghq/waxwing/ledger/layout"
	"github.com/waxwinghq/waxwing/ledger/postgres/postgrestest"
)

var (
	shared     *postgrestest.Server
	sharedErr  error
	sharedOnce sync.Once
)

func TestMain(m *testing.M) {
	code := m.Run()
	if shared != nil {
		shared.Remove()
	}
	os.Exit(code)
}

// base is a database that programs of several layouts have.
type base struct {
	t    *testing.T
	conf *pgx.ConnConfig
	c    *pgx.Conn
}

func newBase(t *testing.T) *base {
	t.Helper()
	postgrestest.Wanted(t)
	sharedOnce.Do(func() { shared, sharedErr = postgrestest.New() })
	if sharedErr != nil {
		postgrestest.Needed(t, sharedErr)
	}
	conf, err := pgx.ParseConfig(shared.Database(t).Reveal())
	if err != nil {
		t.Fatal(err)
	}
	b := &base{t: t, conf: conf}
	b.c = b.connect()
	return b
}

func (b *base) connect() *pgx.Conn {
	b.t.Helper()
	c, err := pgx.ConnectConfig(b.t.Context(), b.conf)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = c.Close(context.WithoutCancel(b.t.Context())) })
	return c
}

func (b *base) exec(q string) {
	b.t.Helper()
	if _, err := b.c.Exec(b.t.Context(), q); err != nil {
		b.t.Fatal(err)
	}
}

// fails runs what must be refused in these words.
func (b *base) fails(q, want string) {
	b.t.Helper()
	if _, err := b.c.Exec(b.t.Context(), q); err == nil || !strings.Contains(err.Error(), want) {
		b.t.Errorf("%s: %v, want %q", q, err, want)
	}
}

// migrate has a program begin, or all of its migrations run. It wants an error with these words, or none.
func (b *base) migrate(p program, all bool, want string) Outcome {
	b.t.Helper()
	o, err := p.migrate(b.t.Context(), b.conf, slog.New(slog.DiscardHandler), all)
	if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
		b.t.Errorf("a program of layout %d: %v, want %q", p.layout, err, want)
	}
	return o
}

// with is a program to come, with further migrations.
func (p program) with(texts ...string) program {
	files := fstest.MapFS{}
	for _, m := range must(layout.After(p.files, 0)) {
		files["migrations/"+m.Name] = &fstest.MapFile{Data: []byte(m.SQL)}
	}
	for _, text := range texts {
		p.layout++
		files[fmt.Sprintf("migrations/%05d_later.sql", p.layout)] = &fstest.MapFile{Data: []byte(text)}
	}
	p.files = files
	return p
}

// before is one from before.
func (p program) before(layout int64) program {
	files := maps.Clone(p.with().files.(fstest.MapFS))
	maps.DeleteFunc(files, func(name string, _ *fstest.MapFile) bool {
		return name > fmt.Sprintf("migrations/%05d_~", layout)
	})
	return program{files, layout}
}

func must[T any](x T, err error) T {
	if err != nil {
		panic(err)
	}
	return x
}

const (
	expand   = "-- waxwing: expand\n-- waxwing: holds instances from reads and writes\nALTER TABLE instances ADD COLUMN colour text NOT NULL DEFAULT 'red'"
	contract = "-- waxwing: contract\n-- waxwing: holds trail from reads and writes\nALTER TABLE trail DROP COLUMN head"
)

// instance is a row of one that lives, of a program of a layout.
func instance(id, layout int) string {
	return fmt.Sprintf("INSERT INTO instances (id, epoch, started, stopped, lease, layout) VALUES (%d, 1, 1, 0, 99999999999999, %d)", id, layout)
}

// TestMigrationsSayWhatTheyAre: each is numbered, and each from Marked on is an expansion or a contraction, and
// says what it holds.
func TestMigrationsSayWhatTheyAre(t *testing.T) {
	all, err := layout.After(migrations, 0)
	if err != nil {
		t.Fatal(err)
	}
	names, _ := fs.Glob(migrations, "migrations/*")
	if int64(len(all)) != Layout || len(names) != len(all) {
		t.Errorf("%d migrations, %d files, and layout %d", len(all), len(names), Layout)
	}
	for i, m := range all {
		if m.Number != int64(i+1) {
			t.Errorf("%s is migration %d", m.Name, i+1)
		}
		if m.Number >= Marked && (m.Kind == layout.Unmarked || len(m.Holds) == 0) {
			t.Errorf("%s must say -- waxwing: expand or contract, and which tables it holds", m.Name)
		}
	}
}

// TestPostgresMigrationsHold: a migration holds what it says and nothing else, and writes no table anew.
func TestPostgresMigrationsHold(t *testing.T) {
	all := must(layout.After(migrations, Marked-1))
	for _, m := range all {
		b := newBase(t)
		b.migrate(present.before(m.Number-1), true, "")
		const files = "SELECT coalesce(string_agg(relname || ' ' || pg_relation_filenode(oid), ', ' ORDER BY relname), '') FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND oid < $1"
		var newest uint32
		var was, is string
		if err := b.c.QueryRow(t.Context(), "SELECT max(oid::bigint) + 1 FROM pg_class").Scan(&newest); err != nil {
			t.Fatal(err)
		}
		tx := must(b.c.Begin(t.Context()))
		if err := tx.QueryRow(t.Context(), files, newest).Scan(&was); err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Exec(t.Context(), m.SQL); err != nil {
			t.Fatal(err)
		}
		r := must(tx.Query(t.Context(), `SELECT l.relation::regclass::text || ' from ' || CASE WHEN bool_or(l.mode = 'AccessExclusiveLock') THEN 'reads and writes' ELSE 'writes' END
			FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE l.pid = pg_backend_pid() AND c.oid < $1 AND c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
			AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock') GROUP BY l.relation ORDER BY 1`, newest))
		got := must(pgx.CollectRows(r, pgx.RowTo[string]))
		var want []string
		for _, h := range m.Holds {
			want = append(want, h.Table+" from "+h.From)
		}
		if slices.Sort(want); !slices.Equal(got, want) {
			t.Errorf("%s says that it holds %q, and holds %q", m.Name, want, got)
		}
		if err := tx.QueryRow(t.Context(), files, newest).Scan(&is); err != nil || is != was {
			t.Errorf("%s writes a table anew: %v\n%s\n%s", m.Name, err, was, is)
		}
		_ = tx.Rollback(t.Context())
	}
}

// TestPostgresExpandAndContract: an expansion runs beside older programs, which go on and may be started; a contraction
// waits for their end, and keeps them out from then on, and whoever awakes.
func TestPostgresExpandAndContract(t *testing.T) {
	b := newBase(t)
	b.migrate(present, false, "")
	b.exec(instance(1, int(Layout)))
	next := present.with(expand)
	if o := b.migrate(next, false, ""); o.To != Layout+1 || o.Waits != "" {
		t.Errorf("the expansion: %+v", o)
	}
	for range 2 { // who rolls back finds a newer layout, and goes on
		if o := b.migrate(present, true, ""); o.To != Layout+1 {
			t.Errorf("the older program: %+v", o)
		}
	}
	b.exec(instance(2, int(Layout)))
	b.exec(instance(3, int(Layout+2)))

	last := present.with(expand, contract)
	if o := b.migrate(last, false, ""); o.To != Layout+1 || !strings.Contains(o.Waits, fmt.Sprintf("1 (layout %d), 2 (layout %[1]d)", Layout)) {
		t.Errorf("the contraction does not wait, or says not for whom: %+v", o)
	}
	if err := last.suits(State{Layout + 1, Marked - 1}); err != nil {
		t.Errorf("a program cannot work before its contraction: %v", err)
	}
	b.migrate(last, true, "these instances live and do not know it: 1")
	b.migrate(present.with(expand, contract, expand), false, "these instances live and do not know it: 1") // what it needs lies behind the contraction
	b.exec("UPDATE instances SET stopped = 5 WHERE id = 1")
	b.exec("UPDATE instances SET lease = 5 WHERE id = 2") // it sleeps, or was killed
	if o := b.migrate(last, false, ""); o.To != Layout+2 || o.Waits != "" {
		t.Errorf("the contraction: %+v", o)
	}
	const refused = "the ledger is for newer programs"
	b.fails("UPDATE instances SET lease = 99999999999999 WHERE id = 2", refused)
	b.fails(instance(4, int(Layout+1)), refused)
	b.fails("INSERT INTO instances (id, epoch, started, stopped, lease) VALUES (5, 1, 1, 0, 99999999999999)", refused)
	b.exec("UPDATE instances SET lease = 99999999999998 WHERE id = 3")
	b.exec("UPDATE instances SET stopped = 6, epoch = 2 WHERE id = 2") // others take it for dead
	b.migrate(next, false, "run the newer program")
	b.migrate(present, true, "run the newer program")
}

// TestPostgresContractionsCanWait: a start goes on where its contraction cannot be done just now, since others use the
// table, it takes too long, or the user may not; and says so. Asked for, it is an error.
func TestPostgresContractionsCanWait(t *testing.T) {
	b := newBase(t)
	b.migrate(present, false, "")
	waits := func(p program, why string) {
		t.Helper()
		if o := b.migrate(p, false, ""); o.To != Layout || !strings.Contains(o.Waits, why) || !strings.Contains(o.Waits, "run waxwing ledger migrate") {
			t.Errorf("%+v, want %q", o, why)
		}
	}
	const slow = "-- waxwing: contract\n-- waxwing: holds trail from reads and writes\nSELECT pg_sleep(3600)"
	waits(present.with(slow), "SQLSTATE 57014")
	reader := must(b.connect().Begin(t.Context()))
	if _, err := reader.Exec(t.Context(), "SELECT count(*) FROM trail"); err != nil {
		t.Fatal(err)
	}
	waits(present.with(contract), "SQLSTATE 55P03")
	if err := reader.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	const forbidden = "-- waxwing: contract\n-- waxwing: holds trail from reads and writes\nCREATE ROLE waxwing_may_not"
	waits(present.with(forbidden), "SQLSTATE 42501")
	b.migrate(present.with(forbidden), true, "SQLSTATE 42501")
	if o := b.migrate(present.with(contract), false, ""); o.To != Layout+1 || o.Waits != "" {
		t.Errorf("%+v", o)
	}
}

// TestPostgresOldestGoOn: whoever runs when the first expansion comes is of a program that tells no layout.
func TestPostgresOldestGoOn(t *testing.T) {
	b := newBase(t)
	b.migrate(present.before(Marked-1), false, "")
	const begins = "INSERT INTO instances (id, epoch, started, stopped, lease) VALUES (%d, 1, 1, 0, 99999999999999)"
	b.exec(fmt.Sprintf(begins, 1))
	if o := b.migrate(present, false, ""); o.From != Marked-1 || o.To != Layout {
		t.Errorf("%+v", o)
	}
	b.exec("UPDATE instances SET lease = 99999999999998 WHERE id = 1")
	b.exec(fmt.Sprintf(begins, 2))
	b.migrate(present.with(contract), true, "1 (layout 4), 2 (layout 4)")

	b = newBase(t)
	b.migrate(present.before(Marked-2), false, "")
	b.exec(fmt.Sprintf(begins, 7))
	b.migrate(present, false, "these instances live and do not know it: 7") // a migration before Marked is for nobody who runs
}

// waits tells of each line of a log.
type waits struct {
	slog.Handler
	lines chan string
}

// Handle passes a line on.
func (w waits) Handle(_ context.Context, r slog.Record) error {
	text := r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	w.lines <- text
	return nil
}

// TestPostgresNobodyWaits: a table that somebody reads for long is changed when he has ended, and until then those who
// write it go on.
func TestPostgresNobodyWaits(t *testing.T) {
	b := newBase(t)
	b.migrate(present, false, "")
	b.exec(instance(1, int(Layout)))
	reader := must(b.connect().Begin(t.Context()))
	if _, err := reader.Exec(t.Context(), "SET application_name = 'pg_dump'; SELECT count(*) FROM instances"); err != nil {
		t.Fatal(err)
	}
	log, done := waits{slog.DiscardHandler, make(chan string, 100)}, make(chan error, 1)
	go func() {
		_, err := present.with(expand).migrate(t.Context(), b.conf, slog.New(on{log}), false)
		done <- err
	}()
	var longest time.Duration
	for said := 0; said < 3; {
		began := time.Now()
		b.exec("UPDATE instances SET mark = mark + 1 WHERE id = 1")
		longest = max(longest, time.Since(began))
		select {
		case line := <-log.lines:
			if said++; !strings.Contains(line, "pg_dump") {
				t.Errorf("it does not say who is in the way: %s", line)
			}
		case err := <-done:
			t.Fatal("it is over while somebody reads: ", err)
		default:
		}
	}
	if longest > 2*tableWait+time.Second/2 {
		t.Errorf("a writer was kept waiting for %s", longest)
	}
	if err := reader.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	b.exec("UPDATE instances SET colour = 'blue'")
	t.Logf("while somebody read for three tries the longest write took %s", longest.Round(time.Millisecond))
}

// on has a handler take all lines.
type on struct{ waits }

// Enabled says so.
func (on) Enabled(context.Context, slog.Level) bool { return true }

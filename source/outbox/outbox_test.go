package outbox

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue/queuetest"
	"github.com/waxwinghq/waxwing/pipeline/queue/sql"
	"github.com/waxwinghq/waxwing/shop/generic"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/sourcetest"
)

// servers are the databases that it stands on.
var servers = []struct {
	name string
	make func(t *testing.T, naive bool) *queuetest.Server
}{{"postgres", queuetest.Postgres}, {"mariadb", queuetest.MariaDB}}

func TestMain(m *testing.M) {
	sourcetest.Child(func(text string) (source.Source, error) {
		var s Settings
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			return nil, err
		}
		x, err := s.Open("outbox", nil)
		return x, err
	}, key)
	os.Exit(m.Run())
}

// key reads an order as a shop of the format generic does.
func key(topic string, raw []byte) (string, error) {
	k, err := generic.Format.Key(topic, raw)
	return k.OrderID, err
}

// table is an outbox of a test's.
type table struct {
	Settings
	db *stdsql.DB
}

func newTable(t *testing.T, url, topic string, change ...func(*Settings)) *table {
	t.Helper()
	o := &table{Settings: Settings{URL: config.Secret(url), Topic: topic, Tenant: "acme", Shop: "web"}}
	config.Fill(&o.Settings)
	o.Poll = config.Duration(50 * time.Millisecond)
	for _, c := range change {
		c(&o.Settings)
	}
	if err := o.Setup(t.Context(), "outbox", false, t.Output()); err != nil {
		t.Fatal(err)
	}
	db, err := sql.Connect(o.URL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	o.db = db
	return o
}

// insert is the bare SQL of docs/sources.md, with its marks.
func (o *table) insert() string {
	d, _ := o.dialect()
	if d.postgres {
		return fmt.Sprintf(`INSERT INTO "watermill_%s" (uuid, payload, metadata, transaction_id) VALUES ($1, $2, '{}', pg_current_xact_id())`, o.Topic)
	}
	return fmt.Sprintf("INSERT INTO `watermill_%s` (uuid, payload, metadata) VALUES (?, ?, '{}')", o.Topic)
}

// Place is sourcetest.Shop's.
func (o *table) Place(t *testing.T, names []string) {
	t.Helper()
	for _, n := range names {
		if _, err := o.db.ExecContext(t.Context(), o.insert(), watermill.NewUUID(), order(n)); err != nil {
			t.Fatal(err)
		}
	}
}

func order(id string) string {
	return `{"shop":"web","id":"` + id + `","items":[],"total":"1.00"}`
}

// Open is sourcetest.Shop's.
func (o *table) Open(t *testing.T) source.Source {
	t.Helper()
	x, err := o.Settings.Open("outbox", nil)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func (o *table) left(ctx context.Context) (n int64, err error) {
	d, err := o.dialect()
	if err != nil {
		return 0, err
	}
	q, args := d.count()
	return n, o.db.QueryRowContext(ctx, q, args...).Scan(&n)
}

// Taken is sourcetest.Shop's.
func (o *table) Taken(t *testing.T) bool {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); <-time.After(10 * time.Millisecond) {
		if n, err := o.left(t.Context()); err != nil {
			t.Fatal(err)
		} else if n == 0 {
			return true
		}
	}
	return false
}

func TestConforms(t *testing.T) {
	for _, x := range servers {
		for _, after := range []string{"delete", "keep"} {
			t.Run(x.name+"/"+after, func(t *testing.T) {
				s := x.make(t, true)
				n := 0
				sourcetest.Conform(t, func(t *testing.T) sourcetest.Shop {
					n++
					return newTable(t, s.URL, fmt.Sprintf("orders%d", n), func(s *Settings) { s.After = after })
				})
			})
		}
	}
}

// TestTorture: acceptance 3.
func TestTorture(t *testing.T) {
	for _, x := range servers {
		t.Run(x.name, func(t *testing.T) {
			s := x.make(t, false)
			o := newTable(t, s.URL, "orders")
			ask(t, o, "ALTER TABLE "+must(o.dialect()).table+retype(o)) // as a careless application may have it: with payloads that are no JSON
			trial := sourcetest.Trial{Orders: 1000, Kills: 6, Ends: 2, Body: order, Left: o.left, End: func() { s.Kill(); s.Start() },
				Publish: func(ctx context.Context, body string) error {
					_, err := o.db.ExecContext(ctx, o.insert(), watermill.NewUUID(), []byte(body))
					return err
				}}
			if sourcetest.Full() {
				trial.Orders, trial.Kills, trial.Ends = 20_000, 30, 10
			}
			settings := o.Settings
			text, err := json.Marshal(map[string]any{"URL": settings.URL.Reveal(), "Topic": settings.Topic, "Tenant": settings.Tenant, "Shop": settings.Shop, "Poll": settings.Poll, "After": settings.After})
			if err != nil {
				t.Fatal(err)
			}
			trial.Settings = string(text)
			sourcetest.Torture(t, trial)
		})
	}
}

func retype(o *table) string {
	if must(o.dialect()).postgres {
		return ` ALTER COLUMN payload TYPE bytea USING convert_to(payload::text, 'UTF8')`
	}
	return " MODIFY payload LONGBLOB"
}

func must(d dialect, err error) dialect {
	if err != nil {
		panic(err)
	}
	return d
}

func ask(t *testing.T, o *table, statements ...string) {
	t.Helper()
	for _, q := range statements {
		if _, err := o.db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

// heard runs a source and tells what it accepts.
func heard(t *testing.T, o *table) <-chan string {
	t.Helper()
	out := make(chan string, 1000)
	ctx, cancel := context.WithCancel(context.Background())
	x := o.Open(t)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := x.Run(ctx, sourcetest.Heard(out)); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-ended })
	return out
}

// TestOthersTransactions: who writes elsewhere, in this database or in another, delays nothing; and what is committed late, with
// an offset below others that were read and deleted, comes.
func TestOthersTransactions(t *testing.T) {
	for _, x := range servers {
		t.Run(x.name, func(t *testing.T) {
			s := x.make(t, true)
			o := newTable(t, s.URL, "orders")
			ask(t, o, "CREATE DATABASE other", "CREATE TABLE busy (n int)")
			elsewhere := strings.Replace(strings.Replace(s.URL, "/postgres?", "/other?", 1), "/test", "/other", 1)
			if elsewhere == s.URL {
				t.Fatal("it is the same database")
			}
			begin := func(url, first string) *stdsql.Tx {
				db, err := sql.Connect(config.Secret(url))
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = db.Close() })
				if strings.HasPrefix(first, "CREATE") {
					if _, err := db.ExecContext(t.Context(), first); err != nil {
						t.Fatal(err)
					}
					first = "INSERT INTO busy VALUES (1)"
				}
				tx, err := db.BeginTx(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := tx.ExecContext(t.Context(), first); err != nil {
					t.Fatal(err)
				}
				return tx
			}
			far := begin(elsewhere, "CREATE TABLE busy (n int)")
			defer func() { _ = far.Rollback() }()
			near := begin(s.URL, "INSERT INTO busy VALUES (1)")
			defer func() { _ = near.Rollback() }()
			late, err := o.db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := late.ExecContext(t.Context(), o.insert(), watermill.NewUUID(), order("late")); err != nil {
				t.Fatal(err)
			}
			undone, err := o.db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := undone.ExecContext(t.Context(), o.insert(), watermill.NewUUID(), order("undone")); err != nil {
				t.Fatal(err)
			}
			got := heard(t, o)
			o.Place(t, []string{"a", "b", "c"})
			came := []string{next(t, got), next(t, got), next(t, got)} // beside each other
			if slices.Sort(came); !slices.Equal(came, []string{order("a"), order("b"), order("c")}) {
				t.Errorf("got %s", came)
			}
			if !o.Taken(t) {
				t.Error("rows wait for others' transactions")
			}
			if err := undone.Rollback(); err != nil {
				t.Fatal(err)
			}
			if err := late.Commit(); err != nil {
				t.Fatal(err)
			}
			if id := next(t, got); id != order("late") {
				t.Errorf("got %s", id)
			}
			o.Place(t, []string{"last"})
			if id := next(t, got); id != order("last") {
				t.Errorf("got %s", id)
			}
		})
	}
}

func next(t *testing.T, from <-chan string) string {
	t.Helper()
	select {
	case s := <-from:
		return s
	case <-time.After(time.Minute):
		t.Fatal("no event came")
		return ""
	}
}

// TestTwoReaders: of two daemons one reads, and the other says that it waits, and goes on when the first ends.
func TestTwoReaders(t *testing.T) {
	for _, x := range servers {
		t.Run(x.name, func(t *testing.T) {
			o := newTable(t, x.make(t, true).URL, "orders")
			got := make(chan string, 100)
			run := func() (*Source, func()) {
				ctx, cancel := context.WithCancel(context.Background())
				s := o.Open(t).(*Source)
				ended := make(chan struct{})
				go func() { defer close(ended); _ = s.Run(ctx, sourcetest.Heard(got)) }()
				stop := func() { cancel(); <-ended }
				t.Cleanup(stop)
				return s, stop
			}
			first, stop := run()
			until(t, first, source.Reading)
			second, _ := run()
			until(t, second, source.Standby)
			o.Place(t, []string{"a"})
			if s := next(t, got); s != order("a") {
				t.Error(s)
			}
			stop()
			o.Place(t, []string{"b"})
			if s := next(t, got); s != order("b") {
				t.Error(s)
			}
			until(t, second, source.Reading)
		})
	}
}

func until(t *testing.T, x *Source, want source.State) {
	t.Helper()
	for end := time.Now().Add(time.Minute); x.Status().State != want; <-time.After(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it is %+v, want %s", x.Status(), want)
		}
	}
}

// TestExamine: what is missing is said, with what mends it, and set up.
func TestExamine(t *testing.T) {
	for _, x := range servers {
		t.Run(x.name, func(t *testing.T) {
			s := &Settings{URL: config.Secret(x.make(t, true).URL), Topic: "orders", Tenant: "acme", Shop: "web", After: "keep"}
			look := func() (good, bad int) {
				t.Helper()
				found, err := s.Examine(t.Context(), "outbox")
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range found {
					if f.OK {
						good++
					} else if bad++; f.Remedy == "" || !strings.HasSuffix(f.Remedy, ";") {
						t.Errorf("%+v", f)
					}
				}
				return good, bad
			}
			if good, bad := look(); good != 0 || bad != 4 {
				t.Errorf("%d and %d", good, bad)
			}
			var said strings.Builder
			if err := s.Setup(t.Context(), "outbox", true, &said); err != nil || strings.Count(said.String(), "CREATE TABLE") != 2 {
				t.Errorf("%v: %s", err, said.String())
			}
			if good, bad := look(); good != 0 || bad != 4 {
				t.Errorf("a dry setup made something: %d and %d", good, bad)
			}
			for range 2 {
				if err := s.Setup(t.Context(), "outbox", false, &said); err != nil {
					t.Fatal(err)
				}
			}
			if good, bad := look(); good != 5 || bad != 0 {
				t.Errorf("%d and %d", good, bad)
			}
		})
	}
}

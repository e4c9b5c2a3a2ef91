package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue/queuetest"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/sourcetest"
	"github.com/waxwinghq/waxwing/source/table"
)

// notes is a page that outlives a source.
type notes struct {
	mu   sync.Mutex
	page []byte
	fail error
	n    int
}

func (b *notes) Read(context.Context) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.page, nil
}

func (b *notes) Write(_ context.Context, p []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return b.fail
	}
	b.page, b.n = p, b.n+1
	return nil
}

// shop is a database with orders, and a slot of its own.
type shop struct {
	server   *queuetest.Server
	url      string
	settings Settings
	book     *notes
	db       *pgx.Conn
}

const ddl = `
create table orders (id bigint generated always as identity primary key, name text not null, status text not null default 'pending',
	total numeric(12,2) not null default 12.50, paid_at timestamptz, note text);
create table lines (id bigint generated always as identity primary key, order_id bigint not null references orders on delete cascade, sku text, price numeric(12,2));
alter table orders replica identity full;
create publication waxwing_test for table orders`

// newShop makes a database of its own on a server.
func newShop(t *testing.T, server *queuetest.Server, name string) *shop {
	t.Helper()
	ctx := t.Context()
	admin := dial(t, server.URL)
	exec(t, admin, "create database "+name)
	if err := admin.Close(ctx); err != nil {
		t.Fatal(err)
	}
	s := &shop{server: server, url: withDatabase(server.URL, name), book: &notes{}}
	s.db = dial(t, s.url)
	exec(t, s.db, ddl)
	s.settings = testSettings(s.url)
	s.settings.Slot = "waxwing_" + name
	return s
}

func testSettings(url string) Settings {
	return Settings{DSN: config.Secret(url), Tenant: "acme", Shop: "web", Publication: "waxwing_test", ScanMargin: config.Duration(5 * time.Minute),
		Watch: []table.Watch{{Table: "public.orders", When: map[string]string{"status": "-> paid"}, Key: "id"}},
		Order: table.Order{Row: "select id, name, total, paid_at from orders where id = $1", Lists: map[string]string{"items": "select sku, price from lines where order_id = $1 order by id"}},
		Scan:  "select id from orders where paid_at >= $1"}
}

func withDatabase(url, name string) string {
	const old = "/postgres?"
	for i := len(url) - len(old); i >= 0; i-- {
		if url[i:i+len(old)] == old {
			return url[:i] + "/" + name + "?" + url[i+len(old):]
		}
	}
	return url
}

func dial(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	c, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close(context.Background()) })
	return c
}

func exec(t *testing.T, c *pgx.Conn, sql string, args ...any) {
	t.Helper()
	if _, err := c.Exec(t.Context(), sql, args...); err != nil {
		t.Fatalf("%.80s: %v", sql, err)
	}
}

// Place is sourcetest.Shop's.
func (s *shop) Place(t *testing.T, names []string) {
	t.Helper()
	for i, n := range names {
		if i%2 == 0 {
			exec(t, s.db, "with o as (insert into orders (name, status, paid_at) values ($1, 'paid', now()) returning id) insert into lines (order_id, sku, price) select id, 'A', 1.10 from o", n)
			continue
		}
		exec(t, s.db, "insert into orders (name) values ($1)", n)
		exec(t, s.db, "update orders set status = 'paid', paid_at = now() where name = $1", n)
	}
}

// Open is sourcetest.Shop's.
func (s *shop) Open(t *testing.T) source.Source {
	t.Helper()
	x, err := s.settings.Open("shop-db", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	x.Keep(s.book)
	return x
}

// Taken is sourcetest.Shop's.
func (s *shop) Taken(t *testing.T) bool {
	t.Helper()
	var end string
	if err := s.db.QueryRow(t.Context(), "select pg_current_wal_lsn()::text").Scan(&end); err != nil {
		t.Fatal(err)
	}
	return soon(10*time.Second, func() bool {
		var ok bool
		err := s.db.QueryRow(t.Context(), "select confirmed_flush_lsn >= $1::text::pg_lsn from pg_replication_slots where slot_name = $2", end, s.settings.Slot).Scan(&ok)
		return err == nil && ok
	})
}

// soon waits until ok, for up to d.
func soon(d time.Duration, ok func() bool) bool {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(d)
	for !ok() {
		select {
		case <-end:
			return ok()
		case <-tick.C:
		}
	}
	return true
}

func TestConform(t *testing.T) {
	server := queuetest.PostgresLog(t)
	n := 0
	sourcetest.Conform(t, func(t *testing.T) sourcetest.Shop {
		n++
		s := newShop(t, server, fmt.Sprintf("shop%d", n))
		// The first start makes the slot: what is placed before it is none of ours.
		x := s.Open(t).(*Source)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- x.Run(ctx, nil) }()
		if !soon(10*time.Second, func() bool { return x.Status().State == source.Reading }) {
			t.Fatalf("it does not read: %+v", x.Status())
		}
		cancel()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		return s
	})
}

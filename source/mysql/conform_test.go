package mysql

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

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

func (b *notes) position() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var p page
	_ = json.Unmarshal(b.page, &p) // none yet
	return p.Position
}

// shop is a database with orders.
type shop struct {
	server   *queuetest.Server
	settings Settings
	book     *notes
	db       *sql.DB
}

const ddl = `
create table orders (id bigint unsigned primary key auto_increment, name varchar(100) not null, status varchar(20) not null default 'pending',
	total decimal(12,2) not null default 12.50, paid_at datetime(6), note longtext) default character set utf8mb4;
create table order_lines (id bigint primary key auto_increment, order_id bigint unsigned not null, sku text, price decimal(12,2), foreign key (order_id) references orders (id) on delete cascade)`

// newShop makes a database of its own on a server.
func newShop(t *testing.T, server *queuetest.Server, name string) *shop {
	t.Helper()
	exec(t, dial(t, server.URL), "create database "+name)
	url := strings.TrimSuffix(server.URL, "/test") + "/" + name
	s := &shop{server: server, db: dial(t, url), settings: testSettings(url), book: &notes{}}
	exec(t, s.db, ddl)
	s.settings.ServerID = len(name)*1000 + int(name[0])*10 + int(name[len(name)-1])
	return s
}

func testSettings(url string) Settings {
	return Settings{DSN: config.Secret(url), Tenant: "acme", Shop: "web", ScanMargin: config.Duration(5 * time.Minute),
		Watch: []table.Watch{{Table: "orders", When: map[string]string{"status": "-> paid"}, Key: "id"}},
		Order: table.Order{Row: "select id, name, total, paid_at from orders where id = ?", Lists: map[string]string{"items": "select sku, price from order_lines where order_id = ? order by id"}},
		Scan:  "select id from orders where paid_at >= ?"}
}

func dial(t *testing.T, url string) *sql.DB {
	t.Helper()
	a, err := parseAddress(url)
	if err != nil {
		t.Fatal(err)
	}
	db, err := a.open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// exec runs statements, each by itself.
func exec(t *testing.T, db *sql.DB, statements string, args ...any) {
	t.Helper()
	for q := range strings.SplitSeq(statements, ";") {
		if strings.TrimSpace(q) == "" {
			continue
		}
		if _, err := db.ExecContext(t.Context(), q, args...); err != nil {
			t.Fatalf("%.80s: %v", q, err)
		}
	}
}

// Place is sourcetest.Shop's.
func (s *shop) Place(t *testing.T, names []string) {
	t.Helper()
	for i, n := range names {
		if i%2 == 0 {
			tx, err := s.db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = tx.ExecContext(t.Context(), "insert into orders (name, status, paid_at) values (?, 'paid', utc_timestamp(6))", n)
			if err == nil {
				_, err = tx.ExecContext(t.Context(), "insert into order_lines (order_id, sku, price) values (last_insert_id(), 'A', 1.10)")
			}
			if err == nil {
				err = tx.Commit()
			}
			if err != nil {
				t.Fatal(err)
			}
			continue
		}
		exec(t, s.db, "insert into orders (name) values (?)", n)
		exec(t, s.db, "update orders set status = 'paid', paid_at = utc_timestamp(6) where name = ?", n)
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
	if err := s.db.QueryRowContext(t.Context(), "select @@global.gtid_binlog_pos").Scan(&end); err != nil {
		t.Fatal(err)
	}
	want, err := parsePosition(end)
	if err != nil {
		t.Fatal(err)
	}
	return soon(10*time.Second, func() bool {
		at, err := parsePosition(s.book.position())
		return err == nil && at.behind(want) <= 0
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
	server := queuetest.MariaDBLog(t)
	n := 0
	sourcetest.Conform(t, func(t *testing.T) sourcetest.Shop {
		n++
		s := newShop(t, server, fmt.Sprintf("shop%d", n))
		// The first start makes the page: what is placed before it is none of ours.
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

// purge throws away all of the log but its last file, which the server does when it has noticed that nobody reads the others.
func purge(t *testing.T, db *sql.DB) {
	t.Helper()
	if !soon(time.Minute, func() bool {
		_, err := db.ExecContext(t.Context(), "purge binary logs before now() + interval 1 day")
		oldest, newest, _, of := (&orders{db: db}).files(t.Context(), "")
		return err == nil && of == nil && oldest == newest
	}) {
		t.Fatal("the log is not purged")
	}
}

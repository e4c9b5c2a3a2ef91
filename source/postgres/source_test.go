package postgres

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pglogrepl"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue/queuetest"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/table"
)

// events are what was accepted.
type events struct {
	mu   sync.Mutex
	list []string // shop and bytes
}

func (e *events) accept(_ context.Context, _ waxwing.TenantID, shop waxwing.ShopID, _ string, raw []byte) (waxwing.Receipt, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, string(shop)+" "+string(raw))
	return waxwing.Receipt{}, nil
}

func (e *events) all() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return strings.Join(e.list, "\n")
}

// running is a source that runs once.
type running struct {
	*Source
	log    *bytes.Buffer
	cancel context.CancelFunc
	ended  chan error
}

// run runs a source until it reads, or is in another state that is waited for.
func (s *shop) run(t *testing.T, accept source.Accept, state source.State) *running {
	t.Helper()
	r := &running{log: &bytes.Buffer{}, ended: make(chan error, 1)}
	var err error
	if r.Source, err = s.settings.Open("shop-db", slog.New(slog.NewTextHandler(&locked{b: r.log}, nil))); err != nil {
		t.Fatal(err)
	}
	r.Keep(s.book)
	ctx, cancel := context.WithCancel(context.Background())
	r.cancel = cancel
	go func() { r.ended <- r.Run(ctx, accept) }()
	t.Cleanup(cancel)
	if !soon(20*time.Second, func() bool { return r.Status().State == state }) {
		t.Fatalf("it is not %s: %+v", state, r.Status())
	}
	return r
}

// locked is a log that is read when its writer has ended.
type locked struct {
	mu sync.Mutex
	b  *bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (r *running) stop(t *testing.T) {
	t.Helper()
	began := time.Now()
	r.cancel()
	select {
	case err := <-r.ended:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("it does not end")
	}
	if d := time.Since(began); d > 3*time.Second {
		t.Errorf("it took %s to end", d)
	}
}

// failed waits for its error.
func (r *running) failed(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(20 * time.Second):
		t.Fatalf("it does not fail: %+v", r.Status())
		return nil
	}
}

func (e *events) wait(t *testing.T, part string) {
	t.Helper()
	if !soon(20*time.Second, func() bool { return strings.Contains(e.all(), part) }) {
		t.Fatalf("%q never came: %s", part, e.all())
	}
}

func TestSource(t *testing.T) {
	server := queuetest.PostgresLog(t)
	for name, story := range map[string]func(*testing.T, *shop){
		"gap": aGap, "standby": aStandby, "undecided": anUndecided, "values": values, "rows": rows, "several": several, "undone": undone,
		"query": aBadQuery, "swapped": swapped, "partitions": partitions, "list": listed, "idle": idle, "setup": setUp,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, newShop(t, server, name))
		})
	}
}

// aGap: a slot that is gone is not made anew in silence; with a scan what is missing is found.
func aGap(t *testing.T, s *shop) {
	var e events
	scan := s.settings.Scan
	s.settings.Scan = ""
	r := s.run(t, e.accept, source.Reading)
	s.Place(t, []string{"before"})
	e.wait(t, "before")
	r.stop(t)
	var err error
	if !soon(10*time.Second, func() bool { // the server may not have noticed yet that its reader is gone
		_, err = s.db.Exec(t.Context(), "select pg_drop_replication_slot($1)", s.settings.Slot)
		return err == nil
	}) {
		t.Fatal(err)
	}
	s.Place(t, []string{"between"})
	page := string(s.book.page)
	r = s.run(t, e.accept, source.Gap)
	if st := r.Status(); st.Gaps != 1 || !strings.Contains(st.Detail, "is gone") || !strings.Contains(st.Detail, "give the query scan") {
		t.Errorf("%+v", st)
	}
	r.stop(t)
	if !strings.Contains(r.log.String(), "level=ERROR") || !strings.Contains(r.log.String(), "GAP") {
		t.Errorf("the log says nothing: %s", r.log)
	}
	var n int
	if err := s.db.QueryRow(t.Context(), "select count(*) from pg_replication_slots where slot_name = $1", s.settings.Slot).Scan(&n); err != nil || n != 0 || string(s.book.page) != page {
		t.Errorf("%d slots, %v: something was touched: %s", n, err, s.book.page)
	}
	s.settings.Scan = scan
	// The healing is killed in the middle, and goes on at the next start.
	x := s.run(t, func(ctx context.Context, _ waxwing.TenantID, _ waxwing.ShopID, _ string, _ []byte) (waxwing.Receipt, error) {
		<-ctx.Done()
		return waxwing.Receipt{}, ctx.Err()
	}, source.Gap)
	if !soon(10*time.Second, func() bool {
		return s.db.QueryRow(t.Context(), "select count(*) from pg_replication_slots where slot_name = $1", s.settings.Slot).Scan(&n) == nil && n == 1
	}) {
		t.Fatal("no slot was made")
	}
	x.stop(t)
	r = s.run(t, e.accept, source.Reading)
	e.wait(t, "between")
	s.Place(t, []string{"after"})
	e.wait(t, "after")
	if r.Status().Gaps != 1 {
		t.Errorf("%+v", r.Status())
	}
	r.stop(t)
	if strings.Contains(string(s.book.page), "healing") {
		t.Errorf("it heals still: %s", s.book.page)
	}
}

// aStandby: the second waits, and takes over.
func aStandby(t *testing.T, s *shop) {
	var a, b events
	first := s.run(t, a.accept, source.Reading)
	second := s.run(t, b.accept, source.Standby)
	s.Place(t, []string{"one"})
	a.wait(t, "one")
	first.stop(t)
	s.Place(t, []string{"two"})
	b.wait(t, "two")
	second.stop(t)
	if strings.Contains(a.all(), "two") || strings.Contains(b.all(), "one") {
		t.Errorf("%s / %s", a.all(), b.all())
	}
}

// anUndecided: without old values nothing is guessed, and when they are there what was missed is found.
func anUndecided(t *testing.T, s *shop) {
	var e events
	s.Place(t, []string{"old"}) // complete before the source was there
	exec(t, s.db, "alter table orders replica identity default; update orders set paid_at = now() - interval '1 day'")
	r := s.run(t, e.accept, source.Reading)
	exec(t, s.db, "insert into orders (name) values ('new'); update orders set note = 'x' where name = 'old'; update orders set status = 'paid', paid_at = now() where name = 'new'")
	if err := r.failed(t); err == nil || !strings.Contains(err.Error(), "REPLICA IDENTITY FULL") {
		t.Fatalf("%v", err)
	}
	exec(t, s.db, "alter table orders replica identity full")
	r = s.run(t, e.accept, source.Failing) // once more, by which it notes that a scan is due
	if err := r.failed(t); err == nil || !strings.Contains(err.Error(), "done by now") {
		t.Fatalf("%v", err)
	}
	r = s.run(t, e.accept, source.Reading)
	e.wait(t, "new")
	s.Place(t, []string{"last"})
	e.wait(t, "last")
	r.stop(t)
	if strings.Contains(e.all(), "old") {
		t.Errorf("an order that was complete before came: %s", e.all())
	}
}

const allTypes = `create table things (id bigint primary key, n numeric, big numeric, f float8, b bool, j json, jb jsonb, text_json text, raw bytea, at timestamptz, local timestamp, tags text[], nums numeric[], nothing text, c char(4));
	alter publication waxwing_test add table things; alter table things replica identity full`

const oneThing = `insert into things values (9007199254740993, 12.50, 123456789012345678901234567890.10, 0.1, true, '{"a": 1.10}', '{"b": [1.20]}', '{"c":"ä<b>"}', '\x00ff', '2026-11-28 10:00:00+02', '2026-11-28 10:00:00.5', '{a,"b c"}', '{1.10,NULL}', null, 'ab')`

const thing = `{"id":9007199254740993,"n":12.50,"big":123456789012345678901234567890.10,"f":0.1,"b":true,"j":{"a": 1.10},"jb":{"b": [1.20]},"text_json":{"c":"ä<b>"},"raw":"AP8=","at":"2026-11-28T08:00:00+00:00","local":"2026-11-28T10:00:00.5","tags":["a","b c"],"nums":[1.10,null],"nothing":null,"c":"ab  "`

// values: what is in the columns is in the event, to the digit.
func values(t *testing.T, s *shop) {
	exec(t, s.db, allTypes)
	s.settings.Watch = []table.Watch{{Table: "public.things", Key: "id"}}
	s.settings.Order = table.Order{Row: "select * from things where id = $1;", Lists: map[string]string{"list": "select raw, n from things where id = $1", "none": "select 1 from things where id = $1 and false"}, JSON: []string{"text_json"}}
	s.settings.Scan = "select id from things where at >= $1"
	var e events
	r := s.run(t, e.accept, source.Reading)
	exec(t, s.db, oneThing)
	e.wait(t, "web ")
	r.stop(t)
	if got, want := e.all(), "web "+thing+`,"list":[{"raw":"AP8=","n":12.50}],"none":[]}`; got != want {
		t.Errorf("\ngot  %s\nwant %s", got, want)
	}
}

// rows: the changed row is the event itself, whatever becomes of it.
func rows(t *testing.T, s *shop) {
	exec(t, s.db, allTypes)
	s.settings.Watch = []table.Watch{{Table: "public.things", Key: "id"}}
	s.settings.Order = table.Order{JSON: []string{"text_json"}}
	s.settings.Scan = "select * from things where at >= $1"
	var e events
	r := s.run(t, e.accept, source.Reading)
	exec(t, s.db, "begin; "+oneThing+"; delete from things; commit")
	e.wait(t, "web ")
	exec(t, s.db, "update things set n = 1")
	r.stop(t)
	if got, want := e.all(), "web "+thing+"}"; got != want {
		t.Errorf("\ngot  %s\nwant %s", got, want)
	}
}

// several: a column says whose the order is; one that is nobody's is an error, and not left out.
func several(t *testing.T, s *shop) {
	exec(t, s.db, "alter table orders add store int not null default 1")
	s.settings.Order.Row = "select id, name, store from orders where id = $1"
	s.settings.Shop = ""
	s.settings.Shops = &table.Shops{Column: "store", Of: map[string]string{"1": "web", "2": "outlet", "3": ""}}
	var e events
	r := s.run(t, e.accept, source.Reading)
	exec(t, s.db, "insert into orders (name, status, store) values ('one', 'paid', 1), ('three', 'paid', 3), ('two', 'paid', 2)")
	e.wait(t, "two")
	if !strings.Contains(e.all(), `web {"id":1,"name":"one"`) || !strings.Contains(e.all(), `outlet {"id":3,"name":"two"`) || strings.Contains(e.all(), "three") {
		t.Error(e.all())
	}
	exec(t, s.db, "insert into orders (name, status, store) values ('four', 'paid', 4)")
	if err := r.failed(t); err == nil || !strings.Contains(err.Error(), "shops.of") {
		t.Errorf("%v", err)
	}
}

// undone: an order that is gone when it is looked at again makes nothing; and one that a query finds does.
func undone(t *testing.T, s *shop) {
	exec(t, s.db, `create table payments (id int primary key, state text); create table links (payment int, order_id bigint);
		alter table payments replica identity full; alter publication waxwing_test add table payments`)
	s.settings.Watch = []table.Watch{{Table: "public.payments", When: map[string]string{"state": "-> authorized"}, Key: "id", Find: "select order_id from links where payment = $1"}}
	s.settings.Settle = config.Duration(500 * time.Millisecond)
	var e events
	r := s.run(t, e.accept, source.Reading)
	exec(t, s.db, "insert into orders (name) values ('kept'), ('undone'); insert into links values (1, 1), (2, 2); insert into payments values (2, 'authorized'), (1, 'pending')")
	exec(t, s.db, "update payments set state = 'authorized' where id = 1")
	exec(t, s.db, "delete from orders where name = 'undone'")
	e.wait(t, "kept")
	r.stop(t)
	if strings.Contains(e.all(), "undone") || strings.Count(e.all(), "\n") != 0 {
		t.Error(e.all())
	}
}

// aBadQuery: a query that the server refuses, from the start or since the table was altered, leaves nothing out.
func aBadQuery(t *testing.T, s *shop) {
	var e events
	r := s.run(t, e.accept, source.Reading)
	exec(t, s.db, "alter table orders rename column total to sum")
	s.Place(t, []string{"one"})
	if err := r.failed(t); err == nil || !strings.Contains(err.Error(), "order.row") || !strings.Contains(err.Error(), "total") {
		t.Errorf("%v", err)
	}
	r = s.run(t, e.accept, source.Failing)
	if err := r.failed(t); err == nil || !strings.Contains(err.Error(), "order.row") {
		t.Errorf("%v", err)
	}
	exec(t, s.db, "alter table orders rename column sum to total")
	r = s.run(t, e.accept, source.Reading)
	e.wait(t, "one")
	r.stop(t)
}

// idle: while only other tables are written the slot moves on, and the log's end is what it stands at.
func idle(t *testing.T, s *shop) {
	var e events
	r := s.run(t, e.accept, source.Reading)
	exec(t, s.db, "create table other (x text)")
	for range 20 {
		exec(t, s.db, "insert into other select repeat('x', 1000) from generate_series(1, 1000)")
	}
	var end string
	if err := s.db.QueryRow(t.Context(), "select pg_current_wal_lsn()::text").Scan(&end); err != nil {
		t.Fatal(err)
	}
	want, _ := pglogrepl.ParseLSN(end)
	if !soon(30*time.Second, func() bool {
		var at string
		err := s.db.QueryRow(t.Context(), "select confirmed_flush_lsn::text from pg_replication_slots where slot_name = $1", s.settings.Slot).Scan(&at)
		got, _ := pglogrepl.ParseLSN(at)
		return err == nil && got >= want
	}) {
		t.Error("the slot does not move")
	}
	if st := r.Status(); st.State != source.Reading || st.Lag < 0 || st.Lag > beatFor || st.Detail != "" || st.Heard.IsZero() || st.Position == "" {
		t.Errorf("%+v", st)
	}
	r.stop(t)
}

// setUp: from an empty database to a source that reads, by what setup says and does.
func setUp(t *testing.T, s *shop) {
	ctx := t.Context()
	exec(t, s.db, "drop publication waxwing_test; alter table orders replica identity default; drop role if exists shopper; create role shopper login")
	admin := s.settings
	u, err := url.Parse(s.url)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User("shopper")
	s.settings.DSN = config.Secret(u.String())
	bad := func(x *Settings) (out []string) {
		found, err := x.Examine(ctx, "shop-db")
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			if !f.OK {
				out = append(out, f.Remedy)
			}
			if f.OK != (f.Remedy == "") || f.What == "" {
				t.Errorf("%+v", f)
			}
		}
		return out
	}
	all := strings.Join(bad(&s.settings), "\n")
	for _, want := range []string{`ALTER ROLE "shopper" REPLICATION;`, `GRANT SELECT ON "public"."orders" TO "shopper";`, `CREATE PUBLICATION "waxwing_test" FOR TABLE "public"."orders" WITH`,
		`ALTER TABLE "public"."orders" REPLICA IDENTITY FULL;`, "max_slot_wal_keep_size"} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing says %q: %s", want, all)
		}
	}
	var said bytes.Buffer
	if err := s.settings.Setup(ctx, "shop-db", false, &said); err == nil || !strings.Contains(said.String(), "refused") {
		t.Errorf("%v: %s", err, &said)
	}
	// What the superuser is told to run.
	exec(t, s.db, `alter role shopper replication; grant select on orders, lines to shopper`)
	said.Reset()
	if err := admin.Setup(ctx, "shop-db", true, &said); err != nil || !strings.Contains(said.String(), "CREATE PUBLICATION") {
		t.Errorf("%v: %s", err, &said)
	}
	if n := len(bad(&admin)); n == 0 {
		t.Error("a dry run has changed something")
	}
	for range 2 {
		said.Reset()
		if err := admin.Setup(ctx, "shop-db", false, &said); err != nil {
			t.Fatalf("%v: %s", err, &said)
		}
	}
	if !strings.Contains(said.String(), "nothing is to be done") {
		t.Errorf("the second time: %s", &said)
	}
	if left := bad(&s.settings); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	exec(t, s.db, "alter publication waxwing_test add table lines")
	if left := bad(&admin); len(left) != 1 || left[0] != `ALTER PUBLICATION "waxwing_test" SET TABLE "public"."orders";` {
		t.Errorf("a table too many: %q", left)
	}
	exec(t, s.db, "drop publication waxwing_test; create publication waxwing_test for all tables")
	if left := bad(&admin); len(left) != 1 || strings.HasSuffix(left[0], ";") {
		t.Errorf("all tables: %q", left)
	}
	var e events
	r := s.run(t, e.accept, source.Reading)
	s.Place(t, []string{"first"})
	e.wait(t, "first")
	r.stop(t)
	left, err := s.settings.Examine(ctx, "shop-db")
	if err != nil || !strings.Contains(left[len(left)-1].What, "stands at") {
		t.Errorf("%+v, %v", left, err)
	}
}

// listed: apart from the log the orders completed since a time can be asked for, as Run would bring them.
func listed(t *testing.T, s *shop) {
	s.Place(t, []string{"early", "one", "two"})
	exec(t, s.db, "insert into orders (name) values ('open')")
	exec(t, s.db, "update orders set paid_at = now() - interval '1 day' where name = 'early'")
	var _ source.Lister = &s.settings
	var list []string
	each := func(ev source.Event) error {
		list = append(list, string(ev.Tenant)+" "+string(ev.Shop)+" "+string(ev.Raw))
		return nil
	}
	since := time.Now().Add(-time.Hour)
	if err := s.settings.List(t.Context(), "shop-db", since, each); err != nil || len(list) != 2 || !strings.HasPrefix(list[0], `acme web {"id":2,"name":"one","total":12.50,`) || !strings.Contains(list[0], `"items":[]`) || !strings.Contains(list[1], `"two"`) || !strings.Contains(list[1], `"price":1.10`) {
		t.Errorf("%q, %v", list, err)
	}
	if err := s.settings.List(t.Context(), "shop-db", since, func(source.Event) error { return io.EOF }); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	s.settings.Scan = ""
	if err := s.settings.List(t.Context(), "shop-db", since, each); err == nil || !strings.Contains(err.Error(), "scan") {
		t.Errorf("%v", err)
	}
}

// swapped: a table that another one takes the place of is in no publication any more; that is told, and what was written meanwhile
// is found when it is again.
func swapped(t *testing.T, s *shop) {
	var e events
	r := s.run(t, e.accept, source.Reading)
	s.Place(t, []string{"before"})
	e.wait(t, "before")
	r.stop(t)
	exec(t, s.db, "alter table lines drop constraint lines_order_id_fkey; alter table orders rename to orders_old; create table orders (like orders_old including all); alter table orders replica identity full; insert into orders overriding system value select * from orders_old; select setval(pg_get_serial_sequence('orders', 'id'), 100)")
	s.Place(t, []string{"between"})
	r = s.run(t, e.accept, source.Failing)
	if err := r.failed(t); err == nil || !strings.Contains(err.Error(), "does not have the table public.orders") || !strings.Contains(err.Error(), "source setup") {
		t.Fatalf("%v", err)
	}
	exec(t, s.db, "alter publication waxwing_test set table orders")
	r = s.run(t, e.accept, source.Reading)
	e.wait(t, "between")
	s.Place(t, []string{"after"})
	e.wait(t, "after")
	r.stop(t)
}

// partitions: each has a replica identity of its own, and the remedy names each.
func partitions(t *testing.T, s *shop) {
	exec(t, s.db, `create table parts (id bigint, area text, status text not null, paid_at timestamptz, primary key (id, area)) partition by list (area);
		create table parts_de partition of parts for values in ('de'); create table parts_fr partition of parts for values in ('fr');
		alter table parts replica identity full; drop publication waxwing_test; create publication waxwing_test for table parts with (publish_via_partition_root = true)`)
	s.settings.Watch = []table.Watch{{Table: "public.parts", When: map[string]string{"status": "pending -> paid"}, Key: "id"}}
	s.settings.Order = table.Order{Row: "select id, 'part' || id as name from parts where id = $1"}
	s.settings.Scan = "select id from parts where paid_at >= $1"
	found, err := s.settings.Examine(t.Context(), "shop-db")
	if err != nil {
		t.Fatal(err)
	}
	told := false
	for _, f := range found {
		told = told || !f.OK && strings.Contains(f.Remedy, `ALTER TABLE "public"."parts_de" REPLICA IDENTITY FULL; ALTER TABLE "public"."parts_fr" REPLICA IDENTITY FULL;`)
	}
	if !told {
		t.Errorf("%+v", found)
	}
	var e events
	r := s.run(t, e.accept, source.Reading)
	exec(t, s.db, "insert into parts values (1, 'de', 'pending'); update parts set status = 'paid', paid_at = now() where id = 1")
	if err := r.failed(t); err == nil || !strings.Contains(err.Error(), "cannot be decided") {
		t.Fatalf("%v", err)
	}
	exec(t, s.db, "alter table parts_de replica identity full; alter table parts_fr replica identity full")
	r = s.run(t, e.accept, source.Failing)
	if err := r.failed(t); err == nil || !strings.Contains(err.Error(), "done by now") {
		t.Fatalf("%v", err)
	}
	r = s.run(t, e.accept, source.Reading)
	e.wait(t, "part1")
	exec(t, s.db, "insert into parts values (2, 'fr', 'pending'); update parts set status = 'paid', paid_at = now() where id = 2")
	e.wait(t, "part2")
	r.stop(t)
}

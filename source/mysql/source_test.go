package mysql

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

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
	log    *locked
	cancel context.CancelFunc
	ended  chan error
}

// run runs a source until it reads, or is in another state that is waited for.
func (s *shop) run(t *testing.T, accept source.Accept, state source.State) *running {
	t.Helper()
	r := &running{log: &locked{}, ended: make(chan error, 1)}
	var err error
	if r.Source, err = s.settings.Open("shop-db", slog.New(slog.NewTextHandler(r.log, nil))); err != nil {
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

// locked is a log that several write and read.
type locked struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *locked) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *locked) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
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
	server := queuetest.MariaDBLog(t)
	for name, story := range map[string]func(*testing.T, *shop){
		"standby": aStandby, "types": values, "rowevents": rows, "several": several, "undone": undone, "altered": altered,
		"unnamed": unnamed, "statement": aStatement, "badquery": aBadQuery, "listed": listed, "savepoint": aSavepoint, "earlier": earlier, "conditions": conditions, "setup": setUp,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, newShop(t, server, name))
		})
	}
}

// TestGap: a log that is gone is not passed over in silence; with a scan what is missing is found.
func TestGap(t *testing.T) {
	s := newShop(t, queuetest.MariaDBLog(t), "gap")
	var e events
	scan := s.settings.Scan
	s.settings.Scan = ""
	r := s.run(t, e.accept, source.Reading)
	s.Place(t, []string{"before"})
	e.wait(t, "before")
	r.stop(t)
	s.Place(t, []string{"between"})
	exec(t, s.db, "reset master")
	page := string(s.book.page)
	r = s.run(t, e.accept, source.Gap)
	if st := r.Status(); st.Gaps != 1 || !strings.Contains(st.Detail, "begun anew") || !strings.Contains(st.Detail, "give the query scan") {
		t.Errorf("%+v", st)
	}
	r.stop(t)
	if !strings.Contains(r.log.String(), "level=ERROR") || !strings.Contains(r.log.String(), "GAP") {
		t.Errorf("the log says nothing: %s", r.log)
	}
	if string(s.book.page) != page {
		t.Errorf("something was touched: %s", s.book.page)
	}
	s.settings.Scan = scan
	// The healing is killed in the middle, and goes on at the next start.
	x := s.run(t, func(ctx context.Context, _ waxwing.TenantID, _ waxwing.ShopID, _ string, _ []byte) (waxwing.Receipt, error) {
		<-ctx.Done()
		return waxwing.Receipt{}, ctx.Err()
	}, source.Gap)
	x.stop(t)
	if !strings.Contains(string(s.book.page), "healing") {
		t.Errorf("it does not heal: %s", s.book.page)
	}
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
	// What is thrown away before it was read, and what was read before it is thrown away.
	for name, want := range map[string]int64{"unread": 1, "": 0} {
		if name != "" {
			s.Place(t, []string{name})
		}
		exec(t, s.db, "flush binary logs")
		purge(t, s.db)
		r = s.run(t, e.accept, source.Reading)
		e.wait(t, name)
		if got := r.Status().Gaps; got != want {
			t.Errorf("%q: %d gaps: %s", name, got, r.log)
		}
		s.Place(t, []string{"later" + name})
		e.wait(t, "later"+name)
		r.stop(t)
	}
	// While it is read.
	r = s.run(t, e.accept, source.Reading)
	exec(t, s.db, "reset master")
	s.Place(t, []string{"last"})
	e.wait(t, "last")
	if !soon(20*time.Second, func() bool { st := r.Status(); return st.Gaps == 1 && st.State == source.Reading }) {
		t.Errorf("%+v", r.Status())
	}
	r.stop(t)
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

const allTypes = `create table things (id bigint unsigned primary key, n decimal(10,2), big decimal(40,10), f double, g float, b boolean, bits bit(10), t8 tinyint unsigned, t24 mediumint unsigned,
	small smallint, j json, raw blob, fixed varbinary(10), at timestamp(3) null, local datetime(1), day date, clock time, y year, e enum('neu','bezählt') character set latin1, s set('a','b','ü'), nothing text,
	c char(4), l varchar(50) character set latin1, k varchar(50) character set cp1250, u varchar(50) character set ucs2, m text character set utf8mb3)`

const oneThing = `insert into things values (18446744073709551615, 12.50, 123456789012345678901234567890.1000000000, 0.1, 1.5, true, b'1000000001', 200, 16000000, -5, '{"a": 1.10}', x'00ff', x'ff00', '2026-11-28 08:00:00.25', '2026-11-28 10:00:00.5',
	'2026-11-28', '-10:00:01', 2026, 'bezählt', 'a,ü', null, 'ab', 'Zoë € “x”', 'Łódź', 'Ελ', 'ß')`

const thing = `{"id":18446744073709551615,"n":12.50,"big":123456789012345678901234567890.1000000000,"f":0.1,"g":1.5,"b":1,"bits":513,"t8":200,"t24":16000000,"small":-5,"j":{"a": 1.10},"raw":"AP8=","fixed":"/wA=","at":"2026-11-28T08:00:00.250+00:00","local":"2026-11-28T10:00:00.5",` +
	`"day":"2026-11-28","clock":"-10:00:01","y":2026,"e":"bezählt","s":"a,ü","nothing":null,"c":"ab","l":"Zoë € “x”","k":"Łódź","u":"Ελ","m":"ß"`

// values: what is in the columns is in the event, to the digit.
func values(t *testing.T, s *shop) {
	exec(t, s.db, allTypes)
	s.settings.Watch = []table.Watch{{Table: "things", Key: "id"}}
	s.settings.Order = table.Order{Row: "select * from things where id = ? -- the order\n;", Lists: map[string]string{"list": "select raw, n from things where id = ?", "none": "select 1 from things where id = ? and false"}, JSON: []string{"j"}}
	s.settings.Scan = "select id from things where at >= ?"
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
	s.settings.Watch = []table.Watch{{Table: "things", Key: "id"}}
	s.settings.Order = table.Order{JSON: []string{"j"}}
	s.settings.Scan = "select * from things where at >= ?"
	var e events
	r := s.run(t, e.accept, source.Reading)
	tx, err := s.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{oneThing, "delete from things"} {
		if _, err := tx.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	e.wait(t, "web ")
	exec(t, s.db, "update things set n = 1")
	r.stop(t)
	if got, want := e.all(), "web "+thing+"}"; got != want {
		t.Errorf("\ngot  %s\nwant %s", got, want)
	}
}

// conditions: the words of columns are compared, in whatever character set they are.
func conditions(t *testing.T, s *shop) {
	exec(t, s.db, allTypes)
	s.settings.Order = table.Order{Row: "select id, ? as again from things where id = ?"}
	s.settings.Scan = ""
	s.settings.Watch = []table.Watch{
		{Table: "conditions.things", Key: "id", When: map[string]string{"e": "neu -> bezählt"}},
		{Table: "things", Key: "id", When: map[string]string{"l": "-> 'Zoë €'", "t8": "= 200"}},
		{Table: "things", Key: "id", When: map[string]string{"s": "-> 'b,ü'"}},
		{Table: "things", Key: "id", When: map[string]string{"at": "set", "bits": "= 513", "k": "= Łódź"}},
	}
	var e events
	r := s.run(t, e.accept, source.Reading)
	exec(t, s.db, `insert into things (id, e, t8, bits, k) values (1, 'neu', 199, 513, 'Łódź'), (2, 'neu', 200, 513, 'Łódź'), (3, 'neu', 200, 512, 'Łódź'), (4, 'neu', 1, 513, 'Lódz'), (5, 'neu', 1, 513, 'Łódź');
		update things set e = 'bezählt' where id = 1; update things set n = 2; update things set l = 'Zoë €' where id in (1, 2); update things set s = 'ü,b' where id = 3; update things set at = now() where id in (4, 5)`)
	e.wait(t, `"id":5`)
	r.stop(t)
	if got, want := e.all(), `web {"id":1,"again":1}
web {"id":2,"again":2}
web {"id":3,"again":3}
web {"id":5,"again":5}`; got != want {
		t.Errorf("\ngot  %s\nwant %s", got, want)
	}
}

// several: a column says whose the order is; one that is nobody's is an error, and not left out.
func several(t *testing.T, s *shop) {
	exec(t, s.db, "alter table orders add store int not null default 1")
	s.settings.Order.Row = "select id, name, store from orders where id = ?"
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
	exec(t, s.db, "create table payments (id int primary key, order_id bigint, captured timestamp null)")
	s.settings.Settle = config.Duration(3 * time.Second)
	s.settings.Watch = append(s.settings.Watch, table.Watch{Table: "payments", Key: "id, order_id", When: map[string]string{"captured": "set"}, Find: "select o.id from payments p join orders o on o.id = p.order_id where p.id = ? and o.id = ?"})
	var e events
	r := s.run(t, e.accept, source.Reading)
	s.Place(t, []string{"refused"})
	exec(t, s.db, "delete from orders where name = 'refused'; insert into orders (name) values ('found')")
	exec(t, s.db, "insert into payments select 1, id, null from orders where name = 'found'; update payments set captured = now()")
	e.wait(t, "found")
	r.stop(t)
	if strings.Contains(e.all(), "refused") {
		t.Error(e.all())
	}
}

// altered: each row is read with the columns that its table had then.
func altered(t *testing.T, s *shop) {
	s.settings.Order.Row = "select id, name from orders where id = ?"
	var e events
	r := s.run(t, e.accept, source.Reading)
	s.Place(t, []string{"one"})
	e.wait(t, "one")
	r.stop(t)
	s.Place(t, []string{"two"})
	exec(t, s.db, "alter table orders modify status varchar(20) first, add extra int after status")
	s.Place(t, []string{"three"})
	exec(t, s.db, "truncate order_lines; alter table orders drop extra; create table orders2 select * from orders")
	s.Place(t, []string{"four"})
	r = s.run(t, e.accept, source.Reading)
	e.wait(t, "four")
	exec(t, s.db, "alter table orders rename column status to state")
	exec(t, s.db, "insert into orders (name) values ('five')")
	if err := r.failed(t); err == nil || !strings.Contains(err.Error(), `no column "status"`) {
		t.Errorf("%v", err)
	}
	if all := e.all(); strings.Count(all, "\n") != 3 || !strings.Contains(all, "two") || !strings.Contains(all, "three") {
		t.Error(all)
	}
}

// TestTwoPhases: a transaction in two phases tells its orders when it is committed, also if it was prepared before the start;
// which is a gap to all who start between, so that it has a server of its own.
func TestTwoPhases(t *testing.T) {
	s := newShop(t, queuetest.MariaDBLog(t), "phases")
	var e events
	r := s.run(t, e.accept, source.Reading)
	part := func(id, name, end string) {
		c, err := s.db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = c.Close() }()
		for _, q := range []string{"xa start '" + id + "'", "insert into orders (name, status, paid_at) values ('" + name + "', 'paid', utc_timestamp(6))", "xa end '" + id + "'", "xa prepare '" + id + "'", end} {
			if q == "" {
				continue
			}
			if _, err := c.ExecContext(t.Context(), q); err != nil {
				t.Fatal(err)
			}
		}
	}
	part("px1", "back", "xa rollback 'px1'")
	part("px2", "both", "xa commit 'px2'")
	e.wait(t, "both")
	c, err := s.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	run := func(q string) {
		if _, err := c.ExecContext(t.Context(), q); err != nil {
			t.Fatal(err)
		}
	}
	run("xa start 'px3'")
	run("insert into orders (name, status, paid_at) values ('slow', 'paid', utc_timestamp(6))")
	run("xa end 'px3'")
	run("xa prepare 'px3'")
	s.Place(t, []string{"meanwhile"})
	e.wait(t, "meanwhile")
	r.stop(t)
	r = s.run(t, e.accept, source.Reading)
	run("xa commit 'px3'")
	e.wait(t, "slow")
	if r.Status().Gaps != 1 {
		t.Errorf("%+v", r.Status())
	}
	r.stop(t)
	if strings.Contains(e.all(), "back") {
		t.Error(e.all())
	}
}

// unnamed: of a log that does not name columns nothing is guessed, and when it does what was missed is found.
func unnamed(t *testing.T, s *shop) {
	own := newShop(t, queuetest.MariaDBLog(t, "--binlog-row-metadata=NO_LOG"), "unnamed")
	var e events
	r := own.run(t, e.accept, source.Failing)
	if err := r.failed(t); err == nil || !strings.Contains(err.Error(), "SET GLOBAL binlog_row_metadata = 'FULL'") {
		t.Errorf("%v", err)
	}
	exec(t, own.db, "set global binlog_row_metadata = 'FULL'")
	r = own.run(t, e.accept, source.Reading)
	own.Place(t, []string{"seen"}) // by which the log is known again
	e.wait(t, "seen")
	r.stop(t)
	exec(t, own.db, "set global binlog_row_metadata = 'NO_LOG'")
	own.Place(t, []string{"hidden"})
	exec(t, own.db, "set global binlog_row_metadata = 'FULL'")
	r = own.run(t, e.accept, source.Reading)
	e.wait(t, "hidden")
	if r.Status().Gaps != 1 {
		t.Errorf("%+v", r.Status())
	}
	r.stop(t)
}

// aStatement: what was logged without rows is looked for by the scan.
func aStatement(t *testing.T, s *shop) {
	var e events
	r := s.run(t, e.accept, source.Reading)
	c, err := s.db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close() }()
	for _, q := range []string{"set session binlog_format = 'STATEMENT'", "set session transaction isolation level repeatable read", "insert into orders (name, status, paid_at) values ('said', 'paid', utc_timestamp())",
		"set session binlog_format = 'ROW'", "set session binlog_row_image = 'MINIMAL'", "insert into orders (name) values ('short')", "update orders set status = 'paid', paid_at = utc_timestamp() where name = 'short'"} {
		if _, err := c.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
	e.wait(t, "said")
	e.wait(t, "short")
	if r.Status().Gaps == 0 {
		t.Errorf("%+v", r.Status())
	}
	r.stop(t)
}

// aSavepoint: what is rolled back stays in the log where a table that cannot undo was changed too.
func aSavepoint(t *testing.T, s *shop) {
	exec(t, s.db, "create table visits (n int) engine=myisam; insert into orders (name) values ('undone'), ('paid')")
	var e events
	r := s.run(t, e.accept, source.Reading)
	tx, err := s.db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []string{"insert into visits values (1)", "savepoint `a b`", "update orders set status = 'paid' where name = 'undone'", "insert into visits values (2)", "rollback to `A b`", "update orders set status = 'paid' where name = 'paid'"} {
		if _, err := tx.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	e.wait(t, `"paid"`)
	if st := r.Status(); st.Gaps != 0 || strings.Contains(e.all(), "undone") {
		t.Errorf("%+v: %s", st, e.all())
	}
	r.stop(t)
	// Else nothing was tested.
	if !strings.Contains(logged(t, s.db), "ROLLBACK TO") {
		t.Error("the server has not written ROLLBACK TO")
	}
}

// logged are the texts in the log.
func logged(t *testing.T, db *sql.DB) string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), "show binlog events limit 100000")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var all strings.Builder
	for rows.Next() {
		var file, kind, info string
		var at, id, end int64
		if err := rows.Scan(&file, &at, &kind, &id, &end, &info); err != nil {
			t.Fatal(err)
		}
		all.WriteString(info + "\n")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// aBadQuery: a query that the server refuses stops the source, and leaves nothing out.
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
	if st := r.Status(); st.Lag < 0 || st.Behind < 0 || st.Heard.IsZero() || st.Position == "" {
		t.Errorf("%+v", st)
	}
	r.stop(t)
}

// listed: apart from the log the orders completed since a time can be asked for, as Run would bring them.
func listed(t *testing.T, s *shop) {
	s.Place(t, []string{"early", "one", "two"})
	exec(t, s.db, "insert into orders (name) values ('open'); update orders set paid_at = utc_timestamp() - interval 1 day where name = 'early'")
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

// setUp: by what setup says and does a user without rights becomes one that reads.
func setUp(t *testing.T, s *shop) {
	ctx := t.Context()
	exec(t, s.db, "create user shopper@'127.0.0.1' identified by 'x:y'; set global expire_logs_days = 1")
	admin := s.settings
	s.settings.DSN = config.Secret(strings.Replace(s.settings.DSN.Reveal(), "root@", "shopper:x%3Ay@", 1))
	exec(t, s.db, "grant select on setup.order_lines to shopper@'127.0.0.1'") // else it may not even connect to the database
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
	for _, want := range []string{"GRANT REPLICATION SLAVE ON *.* TO `shopper`@`127.0.0.1`;", "GRANT BINLOG MONITOR ON *.* TO `shopper`@`127.0.0.1`;", "GRANT SELECT ON `setup`.`orders` TO `shopper`@`127.0.0.1`;", "expire_logs_days = 7;"} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing says %q: %s", want, all)
		}
	}
	var said bytes.Buffer
	if err := s.settings.Setup(ctx, "shop-db", false, &said); err == nil || !strings.Contains(said.String(), "refused") {
		t.Errorf("%v: %s", err, &said)
	}
	said.Reset()
	if err := admin.Setup(ctx, "shop-db", true, &said); err != nil || !strings.Contains(said.String(), "expire_logs_days") {
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
	for range 2 {
		for _, q := range bad(&s.settings) { // what root is told to run
			if strings.HasSuffix(q, ";") {
				exec(t, s.db, q)
			}
		}
	}
	if left := bad(&s.settings); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	var e events
	r := s.run(t, e.accept, source.Reading)
	s.Place(t, []string{"first"})
	e.wait(t, "first")
	r.stop(t)
}

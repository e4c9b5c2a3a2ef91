package mysql

import (
	"fmt"
	"log/slog"
	osexec "os/exec"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/pipeline/queue/queuetest"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/table"
)

// TestServers: a server whose log cannot have the orders, or which would be asked in vain, is refused, by `check` and at the start.
func TestServers(t *testing.T) {
	server := queuetest.MariaDBLog(t, "--binlog-ignore-db=Hidden", "--binlog-ignore-db=other", "--lower-case-table-names=1")
	hidden := newShop(t, server, "hidden")
	good := newShop(t, server, "good")
	exec(t, good.db, "create view paid as select * from orders")
	refused := func(t *testing.T, s *shop, watch, want string) {
		t.Helper()
		x := *s
		x.book = &notes{}
		x.settings.Watch = []table.Watch{{Table: watch, Key: "id"}}
		list, err := x.settings.Examine(t.Context(), "shop-db")
		if err != nil {
			t.Fatal(err)
		}
		var bad string
		for _, f := range list {
			if !f.OK {
				bad += f.What + ": " + f.Remedy + "\n"
			}
			if f.OK != (f.Remedy == "") || strings.HasSuffix(f.Remedy, ";") {
				t.Errorf("%+v", f)
			}
		}
		if want == "" {
			if bad != "" {
				t.Error(bad)
			}
			var e events
			x.run(t, e.accept, source.Reading).stop(t)
			return
		}
		if !strings.Contains(bad, want) {
			t.Errorf("nothing says %q: %s", want, bad)
		}
		if err := x.run(t, nil, source.Failing).failed(t); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
		if x.book.page != nil {
			t.Errorf("it has begun: %s", x.book.page)
		}
	}
	refused(t, good, "orders", "")
	refused(t, hidden, "orders", "keeps the database hidden out of its log")
	refused(t, good, "hidden.orders", "keeps the database hidden out of its log")
	refused(t, good, "Orders", "write good.orders")
	refused(t, good, "Good.orders", "write good.orders")
	refused(t, good, "paid", "is a view")
	refused(t, good, "nothing", "there is no table good.nothing")

	exec(t, good.db, "set global gtid_strict_mode = 0; set global gtid_slave_pos = '9-1-1'")
	refused(t, good, "orders", "log_slave_updates")
	exec(t, good.db, "set global gtid_slave_pos = ''; set global gtid_strict_mode = 1")
	exec(t, good.db, "change master to master_host = '127.0.0.1'")
	refused(t, good, "orders", "log_slave_updates")
	exec(t, good.db, "reset slave all")
	refused(t, good, "orders", "")

	// Without time zones a scan finds nothing, and says nothing.
	good.settings.Scan = "select id from orders where paid_at >= CONVERT_TZ(?, 'UTC', 'Europe/Berlin')"
	refused(t, good, "orders", "mariadb-tzinfo-to-sql")
	if err := good.settings.List(t.Context(), "shop-db", time.Now(), nil); err == nil || !strings.Contains(err.Error(), "mariadb-tzinfo-to-sql") {
		t.Errorf("it lists nothing in silence: %v", err)
	}
	a, err := parseAddress(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, zone := range []string{"UTC", "Europe/Berlin"} {
		sql, err := osexec.Command("mariadb-tzinfo-to-sql", "/usr/share/zoneinfo/"+zone, zone).Output()
		if err != nil {
			t.Fatal(err)
		}
		load := osexec.Command("mariadb", "--no-defaults", "-h"+a.host, fmt.Sprintf("-P%d", a.port), "-u"+a.user, "mysql")
		load.Stdin = strings.NewReader(string(sql))
		if said, err := load.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, said)
		}
	}
	refused(t, good, "orders", "")
}

// TestHolds: which databases a log has.
func TestHolds(t *testing.T) {
	for _, c := range []struct {
		only, never string
		want        bool
	}{{"", "", true}, {"shop", "", true}, {"blog", "", false}, {"blog,Shop", "", true}, {"", "mysql,test", true}, {"", "mysql, shop", false}} {
		sv := &server{only: names(c.only), never: names(c.never)}
		if err := failed(sv.holds([]watch{{table: "shop.orders"}, {table: "shop.payments"}})); (err == nil) != c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for _, c := range []struct{ replica, relays, want bool }{{false, false, true}, {true, true, true}, {true, false, false}} {
		sv := &server{replica: c.replica, relays: c.relays}
		if err := failed(sv.holds(nil)); (err == nil) != c.want {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestBegan: no search reaches before the first start, but for transactions that were open then.
func TestBegan(t *testing.T) {
	began := time.Date(2026, 11, 28, 8, 0, 0, 0, time.UTC)
	for _, c := range []struct{ read, margin, healing, want time.Duration }{
		{0, 5 * time.Minute, -1, -time.Minute}, {2 * time.Minute, 5 * time.Minute, -1, -time.Minute}, {time.Hour, 5 * time.Minute, -1, 55 * time.Minute}, {0, 30 * time.Second, -1, -30 * time.Second},
		{time.Hour, 5 * time.Minute, 10 * time.Minute, 10 * time.Minute}, {time.Hour, 7 * 24 * time.Hour, 10 * time.Minute, -time.Minute},
	} {
		p := &page{Began: began, Watermark: began.Add(c.read)}
		if c.healing >= 0 {
			at := began.Add(c.healing)
			p.Healing = &at
		}
		p.heal("x", c.margin)
		if got := p.Healing.Sub(began); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// earlier: what was completed before the first start comes with no gap.
func earlier(t *testing.T, s *shop) {
	exec(t, s.db, "insert into orders (name, status, paid_at) values ('ancient', 'paid', utc_timestamp(6) - interval 3 minute)")
	var e events
	s.run(t, e.accept, source.Reading).stop(t)
	s.Place(t, []string{"between"})
	s.book.page = []byte(strings.Replace(string(s.book.page), `"position":"0-`, `"position":"7-`, 1)) // of another log
	r := s.run(t, e.accept, source.Reading)
	e.wait(t, "between")
	if st := r.Status(); st.Gaps != 1 || strings.Contains(e.all(), "ancient") {
		t.Errorf("%+v: %s", st, e.all())
	}
	r.stop(t)
}

// TestServerIDs: sources of one name, of several installations, do not stand by for each other; one of an installation does.
func TestServerIDs(t *testing.T) {
	seen := map[uint32]string{}
	for _, of := range [][3]string{{"shop-db", "shop", "acme"}, {"shop-db", "shop", "globex"}, {"shop-db", "staging", "acme"}, {"shop-db2", "shop", "acme"}, {"shop-d", "bshop", "acme"}} {
		s := testSettings("mysql://u@h/" + of[1])
		s.Tenant = of[2]
		x, err := s.Open(of[0], slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		y, err := s.Open(of[0], slog.New(slog.DiscardHandler))
		if err != nil || x.id != y.id || x.id < 1<<31 {
			t.Errorf("%q: %d, %d, %v", of, x.id, y.id, err)
		}
		if was := seen[x.id]; was != "" {
			t.Errorf("%q has the id of %s", of, was)
		}
		seen[x.id] = fmt.Sprint(of)
	}
	s := testSettings("mysql://u@h/d")
	s.ServerID = 7
	if x, err := s.Open("shop-db", slog.New(slog.DiscardHandler)); err != nil || x.id != 7 {
		t.Errorf("%v, %v", x, err)
	}
}

package mysql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/waxwinghq/waxwing/source/table"
)

// groupOf, queryOf and the like are events as the server sends them.
func groupOf(seq uint64, flags byte) *replication.BinlogEvent {
	return eventOf(replication.MARIADB_GTID_EVENT, &replication.MariadbGTIDEvent{GTID: mysql.MariadbGTID{ServerID: 1, SequenceNumber: seq}, Flags: flags})
}

func queryOf(database, text string) *replication.BinlogEvent {
	return eventOf(replication.QUERY_EVENT, &replication.QueryEvent{Schema: []byte(database), Query: []byte(text)})
}

func endOf() *replication.BinlogEvent {
	return eventOf(replication.XID_EVENT, &replication.XIDEvent{})
}

func fileOf(name string) *replication.BinlogEvent {
	return eventOf(replication.ROTATE_EVENT, &replication.RotateEvent{NextLogName: []byte(name)})
}

func bornAt(at uint32) *replication.BinlogEvent {
	e := eventOf(replication.FORMAT_DESCRIPTION_EVENT, &replication.FormatDescriptionEvent{})
	e.Header.Timestamp = at
	return e
}

func eventOf(kind replication.EventType, e replication.Event) *replication.BinlogEvent {
	return &replication.BinlogEvent{Header: &replication.EventHeader{EventType: kind, LogPos: 500, Timestamp: 1000}, Event: e}
}

func TestFeed(t *testing.T) {
	bare := func() *replication.BinlogEvent {
		return eventOf(replication.XA_PREPARE_LOG_EVENT, &replication.GenericEvent{})
	}
	for name, c := range map[string]struct {
		events []*replication.BinlogEvent
		want   string // positions
		fails  string
		gap    bool
	}{
		"a transaction":            {[]*replication.BinlogEvent{groupOf(6, 0), endOf()}, "0-1-6", "", false},
		"of tables without one":    {[]*replication.BinlogEvent{groupOf(6, 0), queryOf("shop", "COMMIT")}, "0-1-6", "", false},
		"rolled back":              {[]*replication.BinlogEvent{groupOf(6, 0), queryOf("shop", "ROLLBACK")}, "0-1-6", "", false},
		"an alteration":            {[]*replication.BinlogEvent{groupOf(6, standalone), queryOf("shop", "alter table orders add x int")}, "0-1-6", "", false},
		"one in a transaction":     {[]*replication.BinlogEvent{groupOf(6, 0), queryOf("shop", "create table x (y int)"), endOf()}, "0-1-6", "", false},
		"in two phases":            {[]*replication.BinlogEvent{groupOf(6, prepared), queryOf("shop", "XA START X'01',X'',1"), bare(), groupOf(7, completed), queryOf("shop", "XA COMMIT X'01',X'',1")}, "0-1-6 0-1-7", "", false},
		"prepared before":          {[]*replication.BinlogEvent{groupOf(7, completed), queryOf("shop", "XA COMMIT X'01',X'',1")}, "", "two phases", true},
		"the log begun anew":       {[]*replication.BinlogEvent{groupOf(1, 0)}, "", "begun anew", true},
		"told twice":               {[]*replication.BinlogEvent{groupOf(6, 0), endOf(), groupOf(6, 0)}, "0-1-6", "begun anew", true},
		"the same file":            {[]*replication.BinlogEvent{fileOf("log.000003"), bornAt(77), groupOf(6, 0), endOf()}, "0-1-6", "", false},
		"another of its name":      {[]*replication.BinlogEvent{fileOf("log.000003"), bornAt(78)}, "", "another than before", true},
		"a later file":             {[]*replication.BinlogEvent{fileOf("log.000004"), bornAt(78), groupOf(6, 0), endOf()}, "0-1-6", "", false},
		"a statement":              {[]*replication.BinlogEvent{groupOf(6, 0), queryOf("shop", "insert into orders values (1)")}, "", "binlog_format", true},
		"one by its database":      {[]*replication.BinlogEvent{groupOf(6, 0), queryOf("", "update `shop`.`orders` set x = 1")}, "", "binlog_format", true},
		"of another table":         {[]*replication.BinlogEvent{groupOf(6, 0), queryOf("shop", "insert into carts values (1)"), endOf()}, "0-1-6", "", false},
		"of another database":      {[]*replication.BinlogEvent{groupOf(6, 0), queryOf("blog", "insert into orders values (1)"), endOf()}, "0-1-6", "", false},
		"loaded":                   {[]*replication.BinlogEvent{groupOf(6, 0), eventOf(replication.EXECUTE_LOAD_QUERY_EVENT, &replication.ExecuteLoadQueryEvent{})}, "", "LOAD DATA", true},
		"a savepoint":              {[]*replication.BinlogEvent{groupOf(6, 0), queryOf("shop", "SAVEPOINT `a`"), endOf()}, "0-1-6", "", false},
		"a comment before it":      {[]*replication.BinlogEvent{groupOf(6, 0), queryOf("shop", "/* app */ -- x\n# y\nUPDATE orders set x = 1")}, "", "binlog_format", true},
		"with a line's end":        {[]*replication.BinlogEvent{groupOf(6, 0), queryOf("shop", "update\norders set x = 1")}, "", "binlog_format", true},
		"with settings":            {[]*replication.BinlogEvent{groupOf(6, 0), queryOf("shop", "SET STATEMENT max_statement_time=3, sql_mode=' for x' FOR UPDATE orders set x = 1")}, "", "binlog_format", true},
		"settings of none":         {[]*replication.BinlogEvent{groupOf(6, 0), queryOf("shop", "SET STATEMENT orders")}, "", "binlog_format", true},
		"an alteration with some":  {[]*replication.BinlogEvent{groupOf(6, standalone), queryOf("shop", "SET STATEMENT lock_wait_timeout=3 FOR /* x */ alter table orders add x int")}, "0-1-6", "", false},
		"one of a dump's":          {[]*replication.BinlogEvent{groupOf(6, standalone), queryOf("shop", "/*!40000 ALTER TABLE `orders` DISABLE KEYS */")}, "0-1-6", "", false},
		"in such a comment":        {[]*replication.BinlogEvent{groupOf(6, 0), queryOf("shop", "/*M!100100 UPDATE orders set x = 1 */")}, "", "binlog_format", true},
		"of no known word":         {[]*replication.BinlogEvent{groupOf(6, 0), queryOf("shop", "(merge orders)")}, "", "binlog_format", true},
		"a password":               {[]*replication.BinlogEvent{groupOf(6, standalone), queryOf("shop", "SET PASSWORD FOR 'orders'@'%' = 'x'")}, "0-1-6", "", false},
		"changes are missing":      {[]*replication.BinlogEvent{groupOf(6, 0), eventOf(replication.INCIDENT_EVENT, &replication.GenericEvent{})}, "", "incident", true},
		"back to no savepoint":     {[]*replication.BinlogEvent{groupOf(6, 0), queryOf("shop", "SAVEPOINT `a`"), queryOf("shop", "ROLLBACK TO `b`")}, "", "savepoint", true},
		"back to one":              {[]*replication.BinlogEvent{groupOf(6, 0), queryOf("shop", "SAVEPOINT `a``b`"), queryOf("shop", "ROLLBACK TO `A``b`"), endOf()}, "0-1-6", "", false},
		"what is of no interest":   {[]*replication.BinlogEvent{eventOf(replication.HEARTBEAT_EVENT, &replication.GenericEvent{}), queryOf("", "# x"), endOf()}, "", "", false},
		"two domains, out of turn": {[]*replication.BinlogEvent{groupOf(6, 0), endOf(), eventOf(replication.MARIADB_GTID_EVENT, &replication.MariadbGTIDEvent{GTID: mysql.MariadbGTID{DomainID: 2, ServerID: 9, SequenceNumber: 1}}), endOf()}, "0-1-6 0-1-6,2-9-1", "", false},
	} {
		f := newFeed([]watch{{table: "shop.orders"}}, &texts{}, place{pos: position{0: gtid{0, 1, 5}}, spot: spot{"log.000003", 400, 77}})
		var got []string
		var err error
		for _, ev := range c.events {
			var done *commit
			if done, err = f.take(t.Context(), ev); err != nil {
				break
			}
			if done != nil {
				got = append(got, done.pos.String())
			}
		}
		if strings.Join(got, " ") != c.want || (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) || (gapIn(err) != "") != c.gap {
			t.Errorf("%s: %q, %v; want %q, %q", name, got, err, c.want, c.fails)
		}
	}
}

// TestBack: what came after a savepoint is undone, and may come again.
func TestBack(t *testing.T) {
	for name, c := range map[string]struct {
		steps string // letters are found; ( sets a savepoint, ) goes back to it; [ and ] another
		want  string
		row   []byte
	}{
		"none": {"(ab)", "", nil}, "some": {"a(b)c", "ac", nil}, "again": {"a(b)b", "ab", nil}, "not twice": {"a(b)ab", "ab", nil}, "twice the name": {"a(b(c)", "ab", nil},
		"one in another": {"a(b[c)d", "ad", nil}, "the inner": {"a(b[c]d", "abd", nil}, "one after the other": {"a(b)c[d]", "ac", nil}, "whole rows": {"a(b)a", "aa", []byte("{}")},
	} {
		f := newFeed([]watch{{table: "shop.orders"}}, &texts{}, place{})
		if _, err := f.take(t.Context(), groupOf(6, 0)); err != nil {
			t.Fatal(err)
		}
		for _, step := range c.steps {
			text := map[rune]string{'(': "SAVEPOINT `one`", ')': "ROLLBACK TO `ONE`", '[': "SAVEPOINT two", ']': "ROLLBACK WORK TO SAVEPOINT two"}[step]
			if text == "" {
				x := found{key: []any{string(step)}, row: c.row}
				if c.row == nil && f.open.seen[x.id()] {
					continue
				}
				f.open.seen[x.id()] = true
				f.open.found = append(f.open.found, x)
				continue
			}
			if _, err := f.take(t.Context(), queryOf("shop", text)); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
		done, err := f.take(t.Context(), endOf())
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, x := range done.found {
			got += fmt.Sprint(x.key[0])
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func FuzzStatement(f *testing.F) {
	for _, s := range []string{"update x", "/*!50000 x", "-- ", "--", "#", "SET STATEMENT a='\\' FOR x", "/*", "/*/", "SAVEPOINT `a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		word, rest := statement(s)
		if word != strings.ToUpper(word) || len(word)+len(rest) > 3*len(s) {
			t.Errorf("%q: %q, %q", s, word, rest)
		}
		savepoint(rest)
	})
}

func TestGapIn(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{nil, false}, {errors.New("connection refused"), false}, {&mysql.MyError{Code: 1236, Message: "Could not find GTID state requested by slave in any binlog files"}, true},
		{fmt.Errorf("reading: %w", &mysql.MyError{Code: 1236, Message: "log event entry exceeded max_allowed_packet"}), false}, {&mysql.MyError{Code: 1045}, false},
	} {
		if got := gapIn(c.err); (got != "") != c.want {
			t.Errorf("%v: %q", c.err, got)
		}
	}
}

func TestPositions(t *testing.T) {
	p, err := parsePosition("0-1-5, 2-7-9,0-3-8")
	if err != nil || p.String() != "0-3-8,2-7-9" {
		t.Errorf("%s, %v", p, err)
	}
	for s, want := range map[string]int64{"0-3-8,2-7-9": 0, "0-1-10,2-7-9": 2, "0-3-8,2-7-9,4-1-3": 3, "0-3-7,2-7-9": -1, "": -1} {
		of, err := parsePosition(s)
		if err != nil || p.behind(of) != want {
			t.Errorf("%q: %d, %v; want %d", s, p.behind(of), err, want)
		}
	}
	if q := p.with(gtid{0, 1, 9}); q.String() != "0-1-9,2-7-9" || p.String() != "0-3-8,2-7-9" {
		t.Error(q, p)
	}
	if _, err := parsePosition("0-1"); err == nil {
		t.Error("half a GTID is one")
	}
	for _, c := range []struct {
		a, b spot
		want bool
	}{
		{spot{File: "log.000009", At: 4}, spot{File: "log.000010", At: 4}, false}, {spot{File: "log.1000000", At: 4}, spot{File: "log.999999", At: 900}, true},
		{spot{File: "log.000009", At: 900}, spot{File: "log.000009", At: 900}, true}, {spot{File: "log.000009", At: 899}, spot{File: "log.000009", At: 900}, false},
	} {
		if got := c.a.reaches(c.b); got != c.want {
			t.Errorf("%v, %v: %v", c.a, c.b, got)
		}
	}
}

func TestAddresses(t *testing.T) {
	for dsn, want := range map[string]string{
		"mysql://u:p%40w@db.example/shop": "db.example 3306 u p@w shop ", "mysql://u@[::1]:3307/shop?tls=skip-verify": "::1 3307 u  shop skip-verify",
		"postgres://u@h/d": "!", "mysql://u@h": "!", "mysql://h/d": "!", "mysql://u@h/d?charset=x": "!", "mysql://u@h/d?tls=perhaps": "!", "mysql://u@h:99999/d": "!", "u:p@tcp(h)/d": "!",
	} {
		a, err := parseAddress(dsn)
		got := fmt.Sprint(a.host, " ", a.port, " ", a.user, " ", a.password, " ", a.database, " ", a.tls)
		if err != nil {
			got = "!"
		}
		if got != want || err != nil && strings.Contains(err.Error(), "p%40w") {
			t.Errorf("%s: %q, %v; want %q", dsn, got, err, want)
		}
	}
}

// TestTexts: what is in a character set of its own is read as it is meant.
func TestTexts(t *testing.T) {
	x := &texts{convert: func(_ context.Context, charset, hex string) (string, error) { return charset + " " + hex, nil }}
	for _, c := range []struct{ charset, bytes, want string }{
		{"latin1", "Zo\xeb \x80 \x81", "Zoë € \u0081"}, {"utf8mb4", "Zoë", "Zoë"}, {"cp1250", "abc", "abc"}, {"cp1250", "\xa3", "cp1250 a3"}, {"ucs2", "\x00a", "ucs2 0061"}, {"sjis", `\`, "sjis 5c"}, {"binary", "\xff", "\xff"},
	} {
		if got, err := x.decode(t.Context(), c.charset, []byte(c.bytes)); err != nil || got != c.want {
			t.Errorf("%s %q: %q, %v", c.charset, c.bytes, got, err)
		}
	}
}

func TestMarks(t *testing.T) {
	for q, want := range map[string]int{"": 0, "a = ?": 1, "a = '?' and b = ? and `?` = \"?\" and c=?": 2, "a = 'it''s ?'": 0} {
		if got := table.Marks(q); got != want {
			t.Errorf("%q: %d", q, got)
		}
	}
	if got := args("a = ? or b = ?", []any{int64(7)}); len(got) != 2 || got[1] != int64(7) {
		t.Error(got)
	}
}

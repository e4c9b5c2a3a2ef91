package postgres

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/source/table"
)

// msg writes a message of pgoutput.
type msg []byte

func (m msg) u8(v byte) msg    { return append(m, v) }
func (m msg) u16(v int) msg    { return binary.BigEndian.AppendUint16(m, uint16(v)) }
func (m msg) u32(v uint32) msg { return binary.BigEndian.AppendUint32(m, v) }
func (m msg) u64(v uint64) msg { return binary.BigEndian.AppendUint64(m, v) }
func (m msg) text(s string) msg {
	return append(append(m, s...), 0)
}

// tuple writes a row: "~" null, "^" unchanged.
func (m msg) tuple(values ...string) msg {
	m = m.u16(len(values))
	for _, v := range values {
		switch v {
		case "~":
			m = m.u8('n')
		case "^":
			m = m.u8('u')
		default:
			m = append(m.u8('t').u32(uint32(len(v))), v...)
		}
	}
	return m
}

// describe writes a relation; a column that ends with * is of the identity.
func relationOf(id uint32, name string, columns ...string) msg {
	m := msg("R").u32(id).text("public").text(name).u8('d').u16(len(columns))
	for _, c := range columns {
		c, identity := strings.CutSuffix(c, "*")
		m = m.u8(map[bool]byte{true: 1}[identity]).text(c).u32(25).u32(0)
	}
	return m
}

// wholly makes a description's identity FULL.
func wholly(m msg) msg {
	out := slices.Clone(m)
	out[len(msg("R").u32(1).text("public").text("orders"))] = 'f'
	return out
}

func begin(xid uint32) msg { return msg("B").u64(100).u64(0).u32(xid) }
func committed(end uint64) msg {
	return msg("C").u8(0).u64(end - 1).u64(end).u64(uint64(time.Hour / time.Microsecond))
}
func insertOf(id uint32, v ...string) msg { return msg("I").u32(id).u8('N').tuple(v...) }
func updateOf(id uint32, now ...string) msg {
	return msg("U").u32(id).u8('N').tuple(now...)
}
func updateFrom(id uint32, old []string, now ...string) msg {
	return append(msg("U").u32(id).u8('O').tuple(old...).u8('N'), msg{}.tuple(now...)...)
}

// part puts a message into a stream, with its subtransaction.
func part(sub uint32, m msg) msg { return append(msg{m[0]}.u32(sub), m[1:]...) }

func testFeed(t testing.TB, when map[string]string) *feed {
	w, err := table.ParseWhen(when)
	if err != nil {
		t.Fatal(err)
	}
	return newFeed([]watch{{table: "public.orders", when: w, keys: []string{"id"}}}, prefix)
}

// keysOf plays messages, and gives the keys that were committed.
func keysOf(t *testing.T, f *feed, messages ...msg) (out []string, err error) {
	t.Helper()
	for _, m := range messages {
		c, _, err := f.take(0, m)
		if err != nil {
			return out, err
		}
		if c != nil {
			for _, x := range c.found {
				out = append(out, x.key...)
			}
			out = append(out, c.end.String())
		}
	}
	return out, nil
}

func TestFeed(t *testing.T) {
	full, short := relationOf(1, "orders", "id*", "status*", "note*"), relationOf(1, "orders", "id*", "status", "note")
	other := relationOf(2, "lines", "id*")
	paid := map[string]string{"status": "pending -> paid"}
	start := func(xid uint32) msg { return msg("S").u32(xid).u8(1) }
	stop := msg("E")
	end := func(xid uint32, at uint64) msg {
		return append(msg("c").u32(xid), committed(at)[1:]...)
	}
	abort := func(xid, sub uint32) msg { return msg("A").u32(xid).u32(sub) }
	for name, c := range map[string]struct {
		when     map[string]string
		messages []msg
		want     string
		fails    string
	}{
		"an insert":                           {paid, []msg{begin(7), full, insertOf(1, "a", "paid", "~"), committed(9)}, "a 0/9", ""},
		"a partition of a table that is FULL": {paid, []msg{begin(7), wholly(full), updateOf(1, "a", "paid", "x"), committed(9)}, "", "cannot be decided"},
		"FULL, as it should be":               {paid, []msg{begin(7), wholly(full), updateFrom(1, []string{"a", "pending", "x"}, "a", "paid", "x"), committed(9)}, "a 0/9", ""},
		"other tables":                        {paid, []msg{begin(7), full, other, insertOf(2, "a"), committed(9)}, "0/9", ""},
		"an update":                           {paid, []msg{begin(7), full, updateFrom(1, []string{"a", "pending", "x"}, "a", "paid", "^"), committed(9)}, "a 0/9", ""},
		"no change":                           {paid, []msg{begin(7), full, updateFrom(1, []string{"a", "paid", "x"}, "a", "paid", "y"), committed(9)}, "0/9", ""},
		"twice in one":                        {paid, []msg{begin(7), full, insertOf(1, "a", "paid", "~"), updateFrom(1, []string{"a", "pending", "~"}, "a", "paid", "~"), insertOf(1, "b", "paid", "~"), committed(9)}, "a b 0/9", ""},
		"no old value":                        {paid, []msg{begin(7), short, updateOf(1, "a", "paid", "~")}, "", "REPLICA IDENTITY FULL"},
		"none is needed":                      {map[string]string{"status": "= paid"}, []msg{begin(7), short, updateOf(1, "a", "paid", "~"), committed(9)}, "a 0/9", ""},
		"not that one":                        {paid, []msg{begin(7), short, updateOf(1, "a", "open", "~"), committed(9)}, "0/9", ""},
		"altered":                             {paid, []msg{begin(7), full, insertOf(1, "a", "paid", "~"), relationOf(1, "orders", "new*", "status*", "id*"), insertOf(1, "1", "paid", "b"), committed(9)}, "a b 0/9", ""},
		"renamed away":                        {paid, []msg{begin(7), full, relationOf(1, "old_orders", "id*", "status*", "note*"), insertOf(1, "a", "paid", "~"), committed(9)}, "0/9", ""},
		"its column gone":                     {paid, []msg{begin(7), relationOf(1, "orders", "id*"), insertOf(1, "a")}, "", `no column "status"`},
		"its key gone":                        {paid, []msg{begin(7), relationOf(1, "orders", "status*"), insertOf(1, "paid")}, "", `no column "id" for the key`},
		"no key yet":                          {paid, []msg{begin(7), full, insertOf(1, "~", "paid", "~"), committed(9)}, "0/9", ""},
		"origin, type":                        {paid, []msg{begin(7), msg("O").u64(1).text("x"), msg("Y").u32(9).text("s").text("t"), full, insertOf(1, "a", "paid", "~"), msg("T").u32(1).u8(0).u32(1), msg("D").u32(1).u8('K').tuple("a"), committed(9)}, "a 0/9", ""},
		"unknown table":                       {paid, []msg{begin(7), insertOf(1, "a", "paid", "~")}, "", "not described"},
		"unknown kind":                        {paid, []msg{msg("x")}, "", "not known"},
		"a large key as is":                   {map[string]string{"status": "-> paid"}, []msg{begin(7), full, updateFrom(1, []string{"a", "pending", "x"}, "^", "paid", "^"), committed(9)}, "a 0/9", ""},
		"large and as it was":                 {map[string]string{"note": "-> null"}, []msg{begin(7), full, updateFrom(1, []string{"a", "pending", "x"}, "a", "paid", "^"), committed(9)}, "0/9", ""},
		"streamed": {paid, []msg{start(7), part(7, full), part(7, insertOf(1, "a", "paid", "~")), stop, begin(8), insertOf(1, "z", "paid", "~"), committed(5),
			start(7), part(7, insertOf(1, "b", "paid", "~")), stop, end(7, 9)}, "z 0/5 a b 0/9", ""},
		"streamed and undone": {paid, []msg{start(7), part(7, full), part(7, insertOf(1, "a", "paid", "~")), stop, abort(7, 7), begin(8), committed(9)}, "0/9", ""},
		"a savepoint undone": {paid, []msg{start(7), part(7, full), part(7, insertOf(1, "a", "paid", "~")), part(8, insertOf(1, "b", "paid", "~")), stop, abort(7, 8),
			start(7), part(7, insertOf(1, "c", "paid", "~")), stop, end(7, 9)}, "a c 0/9", ""},
		"undone, and done again": {paid, []msg{start(7), part(7, full), part(8, insertOf(1, "a", "paid", "~")), stop, abort(7, 8),
			start(7), part(7, insertOf(1, "a", "paid", "~")), stop, end(7, 9)}, "a 0/9", ""},
		"nested, all undone": {paid, []msg{start(7), part(7, full), part(8, insertOf(1, "a", "paid", "~")), part(9, insertOf(1, "a", "paid", "~")), part(9, insertOf(1, "b", "paid", "~")), stop,
			abort(7, 9), abort(7, 8), start(7), part(7, insertOf(1, "c", "paid", "~")), stop, end(7, 9)}, "c 0/9", ""},
		"undone twice told": {paid, []msg{abort(7, 8), abort(7, 7), begin(8), committed(9)}, "0/9", ""},
	} {
		got, err := keysOf(t, testFeed(t, c.when), c.messages...)
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%s: %v, want %q", name, err, c.fails)
			}
			continue
		}
		if err != nil || strings.Join(got, " ") != c.want {
			t.Errorf("%s: %q, %v; want %q", name, got, err, c.want)
		}
	}
}

func TestHeartbeat(t *testing.T) {
	f := testFeed(t, nil)
	beatOf := func(flags byte, prefix, text string) msg {
		return append(msg("M").u8(flags).u64(77).text(prefix).u32(uint32(len(text))), text...)
	}
	if _, b, err := f.take(0, beatOf(0, prefix, "slot 5")); err != nil || b == nil || b.at != 77 || b.text != "slot 5" {
		t.Errorf("%+v, %v", b, err)
	}
	for _, m := range []msg{beatOf(1, prefix, "slot 5"), beatOf(0, "another", "slot 5")} {
		if _, b, err := f.take(0, m); err != nil || b != nil {
			t.Errorf("%+v, %v", b, err)
		}
	}
}

// TestUndecidedIsPassed: what a scan has looked for does not stop the source again.
func TestUndecidedIsPassed(t *testing.T) {
	f := testFeed(t, map[string]string{"status": "pending -> paid"})
	f.passed = 50
	for _, m := range []msg{begin(7), relationOf(1, "orders", "id*", "status")} {
		if _, _, err := f.take(40, m); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := f.take(49, updateOf(1, "a", "paid")); err != nil {
		t.Error(err)
	}
	var u *undecidedError
	if _, _, err := f.take(50, updateOf(1, "a", "paid")); !errors.As(err, &u) || !errors.Is(err, table.ErrUndecided) || u.table != "public.orders" {
		t.Errorf("%v", err)
	}
}

// FuzzFeed: no message ends the process, and one that is cut short is not taken for a whole one.
func FuzzFeed(f *testing.F) {
	full := relationOf(1, "orders", "id*", "status*", "note*")
	for _, m := range []msg{begin(7), full, insertOf(1, "a", "paid", "~"), updateFrom(1, []string{"a", "x", "y"}, "a", "paid", "^"), committed(9),
		msg("S").u32(7).u8(1), part(7, insertOf(1, "a", "paid", "~")), msg("E"), msg("A").u32(7).u32(8), append(msg("c").u32(7), committed(3)[1:]...),
		append(msg("M").u8(0).u64(77).text(prefix).u32(1), 'x'), msg("D").u32(1), msg("T").u32(1)} {
		f.Add([]byte(m))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		x := testFeed(t, map[string]string{"status": "-> paid"})
		x.watches[0].whole = true
		for _, m := range [][]byte{full, begin(7)} {
			if _, _, err := x.take(0, m); err != nil {
				t.Fatal(err)
			}
		}
		_, _, err := x.take(0, b)
		if err != nil || len(b) < 2 || !slices.Contains([]byte("BCRIU"), b[0]) {
			return
		}
		// Whole messages of these kinds hold no byte that is not needed, but what we do not look at behind them.
		y := testFeed(t, map[string]string{"status": "-> paid"})
		for _, m := range [][]byte{full, begin(7)} {
			_, _, _ = y.take(0, m)
		}
		if _, _, err := y.take(0, b[:2]); err == nil {
			t.Fatalf("%q is taken for a whole message", b[:2])
		}
	})
}

func TestSees(t *testing.T) {
	for _, c := range []struct {
		snapshot string
		xid      uint32
		want     bool
	}{
		{"10:10:", 9, true}, {"10:10:", 10, false}, {"10:10:", 11, false}, {"8:12:8,10", 9, true}, {"8:12:8,10", 10, false}, {"8:12:8,10", 8, false},
		{"4294967300:4294967310:4294967305", 4294967290, true}, {"4294967300:4294967310:4294967305", 9, false}, {"4294967300:4294967310:4294967305", 10, true}, {"4294967300:4294967310:", 14, false},
	} {
		if got, err := sees(c.snapshot, c.xid); err != nil || got != c.want {
			t.Errorf("%s, %d: %v, %v", c.snapshot, c.xid, got, err)
		}
	}
	for _, s := range []string{"", "1:x:", "1:2"} {
		if _, err := sees(s, 1); err == nil {
			t.Errorf("%q can be read", s)
		}
	}
}

func TestGapOf(t *testing.T) {
	id := identity{System: "1", Timeline: 1, Database: "5", at: 100}
	ok := &slot{WAL: "reserved", Confirmed: "0/30"}
	known := func(change func(*page)) *page {
		p := &page{identity: identity{System: "1", Timeline: 1, Database: "5"}, Slot: "s", Flushed: "0/40"}
		if change != nil {
			change(p)
		}
		return p
	}
	yes, why := true, "wal_removed"
	for name, c := range map[string]struct {
		p    *page
		s    *slot
		want string
	}{
		"first":           {nil, nil, ""},
		"adopted":         {nil, ok, ""},
		"first, and lost": {nil, &slot{WAL: "lost"}, "lost"},
		"as it was":       {known(nil), ok, ""},
		"another cluster": {known(func(p *page) { p.System = "2" }), ok, "cluster"},
		"another base":    {known(func(p *page) { p.Database = "6" }), ok, "another database"},
		"promoted":        {known(func(p *page) { p.Timeline = 2 }), ok, "timeline"},
		"failed over":     {known(func(p *page) { p.Timeline = 2 }), &slot{WAL: "reserved", Confirmed: "0/30", Failover: true}, ""},
		"gone":            {known(nil), nil, "gone"},
		"lost":            {known(nil), &slot{WAL: "lost", Confirmed: "0/30"}, "lost"},
		"invalid":         {known(nil), &slot{WAL: "reserved", Confirmed: "0/30", Invalid: &why}, "lost"},
		"in conflict":     {known(nil), &slot{WAL: "reserved", Confirmed: "0/30", Conflict: &yes}, "lost"},
		"an older state":  {known(func(p *page) { p.Flushed = "0/65" }), ok, "older state"},
		"made anew":       {known(nil), &slot{WAL: "reserved", Confirmed: "0/50"}, "made anew"},
	} {
		if got := gapOf(c.p, id, c.s); c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		typ        uint32
		text, want string
	}{
		{oidBool, "t", "true"}, {oidBool, "f", "false"}, {oidInt8, "-9007199254740993", "-9007199254740993"}, {oidNum, "12.50", "12.50"}, {oidNum, "NaN", `"NaN"`}, {oidFloat8, "-Infinity", `"-Infinity"`},
		{oidFloat8, "1e+20", "1e+20"}, {oidJSONB, `{"a": 1.10}`, `{"a": 1.10}`}, {oidBytea, `\x00ff`, `"AP8="`}, {oidStamp, "2026-11-28 10:00:00.5", `"2026-11-28T10:00:00.5"`},
		{oidStampZ, "2026-11-28 10:00:00+00", `"2026-11-28T10:00:00+00:00"`}, {25, `a"b`, `"a\"b"`}, {1007, "{1,NULL,{2,3}}", "[1,null,[2,3]]"}, {1007, "{}", "[]"}, {1007, "[0:1]={1,2}", "[1,2]"},
		{1009, `{a,"b,\"c","NULL"}`, `["a","b,\"c","NULL"]`}, {1009, "{a", `"{a"`}, {1231, "{1.10}", "[1.10]"},
	} {
		if got := string(asJSON(c.typ, c.text)); got != c.want {
			t.Errorf("%d %s: %s, want %s", c.typ, c.text, got, c.want)
		}
	}
}

// TestHealNotBeforeTheStart: what was completed before the first start is not looked for, unless the slot was there before.
func TestHealNotBeforeTheStart(t *testing.T) {
	at := time.Date(2026, 11, 28, 10, 0, 30, 0, time.UTC)
	p := &page{Watermark: at, Began: at.Add(-30 * time.Second)}
	p.heal("x", 5*time.Minute)
	if !p.Healing.Equal(p.Began) {
		t.Errorf("since %s", p.Healing)
	}
	p = &page{Watermark: at}
	p.heal("x", 5*time.Minute)
	if !p.Healing.Equal(at.Add(-5 * time.Minute)) {
		t.Errorf("since %s", p.Healing)
	}
}

package mysql

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/pipeline/queue/queuetest"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/table"
)

// TestFixedBytes: the zeros at the end of BINARY(n) are not in the log, and are in the key, which else finds nothing.
func TestFixedBytes(t *testing.T) {
	server := queuetest.MariaDBLog(t)
	for name, c := range map[string]struct {
		row, want string
	}{
		"queried": {"select hex(id) as h, status from things where id = ?", `web {"h":"00000000000000000000000000000000","status":"cGFpZAAAAAA="}
web {"h":"00112233445566778899AABBCCDDEE00","status":"cGFpZAAAAAA="}
web {"h":"FF0A5C27223FFFFFFFFFFFFFFFFFFFFF","status":"cGFpZAAAAAA="}`},
		"whole": {"", `web {"id":"/wpcJyI//////////////w==","status":"cGFpZAAAAAA="}
web {"id":"AAAAAAAAAAAAAAAAAAAAAA==","status":"cGFpZAAAAAA="}
web {"id":"ABEiM0RVZneImaq7zN3uAA==","status":"cGFpZAAAAAA="}`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShop(t, server, name)
			exec(t, s.db, "create table things (id binary(16) primary key, status binary(8))")
			s.settings.Watch = []table.Watch{{Table: "things", Key: "id", When: map[string]string{"status": "-> paid"}}}
			s.settings.Order = table.Order{Row: c.row}
			s.settings.Scan = ""
			var e events
			r := s.run(t, e.accept, source.Reading)
			for _, id := range []string{"00112233445566778899aabbccddee00", "00000000000000000000000000000000", "ff0a5c27223fffffffffffffffffffff"} {
				exec(t, s.db, "insert into things values (x'"+id+"', 'new'); update things set status = 'paid' where id = x'"+id+"'")
			}
			soon(10*time.Second, func() bool { return strings.Count(e.all(), "web ") == 3 })
			r.stop(t)
			lines := strings.Split(e.all(), "\n") // several are accepted at a time
			slices.Sort(lines)
			if got := strings.Join(lines, "\n"); got != c.want {
				t.Errorf("\ngot  %s\nwant %s", got, c.want)
			}
		})
	}
}

// TestFixedTypes: of types that the log has as bytes an order is found as well, whatever they end in.
func TestFixedTypes(t *testing.T) {
	server := queuetest.MariaDBLog(t)
	for kind, ids := range map[string][]string{"uuid": {"00112233-4455-6677-8899-aabbccddee00", "6ccd780c-baba-1026-9564-5b8c65000000", "00000000-0000-0000-0000-000000000000"}, "inet6": {"2001:db8::", "2001:db8::ff00:42:8329", "::"}} {
		s := newShop(t, server, "of"+kind)
		exec(t, s.db, "create table things (id "+kind+" primary key)")
		s.settings.Watch = []table.Watch{{Table: "things", Key: "id"}}
		s.settings.Order = table.Order{Row: "select id from things where id = ?"}
		s.settings.Scan = ""
		var e events
		r := s.run(t, e.accept, source.Reading)
		for _, id := range ids {
			exec(t, s.db, "insert into things values ('"+id+"')")
			e.wait(t, `web {"id":"`+id+`"}`)
		}
		r.stop(t)
	}
}

func TestSizeOf(t *testing.T) {
	for meta, want := range map[uint16]int{16: 16, 0xfe10: 16, 0xfeff: 255, 0xee10: 256 + 16, 0xcefd: 0x3fd} {
		if got := sizeOf(meta); got != want {
			t.Errorf("%x: %d, want %d", meta, got, want)
		}
	}
}

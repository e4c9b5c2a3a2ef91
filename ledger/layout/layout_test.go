package layout

import (
	"fmt"
	"testing"
	"testing/fstest"
)

// TestAfter: what is behind a number, in order, and nothing else.
func TestAfter(t *testing.T) {
	folder := fstest.MapFS{"migrations/00010_c.sql": {Data: []byte("C")}, "migrations/00001_a.sql": {Data: []byte("A")}, "migrations/00002_b.sql": {Data: []byte("B")},
		"migrations/readme": {}}
	for at, want := range map[int64]string{0: "[{1 00001_a.sql A} {2 00002_b.sql B} {10 00010_c.sql C}]", 1: "[{2 00002_b.sql B} {10 00010_c.sql C}]",
		2: "[{10 00010_c.sql C}]", 10: "[]", 11: "[]"} {
		if got, err := After(folder, at); err != nil || fmt.Sprint(got) != want {
			t.Errorf("after %d: %v %v, want %s", at, got, err, want)
		}
	}
	if _, err := After(fstest.MapFS{"migrations/first.sql": {}}, 0); err == nil {
		t.Error("a file without a number passes")
	}
}

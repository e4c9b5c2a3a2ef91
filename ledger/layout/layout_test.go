package layout

import (
	"slices"
	"testing"
	"testing/fstest"
)

// TestAfter: what is behind a number, in order, and nothing else.
func TestAfter(t *testing.T) {
	folder := fstest.MapFS{"migrations/00010_c.sql": {Data: []byte("C")}, "migrations/00001_a.sql": {Data: []byte("A")}, "migrations/00002_b.sql": {Data: []byte("B")},
		"migrations/readme": {}}
	for at, want := range map[int64]string{0: "ABC", 1: "BC", 2: "C", 10: "", 11: ""} {
		got, err := After(folder, at)
		said := ""
		for _, m := range got {
			said += m.SQL
		}
		if err != nil || said != want {
			t.Errorf("after %d: %v %v, want %s", at, got, err, want)
		}
	}
	if _, err := After(fstest.MapFS{"migrations/first.sql": {}}, 0); err == nil {
		t.Error("a file without a number passes")
	}
}

// TestMarks: a migration says what it is, once and in words that are known.
func TestMarks(t *testing.T) {
	read := func(text string) (Migration, error) {
		all, err := After(fstest.MapFS{"migrations/00001_a.sql": {Data: []byte(text)}}, 0)
		if err != nil {
			return Migration{}, err
		}
		return all[0], nil
	}
	m, err := read("-- What it does.\n-- waxwing: contract\n-- waxwing: holds a from writes\n-- waxwing: holds b from reads and writes\nSELECT 1;\n")
	if err != nil || m.Kind != Contract || !slices.Equal(m.Holds, []Hold{{"a", "writes"}, {"b", "reads and writes"}}) {
		t.Errorf("%+v %v", m, err)
	}
	if m, err = read("SELECT 1;"); err != nil || m.Kind != Unmarked || m.Holds != nil {
		t.Errorf("%+v %v", m, err)
	}
	for _, bad := range []string{"expands", "expand\n-- waxwing: contract", "expand\n-- waxwing: expand", "holds a", "holds a from everything"} {
		if m, err := read("-- waxwing: " + bad + "\n"); err == nil {
			t.Errorf("%q passes: %+v", bad, m)
		}
	}
}

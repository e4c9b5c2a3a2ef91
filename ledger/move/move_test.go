package move

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/verify"
)

// shelf is a store in memory, that outlives whoever moves it.
type shelf struct {
	name   string
	tables map[string][]Row
	mark   *Mark
	opened bool // a daemon may serve it
	beside Beside
	made   bool
	wrong  string // a table of which it loses a row
	broken bool   // verify finds something
}

// hand is one command's way to a shelf, which ends with the command.
type hand struct {
	*shelf
	life *life
}

// life ends a command at one of its calls: before what it does, or right after.
type life struct{ calls, ends int }

var errDead = errors.New("killed")

// does runs one step of a command that may be killed.
func (h *hand) does(f func() error) error {
	h.life.calls++
	if h.life.calls == h.life.ends {
		return errDead
	}
	err := f()
	h.life.calls++
	if err == nil && h.life.calls == h.life.ends {
		return errDead
	}
	return err
}

func (h *hand) Name() string               { return h.name }
func (h *hand) Hold(context.Context) error { return h.does(func() error { return nil }) }
func (h *hand) Close()                     {}
func (h *hand) Parts() []Part              { return Parts() }

func (h *hand) Mark(context.Context) (*Mark, error) { return h.shelf.read() }

func (s *shelf) read() (*Mark, error) {
	if s.mark == nil {
		return nil, nil
	}
	return Decode(s.mark.Encode()) // as each store keeps it
}

func (h *hand) Tell(_ context.Context, m *Mark) error {
	return h.does(func() (err error) { h.mark, err = Decode(m.Encode()); return err })
}

func (h *hand) Unmark(context.Context) error {
	return h.does(func() error { h.mark, h.opened = nil, true; return nil })
}

func (h *hand) Count(_ context.Context, p Part) (int64, error) {
	return int64(len(h.tables[p.Table])), nil
}

func (h *hand) Read(_ context.Context, p Part, after []string, f func([]string, Row) error) error {
	t := TableOf(p.Table)
	begun := after == nil
	for _, r := range h.tables[p.Table] {
		if begun {
			if err := f(t.KeyText(r), slices.Clone(r)); err != nil {
				return err
			}
		}
		begun = begun || slices.Equal(t.KeyText(r), after)
	}
	return nil
}

func (h *hand) Verify(context.Context, ...string) (*verify.Report, error) {
	r := &verify.Report{}
	if h.broken {
		r.Problem("a row was edited")
	}
	return r, nil
}

func (h *hand) Secrets() (Secrets, error) { return Secrets{}, nil }

func (h *hand) Shut(_ context.Context, m *Mark) error {
	return h.does(func() error { h.mark, h.opened = m, false; return nil })
}

func (h *hand) End(context.Context) (string, error) {
	return fmt.Sprint(len(h.tables["trail"]), " 0"), nil
}

func (h *hand) Beside(context.Context) (*Beside, error) { b := h.beside; return &b, nil }

func (h *hand) Begin(_ context.Context, m *Mark, _ Secrets) error {
	return h.does(func() error {
		if h.mark == nil && h.made {
			return errors.New("there is a ledger in it")
		}
		h.mark, h.made = m, true
		return nil
	})
}

func (h *hand) Write(_ context.Context, t *Table, rows []Row, m *Mark) error {
	return h.does(func() (err error) {
		for _, r := range rows {
			h.tables[t.Name] = append(h.tables[t.Name], slices.Clone(r))
		}
		if t.Name == h.wrong {
			h.tables[t.Name] = h.tables[t.Name][1:]
		}
		h.mark, err = Decode(m.Encode())
		return err
	})
}

func (h *hand) Finish(_ context.Context, b *Beside) error {
	return h.does(func() error { h.shelf.beside = *b; return nil })
}

// stocked is a shelf with n rows of each table.
func stocked(n int) *shelf {
	s := &shelf{name: "old", tables: map[string][]Row{}, opened: true, made: true, beside: Beside{Anchors: []byte("a\nb\na\n"), Keyed: 7}}
	for _, t := range Tables {
		for i := range n {
			r := make(Row, len(t.Columns))
			for c, col := range t.Columns {
				switch col.Kind {
				case Text:
					r[c] = fmt.Sprintf("%s %03d", col.Name, i)
				case Bytes:
					r[c] = append([]byte{byte(i)}, rand.Text()...)
				case Bool:
					r[c] = int64(i % 2)
				default:
					r[c] = int64(i)
				}
			}
			s.tables[t.Name] = append(s.tables[t.Name], r)
		}
	}
	return s
}

func empty() *shelf { return &shelf{name: "new", tables: map[string][]Row{}} }

func (s *shelf) rows() string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(s.tables)) {
		fmt.Fprintln(&b, name, s.tables[name])
	}
	return b.String()
}

func moving(from, to *shelf, ends int) *Move {
	l := &life{ends: ends}
	return &Move{From: &hand{from, l}, To: &hand{to, l}, Batch: 3, Clock: func() time.Time { return time.UnixMilli(1764201600000) }}
}

// TestMoveKilledAnywhere: whichever call is a command's last, before or after it was done, at no moment can both
// ledgers be served, and the same command again brings each row once.
func TestMoveKilledAnywhere(t *testing.T) {
	kills := 0
	for first := 1; ; first++ {
		from, to := stocked(4), empty()
		want := from.rows()
		r, err := moving(from, to, first).Run(t.Context())
		whole := err == nil // it was over before that call
		for again := 1; errors.Is(err, errDead); again++ {
			kills++
			if from.opened && to.opened {
				t.Fatalf("killed at call %d: both can be served", first)
			}
			r, err = moving(from, to, first*again%11+2).Run(t.Context()) // and again, elsewhere
			if again > 50 {
				r, err = moving(from, to, 0).Run(t.Context())
			}
		}
		if err != nil {
			t.Fatalf("killed at call %d: %v", first, err)
		}
		if from.opened || !to.opened || to.rows() != want || from.mark == nil || !from.mark.Done || to.mark != nil {
			t.Fatalf("killed at call %d: from %+v, to %+v\n%s\n%s", first, from.mark, to.mark, want, to.rows())
		}
		if string(to.beside.Anchors) != "a\nb\n" || to.beside.Keyed != 7 {
			t.Errorf("beside: %+v", to.beside)
		}
		if !r.Already && r.Rows["messages"] != 4 {
			t.Errorf("report: %+v", r)
		}
		if again, err := moving(from, to, 0).Run(t.Context()); err != nil || !again.Already {
			t.Errorf("once more: %+v %v", again, err)
		}
		if whole {
			break
		}
	}
	t.Logf("killed %d times", kills)
}

// TestMoveGivenUp: until it is done, whenever it was killed, it can be given up, and the source is served again;
// what is left of the target never is.
func TestMoveGivenUp(t *testing.T) {
	for at := 1; ; at++ {
		from, to := stocked(4), empty()
		_, err := moving(from, to, at).Run(t.Context())
		if err == nil {
			break
		}
		done := from.mark != nil && from.mark.Done && to.mark == nil
		begun := from.mark != nil || to.mark != nil
		for ends := 1; ends < 20; ends++ { // killed in the middle of that, too
			if err = moving(from, to, ends).GiveUp(t.Context()); !errors.Is(err, errDead) {
				break
			}
		}
		switch {
		case done:
			if err == nil || !strings.Contains(err.Error(), "the move is done") {
				t.Fatalf("%d: a move that is done was given up: %v", at, err)
			}
		case begun && err != nil && !strings.Contains(err.Error(), "no move is under way"):
			t.Fatalf("%d: %v", at, err)
		case !from.opened || from.mark != nil || to.opened:
			t.Fatalf("%d: from %+v, to %+v", at, from, to.mark)
		case to.mark != nil:
			if err := to.mark.Refuse("", false); err == nil || !errors.Is(err, ErrMoved) {
				t.Errorf("%d: what is left is served", at)
			}
			if _, err := moving(from, to, 0).Run(t.Context()); err == nil || !strings.Contains(err.Error(), "given up") {
				t.Errorf("%d: it goes on into what was given up: %v", at, err)
			}
		}
	}
}

// TestMoveRefused: what is in the way is said, with what to do, and nothing is served twice.
func TestMoveRefused(t *testing.T) {
	mark := func(role Role, other, id string) *Mark {
		return &Mark{ID: id, Role: role, Other: other, At: time.Now()}
	}
	for name, x := range map[string]struct {
		set  func(from, to *shelf)
		want string
	}{
		"the target is used":       {func(_, to *shelf) { to.made = true }, "there is a ledger in it"},
		"the source was moved":     {func(from, _ *shelf) { from.mark = mark(From, "elsewhere", "x"); from.mark.Done = true }, "it was moved to elsewhere"},
		"it is moved elsewhere":    {func(from, _ *shelf) { from.mark = mark(From, "elsewhere", "x") }, "it is being moved to elsewhere"},
		"the source is unfinished": {func(from, _ *shelf) { from.mark = mark(To, "elsewhere", "x") }, "it is not whole"},
		"the target is another's":  {func(_, to *shelf) { to.mark = mark(To, "elsewhere", "x") }, "is being filled from elsewhere"},
		"the target was given up":  {func(_, to *shelf) { to.mark = mark(GivenUp, "old", "x") }, "given up: delete it"},
		"the target is gone":       {func(from, _ *shelf) { from.mark = mark(From, "new", "x") }, "was that deleted?"},
		"they are of two moves":    {func(from, to *shelf) { from.mark, to.mark = mark(From, "new", "x"), mark(To, "old", "y") }, "another move"},
		"both are one":             {func(_, to *shelf) { to.name = "old" }, "both configurations name old"},
		"the target loses a row":   {func(_, to *shelf) { to.wrong = "events" }, "table events has"},
		"the source is not whole":  {func(from, _ *shelf) { from.broken = true }, "old is not as it was written (a row was edited)"},
		"the target is not whole":  {func(_, to *shelf) { to.broken = true }, "new is not as it was written"},
		"an anchors' file is not":  {nil, "--anchors"},
		"the source went on anyhow": {func(from, to *shelf) {
			from.mark, to.mark = mark(From, "new", "x"), mark(To, "old", "x")
			to.mark.End = "3 0"
		}, "was written since the move began"},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := stocked(4), empty()
			m := moving(from, to, 0)
			if x.set != nil {
				x.set(from, to)
			} else {
				m.Anchors = []string{t.TempDir() + "/none.jsonl"}
			}
			if _, err := m.Run(t.Context()); err == nil || !strings.Contains(err.Error(), x.want) {
				t.Errorf("%v, want %q", err, x.want)
			}
			if to.opened {
				t.Error("the target is served")
			}
		})
	}
}

// TestCompareSeesABit: one bit of one row, a row too many, and rows that changed places.
func TestCompareSeesABit(t *testing.T) {
	tab := TableOf("contents")
	of := func(rows ...Row) (s Sum) {
		for _, r := range rows {
			s.Add(tab, r)
		}
		return s
	}
	a, b := Row{int64(1), []byte("ab"), []byte{}}, Row{int64(2), []byte("c"), []byte{}}
	want := of(a, b)
	if of(b, a) != want {
		t.Error("the order counts")
	}
	for name, got := range map[string]Sum{"a bit": of(Row{int64(1), []byte("ac"), []byte{}}, b), "one less": of(a), "twice": of(a, b, b),
		"swapped": of(Row{int64(2), []byte("ab"), []byte{}}, Row{int64(1), []byte("c"), []byte{}}), "shifted": of(Row{int64(1), []byte("a"), []byte("b")}, b)} {
		if got == want {
			t.Error(name, "is not seen")
		}
	}
	text, err := want.MarshalText()
	var back Sum
	if err = errors.Join(err, back.UnmarshalText(text)); err != nil || back != want {
		t.Error(back, err)
	}
}

// TestKeysOutliveTheirText: what a mark holds of a key is what the next command goes on behind.
func TestKeysOutliveTheirText(t *testing.T) {
	for _, tab := range Tables {
		for _, r := range stocked(3).tables[tab.Name] {
			v, err := tab.KeyValues(tab.KeyText(r))
			if err != nil {
				t.Fatal(err)
			}
			for i, k := range tab.Key {
				if fmt.Sprint(v[i]) != fmt.Sprint(r[k]) {
					t.Errorf("%s: %v became %v", tab.Name, r[k], v[i])
				}
			}
		}
		if _, err := tab.KeyValues(nil); err == nil {
			t.Errorf("%s: a key of nothing passes", tab.Name)
		}
	}
	r := Row{"a\x00b\xff", "good é", int64(1)}
	if !r.Clean() || r[0] != "a\uFFFDb\uFFFD" || r[1] != "good é" || r.Clean() {
		t.Errorf("cleaned: %q", r)
	}
	if SameMaster(waxwing.Secret(strings.Repeat("5a", 32)), waxwing.Secret(strings.Repeat("5b", 32))) == nil {
		t.Error("two keys are one")
	}
}

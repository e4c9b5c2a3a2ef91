package locales

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

// answer says what our formatters make of one question of gen/cldr.mjs.
func answer(t *testing.T, ask []any) string {
	t.Helper()
	c, err := Builtin()
	if err != nil {
		t.Fatal(err)
	}
	l, ok := c.Locale(ask[1].(string))
	if !ok {
		t.Fatalf("no locale %v", ask[1])
	}
	day := func(i int) time.Time {
		d, err := time.Parse(time.DateOnly, ask[i].(string))
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	style := map[any]DateStyle{"long": Long, "medium": Medium}
	switch ask[0] {
	case "money":
		m, err := waxwing.ParseMoney(ask[3].(string), ask[2].(string))
		if err != nil {
			t.Fatal(err)
		}
		return string(l.AppendMoney(nil, m))
	case "number":
		var n int64
		if _, err := fmt.Sscan(ask[2].(string), &n); err != nil {
			t.Fatal(err)
		}
		return string(l.AppendNumber(nil, n))
	case "percent":
		b, ok := l.AppendPercent(nil, ask[2].(string))
		if !ok {
			t.Fatalf("%v is a rate", ask[2])
		}
		return string(b)
	case "date":
		return string(l.AppendDate(nil, day(3), style[ask[2]]))
	case "range":
		return string(l.AppendRange(nil, day(3), day(4), style[ask[2]]))
	case "plural":
		return formNames[l.plurals.form(int64(ask[2].(float64)))]
	case "categories":
		var names []string
		for _, f := range l.plurals.categories() {
			names = append(names, formNames[f])
		}
		slices.Sort(names)
		return strings.Join(names, " ")
	}
	t.Fatalf("unknown question %v", ask)
	return ""
}

// ICU's answers to fixed questions are ours, byte for byte.
func TestEqualToICU(t *testing.T) {
	raw, err := os.ReadFile("testdata/icu.json")
	if err != nil {
		t.Fatal(err)
	}
	var golden struct{ Cases [][]any }
	if err := json.Unmarshal(raw, &golden); err != nil {
		t.Fatal(err)
	}
	if len(golden.Cases) < 3000 {
		t.Fatalf("only %d cases", len(golden.Cases))
	}
	for _, c := range golden.Cases {
		want := c[len(c)-1].(string)
		if got := answer(t, c[:len(c)-1]); got != want {
			t.Errorf("%v: %+q, ICU says %+q", c[:len(c)-1], got, want)
		}
	}
}

// Where node is there, ICU is asked about random values and every currency.
func TestEqualToICUAtRandom(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("node, which holds an ICU to compare with, is not installed")
	}
	version, err := exec.Command(node, "-p", "process.versions.icu").Output()
	if err != nil || !strings.HasPrefix(string(version), "78.") {
		t.Skipf("the tables are from ICU 78, node has %s", bytes.TrimSpace(version))
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	day := func(from int) (string, int) {
		n := from + rnd.IntN(500)
		return time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, n).Format(time.DateOnly), n
	}
	var asks [][]any
	for _, tag := range Tags() {
		for _, code := range everyCurrency() {
			m := waxwing.Money{Minor: rnd.Int64N(1 << (1 + rnd.IntN(45))), Currency: code}
			if rnd.IntN(4) == 0 {
				m.Minor = -m.Minor - 1
			}
			asks = append(asks, []any{"money", tag, code, m.Decimal()})
		}
		for range 60 {
			a, n := day(rnd.IntN(3000))
			b, _ := day(n)
			asks = append(asks, []any{"date", tag, "long", a}, []any{"date", tag, "medium", a},
				[]any{"range", tag, "long", a, b}, []any{"range", tag, "medium", a, b},
				[]any{"number", tag, fmt.Sprint(rnd.Int64N(1 << (1 + rnd.IntN(52))))},
				[]any{"percent", tag, fmt.Sprintf("0.%0*d", 1+rnd.IntN(6), rnd.IntN(10))},
				[]any{"plural", tag, float64(rnd.IntN(3000))})
		}
	}
	var in bytes.Buffer
	for _, a := range asks {
		raw, _ := json.Marshal(a)
		in.Write(append(raw, '\n'))
	}
	cmd := exec.Command(node, "gen/cldr.mjs", "answer")
	cmd.Stdin = &in
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
	if len(lines) != len(asks) {
		t.Fatalf("%d answers to %d questions", len(lines), len(asks))
	}
	for i, a := range asks {
		var want string
		if err := json.Unmarshal(lines[i], &want); err != nil {
			t.Fatal(err)
		}
		if got := answer(t, a); got != want {
			t.Errorf("%v: %+q, ICU says %+q", a, got, want)
		}
	}
}

// everyCurrency lists the codes that any locale has a symbol or decimals for,
// and some that none has.
func everyCurrency() []string {
	codes := map[string]bool{"ZMW": true, "BWP": true, "ETB": true, "AZN": true}
	for _, d := range strings.Fields(icuDigits) {
		codes[d[:3]] = true
	}
	for i := range icuTables {
		for _, s := range strings.Split(icuTables[i].symbols, "\t") {
			codes[s[:3]] = true
		}
	}
	var list []string
	for c := range codes {
		list = append(list, c)
	}
	slices.Sort(list)
	return list
}

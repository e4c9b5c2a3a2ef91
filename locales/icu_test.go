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
	style := map[any]DateStyle{"long": Long, "medium": Medium, "weekday": Weekday}
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
				[]any{"date", tag, "weekday", a}, []any{"range", tag, "weekday", a, b},
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
		if string(lines[i]) == "null" {
			continue // a range that we write in our own way: TestOurRanges
		}
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

// Where CLDR's ranges are not used: gen/cldr.mjs says why.
func TestOurRanges(t *testing.T) {
	for _, c := range [][5]string{ // locale, days, long, weekday
		{"ja", "2026-11-28", "2026-11-30", "2026年11月28日～30日", "2026年11月28日(土)～30日(月)"},
		{"ja", "2026-11-28", "2026-12-01", "2026年11月28日～12月1日", "2026年11月28日(土)～12月1日(火)"},
		{"ja", "2026-12-30", "2027-01-02", "2026年12月30日～2027年1月2日", "2026年12月30日(水)～2027年1月2日(土)"},
		{"zh-Hans", "2026-11-29", "2026-12-01", "2026年11月29日至12月1日", "2026年11月29日周日至12月1日周二"},
		{"zh-Hant", "2026-11-28", "2026-11-30", "2026年11月28日至30日", "2026年11月28日週六至30日週一"},
		{"sv", "2026-11-28", "2026-12-01", "", "lör 28 november\u2013tis 1 december 2026"},
		{"pt-PT", "2026-11-28", "2026-11-30", "", "sábado, 28 de novembro \u2013 segunda, 30 de novembro de 2026"},
		{"pt-PT", "2026-12-30", "2027-01-02", "", "quarta, 30 de dezembro de 2026 \u2013 sábado, 2 de janeiro de 2027"},
	} {
		if got := answer(t, []any{"range", c[0], "weekday", c[1], c[2]}); got != c[4] {
			t.Errorf("%s: %q, want %q", c[0], got, c[4])
		}
		if got := answer(t, []any{"range", c[0], "long", c[1], c[2]}); strings.HasPrefix(c[0], "zh") || c[0] == "ja" {
			if got != c[3] {
				t.Errorf("%s: %q, want %q", c[0], got, c[3])
			}
		}
	}
}

// Currencies that no CLDR knows are their own symbol, with their own decimals,
// and what ICU would round is shown whole.
func TestOddCurrencies(t *testing.T) {
	for _, c := range [][4]string{
		{"en", "HUF", "1234.50", "HUF\u00a01,234.50"}, {"en", "HUF", "1234.00", "HUF\u00a01,234"},
		{"de", "IDR", "15000.25", "15.000,25\u00a0IDR"}, {"de", "COP", "99.00", "99\u00a0COP"},
		{"en", "XQZ", "12.30", "XQZ\u00a012.30"}, {"de", "XQZ", "-12.30", "-12,30\u00a0XQZ"},
		{"en", "CLF", "1.2345", "CLF\u00a01.2345"},
		{"en", "BTC", "0.00123456", "BTC\u00a00.00123456"}, {"de", "BTC", "0.5", "0,50000000\u00a0BTC"},
		{"en", "USDT", "1030.5", "USDT\u00a01,030.50"}, {"ja", "USDT", "0.12345678", "USDT\u00a00.12345678"},
	} {
		m, err := waxwing.ParseMoney(c[2], c[1])
		if err != nil {
			t.Fatal(err)
		}
		l, _ := builtin(t).Locale(c[0])
		if got := string(l.AppendMoney(nil, m)); got != c[3] {
			t.Errorf("%s %s %s: %+q, want %+q", c[0], c[1], c[2], got, c[3])
		}
	}
}

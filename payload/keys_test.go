package payload

import (
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

// plainSearch finds a key as one who reads the whole object: the last one that is equal
// counts. It says how many are.
func plainSearch(v Value, key string) (at uint32, n int) {
	if v = v.Object(); v.Kind() != Object {
		return 0, 0
	}
	nodes := v.d.nodes
	for k := v.n + 1; k < nodes[v.n].next; k = nodes[k+1].next {
		if unescape(v.d.src[nodes[k].start:nodes[k].end]) == key {
			at = k
			n++
		}
	}
	return at, n
}

// holdsToPlainSearch looks each key of a document up in each of its objects, and keys
// that are almost one.
func holdsToPlainSearch(t *testing.T, d *Document) {
	t.Helper()
	keys := []string{"", "k"}
	for i := range d.nodes[1:] {
		if n := &d.nodes[i+1]; n.kind == String && len(keys) < 200 {
			s := unescape(d.src[n.start:n.end])
			keys = append(keys, s, s+"x", s[:len(s)/2], strings.ToUpper(s))
		}
	}
	for i := range min(len(d.nodes), 200) {
		v := Value{d, uint32(i)}
		for _, key := range keys {
			want, n := plainSearch(v, key)
			if got := v.member(key); got != want {
				t.Fatalf("node %d: key %q is found at %d, want %d", i, key, got, want)
			}
			if v.Twice(key) != (n > 1) || v.Get(key).Kind() == Absent != (n == 0) {
				t.Fatalf("node %d: key %q stands in it %d times", i, key, n)
			}
		}
		if v.Kind() != Object {
			continue
		}
		for key, w := range v.Members() {
			if at, _ := plainSearch(v, key); at+1 != w.n {
				t.Fatalf("node %d: member %q is another", i, key)
			}
		}
	}
}

// Objects of few keys and of many, with keys that are equal, escaped, broken and alike.
func TestKeysAreFoundAsByPlainSearch(t *testing.T) {
	m := rand.New(rand.NewPCG(1, 2))
	words := []string{"k", "key", "ke", `\u006bey`, "Key", "", "price", "price_set", "price\xff", `price\ud800`, "ключ", `a\"b`, strings.Repeat("long", 20)}
	for range 500 {
		var b strings.Builder
		object := func(n int, value string) {
			b.WriteByte('{')
			for i := range n {
				if i > 0 {
					b.WriteByte(',')
				}
				b.WriteString(`"` + words[m.IntN(len(words))])
				if m.IntN(2) == 0 {
					b.WriteString(strconv.Itoa(m.IntN(2 * n)))
				}
				b.WriteString(`":` + value)
			}
			b.WriteByte('}')
		}
		b.WriteByte('[')
		for range m.IntN(4) {
			object(m.IntN(40), `{"k":[1,{}]}`)
			b.WriteByte(',')
		}
		object(7+m.IntN(4), "1")
		b.WriteByte(']')
		d, err := Read(b.String())
		if err != nil {
			t.Fatal(err)
		}
		holdsToPlainSearch(t, d)
		d.Release()
	}
}

// The tables weigh what the keys do, also those of many objects that are all looked into.
func TestTablesCostWhatTheKeysWeigh(t *testing.T) {
	for name, n := range map[string]int{"few": fewKeys + 1, "some": 33, "many": 20_000} {
		var b strings.Builder
		for i := range n {
			b.WriteString(`,"` + strconv.Itoa(i) + `":0`)
		}
		object := "{" + b.String()[1:] + "}"
		d, err := Read("[" + strings.Repeat(object+",", 40_000/n) + "0]")
		if err != nil {
			t.Fatal(name, err)
		}
		keys := 0
		for _, v := range d.Root().Items() {
			if v.Kind() == Object && (v.Get("7").Text() != "0" || v.Get("x").Given()) {
				t.Fatal(name, "another value")
			}
			keys += v.Len()
		}
		if cap(d.seen)*4 > 32*(40_000+n) {
			t.Errorf("%s: %d bytes of tables for %d keys", name, cap(d.seen)*4, 40_000+n)
		}
		d.Release()
	}
}

func FuzzKeys(f *testing.F) {
	for _, s := range []string{`{"k":1,"k":2}`, `{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"\u0061":9,"a\uD800":10,"i":{"a":1}}`,
		`[{"k":{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6,"g":7,"h":8,"a":9,"i":[]}}]`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		if d, err := Read(in); err == nil {
			defer d.Release()
			holdsToPlainSearch(t, d)
		}
	})
}

// Each byte in each place, so that it is met alone, behind others and before the end.
func TestPlainStopsAtEachByte(t *testing.T) {
	for c := range 256 {
		is := c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf
		for n := range 20 {
			for at := range n {
				s := strings.Repeat("~", at) + string([]byte{byte(c)}) + strings.Repeat("!", n-at-1)
				if n-at > 2 {
					s = s[:n-1] + `"`
				}
				want := n
				if is {
					want = at
				} else if n-at > 2 {
					want = n - 1
				}
				if got := plain(s, 0); got != want {
					t.Fatalf("%q: %d, want %d", s, got, want)
				}
			}
		}
	}
}

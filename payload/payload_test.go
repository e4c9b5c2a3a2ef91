package payload

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"unsafe"

	"github.com/waxwinghq/waxwing"
)

func TestReadRefuses(t *testing.T) {
	deep := strings.Repeat("[", 80)
	for name, c := range map[string]struct{ in, want string }{
		"nothing":              {"", "byte 0: the text ends"},
		"two values":           {"{} {}", "byte 3: something after"},
		"NaN":                  {"NaN", "not the start"},
		"leading zero":         {"[01]", "not a number"},
		"plus":                 {"[+1]", "not the start"},
		"bare fraction":        {"[1.]", "not a number"},
		"empty exponent":       {"[1e]", "not a number"},
		"hexadecimal":          {"[0x10]", "want a comma"},
		"trailing comma":       {"[1,]", "not the start"},
		"comment":              {"[1/**/]", "want a comma"},
		"single quotes":        {"{'a':1}", "want a key"},
		"no colon":             {`{"a" 1}`, "want a colon"},
		"open object":          {`{"a":1`, "ends inside an object"},
		"open array":           {`[1`, "ends inside an array"},
		"open string":          {`["a`, "ends inside a string"},
		"deep, open":           {deep + strings.Repeat("]", 79), "ends inside"},
		"deep, crossed":        {deep + "}" + strings.Repeat("]", 79), "not the start"},
		"deep, no key":         {deep + "{1:2}" + strings.Repeat("]", 80), "want a key"},
		"deep, no colon":       {deep + `{"a"}` + strings.Repeat("]", 80), "want a colon"},
		"deep, trailing comma": {deep + `{"a":1,}` + strings.Repeat("]", 80), "want a key"},
		"deep, bad number":     {deep + "01" + strings.Repeat("]", 80), "not a number"},
		"open escape":          {`["a\`, "ends inside a string"},
		"control character":    {"[\"a\nb\"]", "control character"},
		"bad escape":           {`["\x41"]`, "escape that JSON"},
		"short escape":         {`["\u12"]`, "four hexadecimal"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := Read(c.in)
			if err == nil {
				d.Release()
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), c.want) || !waxwing.IsPermanent(err) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestReadAccepts(t *testing.T) {
	for _, in := range []string{
		`null`, ` "a" `, `-0`, `1.5e+30`, `{}`, `[]`, "\t[ 1 , 2 ]\r\n", `{"":1," ":2}`, `{"a":{"a":1},"b":[{"a":1},{"a":1}]}`,
		`{"ka":1,"kb":2}`, strings.Repeat("[", 100_000) + strings.Repeat("]", 100_000), "\ufeff{}",
		strings.Repeat(`[{"a":`, 1000) + `"b"` + strings.Repeat(`},{"c":[]},0]`, 1000),
		`["` + strings.Repeat("x", 1<<20) + `"]`, "[" + strings.Repeat("1", 1<<20) + "]",
		"[" + strings.Repeat("0,", 1<<20) + "0]",
	} {
		d, err := Read(in)
		if err != nil {
			t.Errorf("%.30s: %v", in, err)
			continue
		}
		d.Release()
	}
}

// What counts of keys that are equal, and what stands for what is no text.
func TestReadOddities(t *testing.T) {
	var many strings.Builder
	for i := range 20 {
		fmt.Fprintf(&many, `"k%d":%d,`, i, i)
	}
	for in, want := range map[string]string{
		`{"k":"1","k":"2"}`: "2", `{"k":"1","K":"2"}`: "1", `{"k":"1","\u006b":"2"}`: "2", `{"k":"1","k":"2","k":"3"}`: "3",
		`{"K":"1","k":"2"}`: "2", `{` + many.String() + `"k":1,"k":2,"k":3}`: "3", `{` + many.String() + `"\u006b":1,"k":2,"K":3}`: "2",
		`{"k":"a\ud83d"}`: "a\ufffd", `{"k":"\ud83dz"}`: "\ufffdz", `{"k":"\udc00\ud83d\ud83d\ude00"}`: "\ufffd\ufffd😀", `{"k":"\ud83d\n"}`: "\ufffd\n",
		"{\"k\":\"a\xffb\"}": "a\ufffdb", "{\"k\":\"\xed\xa0\x80\"}": "\ufffd\ufffd\ufffd", `{"k":"` + strings.Repeat("x", 100_000) + `"}`: strings.Repeat("x", 100_000),
		`[{"k":"of a list of one"}]`: "of a list of one", `[{"k":"1"},{"k":"2"}]`: "", `[]`: "", `""`: "", `{"k":` + strings.Repeat("[", 99) + strings.Repeat("]", 99) + `,"k":4}`: "4",
	} {
		d, err := Read(in)
		if err != nil {
			t.Errorf("%.40s: %v", in, err)
			continue
		}
		if got := d.Root().Get("k").Text(); got != want {
			t.Errorf("%.40s: %.40q, want %.40q", in, got, want)
		}
		d.Release()
	}
	d, err := Read(`{"a":1,"b":2,"a":3}`)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Release()
	if !d.Root().Twice("a") || d.Root().Twice("b") || d.Root().Twice("c") {
		t.Error("twice")
	}
}

// PHP writes lists as objects and objects as lists.
// TestReadBytes: bytes are read as the text that they are, and taken strings copy nothing.
func TestReadBytes(t *testing.T) {
	raw := []byte("\ufeff" + `{"k":"value"}`)
	d, err := ReadBytes(raw)
	if err != nil {
		t.Fatal(err)
	}
	got := d.Root().Get("k").Text()
	d.Release()
	if got != "value" || unsafe.StringData(got) != &raw[len(raw)-len(`value"}`)] {
		t.Errorf("%q, or a copy of it", got)
	}
	for _, none := range [][]byte{nil, {}} {
		if _, err := ReadBytes(none); !waxwing.IsPermanent(err) {
			t.Errorf("no bytes: %v", err)
		}
	}
}

func TestLists(t *testing.T) {
	for in, want := range map[string]string{
		`["a","b"]`: "a b", `{"0":"a","2":"b"}`: "a b", `{"129":{},"130":{}}`: " ", `{"x":{},"y":[]}`: " ", `{"a":1}`: "", `[]`: "-", `{}`: "-",
		`false`: "-", `null`: "-", `""`: "-", `"a"`: "-", `7`: "-", `{"0":"a","1":"b","1":"c"}`: "a c",
	} {
		d, err := Read(in)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for i, v := range d.Root().Items() {
			if i != len(got) {
				t.Errorf("%s: place %d", in, i)
			}
			got = append(got, v.Text())
		}
		if s := strings.Join(got, " "); s != want && (want != "-" || len(got) > 0) || d.Root().Len() != len(got) {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
		d.Release()
	}
}

// The reader's memory grows with the text and no faster, whatever the text is:
// a node of 16 bytes for each key and value, which are two bytes at least.
func TestHostileBodiesCostWhatTheyWeigh(t *testing.T) {
	const size = 4 << 20
	for name, part := range map[string]string{"zeros": "0,", "objects": `{"":0},`, "lists": "[[]],", "keys": `{"a":0,"a":1},`} {
		in := "[" + strings.Repeat(part, size/len(part)) + "0]"
		d, err := Read(in)
		if err != nil {
			t.Fatal(name, err)
		}
		if have := cap(d.nodes) * 16; have > 12*len(in) {
			t.Errorf("%s: %d bytes of nodes for %d of text", name, have, len(in))
		}
		d.Release()
	}
	for name, key := range map[string]string{"plain": "k%d", "one": "k", "wide": "ключ%d", "escaped": `\u006b%d`} {
		var b strings.Builder
		for i := 0; b.Len() < size; i++ {
			b.WriteString(`,"` + strings.ReplaceAll(key, "%d", strconv.Itoa(i)) + `":0`)
		}
		d, err := Read("{" + b.String()[1:] + "}")
		if err != nil {
			t.Fatal(name, err)
		}
		if len(d.seen) > 4*len(d.nodes) {
			t.Errorf("%s: a table of %d for %d nodes", name, len(d.seen), len(d.nodes))
		}
		d.Release()
	}
}

func TestValues(t *testing.T) {
	d, err := Read(`{"s":" a\u0000\ud83d\ude00\n\"\\\/ ","n":9007199254740993,"f":1.10,"t":true,"x":null,"one":"1",
		"a":[1,"2",2.00,"2.5",[],{}],"\u006b":"escaped key","o":{"in":{"deep":"yes"}}}`)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Release()
	v := d.Root()
	for key, want := range map[string]string{"s": " a\x00😀\n\"\\/ ", "n": "9007199254740993", "f": "1.10", "t": "", "x": "",
		"none": "", "a": "", "k": "escaped key"} {
		if got := v.Get(key).Text(); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	if !v.Get("t").Bool() || !v.Get("one").Bool() || v.Get("n").Bool() || v.Get("x").Given() || v.Get("none").Given() {
		t.Error("bool or given")
	}
	if v.Get("o").Get("in").Get("deep").Text() != "yes" || v.Get("a").Get("x").Given() || v.Get("a").Len() != 6 {
		t.Error("get or len")
	}
	want := []struct {
		n  int64
		ok bool
	}{{1, true}, {2, true}, {2, true}, {0, false}, {0, false}, {0, false}}
	for i, w := range v.Get("a").Items() {
		if n, ok := w.Int(); ok != want[i].ok || ok && n != want[i].n {
			t.Errorf("a[%d]: %d %v", i, n, ok)
		}
	}
}

// FuzzRead holds the reader against encoding/json: what it accepts is JSON and
// means the same; what it refuses as not being JSON is none.
func FuzzRead(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00",true,false,null],"B":{}}`, `[01]`, `{"a":1,"A":2}`,
		`"\ud800"`, "\"\xff\"", `[[[[]]]]`, `{"k":1,"` + "\u212a" + `":2}`, `-`, `1.`, `{"a":}`, ` `} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		in = strings.TrimPrefix(in, "\ufeff")
		d, err := Read(in)
		if err != nil {
			if refusal := new(SyntaxError); errors.As(err, &refusal) && !refusal.beyond && json.Valid([]byte(in)) {
				t.Fatalf("refused JSON: %v", err)
			}
			return
		}
		defer d.Release()
		if !json.Valid([]byte(in)) {
			t.Fatal("accepted what is not JSON")
		}
		dec := json.NewDecoder(strings.NewReader(in))
		dec.UseNumber()
		var want any
		if err := dec.Decode(&want); err != nil {
			t.Fatal(err)
		}
		same(t, d.Root(), want)
	})
}

func same(t *testing.T, v Value, want any) {
	switch w := want.(type) {
	case nil:
		if v.Kind() != Null {
			t.Fatal("not null")
		}
	case bool:
		if v.Bool() != w {
			t.Fatal("another bool")
		}
	case json.Number:
		if v.Kind() != Number || v.Text() != w.String() {
			t.Fatalf("number %q, want %q", v.Text(), w)
		}
	case string:
		if v.Kind() != String || v.Text() != w {
			t.Fatalf("string %q, want %q", v.Text(), w)
		}
	case []any:
		if v.Kind() == Deep {
			return
		}
		if v.Kind() != Array || v.Len() != len(w) {
			t.Fatal("another array")
		}
		for i, x := range v.Items() {
			same(t, x, w[i])
		}
	case map[string]any:
		if v.Kind() == Deep {
			return
		}
		n := 0
		for k, x := range v.Members() {
			n++
			if _, ok := w[k]; !ok {
				t.Fatal("another key")
			}
			if v.Get(k) != x {
				t.Fatal("get finds another value")
			}
			same(t, x, w[k])
		}
		if n != len(w) {
			t.Fatal("another number of keys")
		}
	}
}

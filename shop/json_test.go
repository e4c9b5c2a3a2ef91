package shop

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
)

func TestReadRefuses(t *testing.T) {
	manyKeys := func(last string) string {
		var b strings.Builder
		b.WriteString("{")
		for i := range 20 {
			fmt.Fprintf(&b, `"k%d":0,`, i)
		}
		return b.String() + last + "}"
	}
	for name, c := range map[string]struct{ in, want string }{
		"nothing":               {"", "byte 0: the text ends"},
		"two values":            {"{} {}", "byte 3: something after"},
		"byte order mark":       {"\ufeff{}", "byte 0: not the start"},
		"NaN":                   {"NaN", "not the start"},
		"leading zero":          {"[01]", "not a number"},
		"plus":                  {"[+1]", "not the start"},
		"bare fraction":         {"[1.]", "not a number"},
		"empty exponent":        {"[1e]", "not a number"},
		"hexadecimal":           {"[0x10]", "want a comma"},
		"trailing comma":        {"[1,]", "not the start"},
		"comment":               {"[1/**/]", "want a comma"},
		"single quotes":         {"{'a':1}", "want a key"},
		"no colon":              {`{"a" 1}`, "want a colon"},
		"open object":           {`{"a":1`, "ends inside an object"},
		"open array":            {`[1`, "ends inside an array"},
		"open string":           {`["a`, "ends inside a string"},
		"open escape":           {`["a\`, "ends inside a string"},
		"control character":     {"[\"a\nb\"]", "control character"},
		"bad escape":            {`["\x41"]`, "escape that JSON"},
		"short escape":          {`["\u12"]`, "four hexadecimal"},
		"lone high surrogate":   {`["\ud800"]`, "without its partner"},
		"lone low surrogate":    {`["\udc00"]`, "without its partner"},
		"two high surrogates":   {`["\ud800\ud800"]`, "without its partner"},
		"not UTF-8":             {"[\"\xff\"]", "not UTF-8"},
		"overlong UTF-8":        {"[\"\xc0\xaf\"]", "not UTF-8"},
		"surrogate in UTF-8":    {"[\"\xed\xa0\x80\"]", "not UTF-8"},
		"key twice":             {`{"a":1,"a":2}`, "byte 7: a key for the second time"},
		"key in capitals":       {`{"email":1,"x":0,"EMAIL":2}`, "second time"},
		"key escaped":           {`{"email":1,"\u0065mail":2}`, "second time"},
		"key folded by Unicode": {`{"k":1,"` + "\u212a" + `":2}`, "second time"},
		"key twice in the deep": {`[{"a":{"b":1,"b":2}}]`, "second time"},
		"many keys, one twice":  {manyKeys(`"k3":1`), "second time"},
		"many keys, capitals":   {manyKeys(`"K3":1`), "second time"},
		"many keys, escaped":    {manyKeys(`"\u006b3":1`), "second time"},
		"too deep":              {strings.Repeat("[", 65) + strings.Repeat("]", 65), "byte 64: nested more than 64 deep"},
		"too many":              {"[" + strings.Repeat("0,", 50000) + "0]", "more than 50000"},
		"too long a string":     {`["` + strings.Repeat("x", 64<<10+1) + `"]`, "longer than 64 KiB"},
		"too long a number":     {"[" + strings.Repeat("1", 64<<10+1) + "]", "longer than 64 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			d, err := readDocument(c.in)
			if err == nil {
				d.release()
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
		`{"ka":1,"kb":2}`, strings.Repeat("[", 64) + strings.Repeat("]", 64),
		`["` + strings.Repeat("x", 64<<10) + `"]`,
		`["` + strings.Repeat(`\u3042`, 20<<10) + `"]`, // 120 KiB as written, 60 KiB in truth
		"[" + strings.Repeat("0,", 49_998) + "0]",
	} {
		d, err := readDocument(in)
		if err != nil {
			t.Errorf("%.30s: %v", in, err)
			continue
		}
		d.release()
	}
}

// An object of 25,000 keys, be they alike or folded, must not cost the square.
func TestReadManyKeysInTime(t *testing.T) {
	for name, key := range map[string]string{"plain": "k%d", "capitals": "K%d", "wide": "ключ%d", "escaped": `\u006b%d`} {
		var b strings.Builder
		for i := range 24_000 {
			fmt.Fprintf(&b, `,"`+key+`":0`, i)
		}
		in := "{" + b.String()[1:] + "}"
		began := time.Now()
		d, err := readDocument(in)
		if err != nil {
			t.Fatal(name, err)
		}
		d.release()
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
}

func TestValues(t *testing.T) {
	d, err := readDocument(`{"s":" a\u0000\ud83d\ude00\n\"\\\/ ","n":9007199254740993,"f":1.10,"t":true,"x":null,"one":"1",
		"a":[1,"2",2.00,"2.5",[],{}],"\u006b":"escaped key","o":{"in":{"deep":"yes"}}}`)
	if err != nil {
		t.Fatal(err)
	}
	defer d.release()
	v := d.root()
	for key, want := range map[string]string{"s": " a\x00😀\n\"\\/ ", "n": "9007199254740993", "f": "1.10", "t": "", "x": "",
		"none": "", "a": "", "k": "escaped key"} {
		if got := v.get(key).text(); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
	if !v.get("t").bool() || !v.get("one").bool() || v.get("n").bool() || v.get("x").given() || v.get("none").given() {
		t.Error("bool or given")
	}
	if v.get("o").get("in").get("deep").text() != "yes" || v.get("a").get("x").given() || v.get("a").len() != 6 {
		t.Error("get or len")
	}
	want := []struct {
		n  int64
		ok bool
	}{{1, true}, {2, true}, {2, true}, {0, false}, {0, false}, {0, false}}
	for i, w := range v.get("a").items() {
		if n, ok := w.int(); ok != want[i].ok || ok && n != want[i].n {
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
		d, err := readDocument(in)
		if err != nil {
			if refusal := new(jsonError); errors.As(err, &refusal) && !refusal.beyond && json.Valid([]byte(in)) {
				t.Fatalf("refused JSON: %v", err)
			}
			return
		}
		defer d.release()
		if !json.Valid([]byte(in)) || !utf8.ValidString(in) {
			t.Fatal("accepted what is not JSON")
		}
		dec := json.NewDecoder(strings.NewReader(in))
		dec.UseNumber()
		var want any
		if err := dec.Decode(&want); err != nil {
			t.Fatal(err)
		}
		same(t, d.root(), want)
	})
}

func same(t *testing.T, v value, want any) {
	switch w := want.(type) {
	case nil:
		if v.kind() != kindNull {
			t.Fatal("not null")
		}
	case bool:
		if v.bool() != w {
			t.Fatal("another bool")
		}
	case json.Number:
		if v.kind() != kindNumber || v.text() != w.String() {
			t.Fatalf("number %q, want %q", v.text(), w)
		}
	case string:
		if v.kind() != kindString || v.text() != w {
			t.Fatalf("string %q, want %q", v.text(), w)
		}
	case []any:
		if v.kind() != kindArray || v.len() != len(w) {
			t.Fatal("another array")
		}
		for i, x := range v.items() {
			same(t, x, w[i])
		}
	case map[string]any:
		n := 0
		for k, x := range v.members() {
			n++
			if _, ok := w[k]; !ok {
				t.Fatal("another key")
			}
			if v.get(k) != x {
				t.Fatal("get finds another value")
			}
			same(t, x, w[k])
		}
		if n != len(w) {
			t.Fatal("another number of keys")
		}
	}
}

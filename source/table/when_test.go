package table

import (
	"errors"
	"strings"
	"testing"
)

// row makes one of "column=value" pairs; ~ is null, ^ unchanged, ? unknown.
func row(s string) Row {
	m := map[string]Value{}
	for _, f := range strings.Fields(s) {
		name, v, _ := strings.Cut(f, "=")
		switch v {
		case "~":
			m[name] = Value{Kind: Null}
		case "^":
			m[name] = Value{Kind: Unchanged}
		case "?":
			m[name] = Value{}
		default:
			m[name] = Value{Text, v}
		}
	}
	return func(c string) Value { return m[c] }
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		when map[string]string
		op   Op
		old  string
		now  string
		want string // yes, no, undecided, error
	}{
		{nil, Insert, "", "", "yes"},
		{nil, Update, "", "", "no"},
		{map[string]string{"s": "pending -> paid"}, Insert, "", "s=paid", "yes"},
		{map[string]string{"s": "pending -> paid"}, Insert, "", "s=pending", "no"},
		{map[string]string{"s": "pending -> paid"}, Update, "s=pending", "s=paid", "yes"},
		{map[string]string{"s": "pending->paid"}, Update, "s=paid", "s=paid", "no"},
		{map[string]string{"s": "pending -> paid"}, Update, "s=shipped", "s=paid", "no"},
		{map[string]string{"s": "pending -> paid"}, Update, "s=paid", "s=pending", "no"},
		{map[string]string{"s": "pending -> paid"}, Update, "s=?", "s=paid", "undecided"},
		{map[string]string{"s": "pending -> paid"}, Update, "s=?", "s=open", "no"},
		{map[string]string{"s": "pending -> paid"}, Update, "", "x=1", "error"},
		{map[string]string{"s": "-> paid"}, Update, "s=shipped", "s=paid", "yes"},
		{map[string]string{"s": "-> paid"}, Update, "s=~", "s=paid", "yes"},
		{map[string]string{"s": "-> paid"}, Update, "s=paid", "s=paid", "no"},
		{map[string]string{"s": "null -> paid"}, Update, "s=~", "s=paid", "yes"},
		{map[string]string{"s": "'null' -> paid"}, Update, "s=~", "s=paid", "no"},
		{map[string]string{"s": "'null' -> paid"}, Update, "s=null", "s=paid", "yes"},
		{map[string]string{"s": "a|b -> c|d"}, Update, "s=b", "s=d", "yes"},
		{map[string]string{"s": "a|b -> c|d"}, Update, "s=c", "s=d", "no"},
		{map[string]string{"s": "-> 'a->b'|'it''s'"}, Update, "s=x", "s=a->b", "yes"},
		{map[string]string{"s": "-> 'a->b'|'it''s'"}, Update, "s=x", "s=it's", "yes"},
		{map[string]string{"s": "= paid"}, Update, "s=?", "s=paid", "yes"},
		{map[string]string{"s": "= paid"}, Update, "s=paid", "s=paid", "yes"},
		{map[string]string{"s": "= paid"}, Update, "s=paid", "s=open", "no"},
		{map[string]string{"at": "set"}, Update, "at=~", "at=2026", "yes"},
		{map[string]string{"at": "set"}, Update, "at=2025", "at=2026", "no"},
		{map[string]string{"at": "set"}, Update, "at=2025", "at=~", "no"},
		{map[string]string{"at": "set"}, Insert, "", "at=~", "no"},
		{map[string]string{"at": "set"}, Insert, "", "at=2026", "yes"},
		// All must hold, and one must have become so.
		{map[string]string{"at": "set", "active": "-> false"}, Update, "at=~ active=true", "at=1 active=false", "yes"},
		{map[string]string{"at": "set", "active": "-> false"}, Update, "at=1 active=true", "at=1 active=false", "yes"},
		{map[string]string{"at": "set", "active": "-> false"}, Update, "at=1 active=false", "at=1 active=false", "no"},
		{map[string]string{"at": "set", "active": "-> false"}, Update, "at=~ active=true", "at=1 active=true", "no"},
		{map[string]string{"s": "a -> b", "x": "-> 1"}, Update, "s=z x=0", "s=b x=1", "no"},
		{map[string]string{"s": "-> paid", "kind": "= web"}, Update, "s=open kind=?", "s=paid kind=web", "yes"},
		{map[string]string{"s": "-> paid", "kind": "= web"}, Update, "s=open kind=?", "s=paid kind=pos", "no"},
		{map[string]string{"s": "-> paid", "kind": "= web"}, Update, "s=paid kind=pos", "s=paid kind=web", "no"},
		// What is large and as it was has not become anything, and is no null.
		{map[string]string{"s": "-> paid"}, Update, "s=paid", "s=^", "no"},
		{map[string]string{"s": "-> paid"}, Update, "s=?", "s=^", "no"},
		{map[string]string{"s": "-> paid", "x": "-> 1"}, Update, "s=? x=0", "s=^ x=1", "undecided"},
		{map[string]string{"s": "-> paid", "x": "-> 1"}, Update, "s=? x=0", "s=paid x=1", "yes"},
		{map[string]string{"s": "open -> paid", "x": "-> 1"}, Update, "s=? x=0", "s=paid x=1", "undecided"},
		{map[string]string{"s": "-> null"}, Update, "s=x", "s=^", "no"},
		{map[string]string{"s": "-> paid", "note": "= long"}, Update, "s=open note=long", "s=paid note=^", "yes"},
		{map[string]string{"s": "-> paid", "note": "= long"}, Update, "s=open note=?", "s=paid note=^", "undecided"},
		{map[string]string{"s": "-> paid", "note": "= long"}, Update, "s=open note=?", "s=open note=^", "no"},
		{map[string]string{"a": "= x", "s": "-> paid"}, Update, "s=open a=?", "s=shipped a=^", "no"},
	} {
		w, err := ParseWhen(c.when)
		if err != nil {
			t.Fatal(err)
		}
		ok, err := w.Match(c.op, row(c.old), row(c.now))
		got := map[bool]string{true: "yes", false: "no"}[ok]
		if errors.Is(err, ErrUndecided) {
			got = "undecided"
		} else if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%v: %c %q to %q: %s (%v), want %s", c.when, c.op, c.old, c.now, got, err, c.want)
		}
	}
}

func TestBadConditions(t *testing.T) {
	for s, want := range map[string]string{
		"paid": "is no condition", "": "is no condition", "->": "lacks a value", "a ->": "lacks a value", "=": "lacks a value", "a|-> b": "", "= a|": "",
		"a -> a": "the same", "a -> b -> c": "arrow", "= it's": "quote", "= 'x": "does not end", "= 'x'y": "behind a quote", "= 'a'|": "behind a quote", "|a -> b": "lacks a value",
	} {
		_, err := ParseWhen(map[string]string{"s": s})
		if want == "" {
			if err != nil {
				t.Errorf("%q: %v", s, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", s, err, want)
		}
	}
}

func FuzzParseWhen(f *testing.F) {
	for _, s := range []string{"a -> b", "= 'x''y'|null", "set", "-> 1", "'->' -> '|'"} {
		f.Add(s, "a", "b")
	}
	f.Fuzz(func(t *testing.T, s, was, is string) {
		w, err := ParseWhen(map[string]string{"c": s})
		if err != nil {
			return
		}
		old, now := func(string) Value { return Value{Text, was} }, func(string) Value { return Value{Text, is} }
		same, err := w.Match(Update, now, now)
		if err != nil || same && len(w.Old()) > 0 {
			t.Fatalf("%q: nothing changed, and it became true: %v", s, err)
		}
		became, err := w.Match(Update, old, now)
		if err != nil {
			t.Fatal(err)
		}
		if inserted, err := w.Match(Insert, nil, now); err != nil || became && !inserted {
			t.Fatalf("%q holds for an update and not for an insert: %v", s, err)
		}
	})
}

func TestObject(t *testing.T) {
	var o Object
	err := o.Row([]byte(`{"id":12.50,"big":12345678901234567890.1234567890,"a":"{\"x\": 1.10}","b":"","c":"plain <b>","d":null,"e":"{}"}`), func(name string, v []byte) []byte {
		if name < "e" && name != "big" {
			return Unwrap(v)
		}
		return v
	})
	if err != nil {
		t.Fatal(err)
	}
	o.Member("li\"nes", []byte("[]"))
	if got, want := string(o.Bytes()), `{"id":12.50,"big":12345678901234567890.1234567890,"a":{"x": 1.10},"b":null,"c":"plain <b>","d":null,"e":"{}","li\"nes":[]}`; got != want {
		t.Errorf("\ngot  %s\nwant %s", got, want)
	}
	if got := string(new(Object).Bytes()); got != "{}" {
		t.Error(got)
	}
}

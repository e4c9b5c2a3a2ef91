package templates

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/locales"
)

// loose is a schema and a model of any JSON, so that the compiler and the
// programs that mails use can be held against the Mustache specification.
type loose struct {
	names []string
	stack []any
}

func (l *loose) resolve(_ []frame, name string) (field, bool) {
	l.names = append(l.names, name)
	return field{kind: kindAny, ref: len(l.names) - 1}, true
}

func (l *loose) lookup(name string) any {
	if name == "." {
		return l.stack[len(l.stack)-1]
	}
	parts := strings.Split(name, ".")
	for i := len(l.stack) - 1; i >= 0; i-- {
		o, _ := l.stack[i].(map[string]any)
		v, ok := o[parts[0]]
		if !ok {
			continue
		}
		for _, p := range parts[1:] {
			o, _ := v.(map[string]any)
			v = o[p]
		}
		return v
	}
	return nil
}

func (l *loose) value(ref int) []byte {
	switch v := l.lookup(l.names[ref]).(type) {
	case string:
		return []byte(v)
	case json.Number:
		return []byte(v.String())
	}
	return nil
}

func (l *loose) count(ref int) int {
	switch v := l.lookup(l.names[ref]).(type) {
	case nil:
		return 0
	case bool:
		if !v {
			return 0
		}
	case string:
		if v == "" {
			return 0
		}
	case []any:
		return len(v)
	}
	return 1
}

func (l *loose) enter(ref, i int) {
	if i > 0 {
		l.leave(ref)
	}
	v := l.lookup(l.names[ref])
	if list, ok := v.([]any); ok {
		v = list[i]
	}
	l.stack = append(l.stack, v)
}

func (l *loose) leave(int) { l.stack = l.stack[:len(l.stack)-1] }

func (l *loose) message(b []byte, _ locales.Message, _ escape) []byte { return b }
func (l *loose) word(word) string                                     { return "" }
func (l *loose) block(b []byte) []byte                                { return b }

// renderLoose compiles and runs one template on JSON data.
func renderLoose(src string, data any, partials map[string]string) (string, Breaches) {
	var breaches Breaches
	l := &loose{stack: []any{data}}
	done := map[string]*program{}
	c := compiler{schema: l, breaches: &breaches, plain: escapeHTML, raw: true}
	c.partial = func(name, indent string) *program {
		src, ok := partials[name]
		if !ok {
			return nil
		}
		if p := done[name+indent]; p != nil {
			return p
		}
		p := &program{}
		done[name+indent] = p
		c.compile(p, parse(name, src, indent, &breaches), nil)
		return p
	}
	p := &program{}
	c.compile(p, parse("template", src, "", &breaches), nil)
	if len(breaches) > 0 {
		return "", breaches
	}
	var out output
	p.print(&out, l)
	return string(out.b), nil
}

// Each clause of the Mustache specification but lambdas, which we have not.
func TestMustacheSpecification(t *testing.T) {
	raw, err := os.ReadFile("testdata/mustache.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Name, Template, Want string
		Data                 json.RawMessage
		Partials             map[string]string
	}
	if err := json.Unmarshal(raw, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) < 120 {
		t.Fatalf("only %d cases", len(cases))
	}
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			var data any
			d := json.NewDecoder(bytes.NewReader(c.Data))
			d.UseNumber()
			if err := d.Decode(&data); err != nil {
				t.Fatal(err)
			}
			got, breaches := renderLoose(c.Template, data, c.Partials)
			if breaches != nil || got != c.Want {
				t.Errorf("template %q\n got %q %v\nwant %q", c.Template, got, breaches, c.Want)
			}
		})
	}
}

// The compiler takes any bytes without a panic, and what it compiles runs.
func FuzzMustache(f *testing.F) {
	f.Add("{{#a}}{{b}}{{/a}}{{^c}}{{> p}}{{/c}}", "x{{>p}}")
	f.Add("{{=<% %>=}}<%a%>", "{{")
	f.Add("  {{#a}}\n{{{b}}}\n{{/a}}\n{{!\n}}", "\r\n{{&a}}")
	data := map[string]any{"a": []any{map[string]any{"b": "<"}, "x"}, "b": json.Number("1"), "c": false}
	f.Fuzz(func(t *testing.T, src, partial string) {
		if len(src)+len(partial) > 1000 || strings.Contains(partial, ">") {
			return
		}
		renderLoose(src, data, map[string]string{"p": partial})
	})
}

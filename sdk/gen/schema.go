package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// schema is what this generator understands of a JSON Schema.
type schema struct {
	Title       string          `json:"title"`
	Description string          `json:"description"`
	Ref         string          `json:"$ref"`
	Type        json.RawMessage `json:"type"`
	Enum        []any           `json:"enum"`
	Properties  properties      `json:"properties"`
	Additional  json.RawMessage `json:"additionalProperties"`
	Items       *schema         `json:"items"`
	Required    []string        `json:"required"`
	Then        *schema         `json:"then"`
	AnyOf       []*schema       `json:"anyOf"`
	Defs        properties      `json:"$defs"`
}

// property is a named schema; their order is that of the file, since a reader
// of the types wants the same one.
type property struct {
	name string
	*schema
}

type properties []property

// UnmarshalJSON keeps the order of the keys.
func (p *properties) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	if _, err := d.Token(); err != nil {
		return err
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		s := new(schema)
		if err := d.Decode(s); err != nil {
			return err
		}
		*p = append(*p, property{key.(string), s}) // keys of objects are strings
	}
	return nil
}

// kind is how a value looks in memory.
type kind int

const (
	text kind = iota
	truth
	whole
	number
	object
	list
	dict
)

// typ is the type of a field.
type typ struct {
	kind kind
	name string // of an object
	elem *typ   // of a list or dict
}

// field is one key of an object.
type field struct {
	name, doc string
	typ       typ
	required  bool
}

// record is an object with a name.
type record struct {
	name, doc string
	fields    []field
	answer    bool // a hook gives it; else it is told it
}

// words are the enumerations that get constants, with their prefix.
type words struct {
	prefix, doc string
	values      []string
}

// model is all that is generated.
type model struct {
	dir     string // the folder sdk
	records []record
	words   []words
}

// reader turns the schemas of one file into records.
type reader struct {
	model  *model
	prefix string // of the names of records without a title
	answer bool
	root   *schema
	seen   map[string]bool
}

// described is a schema of which types are made, with the prefix of the names of records
// that have no title.
type described struct{ file, prefix string }

// order is that of the types of the hooks that were there first.
var order = []described{
	{"schema/input.json", ""},
	{"schema/normalise.input.json", ""},
	{"schema/personalise.output.json", ""},
	{"schema/recommend.output.json", ""},
	{"schema/predict_delay.output.json", "Delay"},
	{"schema/filter.output.json", "Filter"},
}

// schemas are all of them: what the other hooks answer stands behind those of order.
func schemas(dir string) ([]described, error) {
	out := slices.Clone(order)
	hooks, err := hooksOf(dir)
	for _, h := range hooks {
		file := "schema/" + h + ".output.json"
		if h != "normalise" && !slices.ContainsFunc(order, func(d described) bool { return d.file == file }) {
			out = append(out, described{file, strings.ToUpper(h[:1]) + h[1:]})
		}
	}
	return append(out, described{"../shop/generic/schema.json", "Generic"}), err
}

// hooksOf are the hooks that have a schema of their answers.
func hooksOf(dir string) (hooks []string, err error) {
	files, err := filepath.Glob(filepath.Join(dir, "schema", "*.output.json"))
	for _, f := range files {
		hooks = append(hooks, strings.TrimSuffix(filepath.Base(f), ".output.json"))
	}
	return hooks, err
}

func load(dir string) (*model, error) {
	files, err := schemas(dir)
	if err != nil {
		return nil, err
	}
	m := &model{dir: dir}
	for _, f := range files {
		b, err := os.ReadFile(filepath.Join(dir, f.file))
		if err != nil {
			return nil, err
		}
		root := new(schema)
		if err := json.Unmarshal(b, root); err != nil {
			return nil, fmt.Errorf("%s: %w", f.file, err)
		}
		answer := !strings.HasSuffix(f.file, "input.json")
		r := reader{model: m, prefix: f.prefix, answer: answer, root: root, seen: map[string]bool{}}
		name := root.Title
		if f.prefix == "Generic" {
			name = "GenericOrder" // Order is what a hook is told
		}
		r.record(name, root)
	}
	return m, nil
}

func (r *reader) record(name string, s *schema) {
	if r.seen[name] {
		return
	}
	r.seen[name] = true
	rec := record{name: name, doc: s.Description, answer: r.answer}
	at := len(r.model.records)
	r.model.records = append(r.model.records, record{})
	required := s.Required
	if s.Then != nil {
		required = s.Then.Required
	}
	for _, p := range s.Properties {
		rec.fields = append(rec.fields, field{
			name: p.name, doc: p.Description, typ: r.typ(p.name, p.schema), required: slices.Contains(required, p.name),
		})
		if len(p.Enum) > 0 && strings.HasSuffix(name, "Output") {
			w := words{prefix: r.prefix + camel(p.name), doc: p.Description}
			for _, v := range p.Enum {
				w.values = append(w.values, v.(string)) // our enumerations are texts
			}
			r.model.words = append(r.model.words, w)
		}
	}
	r.model.records[at] = rec
}

func (r *reader) typ(name string, s *schema) typ {
	if ref, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok {
		for _, d := range r.root.Defs {
			if d.name == ref {
				return r.typ(ref, d.schema)
			}
		}
		panic("no definition of " + ref)
	}
	switch t := s.types(); {
	case slices.Contains(t, "string"): // a text will do, whatever else is read
		return typ{kind: text}
	case slices.Contains(t, "object") && len(s.Properties) > 0:
		n := s.Title
		if n == "" {
			n = r.prefix + camel(name)
		}
		r.record(n, s)
		return typ{kind: object, name: n}
	case slices.Contains(t, "object"):
		elem := new(schema)
		if err := json.Unmarshal(s.Additional, elem); err != nil {
			panic(err) // our own schemas
		}
		e := r.typ(name, elem)
		return typ{kind: dict, elem: &e}
	case slices.Contains(t, "array"):
		e := r.typ(singular(name), s.Items)
		return typ{kind: list, elem: &e}
	case slices.Contains(t, "boolean"):
		return typ{kind: truth}
	case len(t) == 0: // an enumeration, or an amount, which may be written as a text
		return typ{kind: text}
	case slices.Contains(t, "integer"):
		return typ{kind: whole}
	case slices.Contains(t, "number"):
		return typ{kind: number}
	}
	panic("no type for " + name)
}

// types are the types that a value may have.
func (s *schema) types() []string {
	var one string
	if json.Unmarshal(s.Type, &one) == nil {
		return []string{one}
	}
	var many []string
	_ = json.Unmarshal(s.Type, &many) // absent: none
	return many
}

func singular(s string) string {
	switch {
	case s == "taxes":
		return "tax"
	case s == "properties":
		return "property"
	}
	return strings.TrimSuffix(s, "s")
}

// camel writes delays_h as DelaysH, with Go's capitals for abbreviations.
func camel(s string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(s, "_") {
		switch part {
		case "id", "sku", "url", "abi":
			b.WriteString(strings.ToUpper(part))
		case "skus":
			b.WriteString("SKUs")
		default:
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}

// wrap breaks a text into comment lines.
func wrap(prefix, s string) string {
	var b strings.Builder
	line := prefix
	for w := range strings.FieldsSeq(s) {
		if len(line)+len(w)+1 > 100 && line != prefix {
			b.WriteString(line + "\n")
			line = prefix
		}
		line += " " + w
	}
	b.WriteString(line + "\n")
	return b.String()
}

// lower makes a description the rest of a sentence.
func lower(s string) string {
	if s == "" || len(s) > 1 && s[1] >= 'A' && s[1] <= 'Z' {
		return s
	}
	return strings.ToLower(s[:1]) + s[1:]
}

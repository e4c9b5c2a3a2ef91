package config

import (
	_ "embed"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/goccy/go-yaml/ast"
)

// field is what the loader, the schema and the reference page know of a key.
type field struct {
	index    int
	inner    int    // within an embedded struct at index; -1 if the field is no such one's
	name     string // the key
	typ      reflect.Type
	required bool
	unless   string // a key that may be given in this one's place
	def      string // as the file would write it; "" none
	enum     []string
	min, max string
	of       string // the kind of component whose names are the choices
	last     bool   // behind the keys of other components, where all are listed
	want     string // what to give, where it is missing
	asis     string
	keys     string   // what a mapping's keys are, "" names
	params   []string // of a query
}

var (
	secretType   = reflect.TypeFor[Secret]()
	durationType = reflect.TypeFor[Duration]()
	stageType    = reflect.TypeFor[Stage]()
	blockType    = reflect.TypeFor[Block]()
	configType   = reflect.TypeFor[Config]()
	bearerType   = reflect.TypeFor[BearerKey]()
)

// shapes and secretive remember what a type's tags say: thousands of tenants ask.
var shapes, secretive sync.Map

// shape reads a struct's tags. The list is shared.
func shape(t reflect.Type) []field {
	if fs, ok := shapes.Load(t); ok {
		return fs.([]field)
	}
	var fs []field
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && f.Type.Kind() == reflect.Struct {
			for _, x := range shape(f.Type) {
				x.index, x.inner = i, x.index
				fs = append(fs, x)
			}
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" {
			continue
		}
		x := field{index: i, inner: -1, name: name, typ: f.Type, required: options != "omitempty", def: f.Tag.Get("default"),
			min: f.Tag.Get("min"), max: f.Tag.Get("max"), of: f.Tag.Get("of"), last: f.Tag.Get("last") != "", want: f.Tag.Get("want"),
			asis: f.Tag.Get("asis"), keys: f.Tag.Get("keys"), unless: f.Tag.Get("unless")}
		if e := f.Tag.Get("enum"); e != "" {
			x.enum = strings.Split(e, ",")
		}
		if p := f.Tag.Get("params"); p != "" {
			x.params = strings.Split(p, ",")
		}
		fs = append(fs, x)
	}
	shapes.Store(t, fs)
	return fs
}

// in is the field's value in a struct.
func (f field) in(v reflect.Value) reflect.Value {
	if v = v.Field(f.index); f.inner >= 0 {
		return v.Field(f.inner)
	}
	return v
}

// settingsOf says of which kind of component a struct holds the settings.
func settingsOf(t reflect.Type) (kind string, ok bool) {
	f, ok := t.FieldByName("Settings")
	return f.Tag.Get("settings"), ok && f.Type == blockType
}

func names(fs []field) []string {
	out := make([]string, len(fs))
	for i, f := range fs {
		out[i] = f.name
	}
	return out
}

// holdsSecret reports whether a value of this type has a secret in it.
func holdsSecret(t reflect.Type) bool {
	if known, ok := secretive.Load(t); ok {
		return known.(bool)
	}
	holds := t == secretType
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		holds = holdsSecret(t.Elem())
	case reflect.Struct:
		if kind, any := settingsOf(t); any { // it depends on the type, which may be mistyped
			holds = kind != kindStage // that of a stage stands below it, and speaks for itself
			break
		}
		holds = slices.ContainsFunc(shape(t), func(f field) bool { return holdsSecret(f.typ) })
	}
	secretive.Store(t, holds)
	return holds
}

// kind says in words what a type wants.
func kind(t reflect.Type) string {
	switch {
	case t == durationType:
		return "a duration"
	case t == stageType:
		return "a stage"
	case t == bearerType:
		return "key"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return kind(t.Elem())
	case reflect.String:
		return "text"
	case reflect.Int, reflect.Int64:
		return "a whole number"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice:
		return "a list"
	}
	return "keys and values"
}

// lexicon is a registry, with what the names of all keys say about their values.
type lexicon struct {
	Registry
	once              sync.Once
	harmless, secrets map[string]bool
}

// keys says which keys hold no secret, whatever section they are found in, and which hold
// one or a list of them. It may be asked by several at once.
func (l *lexicon) keys() (harmless, secrets map[string]bool) {
	l.once.Do(func() {
		l.harmless, l.secrets = map[string]bool{}, map[string]bool{}
		l.everyField(configType, func(f field) {
			if safe, seen := l.harmless[f.name]; !seen || safe {
				l.harmless[f.name] = !holdsSecret(f.typ)
			}
			if f.typ == secretType || f.typ.Kind() == reflect.Slice && f.typ.Elem() == secretType {
				l.secrets[f.name] = true
			}
		})
	})
	return l.harmless, l.secrets
}

// everyField visits the keys of a type and of all below it.
func (l *lexicon) everyField(t reflect.Type, visit func(field)) {
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		l.everyField(t.Elem(), visit)
	case reflect.Struct:
		for _, f := range l.shape(t) {
			visit(f)
			l.everyField(f.typ, visit)
		}
		if kind, ok := settingsOf(t); ok {
			for _, c := range l.of(kind) {
				block := reflect.TypeOf(c.Settings())
				if kind == kindStage { // its name is a key, too
					visit(field{name: c.Name, typ: block})
				}
				l.everyField(block, visit)
			}
		}
	}
}

// choices are what a key's text may be, nil where it is free.
func (l *lexicon) choices(f field) []string {
	if f.of != "" {
		return l.names(f.of)
	}
	return f.enum
}

// usual is a key's default as a file would write it, "" if it has none.
func (l *lexicon) usual(f field) string {
	if f.def == "[*]" {
		return "[" + strings.Join(l.choices(f), ", ") + "]"
	}
	return f.def
}

// keyset is the keys of a mapping, with the values that they fill.
type keyset struct {
	fields []field
	values []reflect.Value
	// owners are, for a key of a component's block, the names of those that have it.
	owners [][]string
	// chosen is the component's name, "" if it is none of the registry's; kind is what
	// it is one of.
	kind, chosen string
}

// keysOf are those of a struct.
func (l *lexicon) keysOf(v reflect.Value) *keyset {
	fields := l.shape(v.Type())
	k := &keyset{fields: fields, values: make([]reflect.Value, 0, len(fields))}
	for _, f := range k.fields {
		k.values = append(k.values, f.in(v))
	}
	return k
}

// shape reads a struct's tags without the sections of components of which there are none.
func (l *lexicon) shape(t reflect.Type) []field {
	fs := shape(t)
	if t != configType || !slices.ContainsFunc(fs, l.idle) {
		return fs
	}
	return slices.DeleteFunc(slices.Clone(fs), l.idle)
}

// idle reports whether a key is a section for a kind of components that has none.
func (l *lexicon) idle(f field) bool {
	if k := f.typ.Kind(); f.required || k != reflect.Map && k != reflect.Pointer || f.typ.Elem().Kind() != reflect.Struct {
		return false
	}
	kind, ok := settingsOf(f.typ.Elem())
	return ok && len(l.of(kind)) == 0
}

// foreign reports whether a key belongs to other types than the one that was chosen.
func (k *keyset) foreign(i int) bool {
	return k.owners != nil && k.owners[i] != nil && !slices.Contains(k.owners[i], k.chosen)
}

// blockKeys are those of a struct with a component's settings: its own, then those of
// every component of its kind, so that a key of another type is known for what it is.
// They fill the settings of the type that is given, or something that nobody reads.
func (l *lexicon) blockKeys(v reflect.Value, kind, typ string) *keyset {
	own := l.keysOf(v)
	k := &keyset{fields: slices.Clone(own.fields), values: own.values, owners: make([][]string, len(own.fields)), kind: kind}
	var last keyset
	for _, c := range l.of(kind) {
		b := c.Settings()
		if c.Name == typ {
			k.chosen = typ
			v.FieldByName("Settings").Set(reflect.ValueOf(b))
		}
		block := l.keysOf(reflect.ValueOf(b).Elem())
		for i, f := range block.fields {
			into := k
			if f.last {
				into = &last
			}
			into.put(f, block.values[i], c.Name, c.Name == typ)
		}
	}
	k.fields, k.values, k.owners = append(k.fields, last.fields...), append(k.values, last.values...), append(k.owners, last.owners...)
	return k
}

// put adds a key of a component, or one more owner of it.
func (k *keyset) put(f field, v reflect.Value, owner string, chosen bool) {
	i := slices.IndexFunc(k.fields, func(g field) bool { return g.name == f.name })
	if i < 0 {
		k.fields, k.values, k.owners = append(k.fields, f), append(k.values, v), append(k.owners, []string{owner})
		return
	}
	k.owners[i] = append(k.owners[i], owner)
	if chosen {
		k.fields[i], k.values[i] = f, v
	}
}

// strange is the fault of a key that belongs to other types.
func (k *keyset) strange(i int) (problem, remedy string) {
	return fmt.Sprintf("%q belongs to %ss of type %s, and this one's is %s", k.fields[i].name, k.kind, strings.Join(k.owners[i], " or "), k.chosen),
		"Take it out, or change the type"
}

// keys are those that a mapping may have; with a component's settings they go by the
// component that the mapping names.
func (d *decoder) keys(n ast.Node, v reflect.Value) *keyset {
	kind, ok := settingsOf(v.Type())
	if !ok {
		return d.words.keysOf(v)
	}
	typ := ""
	for _, p := range pairsOf(n) {
		if p.Key.GetToken().Value != typeKey {
			continue
		}
		raw, _, _ := text(d.anchors.peek(p.Value))
		typ, _, _ = expand(raw, d.env) // what is wrong with it is said where it is decoded
		break
	}
	return d.words.blockKeys(v, kind, typ)
}

// typeKey names the component whose settings stand beside it.
const typeKey = "type"

//go:generate go test -run=TestGenerated -update .

//go:embed schema.json
var schema []byte

// Schema returns the JSON Schema (2020-12) of the configuration file, for
// editors. It is generated from the types of this package and says what they
// can: rules between values, such as a provider that is not defined, need Load.
func Schema() ([]byte, error) { return append([]byte(nil), schema...), nil }

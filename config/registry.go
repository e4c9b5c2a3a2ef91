package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/waxwinghq/waxwing"
)

// Registry names the components that a configuration may speak of. This package knows
// none: the program that puts them together (package daemon) hands its lists over, and
// the loader, its messages, the JSON Schema and the reference page go by them. The order
// of a list is the one in which messages and the reference name its entries.
type Registry struct {
	// Providers are the types of providers.
	Providers []Component
	// Lookups are the types of lookups.
	Lookups []Component
	// Sources are the types of sources; without one there is no section of this name.
	Sources []Component
	// Stores are the databases for a ledger beside the embedded one; without one there is no
	// section ledger.
	Stores []Component
	// Stages are those of a pipeline, in the usual order.
	Stages []Component
	// Formats are the shops', by their names.
	Formats []waxwing.Format
	// Hooks are what the stage plugins may ask about an order, in its order.
	Hooks []string
	// Locales are the tags of the languages that mails can be in.
	Locales []string
}

// Component is one type of provider, lookup or stage, as a configuration knows it. What
// runs it is the business of whoever lists it.
type Component struct {
	// Name is the word that stands in the file.
	Name string
	// Carries is the channel of a provider's messages; "" for what is no provider.
	Carries waxwing.Channel
	// Settings makes the block of its keys: a pointer to a struct whose fields have this
	// package's tags (see Config) and comments, which become the schema's and the
	// reference's text. The loader fills it.
	Settings func() Block
	// Example is a whole block as a file would have it, for the reference.
	Example string
	// Place is where a stage may stand, of what is one.
	Place Place
	// Usual makes a stage's block for the pipeline of a file that has none, without its
	// defaults; carrying names the providers of a channel. Nil, also as its result: it does not stand there.
	Usual func(carrying func(waxwing.Channel) []string) Block
	// Notes are what the reference says below the keys, in Markdown; "" if they say it all.
	Notes string
}

// Block is the settings of one component, beside the component's code.
type Block interface {
	// Check reports what the tags cannot say: rules between values, files that must be
	// there. It may change what follows from other values, such as a relative path. It is
	// called once, when the block is filled and its defaults with it; what was reported at
	// a key already stays as it is.
	Check(r *Report)
}

// Report takes the faults of one block. Keys are relative to it: "auth.user"; "" is the
// block itself.
type Report struct {
	x    *checker
	path string
}

// Path is a key as messages name it: "providers.mail.auth.user".
func (r *Report) Path(key string) string {
	switch {
	case key == "":
		return r.path
	case key[0] == '[':
		return r.path + key
	}
	return join(r.path, key)
}

// Fail reports a key's value: what is wrong and what to do, both without a full stop and
// without secrets.
func (r *Report) Fail(key, problem, remedy string) { r.x.fail(r.Path(key), problem, remedy) }

// FailKey likewise reports the key itself.
func (r *Report) FailKey(key, problem, remedy string) { r.x.failKey(r.Path(key), problem, remedy) }

// Given reports whether the file has the key.
func (r *Report) Given(key string) bool { return r.x.given(r.Path(key)) }

// Bad reports whether the key, or what holds it, has been reported already.
func (r *Report) Bad(key string) bool { return r.x.isBad(r.Path(key)) }

// Quote is a key's value as the file has it, for a message. It is "" for a secret's.
func (r *Report) Quote(key string) string { return r.x.quote(r.Path(key)) }

// Beside makes a path that begins at the file which names it one for the daemon.
func (r *Report) Beside(key, path string) string { return r.x.beside(r.Path(key), path) }

// Queries checks the parameters (":order") of each text whose tag params says which there are.
func (r *Report) Queries(b Block) {
	v := reflect.ValueOf(b).Elem()
	for _, f := range shape(v.Type()) {
		if f.params != nil {
			r.x.query(r.Path(f.name), f.in(v).String(), f.params)
		}
	}
}

// Kinds of components, as the tags "of" and "settings" name them.
const (
	kindProvider = "provider"
	kindLookup   = "lookup"
	kindSource   = "source"
	kindStore    = "store"
	kindStage    = "stage"
	kindFormat   = "format"
	kindHook     = "hook"
)

// formatPlugin is the format of shops that a tenant's own plugin reads.
const formatPlugin = "plugin"

// of are the components of one kind.
func (r Registry) of(kind string) []Component {
	switch kind {
	case kindProvider:
		return r.Providers
	case kindLookup:
		return r.Lookups
	case kindSource:
		return r.Sources
	case kindStore:
		return r.Stores
	case kindStage:
		return r.Stages
	}
	return nil
}

// names are what a key may be that the tag "of" leaves to the registry.
func (r Registry) names(kind string) []string {
	if kind == kindFormat {
		return append(r.formats(), formatPlugin)
	}
	if kind == kindHook {
		return r.Hooks
	}
	list := r.of(kind)
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = c.Name
	}
	return out
}

// formats are the names of the formats of this program.
func (r Registry) formats() []string {
	out := make([]string, len(r.Formats), len(r.Formats)+1)
	for i := range r.Formats {
		out[i] = r.Formats[i].Name
	}
	return out
}

// unsigned reports whether the events of a format come without a signature, so that its
// shops need no secret.
func (r Registry) unsigned(format string) bool {
	i := slices.Index(r.formats(), format)
	return i >= 0 && r.Formats[i].Verify == nil
}

// carrying are the types of providers that carry a channel's messages.
func (r Registry) carrying(ch waxwing.Channel) (types []string) {
	for _, c := range r.Providers {
		if c.Carries == ch {
			types = append(types, c.Name)
		}
	}
	return types
}

// Valid says what is wrong with the lists: a name that stands twice or is none, a block
// that is no pointer to a struct. A test asks.
func (r Registry) Valid() error {
	for _, kind := range []string{kindProvider, kindLookup, kindSource, kindStore, kindStage} {
		seen := map[string]bool{}
		for _, c := range r.of(kind) {
			switch {
			case !validName(c.Name):
				return fmt.Errorf("the %s %q has no valid name", kind, c.Name)
			case seen[c.Name]:
				return fmt.Errorf("the %s %q stands twice in its list", kind, c.Name)
			case c.Settings == nil || reflect.TypeOf(c.Settings()).Kind() != reflect.Pointer || reflect.TypeOf(c.Settings()).Elem().Kind() != reflect.Struct:
				return fmt.Errorf("the settings of the %s %q are no pointer to a struct", kind, c.Name)
			}
			seen[c.Name] = true
		}
	}
	if names := r.formats(); len(slices.Compact(slices.Sorted(slices.Values(names)))) < len(names) {
		return fmt.Errorf("a format stands twice in its list: %v", names)
	}
	return nil
}

// Pool is embedded in the block of a provider that keeps connections.
type Pool struct {
	// Connections is how many are kept at most: also the most attempts that one
	// crash can leave uncertain.
	Connections int `yaml:"connections,omitempty" default:"32" min:"1" max:"1000"`
}

func (p *Pool) pool() *Pool { return p }

// pooled is a block with a Pool in it.
type pooled interface {
	// pool is the block's own, which may be written.
	pool() *Pool
}

// MaxConnections is how many connections a provider keeps at most, 0 for one that keeps none.
func (p Provider) MaxConnections() int {
	if b, ok := p.Settings.(pooled); ok {
		return b.pool().Connections
	}
	return 0
}

// WithConnections is the same provider with another bound; p stays as it is.
func (p Provider) WithConnections(n int) Provider {
	if _, ok := p.Settings.(pooled); ok {
		own := reflect.New(reflect.TypeOf(p.Settings).Elem())
		own.Elem().Set(reflect.ValueOf(p.Settings).Elem())
		p.Settings = own.Interface().(Block)
		p.Settings.(pooled).pool().Connections = n
	}
	return p
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
	k := &keyset{fields: l.shape(v.Type())}
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
func (d *decoder) blockKeys(v reflect.Value, kind, typ string) *keyset {
	own := d.words.keysOf(v)
	k := &keyset{fields: slices.Clone(own.fields), values: own.values, owners: make([][]string, len(own.fields)), kind: kind}
	var last keyset
	for _, c := range d.words.of(kind) {
		b := c.Settings()
		if c.Name == typ {
			k.chosen = typ
			v.FieldByName("Settings").Set(reflect.ValueOf(b))
		}
		block := d.words.keysOf(reflect.ValueOf(b).Elem())
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

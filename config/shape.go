package config

import (
	"reflect"
	"slices"
	"strings"
	"sync"
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
			min: f.Tag.Get("min"), max: f.Tag.Get("max"), of: f.Tag.Get("of"), last: f.Tag.Get("last") != "", want: f.Tag.Get("want"), asis: f.Tag.Get("asis"), keys: f.Tag.Get("keys"), unless: f.Tag.Get("unless")}
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

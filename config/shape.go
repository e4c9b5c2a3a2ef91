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
	name     string // the key
	typ      reflect.Type
	required bool
	unless   string // a key that may be given in this one's place
	def      string // as the file would write it; "" none
	enum     []string
	min, max string
	belongs  string // the type of provider
	asis     string
	keys     string   // what a mapping's keys are, "" names
	params   []string // of a query
}

var (
	secretType   = reflect.TypeFor[Secret]()
	durationType = reflect.TypeFor[Duration]()
	stageType    = reflect.TypeFor[Stage]()
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
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if name == "" {
			continue
		}
		x := field{index: i, name: name, typ: f.Type, required: options != "omitempty", def: f.Tag.Get("default"),
			min: f.Tag.Get("min"), max: f.Tag.Get("max"), belongs: f.Tag.Get("for"), asis: f.Tag.Get("asis"), keys: f.Tag.Get("keys"), unless: f.Tag.Get("unless")}
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

// enumOf are the choices of a struct's key.
func enumOf(v any, key string) []string {
	for _, f := range shape(reflect.TypeOf(v)) {
		if f.name == key {
			return f.enum
		}
	}
	return nil
}

package config

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// complete fills in defaults and asks for what has none.
func (d *decoder) complete(n ast.Node, v reflect.Value, given map[string]bool, path string) {
	d.completeKeys(n, d.words.keysOf(v), given, path)
}

func (d *decoder) completeKeys(n ast.Node, keys *keyset, given map[string]bool, path string) {
	for i, f := range keys.fields {
		switch {
		case given[f.name] && keys.foreign(i) && keys.chosen != "":
			at := join(path, f.name)
			d.spoil(at)
			problem, remedy := keys.strange(i)
			d.add(d.spots[at].key, problem, remedy)
		case given[f.name] || given[f.unless] || keys.foreign(i):
		case f.required:
			at := d.spots[path]
			if at.src == nil {
				at = spot{src: d.source, dir: d.dir, key: placeOf(start(n))}
			}
			d.missing(at, path, f.name, d.words.wantedKey(f))
		default:
			d.words.fill(keys.values[i], f)
		}
	}
}

// missing reports a key that must be given; those of one place in one fault.
func (d *decoder) missing(of spot, path, key, with string) {
	at := of.key
	d.spots[join(path, key)] = spot{src: of.src, dir: of.dir, key: at, value: at, bad: true}
	word, remedy := `"`+key+`"`, "add "+key+": "+with
	for i, x := range of.src.faults {
		if words, ok := strings.CutSuffix(x.problem, " missing"); ok && x.at == at {
			words = strings.TrimSuffix(strings.TrimSuffix(words, " is"), " are")
			words = strings.ReplaceAll(words, " and ", ", ")
			of.src.faults[i].problem = words + " and " + word + " are missing"
			of.src.faults[i].remedy = x.remedy + "; " + remedy
			return
		}
	}
	if path != "" {
		word = path + ": " + word
	}
	of.src.add(at, word+" is missing", "A"+remedy[1:])
}

// wantedKey says what a missing key should be given.
func (l *lexicon) wantedKey(f field) string {
	if f.want != "" {
		return "with " + f.want
	}
	if list := l.choices(f); len(list) > 0 && f.typ.Kind() == reflect.String {
		return choices(list)
	}
	return "with " + kind(f.typ)
}

// fill sets the default.
func (l *lexicon) fill(v reflect.Value, f field) {
	def := l.usual(f)
	if def == "" {
		if v.Kind() == reflect.Struct {
			for _, g := range shape(v.Type()) {
				l.fill(g.in(v), g)
			}
		}
		return
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if v.Kind() != reflect.Slice {
		_ = set(v, def) // a test fills every default
		return
	}
	for _, w := range strings.Split(strings.Trim(def, "[]"), ", ") {
		e := reflect.New(v.Type().Elem()).Elem()
		_ = set(e, w)
		v.Set(reflect.Append(v, e))
	}
}

// Fill gives a block that was made in code the defaults of the keys that it leaves empty.
func Fill(b Block) {
	(&lexicon{}).fillEmpty(reflect.ValueOf(b).Elem())
}

func (l *lexicon) fillEmpty(v reflect.Value) {
	for _, f := range shape(v.Type()) {
		switch x := f.in(v); {
		case x.IsZero() && f.def != "[*]": // of which only a registry knows
			l.fill(x, f)
		case x.Kind() == reflect.Struct:
			l.fillEmpty(x)
		}
	}
}

// wanted is the remedy for a value of the wrong type.
func (l *lexicon) wanted(t reflect.Type, f field) string {
	list := l.choices(f)
	switch {
	case t == durationType:
		return "Write a duration such as 90s, 24h or 90d"
	case t == secretType:
		return `Write the secret, "${VAR}" or "file:/path"`
	case len(list) > 0:
		return "Choose " + choices(list)
	case t.Kind() == reflect.String:
		return "Write one text, in quotes if it has special characters"
	case f.max != "":
		return fmt.Sprintf("Write a whole number from %s to %s, without quotes or units", f.min, f.max)
	}
	return "Write " + kind(t)
}

// set parses a text into a scalar.
func set(v reflect.Value, s string) error {
	switch {
	case v.Type() == durationType:
		x, err := ParseDuration(s)
		v.SetInt(int64(x))
		return err
	case v.Kind() == reflect.String:
		v.SetString(s)
	case v.Kind() == reflect.Bool:
		if s != "true" && s != "false" {
			return strconv.ErrSyntax
		}
		v.SetBool(s == "true")
	default:
		x, err := strconv.ParseInt(s, 10, v.Type().Bits())
		v.SetInt(x)
		return err
	}
	return nil
}

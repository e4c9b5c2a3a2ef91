package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// stage decodes "- normalise", "- enrich: {...}": a word, or a word with its
// settings.
func (d *decoder) stage(n ast.Node, v reflect.Value, path string) {
	known := d.words.names(kindStage)
	if s, ok := n.(*ast.StringNode); ok {
		d.stageNamed(s.Value, n, nil, v, path)
		return
	}
	if _, ok := n.(*ast.NullNode); ok {
		d.spoil(path)
		d.add(d.spots[path].key, label(path)+" is empty", "Name a stage: "+strings.Join(known, ", "))
		return
	}
	values, ok := d.pairs(n, path, "A stage is a word, or a word with its settings: \"- queue: {name: mail}\"")
	if !ok {
		return
	}
	switch {
	case len(values) == 0:
		d.failAt(path, n, label(path)+" is empty", "Name a stage: "+strings.Join(known, ", "))
		return
	case len(values) > 1:
		d.spoil(path)
		second := values[1].Key.GetToken()
		word, what := second.Value, "a stage has two names"
		remedy := "Begin each stage with a dash of its own"
		if nearest(word, known) == "" {
			what = fmt.Sprintf("the key %.60q stands beside its stage, not below it", word)
			remedy = "Indent the stage's settings further than its name"
		}
		for _, p := range values {
			d.hide(p.Value)
		}
		d.add(placeOf(second), what, remedy)
	}
	d.stageNamed(values[0].Key.GetToken().Value, values[0].Key, values[0].Value, v, path)
}

func (d *decoder) stageNamed(word string, key, settings ast.Node, v reflect.Value, path string) {
	for _, c := range d.words.of(kindStage) {
		if c.Name != word {
			continue
		}
		made := Stage{word, c.Settings()}
		v.Set(reflect.ValueOf(made))
		into := reflect.ValueOf(made.Settings).Elem()
		sub := join(path, word)
		at := placeOf(key.GetToken())
		s := spot{key: at, value: at}
		if settings != nil {
			s.value = placeOf(start(settings))
		}
		d.mark(sub, s)
		if _, null := settings.(*ast.NullNode); settings == nil || null {
			d.complete(key, into, map[string]bool{}, sub)
			return
		}
		d.value(settings, into, field{typ: into.Type()}, sub)
		return
	}
	if settings != nil {
		d.hide(settings)
	}
	d.spoil(path)
	known := d.words.names(kindStage)
	d.add(placeOf(key.GetToken()), fmt.Sprintf("unknown stage %.60q", word), meant(word, known, "The stages are "+strings.Join(known, ", ")))
}

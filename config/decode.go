package config

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// decoder fills the types from the tree, guided by their tags alone, and
// remembers where each value stood for the checks that follow.
type decoder struct {
	*paths
	env      func(string) (string, bool)
	anchors  anchors
	nodes    int
	depth    int
	sections map[string]bool // those that have been read, of all files
	files    *[]*source      // all that have been read, in their order
}

// document decodes the main file, and what it includes.
func (d *decoder) document(root ast.Node, c *Config) {
	at := placeOf(start(root))
	d.mark("", spot{key: at, value: at})
	v := reflect.ValueOf(c).Elem()
	d.value(root, v, field{typ: v.Type()}, "")
	d.includes(v, c.Include)
	if !d.spots[""].bad {
		d.complete(root, v, d.sections, "")
	}
}

// start is a node's first token.
func start(n ast.Node) *token.Token {
	first, _ := ends(n)
	return first
}

// failAt reports a value and keeps the checks from reporting it again.
func (d *decoder) failAt(path string, n ast.Node, problem, remedy string) {
	d.spoil(path)
	d.add(placeOf(start(n)), problem, remedy)
}

// refuse likewise reports a value of another shape. What is in it is not read,
// so that any of it may be a secret.
func (d *decoder) refuse(path string, n ast.Node, problem, remedy string) {
	if nested(n) {
		d.hide(n)
	}
	d.failAt(path, n, problem, remedy)
}

// resolve follows anchors and aliases.
func (d *decoder) resolve(n ast.Node, path string) (ast.Node, bool) {
	for range 8 {
		switch x := n.(type) {
		case *ast.AnchorNode:
			d.anchors[x.Name.GetToken().Value] = x.Value
			n = x.Value
		case *ast.AliasNode:
			target, ok := d.anchors[x.Value.GetToken().Value]
			if !ok { // the name may be a secret that begins with *
				d.failAt(path, n, label(path)+" is an alias of no anchor above", "Define it before it is used, or put quotes around a value that begins with *")
				return nil, false
			}
			n = target
		default:
			return n, true
		}
	}
	d.failAt(path, n, "aliases lead to aliases", "Write the value out")
	return nil, false
}

// anchors are the values that a file has given names, so far.
type anchors map[string]ast.Node

// peek follows anchors and aliases, for whoever looks ahead: it reports nothing and keeps nothing.
func (a anchors) peek(n ast.Node) ast.Node {
	for range 8 {
		switch x := n.(type) {
		case *ast.AnchorNode:
			n = x.Value
		case *ast.AliasNode:
			n = a[x.Value.GetToken().Value]
		default:
			return n
		}
	}
	return nil
}

// value decodes n into v. path is v's name in messages.
func (d *decoder) value(n ast.Node, v reflect.Value, f field, path string) {
	if d.nodes++; d.nodes > maxNodes || d.depth > maxDepth {
		if d.nodes == maxNodes+1 || d.depth > maxDepth {
			d.failAt(path, n, "the aliases unfold to too much", "Write the values out")
		}
		return
	}
	d.depth++
	defer func() { d.depth-- }()
	if holdsSecret(v.Type()) && (v.Type() == secretType || v.Type() == bearerType && !mapping(n) || !nested(n)) {
		d.hide(n)
	}
	at := n
	n, ok := d.resolve(n, path)
	if !ok {
		return
	}
	if v.Type() == secretType || !nested(n) && holdsSecret(v.Type()) {
		d.hide(n)
	}
	if v.Kind() == reflect.Pointer {
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if v.Type() == stageType {
		d.stage(n, v, path)
		return
	}
	if v.Type() == bearerType && !mapping(n) { // a key without a name
		d.value(at, v.FieldByName("Key"), field{typ: secretType}, path)
		return
	}
	if _, null := n.(*ast.NullNode); null {
		d.null(at, f, path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Map:
		d.mapping(n, v, f, path)
	case reflect.Slice:
		d.sequence(n, v, f, path)
	default:
		d.scalar(at, n, v, f, path)
	}
}

func mapping(n ast.Node) bool {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return true
	}
	return false
}

func nested(n ast.Node) bool {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode, *ast.SequenceNode, *ast.AnchorNode, *ast.AliasNode:
		return true
	}
	return false
}

// null is a key without a value: mostly a value that # turned into a comment.
func (d *decoder) null(n ast.Node, f field, path string) {
	d.spoil(path)
	s := d.spots[path]
	if holdsSecret(f.typ) {
		d.hidden = append(d.hidden, region{from: place{s.key.line, s.key.column + len(keyName(path))}, to: place{s.key.line + 1, 1}})
	}
	remedy := "Give it a value, or leave the key out"
	if s.key.line > 0 && s.key.line <= len(d.lines) {
		if _, after, _ := strings.Cut(d.lines[s.key.line-1], ":"); strings.HasPrefix(strings.TrimSpace(after), "#") && f.typ.Kind() == reflect.String {
			remedy = "A # begins a comment: put quotes around the value"
		}
	}
	at := s.key
	if at.line == 0 {
		at = placeOf(start(n))
	}
	d.add(at, label(path)+" has no value", remedy)
}

// keyName is the last word of a path.
func keyName(path string) string { return path[strings.LastIndexByte(path, '.')+1:] }

// label is a path as messages name it.
func label(path string) string {
	if path == "" {
		return "the file"
	}
	return path
}

// pairsOf are the keys and values of a mapping, as they stand there.
func pairsOf(n ast.Node) []*ast.MappingValueNode {
	switch x := n.(type) {
	case *ast.MappingNode:
		return x.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{x}
	}
	return nil
}

// pairs are the keys and values of a mapping, each key once.
func (d *decoder) pairs(n ast.Node, path string, want string) ([]*ast.MappingValueNode, bool) {
	values := pairsOf(n)
	if !mapping(n) {
		d.refuse(path, n, label(path)+" wants keys and values, not "+found(n), want)
		return nil, false
	}
	seen := map[string]place{}
	var out []*ast.MappingValueNode
	for _, p := range values {
		at := placeOf(p.Key.GetToken())
		key := p.Key.GetToken().Value
		if p.Start == nil || p.Start.Type != token.MappingValueType {
			d.hide(p.Key) // perhaps a piece of a broken list of secrets
			d.add(at, "a word without a colon stands in the braces", `Write "key: value", with commas between them`)
			continue
		}
		if first, again := seen[key]; again {
			d.hide(p.Value)
			d.add(at, fmt.Sprintf("the key %.60q stands here twice", key), fmt.Sprintf("Keep one of them; the first is on line %d", first.line))
			continue
		}
		seen[key] = at
		out = append(out, p)
	}
	return out, true
}

// found says in words what a node is.
func found(n ast.Node) string {
	switch n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return "a number"
	case *ast.BoolNode:
		return "true or false"
	case *ast.NullNode:
		return "nothing"
	}
	return "text"
}

func (d *decoder) structure(n ast.Node, v reflect.Value, path string) {
	keys := d.keys(n, v)
	fs := keys.fields
	values, ok := d.pairs(n, path, "Its keys are "+strings.Join(names(fs), ", "))
	if !ok {
		return
	}
	given := map[string]bool{}
	if path == "" {
		given = d.sections
	}
	var misspelt []string
	for _, p := range values {
		key := p.Key.GetToken().Value
		at := placeOf(p.Key.GetToken())
		i := -1
		for j, f := range fs {
			if f.name == key {
				i = j
			}
		}
		if i < 0 {
			d.hide(p.Value)
			first, _, several := strings.Cut(key, " ")
			if several { // "password hunter2" without its colon
				d.hidden = append(d.hidden, region{place{at.line, at.column + len([]rune(first))}, place{at.line + 1, 1}})
				d.add(at, fmt.Sprintf("unknown key %.60q", first+" ..."), `Write "key: value"; the keys here are `+strings.Join(names(fs), ", "))
				continue
			}
			d.add(at, fmt.Sprintf("unknown key %.60q", key), meant(key, names(fs), "The keys here are "+strings.Join(names(fs), ", ")))
			if n := nearest(key, names(fs)); n != "" && !given[n] {
				misspelt = append(misspelt, n)
			}
			continue
		}
		given[key] = true
		sub := join(path, key)
		if fs[i].typ.Kind() != reflect.Map || d.spots[sub].src == nil {
			if d.elsewhere(sub, at, p.Value) {
				continue
			}
			d.mark(sub, spot{key: at, value: placeOf(start(p.Value))})
		}
		d.value(p.Value, keys.values[i], fs[i], sub)
	}
	for _, n := range misspelt { // it is not missing as well
		if !given[n] {
			given[n] = true
			d.mark(join(path, n), spot{key: d.spots[path].key, value: d.spots[path].key, bad: true})
		}
	}
	if path != "" { // the main file's sections may stand in others
		d.completeKeys(n, keys, given, path)
	}
}

// elsewhere reports what stands in another file already.
func (d *decoder) elsewhere(path string, at place, value ast.Node) bool {
	s, ok := d.spots[path]
	if !ok || s.src == d.source {
		return false
	}
	d.hide(value)
	d.add(at, fmt.Sprintf("%s stands in %s already, on line %d", path, s.src.name, s.key.line), "Keep one of them")
	return true
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (d *decoder) mapping(n ast.Node, v reflect.Value, f field, path string) {
	values, ok := d.pairs(n, path, "Write a name, a colon, and its keys below")
	if !ok {
		return
	}
	if v.IsNil() {
		v.Set(reflect.MakeMap(v.Type()))
	}
	for _, p := range values {
		key := p.Key.GetToken().Value
		at := placeOf(p.Key.GetToken())
		if f.keys == "" && !validName(key) {
			d.add(at, fmt.Sprintf("%.80q is no name", key), "Use a-z, 0-9, - and _, up to 64, with a letter or digit first")
		}
		sub := join(path, key)
		if d.elsewhere(sub, at, p.Value) {
			continue
		}
		d.mark(sub, spot{key: at, value: placeOf(start(p.Value))})
		e := reflect.New(v.Type().Elem()).Elem()
		inner := field{typ: e.Type()}
		if e.Kind() == reflect.Map {
			inner.keys = f.keys
		}
		d.value(p.Value, e, inner, sub)
		v.SetMapIndex(reflect.ValueOf(key), e)
	}
	if len(values) == 0 && f.required {
		d.failAt(path, n, label(path)+" is empty", "Give it one entry at least")
	}
}

func validName(s string) bool {
	for i, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && (i == 0 || r != '-' && r != '_') {
			return false
		}
	}
	return s != "" && len(s) <= 64
}

func (d *decoder) sequence(n ast.Node, v reflect.Value, f field, path string) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		remedy := "Put it in brackets: [...]"
		if raw, _, ok := text(n); ok && !holdsSecret(v.Type()) && len(raw) < 60 {
			remedy = "Put it in brackets: [" + raw + "]"
		}
		d.refuse(path, n, label(path)+" wants a list, not "+found(n), remedy)
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, len(seq.Values)))
	f.required = false
	f.typ = v.Type().Elem()
	for i, x := range seq.Values {
		sub := fmt.Sprintf("%s[%d]", path, i)
		at := placeOf(start(x))
		d.mark(sub, spot{key: at, value: at})
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(x, e, f, sub)
		v.Set(reflect.Append(v, e))
	}
}

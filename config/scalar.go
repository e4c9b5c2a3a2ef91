package config

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// scalar decodes a text, number or duration. at is where it stands: n itself
// or the alias that leads to it.
func (d *decoder) scalar(at, n ast.Node, v reflect.Value, f field, path string) {
	raw, plain, ok := text(n)
	if !ok {
		d.refuse(path, at, label(path)+" wants "+kind(v.Type())+", not "+found(n), d.words.wanted(v.Type(), f))
		return
	}
	if t := n.GetToken(); t.Type == token.StringType && strings.Contains(t.Value, ": ") {
		d.hide(n) // the parser lets "{user: u password: hunter2}" pass
		d.failAt(path, at, label(path)+" holds a colon and a space", "Put a comma before the next key, or quotes around the value")
		return
	}
	isSecret := v.Type() == secretType
	if v.Kind() == reflect.String && plain && found(n) != "text" {
		remedy := "Put quotes around it"
		if !isSecret {
			remedy += fmt.Sprintf(": %q", raw)
		}
		d.failAt(path, at, label(path)+" wants text, not "+found(n), remedy)
		return
	}
	value, problem, remedy := expand(raw, d.env)
	if problem == "" && isSecret {
		value, problem, remedy = d.secret(value, f, path)
	}
	if problem != "" {
		if isSecret { // no default for those
			remedy, _, _ = strings.Cut(remedy, `, or write "${`)
		}
		d.failAt(path, at, problem, remedy)
		return
	}
	if !isSecret {
		s := d.spots[path]
		s.raw = raw
		d.spots[path] = s
	}
	// What came from the environment is not quoted: it may be a secret that
	// strayed into the wrong key.
	shown := fmt.Sprintf("%.100q", raw)
	if value != raw {
		shown += " (as the environment has it)"
	}
	switch {
	case v.Kind() == reflect.String:
		v.SetString(value)
		if list := d.words.choices(f); list != nil && !slices.Contains(list, value) {
			d.failAt(path, at, label(path)+": there is no "+shown, meant(value, list, "Choose "+choices(list)))
		}
	case v.Type() == durationType:
		d.duration(literal{at, path, value, shown}, v, f)
	default:
		if err := set(v, value); err != nil {
			d.failAt(path, at, label(path)+" wants "+kind(v.Type())+", not "+shown, d.words.wanted(v.Type(), f))
			return
		}
		low, _ := strconv.ParseInt(f.min, 10, 64)
		high, _ := strconv.ParseInt(f.max, 10, 64)
		if f.max != "" && (v.Int() < low || v.Int() > high) {
			d.failAt(path, at, label(path)+" is out of range: "+shown, fmt.Sprintf("Choose from %s to %s", f.min, f.max))
		}
	}
}

// text is a scalar's text as the file has it; plain if it has no quotes.
func text(n ast.Node) (raw string, plain, ok bool) {
	switch x := n.(type) {
	case *ast.StringNode:
		return x.Value, false, true
	case *ast.LiteralNode:
		return x.Value.Value, false, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
		return strings.TrimSpace(n.GetToken().Value), true, true
	}
	return "", false, false
}

// secret reads the file that a secret may name.
func (d *decoder) secret(value string, f field, path string) (out, problem, remedy string) {
	if strings.TrimSpace(value) == "" {
		return "", label(path) + " is empty", `Write the secret, "${VAR}" with a variable that is set, or "file:/path"`
	}
	if file, ok := strings.CutPrefix(value, "file:"); ok && f.asis != "file:" {
		return readSecret(d.dir, file)
	}
	return value, "", ""
}

// literal is the text of a value.
type literal struct {
	at    ast.Node
	path  string
	value string // after ${VAR}
	shown string // as messages quote it
}

func (d *decoder) duration(l literal, v reflect.Value, f field) {
	x, err := ParseDuration(l.value)
	switch {
	case errors.Is(err, errNoUnit):
		d.failAt(l.path, l.at, fmt.Sprintf("%s: the duration %s has no unit", label(l.path), l.shown), fmt.Sprintf("Write %.20ss for seconds; the units are ms, s, m, h, d and y", l.value))
		return
	case errors.Is(err, errTooLong):
		d.failAt(l.path, l.at, fmt.Sprintf("%s: the duration %s is too long", label(l.path), l.shown), "Choose a shorter one")
		return
	case err != nil:
		d.failAt(l.path, l.at, fmt.Sprintf("%s: %s is not a duration", label(l.path), l.shown), "Write whole numbers with units, such as 90s, 24h, 90d or 1h30m")
		return
	}
	v.SetInt(int64(x))
	low, _ := ParseDuration(f.min)
	high, err := ParseDuration(f.max)
	if err == nil && (x < low || x > high) {
		d.failAt(l.path, l.at, fmt.Sprintf("%s is out of range: %s", label(l.path), l.shown), fmt.Sprintf("Choose from %s to %s", f.min, f.max))
	}
}

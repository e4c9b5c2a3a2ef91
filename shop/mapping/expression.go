package mapping

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/waxwinghq/waxwing/payload"
)

// An expression says where a value stands: alternatives with " | " between them, of which the first that
// is there counts; each of parts with " + ", which are put together; each part a pointer, or a constant
// behind "=".
type expression []alternative

type alternative []part

type part struct {
	constant string // where steps is nil and it is no pointer
	fixed    bool
	root     bool // from the event's root, also within a list
	steps    []step
}

// step is one of a pointer: a member's name or an item's place, or items by a member's value.
type step struct {
	key    string
	filter bool
	not    bool
	value  string
}

func parse(s string) (expression, error) {
	var e expression
	for _, alt := range strings.Split(s, " | ") {
		var a alternative
		for _, p := range strings.Split(alt, " + ") {
			x, err := parsePart(strings.TrimSpace(p))
			if err != nil {
				return nil, err
			}
			a = append(a, x)
		}
		e = append(e, a)
	}
	return e, nil
}

func parsePart(s string) (p part, err error) {
	if c, ok := strings.CutPrefix(s, "="); ok {
		return part{constant: c, fixed: true}, nil
	}
	s, p.root = strings.CutPrefix(s, "$")
	if s == "" && p.root {
		return p, nil
	}
	if !strings.HasPrefix(s, "/") {
		return p, errors.New("it is neither a pointer, which begins with / (or $/ for the event's root), nor a constant, which begins with =")
	}
	for _, k := range cut(s[1:]) {
		st := step{key: k}
		if inner, ok := strings.CutPrefix(k, "["); ok && strings.HasSuffix(inner, "]") {
			inner = inner[:len(inner)-1]
			st.filter = true
			if st.key, st.value, ok = strings.Cut(inner, "!="); ok {
				st.not = true
			} else if st.key, st.value, ok = strings.Cut(inner, "="); !ok {
				return p, fmt.Errorf("%q is no choice of items: write [member=value] or [member!=value]", k)
			}
		}
		st.key = strings.ReplaceAll(strings.ReplaceAll(st.key, "~1", "/"), "~0", "~") // RFC 6901 section 4
		p.steps = append(p.steps, st)
	}
	return p, nil
}

// cut parts a pointer at its slashes, but for those within brackets.
func cut(s string) (out []string) {
	begin, within := 0, false
	for i := range len(s) {
		switch {
		case s[i] == '[' && i == begin:
			within = true
		case s[i] == ']':
			within = false
		case s[i] == '/' && !within:
			out = append(out, s[begin:i])
			begin = i + 1
		}
	}
	return append(out, s[begin:])
}

// String is the part as it is written.
func (p part) String() string {
	if p.fixed {
		return "=" + p.constant
	}
	var b strings.Builder
	if p.root {
		b.WriteByte('$')
	}
	for _, s := range p.steps {
		b.WriteByte('/')
		key := strings.ReplaceAll(strings.ReplaceAll(s.key, "~", "~0"), "/", "~1")
		switch {
		case s.not:
			b.WriteString("[" + key + "!=" + s.value + "]")
		case s.filter:
			b.WriteString("[" + key + "=" + s.value + "]")
		default:
			b.WriteString(key)
		}
	}
	return b.String()
}

// String is the expression as it is written.
func (e expression) String() string {
	var alts []string
	for _, a := range e {
		var parts []string
		for _, p := range a {
			parts = append(parts, p.String())
		}
		alts = append(alts, strings.Join(parts, " + "))
	}
	return strings.Join(alts, " | ")
}

// at is a place in an event, with its pointer.
type at struct {
	payload.Value
	pointer string
	left    *int // how many entries may still be looked at to choose some: rules within rules must not take for ever
}

// mostLooked is how many entries are looked at for one event.
const mostLooked = 1_000_000

func start(v payload.Value) at {
	left := mostLooked
	return at{Value: v, left: &left}
}

// enter goes down by a step; of a choice of items it is the first.
func (a at) enter(s step) at {
	if s.filter {
		for _, item := range a.choose(s) {
			return item
		}
		return at{left: a.left}
	}
	next := at{left: a.left, pointer: a.pointer + "/" + strings.ReplaceAll(strings.ReplaceAll(s.key, "~", "~0"), "/", "~1")}
	if n, err := strconv.Atoi(s.key); err == nil && a.Kind() == payload.Array && n >= 0 {
		next.Value = a.At(n)
	} else if a.Kind() == payload.Object {
		next.Value = a.Get(s.key)
	}
	return next
}

// choose gives the items of a list whose member is, or is not, of a value.
func (a at) choose(s step) (out []at) {
	if a.Kind() != payload.Array && !a.Numbered() {
		return nil
	}
	for i, item := range a.Items() {
		if *a.left--; *a.left < 0 {
			return nil
		}
		v := item.Get(s.key)
		text := v.Text()
		switch v.Kind() {
		case payload.True:
			text = "true"
		case payload.False:
			text = "false"
		}
		if (text == s.value) != s.not {
			out = append(out, at{item, a.pointer + "/" + strconv.Itoa(i), a.left})
		}
	}
	return out
}

// find follows a part that is a pointer.
func (p part) find(root, here at) at {
	a := here
	if p.root {
		a = root
	}
	for _, s := range p.steps {
		a = a.enter(s)
	}
	return a
}

// list gives the items of the list that an alternative names; an object stands for a list of itself.
func (e expression) list(root, here at) (items []at, from string, found bool) {
	for _, alt := range e {
		for _, p := range alt {
			if p.fixed {
				continue
			}
			steps, last := p.steps, step{}
			if n := len(steps); n > 0 && steps[n-1].filter {
				steps, last = steps[:n-1], steps[n-1]
			}
			a := part{root: p.root, steps: steps}.find(root, here)
			if !a.Given() {
				continue
			}
			found = true
			switch {
			case last.filter:
				items = append(items, a.choose(last)...)
			case a.Kind() == payload.Array || a.Kind() == payload.Object && a.Numbered() && a.Len() > 0:
				for i, item := range a.Items() {
					if item.Given() {
						items = append(items, at{item, a.pointer + "/" + strconv.Itoa(i), a.left})
					}
				}
			case a.Kind() == payload.Object:
				items = append(items, a)
			}
		}
		if found {
			return items, alt[0].String(), true
		}
	}
	return nil, "", false
}

// Package table is what sources have in common that read the changes of a shop's tables: when
// a change completes an order, which order that is, and the event that is made of its rows.
package table

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Kind says what is known of a column's value.
type Kind byte

// The kinds of values.
const (
	// Unknown: the log does not say, as the old value where the replica identity lacks the column.
	Unknown Kind = iota
	// Null is SQL's.
	Null
	// Text has the value as the database writes it; of booleans true or false.
	Text
	// Unchanged: it was left out of the new row, since it is large and as it was.
	Unchanged
)

// Value is a column's in one row.
type Value struct {
	Kind Kind
	Text string
}

// Op is what happened to a row.
type Op byte

// What happens to rows. A row that is deleted completes nothing.
const (
	Insert Op = 'I'
	Update Op = 'U'
)

// Row gives the value of a column, Unknown where it has none of that name.
type Row func(column string) Value

// ErrUndecided says that the log holds too little to tell whether a change completed an order.
var ErrUndecided = errors.New("the log does not hold the old value")

// When is the condition on which a change completes an order. The zero one holds for each INSERT.
type When struct {
	columns []condition
	turns   bool // one of them is about the old row
}

// condition is that of one column.
type condition struct {
	column string
	text   string
	turn   bool     // else it is only about the new row
	from   []option // none: anything
	to     []option
	not    bool // to is what it must not be
}

// option is a value that a column may have; nil is null.
type option *string

// ParseWhen reads the conditions of columns: "A -> B", "-> B", "= B", "set", with several
// values as "A|B". A value in quotes is taken as it is; null is SQL's. The error names the column.
func ParseWhen(m map[string]string) (When, error) {
	var w When
	for _, column := range slices.Sorted(maps.Keys(m)) {
		c, err := parseCondition(strings.TrimSpace(m[column]))
		if err != nil {
			return When{}, &WhenError{column, err}
		}
		c.column, c.text = column, m[column]
		w.columns = append(w.columns, c)
		w.turns = w.turns || c.turn
	}
	return w, nil
}

// WhenError is a column's condition that cannot be read.
type WhenError struct {
	Column string
	Err    error
}

// Error says it.
func (e *WhenError) Error() string { return e.Column + " " + e.Err.Error() }

// Unwrap gives what is wrong.
func (e *WhenError) Unwrap() error { return e.Err }

func parseCondition(s string) (c condition, err error) {
	switch {
	case s == "set":
		return condition{turn: true, from: []option{nil}, to: []option{nil}, not: true}, nil
	case strings.HasPrefix(s, "="):
		c.to, err = parseOptions(s[1:])
		return c, err
	}
	before, after, ok := cutArrow(s)
	if !ok {
		return c, errors.New("is no condition")
	}
	c.turn = true
	if before = strings.TrimSpace(before); before != "" {
		if c.from, err = parseOptions(before); err != nil {
			return c, err
		}
	}
	if c.to, err = parseOptions(after); err != nil {
		return c, err
	}
	for _, x := range c.from {
		if among(c.to, x) {
			return c, errors.New("goes from a value to the same one")
		}
	}
	return c, nil
}

// cutArrow parts s at the arrow that stands in no quotes.
func cutArrow(s string) (before, after string, ok bool) {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '\'':
			quoted = !quoted
		case !quoted && strings.HasPrefix(s[i:], "->"):
			return s[:i], s[i+2:], true
		}
	}
	return s, "", false
}

func parseOptions(s string) (out []option, err error) {
	for first := true; first || s != ""; first = false {
		s = strings.TrimSpace(s)
		var word string
		plain := !strings.HasPrefix(s, "'")
		if plain {
			word, s, _ = strings.Cut(s, "|")
			if word = strings.TrimSpace(word); strings.Contains(word, "->") || strings.ContainsAny(word, "'") {
				return nil, errors.New("has an arrow or a quote too many")
			}
		} else if word, s, err = unquote(s); err != nil {
			return nil, err
		}
		switch {
		case plain && word == "":
			return nil, errors.New("lacks a value")
		case plain && word == "null":
			out = append(out, nil)
		default:
			out = append(out, &word)
		}
	}
	return out, nil
}

// unquote reads 'text' with ” for a quote, and the bar behind it.
func unquote(s string) (word, rest string, err error) {
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		if s[i] != '\'' {
			b.WriteByte(s[i])
			continue
		}
		if i+1 < len(s) && s[i+1] == '\'' {
			b.WriteByte('\'')
			i++
			continue
		}
		rest = strings.TrimSpace(s[i+1:])
		if rest == "" {
			return b.String(), "", nil
		}
		if rest[0] != '|' || len(rest) == 1 {
			return "", "", errors.New("has something behind a quote")
		}
		return b.String(), rest[1:], nil
	}
	return "", "", errors.New("has a quote that does not end")
}

func among(list []option, x option) bool {
	return slices.ContainsFunc(list, func(o option) bool { return o == nil && x == nil || o != nil && x != nil && *o == *x })
}

// is says whether a value is one of them.
func (c condition) is(list []option, v Value) bool {
	if v.Kind == Null {
		return among(list, nil)
	}
	return among(list, &v.Text)
}

// holds says whether the new value is as it must be.
func (c condition) holds(v Value) bool { return c.is(c.to, v) != c.not }

// Columns are those that it looks at, in the order of their names.
func (w When) Columns() []string {
	out := make([]string, len(w.columns))
	for i, c := range w.columns {
		out[i] = c.column
	}
	return out
}

// Old are the columns of which it needs the old value.
func (w When) Old() (out []string) {
	for _, c := range w.columns {
		if c.turn {
			out = append(out, c.column)
		}
	}
	return out
}

// Match says whether a change makes the condition true: all columns are as they must be, and at
// least one has become so by this change. An inserted row has become all that it is. Conditions "= B"
// alone hold whenever the row is written. The error is ErrUndecided, or names a column that there is not.
func (w When) Match(op Op, old, now Row) (bool, error) {
	if len(w.columns) == 0 {
		return op == Insert, nil
	}
	// What fails for certain decides, whatever is unknown beside it.
	became, perhaps, unsure := !w.turns || op == Insert, "", ""
	for _, c := range w.columns {
		v, was := now(c.column), Value{Kind: Unchanged}
		if op == Update {
			was = old(c.column)
		}
		if v.Kind == Unchanged && (was.Kind == Null || was.Kind == Text) {
			v = was
		}
		switch v.Kind {
		case Unknown:
			return false, fmt.Errorf("there is no column %q", c.column)
		case Unchanged: // it has not become anything, but nobody knows whether it is as it must be
			unsure = c.column
			continue
		}
		if !c.holds(v) {
			return false, nil
		}
		if !c.turn || op == Insert {
			continue
		}
		switch {
		case was.Kind == Unknown:
			perhaps = c.column
			if len(c.from) > 0 {
				unsure = c.column
			}
		case was.Kind == Unchanged || c.holds(was): // it was so before
		case len(c.from) > 0 && !c.is(c.from, was):
			return false, nil // it has become so from something else
		default:
			became = true
		}
	}
	switch {
	case !became && perhaps != "":
		return false, fmt.Errorf("column %q: %w", perhaps, ErrUndecided)
	case became && unsure != "":
		return false, fmt.Errorf("column %q: %w", unsure, ErrUndecided)
	}
	return became, nil
}

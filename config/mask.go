package config

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

const mask = "****"

// region is a stretch of the file that no excerpt shows, from inclusive to
// exclusive.
type region struct{ from, to place }

// hide keeps a node's values out of every excerpt.
func (s *source) hide(n ast.Node) {
	if n == nil || n.Type() == ast.NullType {
		return
	}
	first, last := ends(n)
	if first == nil {
		return
	}
	// Tokens of several lines are placed now at their begin, now at their end,
	// and the parser's own have no neighbours: take the widest.
	r := region{to: place{len(s.lines) + 1, 1}}
	if first.Prev != nil {
		p := placeOf(first.Prev)
		r.from = place{p.line, p.column + 1}
	}
	if p := placeOf(first); p.before(r.from) {
		r.from = p
	}
	if last.Next != nil {
		r.to = placeOf(last.Next)
	}
	if p := placeOf(last); !p.before(r.to) {
		r.to = place{p.line + 1, 1}
	}
	s.hidden = append(s.hidden, r)
}

// ends are the first and the last token of a node.
func ends(n ast.Node) (first, last *token.Token) {
	first = n.GetToken()
	last = first
	switch x := n.(type) {
	case *ast.LiteralNode:
		last = x.Value.GetToken()
	case *ast.MappingNode:
		if len(x.Values) > 0 {
			first, _ = ends(x.Values[0])
			_, last = ends(x.Values[len(x.Values)-1])
		}
		if x.IsFlowStyle {
			first, last = x.Start, x.End
		}
	case *ast.MappingValueNode:
		first, last = x.Key.GetToken(), x.Key.GetToken()
		if _, null := x.Value.(*ast.NullNode); !null { // its token may be made up
			_, last = ends(x.Value)
		}
	case *ast.SequenceNode:
		if len(x.Values) > 0 {
			_, last = ends(x.Values[len(x.Values)-1])
		}
		if x.IsFlowStyle && x.End != nil {
			last = x.End
		}
	case *ast.AnchorNode:
		_, last = ends(x.Value)
	case *ast.TagNode:
		if x.Value != nil {
			_, last = ends(x.Value)
		}
	case *ast.AliasNode:
		_, last = ends(x.Value)
	}
	return first, last
}

func placeOf(t *token.Token) place {
	if t == nil || t.Position == nil {
		return place{1, 1}
	}
	return place{t.Position.Line, t.Position.Column}
}

// masked returns a line without secrets, and where the column has moved to.
func (s *source) masked(at place) ([]rune, int) {
	text := []rune(s.lines[at.line-1])
	secret := make([]bool, len(text))
	for _, r := range s.hidden {
		for i := range text {
			p := place{at.line, i + 1}
			secret[i] = secret[i] || !p.before(r.from) && p.before(r.to)
		}
	}
	for _, c := range s.comments {
		if c.line == at.line && slices.Contains(secret, true) { // "# was hunter2"
			for i := c.column - 1; i < len(secret); i++ {
				secret[i] = true
			}
		}
	}
	s.guess(at.line, text, secret)
	var out []rune
	column := 0
	for i := 0; i < len(text); i++ {
		if i == at.column-1 {
			column = len(out) + 1
		}
		if !secret[i] || text[i] == ' ' {
			out = append(out, text[i])
			continue
		}
		end := i
		for end < len(text) && secret[end] {
			end++
		}
		kept := len(strings.TrimRight(string(text[i:end]), " "))
		if i < at.column && at.column-1 < end {
			column = len(out) + 1
		}
		out = append(out, []rune(mask)...)
		out = append(out, []rune(string(text[i:end])[kept:])...)
		i = end - 1
	}
	if column == 0 {
		column = len(out) + 1
	}
	return out, column
}

// keyPattern finds keys in a line, also where the file is not YAML.
var keyPattern = regexp.MustCompile(`[\w-]+["']?\s*:(?:\s|$)`)

// guess hides by the keys' names. In a file that could not be parsed it shows
// nothing but keys, and values of known keys that hold no secret.
func (s *source) guess(line int, text []rune, secret []bool) {
	str := string(text)
	hide := func(from, to int) { // of str, in bytes
		if strings.Trim(str[from:to], " {}[],\"'|>&*-") == "" {
			return
		}
		from += len(str[from:to]) - len(strings.TrimLeft(str[from:to], " ["))
		to -= len(str[from:to]) - len(strings.TrimRight(str[from:to], " ,}]"))
		a := utf8.RuneCountInString(str[:from])
		for j := range []rune(str[from:to]) {
			secret[a+j] = true
		}
	}
	harmless, secrets := s.words.keys()
	keys := keyPattern.FindAllStringIndex(str, -1)
	first := len(str)
	if len(keys) > 0 {
		first = keys[0][0]
	}
	if !s.parsed && !harmless[s.above(line)] {
		hide(0, first)
	}
	for i, k := range keys {
		end, key := len(str), keyOf(str[k[0]:k[1]])
		if i+1 < len(keys) {
			end = keys[i+1][0]
		}
		safe, known := harmless[key]
		if s.parsed { // the decoder knows, but the parser lets some faults pass
			if secrets[key] {
				hide(k[1], end)
			}
			continue
		}
		if !known && (i > 0 || !slices.Contains(sections, s.above(line))) {
			hide(k[0], k[1]) // it may be the end of a value
		}
		if !safe || strings.Contains(str, "{") { // in braces one fault can join two values
			hide(k[1], end)
		}
	}
}

// sections hold names that the file's author chose.
var sections = []string{"providers", "pipelines", "tenants", "shops", "enrich", "sources", "brokers"}

// above is the key to which a line belongs: the last one of the nearest line
// that is indented less, or as much where this line is a list's.
func (s *source) above(line int) string {
	depth := indent(s.lines[line-1])
	if keyPattern.MatchString(s.lines[line-1]) {
		depth--
	}
	for i := line - 2; i >= 0; i-- {
		l := s.lines[i]
		if keys := keyPattern.FindAllString(l, -1); len(keys) > 0 && indent(l) <= depth {
			return keyOf(keys[len(keys)-1])
		}
	}
	return ""
}

func keyOf(match string) string { return strings.TrimRight(match, ": \t\"'") }

func indent(l string) int { return len(l) - len(strings.TrimLeft(l, " \t")) }

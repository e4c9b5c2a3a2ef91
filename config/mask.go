package config

import (
	"regexp"
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
	// Tokens of several lines are placed now at their begin, now at their end;
	// their neighbours are safe.
	r := region{to: place{len(s.lines) + 1, 1}}
	if first.Prev != nil {
		p := placeOf(first.Prev)
		r.from = place{p.line, p.column + 1}
	}
	if last.Next != nil {
		r.to = placeOf(last.Next)
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
	if !s.parsed {
		s.guess(at.line, text, secret)
	}
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

// secretKey finds what may be the key of a secret, also in a file that is not
// YAML and where a key is misspelled.
var secretKey = regexp.MustCompile(`(?i)[\w-]*(secr|key|tok|pass|pwd|dsn|master|auth|cred)[\w-]*["']?\s*:`)

// guess hides by the keys' names: where a file is not YAML nothing else is
// known. It rather hides too much.
func (s *source) guess(line int, text []rune, secret []bool) {
	str := string(text)
	for _, m := range secretKey.FindAllStringIndex(str, -1) {
		from := utf8.RuneCountInString(str[:m[1]])
		for i := from; i < len(secret); i++ {
			secret[i] = true
		}
	}
	if s.insideSecret(line) {
		for i := range secret {
			secret[i] = true
		}
	}
	if strings.Contains(str, "-----") {
		for i := range secret {
			secret[i] = true
		}
	}
}

// insideSecret looks for a key above whose value reaches down to this line:
// the nearest lines that are indented less and less.
func (s *source) insideSecret(line int) bool {
	depth := indent(s.lines[line-1]) + 1 // a list may stand right below its key
	for i := line - 2; i >= 0 && depth > 0; i-- {
		l := s.lines[i]
		if strings.TrimSpace(l) == "" || strings.HasPrefix(strings.TrimSpace(l), "#") || indent(l) >= depth {
			continue
		}
		if opensValue(l) {
			return true
		}
		depth = min(depth, indent(l))
	}
	return false
}

// opensValue reports whether a line ends in a secret's key or within its
// unfinished value.
func opensValue(l string) bool {
	m := secretKey.FindAllStringIndex(l, -1)
	if len(m) == 0 {
		return false
	}
	rest := strings.TrimSpace(l[m[len(m)-1][1]:])
	if i := strings.Index(rest, " #"); i >= 0 {
		rest = strings.TrimSpace(rest[:i])
	}
	switch {
	case rest == "", strings.ContainsAny(rest[:1], "|>&!#"):
		return true
	case rest[0] == '"' || rest[0] == '\'':
		return strings.Count(rest, rest[:1])%2 == 1
	case rest[0] == '[':
		return !strings.Contains(rest, "]")
	case rest[0] == '{':
		return !strings.Contains(rest, "}")
	}
	return false
}

func indent(l string) int { return len(l) - len(strings.TrimLeft(l, " \t")) }

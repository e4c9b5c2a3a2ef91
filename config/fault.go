package config

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// Error is one mistake in a configuration file.
type Error struct {
	// File is the name that was given to Load or Parse.
	File string
	// Line and Column count from 1; columns are characters, not bytes.
	Line, Column int
	// Problem says what is wrong and Remedy what to do, without a full stop.
	// Neither holds a secret.
	Problem, Remedy string
	// Excerpt is the line of the file with secrets masked and a caret below.
	Excerpt string
}

// Error writes "FILE:LINE:COLUMN: what is wrong. What to do." and the excerpt.
func (e *Error) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s. %s", e.File, e.Line, e.Column, e.Problem, e.Remedy)
	if !strings.HasSuffix(e.Remedy, "?") {
		s += "."
	}
	if e.Excerpt != "" {
		s += "\n" + e.Excerpt
	}
	return s
}

// ErrorList is all the mistakes of a file in their order.
type ErrorList []*Error

// A file of another kind must not fill the screen, nor keep us busy.
const (
	maxFaults = 1000
	maxShown  = 50
)

// Error writes each mistake on lines of its own.
func (l ErrorList) Error() string {
	var b strings.Builder
	for i, e := range l {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i == maxShown {
			fmt.Fprintf(&b, "and %d more", len(l)-i)
			break
		}
		b.WriteString(e.Error())
	}
	return b.String()
}

// Unwrap gives errors.As each mistake.
func (l ErrorList) Unwrap() []error {
	errs := make([]error, len(l))
	for i, e := range l {
		errs[i] = e
	}
	return errs
}

// place is a point in the file, from 1.
type place struct{ line, column int }

func (p place) before(q place) bool {
	return p.line < q.line || p.line == q.line && p.column < q.column
}

// source is the file's text and the mistakes found in it.
type source struct {
	name   string
	words  *lexicon
	lines  []string
	parsed bool // from then on the decoder knows which values are secret
	hidden []region
	// comments are where they begin.
	comments []place
	faults   []fault
}

// fault is an Error before its excerpt is made: that waits until all secrets of
// the file are known.
type fault struct {
	at              place
	problem, remedy string
}

func newSource(name, text string, words *lexicon) *source {
	return &source{name: name, words: words, lines: strings.Split(text, "\n")}
}

// add reports a mistake; each place has one at most, since the second is
// mostly the first's echo.
func (s *source) add(at place, problem, remedy string) {
	at.line, at.column = max(at.line, 1), max(at.column, 1)
	if at.line > len(s.lines) {
		at = place{len(s.lines), 1}
	}
	if len(s.faults) == maxFaults {
		return
	}
	for _, f := range s.faults {
		if f.at == at {
			return
		}
	}
	s.faults = append(s.faults, fault{at, problem, remedy})
}

// errorsOf makes the list of all files' mistakes, nil if there are none.
func errorsOf(files []*source) error {
	var l ErrorList
	for _, s := range files {
		l = append(l, s.errors(maxShown-len(l))...)
	}
	if len(l) == 0 {
		return nil
	}
	return l
}

// errors makes the file's list, the first ones with excerpts.
func (s *source) errors(shown int) (l ErrorList) {
	slices.SortStableFunc(s.faults, func(a, b fault) int {
		return cmp.Or(cmp.Compare(a.at.line, b.at.line), cmp.Compare(a.at.column, b.at.column))
	})
	for i, f := range s.faults {
		e := &Error{File: s.name, Line: f.at.line, Column: f.at.column, Problem: f.problem, Remedy: f.remedy}
		if i < shown {
			e.Excerpt = s.excerpt(f.at)
		}
		l = append(l, e)
	}
	return l
}

// maxExcerpt is the most characters of a line that are shown, of a line of at
// most maxLine bytes.
const (
	maxExcerpt = 160
	maxLine    = 8 << 10
)

func (s *source) excerpt(at place) string {
	if at.line > len(s.lines) || len(s.lines[at.line-1]) > maxLine {
		return ""
	}
	text, column := s.masked(at)
	if strings.TrimSpace(string(text)) == "" {
		return ""
	}
	for i, r := range text {
		if r < ' ' || r == 0x7f || r == '\u2028' || r == '\u2029' {
			text[i] = ' ' // tabs would move the caret; escapes would move more
		}
	}
	if from := max(column-maxExcerpt*3/4, 0); len(text) > maxExcerpt && from > 0 {
		text, column = append([]rune("..."), text[min(from, len(text)):]...), column-from+3
	}
	if len(text) > maxExcerpt {
		text = append(text[:maxExcerpt:maxExcerpt], []rune("...")...)
	}
	column = min(column, len(text)+1)
	number := fmt.Sprintf("%5d", at.line)
	return fmt.Sprintf("%s | %s\n%*s | %s^", number, string(text), len(number), "", strings.Repeat(" ", max(column-1, 0)))
}

// spot is where a key and its value stand.
type spot struct {
	src        *source
	dir        string // where the file's relative paths begin
	key, value place
	bad        bool   // a fault was added: checks leave it alone
	raw        string // what the file says, before ${VAR}; "" for secrets
}

// paths remembers where each path of a configuration stands, and reports faults there.
type paths struct {
	*source                 // the file that is read
	dir     string          // where its relative paths begin
	spots   map[string]spot // of all files, by path
}

// mark remembers where a path stands.
func (p *paths) mark(path string, s spot) {
	s.src, s.dir = p.source, p.dir
	p.spots[path] = s
}

// spoil keeps the checks from reporting a path again.
func (p *paths) spoil(path string) {
	s := p.spots[path]
	s.bad = true
	p.spots[path] = s
}

// fail reports the value at a path, unless a fault there has been reported.
func (p *paths) fail(path, problem, remedy string) { p.report(path, problem, remedy, false) }

// failKey likewise points at the key.
func (p *paths) failKey(path, problem, remedy string) { p.report(path, problem, remedy, true) }

func (p *paths) report(path, problem, remedy string, key bool) {
	if p.isBad(path) {
		return
	}
	at := p.spots[path]
	for up := path; ; up = parent(up) {
		if s, ok := p.spots[up]; ok {
			at = s
			key = key || up != path
			break
		}
		if up == "" {
			break
		}
	}
	where := at.value
	if key {
		where = at.key
	}
	if at.src == nil {
		at.src = p.source
	}
	at.src.add(where, problem, remedy)
}

// isBad reports whether a path or what holds it was reported already.
func (p *paths) isBad(path string) bool {
	for up := path; ; up = parent(up) {
		if p.spots[up].bad {
			return true
		}
		if up == "" {
			return false
		}
	}
}

// parent of "a.b[0].c" is "a.b[0]", then "a.b", "a" and "".
func parent(path string) string {
	return path[:max(strings.LastIndexAny(path, ".["), 0)]
}

// given reports whether the file has a value there.
func (p *paths) given(path string) bool {
	_, ok := p.spots[path]
	return ok
}

// quote is a value as the file has it.
func (p *paths) quote(path string) string { return fmt.Sprintf("%.100q", p.spots[path].raw) }

// beside makes a path that is relative to the file which names it one for the daemon.
// of is the path of the key that has it.
func (p *paths) beside(of, path string) string {
	if filepath.IsAbs(path) {
		return path
	}
	dir := p.dir
	for up := of; ; up = parent(up) {
		if s, ok := p.spots[up]; ok && s.src != nil {
			dir = s.dir
			break
		}
		if up == "" {
			break
		}
	}
	return filepath.Join(dir, path)
}

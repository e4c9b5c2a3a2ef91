package templates

import (
	"fmt"
	"strings"
)

// Breach is one fault in a template: where, what, and what to do.
type Breach struct {
	File         string
	Line, Column int
	Problem      string
	Remedy       string
}

// Error writes "file:line:column: problem: remedy".
func (b Breach) Error() string {
	s := fmt.Sprintf("%s:%d:%d: %s", b.File, b.Line, b.Column, b.Problem)
	if b.Remedy != "" {
		s += ": " + b.Remedy
	}
	return s
}

// Breaches are all the faults of a set, in the order in which they stand.
type Breaches []Breach

// Error lists the breaches, a line each.
func (bs Breaches) Error() string {
	lines := make([]string, len(bs))
	for i, b := range bs {
		lines[i] = b.Error()
	}
	return strings.Join(lines, "\n")
}

// position is a place in a template file, counted from 1; columns are runes.
type position struct {
	file         string
	line, column int
}

// at makes a breach at a position.
func (p position) breach(problem, remedy string, args ...any) Breach {
	return Breach{p.file, p.line, p.column, fmt.Sprintf(problem, args...), remedy}
}

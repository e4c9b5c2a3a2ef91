package waxwing

import (
	"strings"
	"unicode"
)

// Line makes a text of any origin fit for a subject or a greeting, where a
// control character or a text that is too long is refused: controls and line
// breaks become spaces, and what is beyond most characters is cut off.
func Line(s string, most int) string {
	s = strings.TrimSpace(strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == '\u2028' || c == '\u2029' {
			return ' '
		}
		return c
	}, s))
	n := 0
	for i := range s {
		if n++; n > most {
			return strings.TrimSpace(s[:i])
		}
	}
	return s
}

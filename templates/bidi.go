package templates

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	leftMark  = "\u200e" // LEFT-TO-RIGHT MARK
	rightMark = "\u200f" // RIGHT-TO-LEFT MARK
)

// oneLine makes composed text fit for where isolates are stripped or shown as
// boxes: a subject, an SMS. It is what a header keeps of it: single spaces, no
// format characters but the joiners that letters need and the direction marks.
// In right-to-left languages it begins right to left though a shop's or a
// person's Latin name comes first, and a number keeps its # on its left side.
func oneLine(s string, rtl bool) string {
	var b strings.Builder
	b.Grow(len(s) + 8)
	space := true
	for _, r := range s {
		switch {
		case r < utf8.RuneSelf && r > ' ' && r != 0x7f:
			b.WriteRune(r)
			space = false
		case unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Z, r):
			if !space {
				b.WriteByte(' ')
			}
			space = true
		case r != '\u200c' && r != '\u200d' && r != '\u200e' && r != '\u200f' &&
			(unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs) || fillers[r] || r&0xfffe == 0xfffe):
		default:
			b.WriteRune(r)
			space = false
		}
	}
	out := strings.TrimSuffix(b.String(), " ")
	if !rtl {
		return out
	}
	out = markNumbers(out)
	if beginsLatin(out) {
		out = rightMark + out
	}
	return out
}

// fillers are letters and marks that show nothing.
var fillers = map[rune]bool{'\u034f': true, '\u115f': true, '\u1160': true, '\u3164': true, '\uffa0': true}

// markNumbers puts a left-to-right mark before each number that stands among
// right-to-left letters: without it "#1489" is shown as "1489#".
func markNumbers(s string) string {
	var b strings.Builder
	before := ' '
	for i, r := range s {
		if (before == ' ' || before == '(' || before == '（') && startsNumber(s[i:]) {
			b.WriteString(leftMark)
		}
		b.WriteRune(r)
		before = r
	}
	return b.String()
}

// startsNumber reports whether a word begins with signs and a digit.
func startsNumber(s string) bool {
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			return true
		case !strings.ContainsRune("#№+-−$€£¥", r):
			return false
		}
	}
	return false
}

// beginsLatin reports whether the first letter with a direction runs from left
// to right.
func beginsLatin(s string) bool {
	for _, r := range s {
		switch {
		case string(r) == rightMark || r >= 0x590 && r <= 0x8ff || r >= 0xfb1d && r <= 0xfefc:
			return false
		case unicode.IsLetter(r):
			return true
		}
	}
	return false
}

package templates

import (
	"bytes"
	"unicode/utf8"
)

// escape is how a value is written for where it stands.
type escape uint8

const (
	escapeNone      escape = iota
	escapeHTML             // an element's text: line breaks become <br>
	escapeAttribute        // quoted attributes, titles: line breaks become spaces
	escapePlain            // plain text: nothing that a mail client makes a link of, lines indented alike
)

func (e escape) append(b, v []byte) []byte {
	switch e {
	case escapeHTML:
		return appendHTML(b, v, &htmlEntities)
	case escapeAttribute:
		return appendHTML(b, v, &attributeEntities)
	case escapePlain:
		return appendPlain(b, v)
	}
	return append(b, v...)
}

// entities are what bytes become in HTML.
type entities [256]string

// Only values of several lines hold line breaks: outsideLines lets them pass.
var (
	htmlEntities = entities{'&': "&amp;", '<': "&lt;", '>': "&gt;", '"': "&quot;", '\'': "&#39;", '\n': "<br>"}

	attributeEntities = entities{'&': "&amp;", '<': "&lt;", '>': "&gt;", '"': "&quot;", '\'': "&#39;", '\n': " "}
)

func appendHTML[T string | []byte](b []byte, v T, table *entities) []byte {
	start := 0
	for i := range len(v) {
		if e := table[v[i]]; e != "" {
			b = append(b, v[start:i]...)
			b = append(b, e...)
			start = i + 1
		}
	}
	return append(b, v[start:]...)
}

// appendPlain breaks what looks like a link: a value is never a URL, and mail
// clients turn "https://..." and "www...." in plain text into links. The further
// lines of a value are indented so that none passes for a line of the mail.
func appendPlain[T string | []byte](b []byte, v T) []byte {
	start, began, indent := 0, len(b), -1
	for i := range len(v) {
		c := v[i]
		if c != '\n' && c != '\r' && c != '/' && c != '.' {
			continue
		}
		switch {
		case c == '\n':
			if indent < 0 {
				indent = indentation(b[:began])
			}
			b = append(append(b, v[start:i]...), "\n                "[:1+indent]...)
			start = i + 1
		case c == '\r':
			b = append(append(b, v[start:i]...), ' ')
			start = i + 1
		case c == '/' && i > 0 && v[i-1] == ':',
			c == '.' && i >= 3 && v[i-1]|0x20 == 'w' && v[i-2]|0x20 == 'w' && v[i-3]|0x20 == 'w':
			b = append(append(b, v[start:i]...), ' ')
			start = i
		}
	}
	return append(b, v[start:]...)
}

// indentation is how far the further lines of a value are indented that begins
// at the end of b: as its line, or two more where something stands before it.
func indentation(b []byte) int {
	line := b[bytes.LastIndexByte(b, '\n')+1:]
	text := bytes.TrimLeft(line, " ")
	n := len(line) - len(text)
	if len(text) > 0 {
		n += 2
	}
	return min(n, 16)
}

// Limits of a value's length in the mail, in runes. No honest value is longer;
// a hostile one must not fill the mail.
const (
	maxValue = 240
	maxNote  = 1000
	maxAlt   = 36
)

// appendClean appends a value from outside made fit for one line: control
// characters, line and paragraph separators become spaces (a run of them one),
// bidirectional overrides and isolates are dropped since they could reorder
// what stands around, and broken UTF-8 is replaced. Longer values end in "…".
func appendClean(b []byte, s string, limit int) []byte {
	if plainASCII(s) && len(s) <= limit {
		return append(b, s...)
	}
	n, space := 0, true
	for i := 0; i < len(s); {
		r, size := utf8.DecodeRuneInString(s[i:])
		i += size
		switch {
		case r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 || r == '\u2028' || r == '\u2029' || r == ' ':
			if space {
				continue
			}
			r, space = ' ', true
		case r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\ufeff' || r >= 0xe000 && r <= 0xe001:
			continue
		default:
			space = false
		}
		if n++; n > limit {
			return append(b, "…"...)
		}
		b = utf8.AppendRune(b, r)
	}
	if space && n > 0 && len(b) > 0 && b[len(b)-1] == ' ' {
		b = b[:len(b)-1]
	}
	return b
}

// plainASCII reports whether a string needs no cleaning.
func plainASCII(s string) bool {
	if s == "" || s[0] == ' ' || s[len(s)-1] == ' ' {
		return s == ""
	}
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == ' ' && s[i-1] == ' ' {
			return false
		}
	}
	return true
}

// hasRTL reports whether a value may hold letters of right-to-left scripts
// (Hebrew to Arabic Extended, presentation forms) or direction marks.
func hasRTL[T string | []byte](s T) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 0xd6 && c <= 0xdf: // U+0580..U+07FF
			return true
		case c == 0xe0 && i+1 < len(s) && s[i+1] < 0xa4: // U+0800..U+08FF
			return true
		case c == 0xef && i+1 < len(s) && s[i+1] >= 0xac && s[i+1] <= 0xbb: // presentation forms
			return true
		case c == 0xe2 && i+2 < len(s) && s[i+1] == 0x80 && s[i+2] == 0x8f: // RLM
			return true
		}
	}
	return false
}

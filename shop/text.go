package shop

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing/payload"
)

// How many characters of a field a mail shows; what is longer ends in an ellipsis.
const (
	MaxName   = 200 // people, companies, streets, titles
	MaxItem   = 300 // names of products
	MaxValue  = 500 // engravings and other choices
	MaxNote   = 2000
	MaxPhone  = 64
	MaxEmail  = 1000
	MaxNumber = 100 // order numbers, article numbers
)

// Clean returns s on one line, without control characters, bidirectional
// controls and invisible formatting, and with at most limit characters. ZWJ and
// ZWNJ stay, for emoji and Persian need them.
func Clean(s string, limit int) string {
	if Tidy(s) && len(s) <= limit {
		return s
	}
	var b strings.Builder
	changed, last, count := false, ' ', 0
	for i, r := range s {
		keep := fate(r)
		if keep != r || changed {
			if !changed {
				b.Grow(len(s))
				b.WriteString(s[:i])
				changed = true
			}
			if keep < 0 || keep == ' ' && r != ' ' && last == ' ' {
				continue
			}
			b.WriteRune(keep)
		}
		last = keep
		count++
	}
	if changed {
		s = b.String()
	}
	if count > limit {
		s = shorten(s, limit)
	}
	return strings.TrimSpace(s)
}

// maxLines is how many lines of a note or an engraving a mail shows.
const maxLines = 40

// CleanLines cleans like Clean and keeps the line breaks: one \n each, whatever
// wrote them, at most one empty line between others and none at the ends.
func CleanLines(s string, limit int) string {
	if Tidy(s) || !strings.ContainsAny(s, "\n\r\v\f\u0085\u2028\u2029") {
		return Clean(s, limit)
	}
	s = strings.ReplaceAll(s, "\r\n", "\n")
	var b strings.Builder
	empty, lines := false, 0
	for s != "" {
		line, rest := s, ""
		if i := strings.IndexAny(s, "\n\r\v\f\u0085\u2028\u2029"); i >= 0 {
			_, n := utf8.DecodeRuneInString(s[i:])
			line, rest = s[:i], s[i+n:]
		}
		s = rest
		if line = Clean(line, limit); line == "" {
			empty = true
			continue
		}
		if lines == maxLines {
			b.WriteString("…")
			break
		}
		if lines > 0 {
			if b.WriteByte('\n'); empty {
				b.WriteByte('\n')
			}
		}
		empty = false
		lines++
		if b.WriteString(line); b.Len() > 4*limit+4 {
			break // more than any limit of characters
		}
	}
	if s = b.String(); utf8.RuneCountInString(s) > limit {
		s = strings.TrimRight(shorten(s, limit), "\n")
	}
	return s
}

// Tidy reports whether s is printable ASCII with no space around it.
func Tidy(s string) bool {
	for i := range len(s) {
		if s[i]-' ' > '~'-' ' {
			return false
		}
	}
	return s == "" || s[0] != ' ' && s[len(s)-1] != ' '
}

// fate says what becomes of a character in a mail: itself, a space, or -1.
func fate(r rune) rune {
	switch {
	case r < 0x20 || r >= 0x7F && r < 0xA0:
		if r >= '\t' && r <= '\r' || r == 0x85 {
			return ' '
		}
		return -1
	case r < 0xAD:
		return r
	case r == 0x2028 || r == 0x2029: // line and paragraph separator
		return ' '
	case r == 0x200C || r == 0x200D: // ZWNJ, ZWJ
		return r
	case r&0xFFFE == 0xFFFE || r >= 0xFDD0 && r <= 0xFDEF: // noncharacters
		return -1
	case unicode.Is(unicode.Cf, r) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r):
		return -1
	}
	return r
}

// shorten cuts s to limit characters, the last an ellipsis, and not between a
// letter and its marks.
func shorten(s string, limit int) string {
	cut, n := len(s), 0
	for i := range s {
		if n == limit-1 {
			cut = i
			break
		}
		n++
	}
	for cut > 0 {
		r, _ := utf8.DecodeRuneInString(s[cut:])
		before, size := utf8.DecodeLastRuneInString(s[:cut])
		if !unicode.Is(unicode.M, r) && r != 0x200D && before != 0x200D {
			break
		}
		cut -= size
	}
	return strings.TrimRight(s[:cut], " ") + "…"
}

// MailAddress returns an e-mail address as it was given, without what is blank or
// invisible at its ends. What Clean would take away within becomes U+FFFD, so
// that a tampered address cannot turn into another one that is valid. Reading it
// as an address, and mending it, is for channel/address.
func MailAddress(s string) string {
	s = strings.TrimFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
	})
	if Tidy(s) && len(s) <= MaxEmail {
		return s
	}
	if len(s) > 8*MaxEmail {
		s = s[:8*MaxEmail] // far too long to be one
	}
	s = strings.Map(func(r rune) rune {
		if fate(r) != r || r == 0x200C || r == 0x200D {
			return utf8.RuneError
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) > MaxEmail {
		s = shorten(s, MaxEmail)
	}
	return s
}

// Link returns an absolute https URL (RFC 3986) as it may stand in a mail, or
// "". Whatever is not https, names a user, holds a backslash or a control
// character, or has no plain host is dropped; stray characters behind the host
// are percent-encoded.
func Link(s string) string {
	const scheme = "https://"
	s = strings.TrimSpace(s)
	if len(s) <= len(scheme) || len(s) > 2048 || !strings.EqualFold(s[:len(scheme)], scheme) {
		return ""
	}
	rest := s[len(scheme):]
	end := strings.IndexAny(rest, "/?#")
	if end < 0 {
		end = len(rest)
	}
	if !plainHost(rest[:end]) {
		return ""
	}
	stray := 0
	for i := end; i < len(rest); i++ {
		c := rest[i]
		if c < ' ' || c == 0x7F || c == '\\' {
			return ""
		}
		if strayInURL(rest, i) {
			stray++
		}
	}
	if s[:len(scheme)] == scheme && stray == 0 {
		return s
	}
	b := make([]byte, 0, len(s)+2*stray)
	b = append(append(b, scheme...), rest[:end]...)
	for i := end; i < len(rest); i++ {
		if strayInURL(rest, i) {
			const hex = "0123456789ABCDEF"
			b = append(b, '%', hex[rest[i]>>4], hex[rest[i]&15])
		} else {
			b = append(b, rest[i])
		}
	}
	return string(b)
}

// plainHost accepts a name or an IPv4 address with an optional port: letters,
// digits, hyphens and dots, as they stand in DNS.
func plainHost(h string) bool {
	host, port, colon := strings.Cut(h, ":")
	if host == "" || host[0] == '.' || host[0] == '-' || strings.Contains(host, "..") || len(host) > 253 {
		return false
	}
	if colon && (port == "" || len(port) > 5 || payload.Digits(port, 0) != len(port)) {
		return false
	}
	for _, c := range []byte(host) {
		if c-'0' > 9 && c|0x20-'a' > 25 && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return true
}

// strayInURL reports whether the byte at i may not stand in a URL as it is.
func strayInURL(s string, i int) bool {
	switch c := s[i]; c {
	case '"', '<', '>', '`', '{', '|', '}', '^', ' ', '\'', '[', ']':
		return true
	case '%':
		return i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])
	default:
		return c >= 0x7F
	}
}

func isHex(c byte) bool { return c-'0' <= 9 || c|0x20-'a' < 6 }

// MaxRead is how many bytes of a text are looked at: far more than a mail shows.
const MaxRead = 64 << 10

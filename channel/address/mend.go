package address

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// mend returns the one address that s can mean: without what is invisible or
// blank at its ends, "mailto:", a name beside angle brackets, comments, spaces
// beside the @, and the root dot behind it; full-width signs as plain ones; of a
// list whose addresses are all the same, one.
func mend(s string) (string, error) {
	if plain(s) {
		return s, nil
	}
	s = bare(halfWidth(s))
	if s == "" {
		return "", ErrEmpty
	}
	for _, r := range s {
		// A line that somebody smuggled in, or what stands in the place of one.
		if r < ' ' && r != '\t' || r == 0x7F || r == utf8.RuneError {
			return "", ErrUnicode
		}
	}
	parts, err := split(s)
	if err != nil {
		return "", err
	}
	one := ""
	for _, p := range parts {
		if p, err = mendOne(p); err != nil {
			return "", err
		}
		switch {
		case p == "":
		case one == "":
			one = p
		case !same(one, p):
			return "", ErrList
		}
	}
	if one == "" {
		return "", ErrEmpty
	}
	return one, nil
}

// plain reports whether nothing can need mending.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c >= utf8.RuneSelf || !atext[c] && c != '@' && c != '.' {
			return false
		}
	}
	return s != "" && s[len(s)-1] != '.'
}

// same reports whether two addresses are one: the parts before the @ are
// compared without case too, since no provider tells them apart by it.
func same(a, b string) bool { return strings.EqualFold(a, b) }

// bare takes away what is blank or invisible at the ends.
func bare(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return r == ' ' || r == '\t' || r == '\r' || r == '\n' || blank(r) })
}

// blank reports whether a character shows nothing: spaces of all widths, zero
// width ones, byte order and direction marks, fillers.
func blank(r rune) bool {
	return r >= utf8.RuneSelf && (unicode.IsSpace(r) || unicode.Is(unicode.Cf, r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r) ||
		unicode.Is(unicode.Variation_Selector, r))
}

// halfWidth writes the full-width forms of ASCII, which East Asian keyboards
// give, as plain signs, and the ideographic full stops as dots.
func halfWidth(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 0xFF01 && r <= 0xFF5E:
			return r - 0xFEE0
		case r == 0x3002 || r == 0xFF61:
			return '.'
		case r == 0xFE6B: // small commercial at
			return '@'
		}
		return r
	}, s)
}

// split takes a list apart at its commas and semicolons, outside of quotation
// marks, comments and angle brackets.
func split(s string) (parts []string, err error) {
	from, depth, quoted, angle := 0, 0, false, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' && depth == 0:
			quoted = !quoted
		case quoted:
		case c == '(':
			depth++
		case c == ')':
			if depth--; depth < 0 {
				return nil, ErrQuote
			}
		case depth > 0:
		case c == '<':
			if angle {
				return nil, ErrQuote
			}
			angle = true
		case c == '>':
			if !angle {
				return nil, ErrQuote
			}
			angle = false
		case (c == ',' || c == ';') && !angle:
			parts = append(parts, s[from:i])
			from = i + 1
		}
	}
	if quoted || depth > 0 || angle {
		return nil, ErrQuote
	}
	return append(parts, s[from:]), nil
}

// mendOne mends one entry of a list, whose marks pair up.
func mendOne(s string) (string, error) {
	s = bare(withoutComments(s))
	if open := unquotedIndex(s, '<'); open >= 0 { // Ida Moss <ida@mail.example>
		end := strings.LastIndexByte(s, '>')
		if end < open || bare(s[end+1:]) != "" || strings.IndexByte(s[open+1:end], '<') >= 0 {
			return "", ErrQuote
		}
		before := s[:open]
		name := bare(strings.Trim(bare(before), `"'`))
		if s = bare(s[open+1 : end]); s == "" {
			return "", ErrEmpty
		}
		switch {
		case strings.IndexByte(name, '@') >= 0 && !same(name, s):
			return "", ErrList // the name is another address
		case unquotedIndex(before, ':') >= 0:
			return "", ErrQuote // a group's name, or a command
		}
	}
	if len(s) > 7 && strings.EqualFold(s[:7], "mailto:") {
		s, _, _ = strings.Cut(s[7:], "?")
		s = bare(strings.ReplaceAll(s, "%40", "@"))
	}
	if at := strings.LastIndexByte(s, '@'); at >= 0 {
		local, domain := bare(s[:at]), bare(s[at+1:])
		if root := strings.TrimSuffix(domain, "."); root != "" && root[len(root)-1] != '.' {
			domain = root // the root's dot is no part of a mailbox's domain
		}
		s = local + "@" + domain
		if strings.ContainsAny(domain, " \t\r\n") || strings.Contains(local, " ") && strings.IndexByte(local, '"') < 0 {
			return inWords(s)
		}
	}
	return s, nil
}

// inWords reads what has spaces: the same address several times, or nothing
// that could be told.
func inWords(s string) (string, error) {
	one := ""
	for _, w := range strings.Fields(s) {
		switch {
		case strings.Count(w, "@") != 1:
			return "", ErrSpace
		case one == "":
			one = w
		case !same(one, w):
			return "", ErrList
		}
	}
	return one, nil
}

// withoutComments takes comments (RFC 5322, 3.2.2) away, which may be nested.
func withoutComments(s string) string {
	if strings.IndexByte(s, '(') < 0 {
		return s
	}
	var b strings.Builder
	depth, quoted := 0, false
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' && depth == 0:
			quoted = !quoted
			b.WriteByte(c)
		case quoted:
			b.WriteByte(c)
		case c == '(':
			depth++
		case c == ')':
			depth--
		case depth == 0:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// unquotedIndex finds a sign outside of quotation marks.
func unquotedIndex(s string, sign byte) int {
	quoted := false
	for i := range len(s) {
		if s[i] == '"' {
			quoted = !quoted
		} else if s[i] == sign && !quoted {
			return i
		}
	}
	return -1
}

package mime

import (
	"encoding/base64"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing/channel/address"
)

// Bounds of header values, in characters; what is longer is cut.
const (
	maxSubject = 400
	maxName    = 128
	lineWidth  = 76 // RFC 2047, 2 and RFC 5322, 2.1.1
	wordWidth  = 75 // an encoded-word with its marks
)

// appendText writes an unstructured header, folded.
func appendText(dst []byte, name, value string) []byte {
	dst = append(append(dst, name...), ": "...)
	value = clean(value, maxSubject, true)
	if !plainText(value) {
		return append(appendWords(dst, value, len(name)+2), '\r', '\n')
	}
	col := len(name) + 2
	for i, w := range strings.Split(value, " ") {
		if i > 0 {
			if col+1+len(w) > lineWidth {
				dst, col = append(dst, '\r', '\n'), 0
			}
			dst, col = append(dst, ' '), col+1
		}
		dst, col = append(dst, w...), col+len(w)
	}
	return append(dst, '\r', '\n')
}

// plainText reports whether s can stand as it is: visible ASCII in words that
// fit on a line, nothing that looks like an encoded-word.
func plainText(s string) bool {
	word := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= utf8.RuneSelf:
			return false
		case c == ' ':
			word = 0
		default:
			if word++; word > 60 {
				return false
			}
		}
	}
	return !strings.Contains(s, "=?")
}

// appendMailbox writes an address header of one mailbox.
func appendMailbox(dst []byte, header string, m Mailbox) []byte {
	start := len(dst)
	dst = append(append(dst, header...), ": "...)
	addr := safeAddr(m.Addr)
	name := cleanName(m.Name)
	if name == "" {
		// An address alone needs no brackets.
		return append(append(dst, addr...), '\r', '\n')
	}
	if plainText(name) && len(name) <= 60 {
		dst = append(dst, '"')
		for i := range len(name) {
			if name[i] == '"' || name[i] == '\\' {
				dst = append(dst, '\\')
			}
			dst = append(dst, name[i])
		}
		dst = append(dst, '"')
	} else {
		dst = appendWords(dst, name, len(header)+2)
	}
	if len(dst)-lastLine(dst, start)+len(addr)+3 > lineWidth {
		dst = append(dst, '\r', '\n')
	}
	dst = append(append(dst, " <"...), addr...)
	return append(dst, ">\r\n"...)
}

// lastLine returns where dst's last line begins, at or after start.
func lastLine(dst []byte, start int) int {
	for i := len(dst) - 1; i > start; i-- {
		if dst[i] == '\n' {
			return i + 1
		}
	}
	return start
}

// safeAddr lets a valid address through and reduces any other to characters
// that can do no harm.
func safeAddr(s string) string {
	if _, err := address.Envelope(s); err == nil {
		return s
	}
	return string(appendOnly(nil, s, idChars, address.MaxAddress))
}

// clean makes text fit for a header: valid UTF-8, one line, no controls, none
// of the characters that hide or reorder others; at most most characters. The
// direction marks U+200E and U+200F stay where marks says so: they keep "#1489"
// in a right-to-left subject from being shown as "1489#", and reorder no letters.
func clean(s string, most int, marks bool) string {
	fine := len(s) <= most
	for i := 0; fine && i < len(s); i++ {
		fine = s[i] >= ' ' && s[i] < 0x7f && (s[i] != ' ' || i > 0 && s[i-1] != ' ' && i < len(s)-1)
	}
	if fine {
		return s
	}
	var b strings.Builder
	space := true // so that leading ones go, too
	n := 0
	for _, r := range s {
		switch {
		case unicode.IsSpace(r) || unicode.Is(unicode.Cc, r) || unicode.Is(unicode.Z, r):
			if !space {
				b.WriteByte(' ')
				n++
			}
			space = true
			continue
		case hidden(r) && !(marks && (r == 0x200e || r == 0x200f)):
			continue
		}
		if n >= most {
			break
		}
		b.WriteRune(r) // an invalid byte becomes U+FFFD
		space = false
		n++
	}
	return strings.TrimSuffix(b.String(), " ")
}

// hidden marks format characters, private ones and surrogates. The joiners
// U+200C and U+200D are letters' own in Persian, Indic scripts and emoji.
func hidden(r rune) bool {
	if r == 0x200c || r == 0x200d || r < 0x80 {
		return false
	}
	return unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs) || r == 0x034f || r == 0x115f || r == 0x1160 ||
		r == 0x3164 || r == 0xffa0 || r&0xfffe == 0xfffe
}

// cleanName also takes out @ and what looks like it, so that a name cannot
// pass for another address (docs/security.md).
func cleanName(s string) string {
	if strings.ContainsAny(s, "@＠﹫") {
		s = strings.Map(func(r rune) rune {
			if r == '@' || r == '＠' || r == '﹫' {
				return ' '
			}
			return r
		}, s)
	}
	return clean(s, maxName, false)
}

// appendWords writes s as encoded-words (RFC 2047), in Q or B, whichever is
// shorter, folded after each; col is how much of the line is used up. A
// character is never split between two words.
func appendWords(dst []byte, s string, col int) []byte {
	q := 0
	for i := range len(s) {
		q += qLen(s[i])
	}
	inQ := q <= (len(s)+2)/3*4
	const marks = len("=?utf-8?q??=")
	for first := true; len(s) > 0; first = false {
		if !first {
			dst, col = append(dst, "\r\n "...), 1
		}
		room := min(wordWidth, lineWidth-col) - marks
		if !inQ {
			room = room / 4 * 3
		}
		n, used := 0, 0
		for n < len(s) {
			_, size := utf8.DecodeRuneInString(s[n:])
			cost := size
			if inQ {
				cost = 0
				for i := range size {
					cost += qLen(s[n+i])
				}
			}
			if used+cost > room {
				break
			}
			n, used = n+size, used+cost
		}
		if inQ {
			dst = append(dst, "=?utf-8?q?"...)
			for i := range n {
				dst = appendQ(dst, s[i])
			}
		} else {
			dst = append(dst, "=?utf-8?b?"...)
			dst = base64.StdEncoding.AppendEncode(dst, []byte(s[:n]))
		}
		dst = append(dst, "?="...)
		s = s[n:]
	}
	return dst
}

// qPlain marks what may stand for itself in Q, also within a phrase (RFC 2047, 5(3)).
var qPlain = func() (t [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/") {
		t[c] = true
	}
	return t
}()

func qLen(c byte) int {
	if qPlain[c] || c == ' ' {
		return 1
	}
	return 3
}

func appendQ(dst []byte, c byte) []byte {
	switch {
	case qPlain[c]:
		return append(dst, c)
	case c == ' ':
		return append(dst, '_')
	}
	return append(dst, '=', upperHex[c>>4], upperHex[c&15])
}

const upperHex = "0123456789ABCDEF"

package smtp

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a reply in bytes. RFC 5321 allows lines of 512; servers that explain
// themselves send more. What a line has beyond keepLine is read and forgotten: it
// is text, which changes no verdict. Who talks longer than maxReply says nothing.
const (
	maxReply = 1 << 20
	keepLine = 4 << 10
	keepText = 512
)

// errGarbled: bytes that hold no reply by RFC 5321, 4.2.
var errGarbled = errors.New("not an SMTP reply")

// reply is a server's answer.
type reply struct {
	code     int
	enhanced string // RFC 3463, of the first line that has one
	text     string // the first 512 bytes, lines separated by LF; set where it is told
}

// line is one line of a reply.
type line struct {
	code int
	more bool // another line follows
	text []byte
}

// parseLine reads a line without its end. The code is three digits from 200 to
// 599, and only "-" behind it announces another line (RFC 5321, 4.2). What follows
// is text for people, in whatever bytes a server writes: a verdict must not
// depend on it.
func parseLine(b []byte) (l line, err error) {
	if len(b) < 3 || b[0] < '2' || b[0] > '5' || !digit(b[1]) || !digit(b[2]) || len(b) > 3 && digit(b[3]) {
		return l, errGarbled
	}
	l.code = int(b[0]-'0')*100 + int(b[1]-'0')*10 + int(b[2]-'0')
	if len(b) == 3 {
		return l, nil
	}
	l.more, l.text = b[3] == '-', b[3:]
	if l.more || b[3] == ' ' || b[3] == '\t' {
		l.text = b[4:]
	}
	return l, nil
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// parseEnhanced reads "5.1.1" at the start of a line's text; nil if there is none.
func parseEnhanced(b []byte) []byte {
	if len(b) < 5 || b[0] != '2' && b[0] != '4' && b[0] != '5' || b[1] != '.' {
		return nil
	}
	i := 2
	for part := range 2 {
		n := 0
		for i < len(b) && b[i] >= '0' && b[i] <= '9' {
			i, n = i+1, n+1
		}
		if n == 0 || n > 3 {
			return nil
		}
		if part == 0 {
			if i == len(b) || b[i] != '.' {
				return nil
			}
			i++
		}
	}
	if i < len(b) && b[i] != ' ' && b[i] != '\t' {
		return nil
	}
	return b[:i]
}

// intern returns the codes of an ordinary day without allocating.
func intern(b []byte) string {
	switch string(b) {
	case "":
		return ""
	case "2.0.0":
		return "2.0.0"
	case "2.1.0":
		return "2.1.0"
	case "2.1.5":
		return "2.1.5"
	}
	return string(b)
}

// readReply reads one reply of any number of lines; each line goes to see first
// (nil: nobody). The bytes are valid during the call only, the text is in l.kept.
//
// Once "250-" has opened a reply, a line without a code is text of it. Lines whose
// codes differ are one answer only if their class is the same: the last one's
// counts. "250-" and then "550" says two things, so it says nothing.
func (l *conn) readReply(see func(text []byte, first bool)) (r reply, err error) {
	l.kept = l.kept[:0]
	for n, size := 0, 0; ; n++ {
		b, used, err := l.readLine(maxReply - size)
		if err != nil {
			return reply{}, err
		}
		size += used
		ln, err := parseLine(b)
		if n > 0 && len(l.kept) < keepText {
			l.kept = append(l.kept, '\n')
		}
		l.kept = append(l.kept, b[:min(len(b), keepText-len(l.kept))]...)
		if err != nil && n > 0 {
			continue
		}
		if err != nil || n > 0 && ln.code/100 != r.code/100 {
			return reply{}, errGarbled
		}
		r.code = ln.code
		if r.enhanced == "" {
			r.enhanced = intern(parseEnhanced(ln.text))
		}
		if see != nil {
			see(ln.text, n == 0)
		}
		if !ln.more {
			return r, nil
		}
	}
}

// readLine returns the beginning of the next line without its end, CRLF or LF
// alone, valid until the next call, and how many bytes of room the line took. A
// server that hangs up behind "250 " has said all that counts.
func (l *conn) readLine(room int) (b []byte, size int, err error) {
	seen, forgotten := 0, 0
	for {
		if i := bytes.IndexByte(l.in[l.r+seen:l.w], '\n'); i >= 0 {
			b := l.in[l.r : l.r+seen+i]
			l.r += seen + i + 1
			return bytes.TrimRight(b, "\r"), forgotten + seen + i + 1, nil
		}
		if seen = l.w - l.r; seen > keepLine {
			forgotten += seen - keepLine
			l.w, seen = l.r+keepLine, keepLine
		}
		if forgotten+seen >= room {
			return nil, 0, errGarbled
		}
		if err := l.fill(); err != nil {
			b := bytes.TrimRight(l.in[l.r:l.w], "\r")
			if ended(err) && len(b) > 3 && b[3] == ' ' {
				l.r = l.w
				return b, forgotten + seen, nil
			}
			return nil, 0, err
		}
	}
}

// ended reports whether the connection is over, so that nothing can follow.
func ended(err error) bool {
	return !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, errGone)
}

// tidy makes a server's text fit to be kept and shown: valid UTF-8, and no bytes
// that steer a terminal or turn the writing round.
func tidy(s string) string {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < ' ' && c != '\n' || c >= 0x7f {
			plain = false
			break
		}
	}
	if plain {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r != '\n' && unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp):
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(s, string(utf8.RuneError)))
}

package smtp

import (
	"bytes"
	"errors"
	"unicode/utf8"
)

// Limits of a reply. RFC 5321 allows lines of 512 bytes; servers that explain
// themselves send more.
const (
	maxLine  = 2048
	maxLines = 256
	keepText = 512
)

// errGarbled: bytes that are no reply by RFC 5321, 4.2.
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

// parseLine reads a line without its CRLF. wide allows UTF-8 in the text, which
// a server may send once SMTPUTF8 was asked for (RFC 6531, 3.7.4.2).
func parseLine(b []byte, wide bool) (l line, err error) {
	if len(b) < 3 || b[0] < '2' || b[0] > '5' || b[1] < '0' || b[1] > '5' || b[2] < '0' || b[2] > '9' {
		return l, errGarbled
	}
	l.code = int(b[0]-'0')*100 + int(b[1]-'0')*10 + int(b[2]-'0')
	if len(b) > 3 {
		switch b[3] {
		case '-':
			l.more = true
		case ' ':
		default:
			return l, errGarbled
		}
		l.text = b[4:]
	}
	high := false
	for _, c := range l.text {
		if c < ' ' && c != '\t' || c == 0x7f {
			return l, errGarbled
		}
		high = high || c >= utf8.RuneSelf
	}
	if high && !(wide && utf8.Valid(l.text)) {
		return l, errGarbled
	}
	return l, nil
}

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
func (l *link) readReply(see func(text []byte, first bool)) (r reply, err error) {
	l.kept = l.kept[:0]
	for n := 0; ; n++ {
		if n == maxLines {
			return reply{}, errGarbled
		}
		b, err := l.readLine()
		if err != nil {
			return reply{}, err
		}
		ln, err := parseLine(b, l.wide)
		if err != nil || n > 0 && ln.code != r.code {
			return reply{}, errGarbled
		}
		r.code = ln.code
		if r.enhanced == "" {
			r.enhanced = intern(parseEnhanced(ln.text))
		}
		if n > 0 && len(l.kept) < keepText {
			l.kept = append(l.kept, '\n')
		}
		l.kept = append(l.kept, b[:min(len(b), keepText-len(l.kept))]...)
		if see != nil {
			see(ln.text, n == 0)
		}
		if !ln.more {
			return r, nil
		}
	}
}

// readLine returns the next line without its CRLF, valid until the next call.
func (l *link) readLine() ([]byte, error) {
	seen := 0
	for {
		if i := bytes.IndexByte(l.in[l.r+seen:l.w], '\n'); i >= 0 {
			b := l.in[l.r : l.r+seen+i]
			l.r += seen + i + 1
			if len(b) == 0 || b[len(b)-1] != '\r' {
				return nil, errGarbled // a bare LF
			}
			return b[:len(b)-1], nil
		}
		seen = l.w - l.r
		if seen >= maxLine {
			return nil, errGarbled
		}
		if err := l.fill(); err != nil {
			return nil, err
		}
	}
}

package smtp

import "bytes"

// checkData reports whether b may follow DATA as it is: CRLF line ends only, no
// NUL, no line above RFC 5321's 998 bytes. A bare CR or LF is how a second
// message is smuggled in (docs/design/flow.md, Limits).
// dotted: a line begins with a dot.
func checkData(b []byte) (ok, dotted bool) {
	if bytes.IndexByte(b, 0) >= 0 {
		return false, false
	}
	crs := bytes.Count(b, []byte{'\r'})
	for len(b) > 0 {
		dotted = dotted || b[0] == '.'
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return crs == 0 && len(b) <= 998, dotted
		}
		if i == 0 || b[i-1] != '\r' || i > 999 {
			return false, dotted
		}
		crs--
		b = b[i+1:]
	}
	return crs == 0, dotted
}

const block = 64 << 10

// writeBody writes the message with its leading dots doubled (RFC 5321, 4.5.2)
// and a CRLF at its end. Where no line begins with a dot nothing is copied.
func (l *conn) writeBody(j *job, b []byte) error {
	whole := len(b) >= 2 && b[len(b)-2] == '\r' && b[len(b)-1] == '\n'
	if whole && j.undotted {
		return l.writeBlocks(j, b)
	}
	out := l.body[:0]
	start := true // of a line
	for len(b) > 0 {
		if start && b[0] == '.' {
			out = append(out, '.')
		}
		n := len(b)
		if i := bytes.Index(b, []byte("\n.")); i >= 0 {
			n = i + 1
		}
		out = append(out, b[:n]...)
		b, start = b[n:], true
	}
	if !whole && len(out) > 0 {
		out = append(out, '\r', '\n')
	}
	err := l.writeBlocks(j, out)
	if cap(out) <= 1<<20 { // one huge message must not stay for ever
		l.body = out[:0]
	}
	return err
}

func (l *conn) writeBlocks(j *job, b []byte) error {
	for len(b) > 0 {
		n := min(len(b), block)
		if err := l.write(j, b[:n], l.patience); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

package sink

import (
	"bytes"

	"github.com/waxwinghq/waxwing"
)

var end = []byte("\r\n.\r\n")

// receive reads a body to its dot and decides about it.
func (t *talk) receive() error {
	t.data = append(t.data[:0], '\r', '\n') // so that a dot on the first line is found
	size, first := 0, true
	for {
		from := max(0, len(t.data)-len(end)+1)
		t.data = append(t.data, t.in[t.r:t.w]...)
		t.r = t.w
		if i := bytes.Index(t.data[from:], end); i >= 0 {
			i += from
			t.r -= len(t.data) - i - len(end) // what follows is the next command
			t.data = t.data[:i+2]
			break
		}
		if len(t.data) > 2 && first {
			if first = false; t.s.cfg.Plan != nil {
				if _, ok := t.plan(waxwing.PhaseBody, ""); !ok {
					return errDrop
				}
			}
		}
		if len(t.data) > t.s.cfg.MaxSize+len(end) { // too large: go on, but keep the tail only
			size += len(t.data)
			t.data = append(t.data[:0], t.data[len(t.data)-4:]...)
			size -= 4
		}
		if err := t.fill(); err != nil {
			return err
		}
	}
	body := t.data
	if size == 0 {
		body = body[2:]
	}
	return t.dot(body, size+len(body))
}

func (t *talk) dot(body []byte, size int) error {
	defer t.clear()
	if size > t.s.cfg.MaxSize {
		t.reply(552, "5.3.4 too large")
		return nil
	}
	id := MessageID(body)
	a, ok := t.plan(waxwing.PhaseDot, id)
	if !ok {
		return errDrop
	}
	if a.Code != 0 && a.Code/100 != 2 {
		t.answer(a, 0, "")
		return closing(a.Code)
	}
	if err := t.s.cfg.Truth.Add(id, t.to); err != nil {
		t.reply(452, "4.3.1 cannot write")
		return nil
	}
	if f := t.s.cfg.OnMail; f != nil {
		m := Mail{MessageID: id, From: t.from, To: t.to, Size: size, At: t.s.cfg.Clock()}
		if t.s.cfg.Keep {
			m.Data = unstuff(body)
		}
		f(m)
	}
	t.mails++
	if a.Lost {
		t.reset()
		return errDrop
	}
	t.answer(a, 250, "2.0.0 ok")
	return nil
}

// unstuff copies the message without its doubled dots (RFC 5321, 4.5.2).
func unstuff(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for len(b) > 0 {
		if b[0] == '.' {
			b = b[1:]
		}
		n := bytes.IndexByte(b, '\n') + 1
		if n == 0 {
			n = len(b)
		}
		out, b = append(out, b[:n]...), b[n:]
	}
	return out
}

// MessageID returns a message's Message-ID without its angle brackets, or "".
func MessageID(b []byte) string {
	for len(b) > 0 && b[0] != '\r' && b[0] != '\n' {
		n := bytes.IndexByte(b, '\n')
		if n < 0 {
			n = len(b) - 1
		}
		if verb(b, "Message-ID:") {
			v := b[len("Message-ID:") : n+1]
			i, k := bytes.IndexByte(v, '<'), bytes.IndexByte(v, '>')
			if i < 0 || k < i { // folded onto the next line
				v = b[len("Message-ID:"):min(len(b), 1200)]
				i, k = bytes.IndexByte(v, '<'), bytes.IndexByte(v, '>')
			}
			if i >= 0 && k > i {
				return string(v[i+1 : k])
			}
			return ""
		}
		b = b[n+1:]
	}
	return ""
}

package sink

import (
	"bytes"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
)

// talk is one SMTP conversation. It scans its buffer in place, and answers only
// when it has nothing left to read, so that a pipelined group costs one write.
type talk struct {
	s      *Server
	raw, c net.Conn
	in     []byte
	r, w   int
	out    []byte
	hello  bool
	tls    bool
	authed bool
	from   string
	to     string
	mail   bool
	over   bool   // above the limit
	mails  int    // that came over it
	data   []byte // of the message being received, stuffing included
}

var (
	errDrop = errors.New("dropped by plan")
	errQuit = errors.New("quit")
	errLong = errors.New("line too long")
)

func (t *talk) run() {
	defer func() { _ = t.flush() }()
	if t.over {
		switch t.s.cfg.LimitAt {
		case waxwing.PhaseConnect:
			t.reset()
			return
		case waxwing.PhaseEHLO, waxwing.PhaseMail:
		default:
			t.reply(421, "4.7.0 too many connections from you")
			return
		}
	}
	if t.s.cfg.Implicit && t.s.cfg.TLS != nil {
		t.c, t.tls = tls.Server(t.raw, t.s.cfg.TLS), true
	}
	if a, ok := t.plan(waxwing.PhaseBanner, ""); !ok {
		return
	} else {
		t.answer(a, 220, t.s.cfg.Hello+" ESMTP Waxwing sink")
		if closing(a.Code) != nil || a.Code/100 == 5 {
			return
		}
	}
	for {
		b, err := t.line()
		if err != nil {
			return
		}
		if err = t.command(b); err != nil || t.s.cfg.Renew > 0 && t.mails >= t.s.cfg.Renew {
			return
		}
	}
}

// plan asks the plan; false means that the connection was reset.
func (t *talk) plan(p waxwing.Phase, id string) (Answer, bool) {
	if t.s.cfg.Plan == nil {
		return Answer{}, true
	}
	a := t.s.cfg.Plan(Question{Phase: p, From: t.from, To: t.to, MessageID: id})
	if a.Delay > 0 {
		if t.flush() != nil {
			return a, false
		}
		wait := time.NewTimer(a.Delay)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-t.s.down:
			return a, false
		}
	}
	if a.Drop {
		t.reset()
		return a, false
	}
	return a, true
}

// reset cuts the connection with what is unsent.
func (t *talk) reset() {
	t.out = t.out[:0]
	if c, ok := t.raw.(interface{ SetLinger(int) error }); ok {
		_ = c.SetLinger(0)
	}
	_ = t.raw.Close()
}

func (t *talk) reply(code int, text string) {
	t.out = strconv.AppendInt(t.out, int64(code), 10)
	t.out = append(append(append(t.out, ' '), text...), '\r', '\n')
}

// answer says what the plan wants, else the usual.
func (t *talk) answer(a Answer, code int, text string) {
	switch {
	case a.Raw != "":
		t.out = append(t.out, a.Raw...)
	case a.Code != 0:
		t.reply(a.Code, a.Text)
	default:
		t.reply(code, text)
	}
}

func (t *talk) flush() error {
	if len(t.out) == 0 {
		return nil
	}
	_, err := t.c.Write(t.out)
	t.out = t.out[:0]
	return err
}

// fill answers what is owed and reads more.
func (t *talk) fill() error {
	if err := t.flush(); err != nil {
		return err
	}
	if t.r > 0 {
		t.w = copy(t.in, t.in[t.r:t.w])
		t.r = 0
	}
	if t.w == len(t.in) {
		return errLong
	}
	n, err := t.c.Read(t.in[t.w:])
	if t.w += n; n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}

// line returns the next command without its line end.
func (t *talk) line() ([]byte, error) {
	for seen := 0; ; {
		if i := bytes.IndexByte(t.in[t.r+seen:t.w], '\n'); i >= 0 {
			b := t.in[t.r : t.r+seen+i]
			t.r += seen + i + 1
			return bytes.TrimSuffix(b, []byte{'\r'}), nil
		}
		seen = t.w - t.r
		if err := t.fill(); err != nil {
			return nil, err
		}
	}
}

func verb(b []byte, v string) bool {
	return len(b) >= len(v) && strings.EqualFold(string(b[:len(v)]), v)
}

func (t *talk) command(b []byte) error {
	switch {
	case verb(b, "MAIL FROM:") && t.over:
		t.reply(421, "4.3.2 too many connections from you")
		return errQuit
	case verb(b, "MAIL FROM:"):
		return t.cmdMail(b[10:])
	case verb(b, "RCPT TO:"):
		return t.cmdRcpt(b[8:])
	case verb(b, "DATA"):
		return t.cmdData()
	case verb(b, "EHLO"):
		return t.ehlo()
	case verb(b, "HELO"):
		t.hello = true
		t.reply(250, t.s.cfg.Hello)
	case verb(b, "RSET"):
		t.clear()
		t.reply(250, "2.0.0 flushed")
	case verb(b, "NOOP"):
		t.reply(250, "2.0.0 ok")
	case verb(b, "QUIT"):
		t.reply(221, "2.0.0 bye")
		return errQuit
	case verb(b, "STARTTLS") && t.s.cfg.TLS != nil && !t.tls:
		return t.startTLS()
	case verb(b, "AUTH ") && t.s.cfg.User != "":
		return t.auth(string(b[5:]))
	default:
		t.reply(500, "5.5.1 unknown command")
	}
	return nil
}

func (t *talk) clear() { t.from, t.to, t.mail = "", "", false }

func (t *talk) ehlo() error {
	if t.over && t.s.cfg.LimitAt == waxwing.PhaseEHLO {
		t.reply(421, "4.7.0 too many connections from you")
		return errQuit
	}
	t.clear()
	t.hello = true
	t.out = append(append(append(t.out, "250-"...), t.s.cfg.Hello...), "\r\n"...)
	if !t.s.cfg.Lockstep {
		t.out = append(t.out, "250-PIPELINING\r\n"...)
	}
	if t.s.cfg.TLS != nil && !t.tls {
		t.out = append(t.out, "250-STARTTLS\r\n"...)
	}
	if t.s.cfg.User != "" {
		t.out = append(t.out, "250-AUTH PLAIN LOGIN\r\n"...)
	}
	t.out = strconv.AppendInt(append(t.out, "250-SIZE "...), int64(t.s.cfg.MaxSize), 10)
	t.out = append(t.out, "\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 ENHANCEDSTATUSCODES\r\n"...)
	return nil
}

func (t *talk) startTLS() error {
	t.reply(220, "2.0.0 go ahead")
	if err := t.flush(); err != nil {
		return err
	}
	c := tls.Server(t.raw, t.s.cfg.TLS)
	if err := c.Handshake(); err != nil {
		return err
	}
	t.c, t.tls, t.hello, t.r, t.w = c, true, false, 0, 0
	t.clear()
	return nil
}

func (t *talk) auth(arg string) error {
	mech, first, _ := strings.Cut(arg, " ")
	var user, pass string
	challenge := func(text string) (string, error) {
		t.reply(334, base64.StdEncoding.EncodeToString([]byte(text)))
		b, err := t.line()
		d, e := base64.StdEncoding.DecodeString(string(b))
		return string(d), errors.Join(err, e)
	}
	switch strings.ToUpper(mech) {
	case "PLAIN":
		d, _ := base64.StdEncoding.DecodeString(first)
		_, rest, _ := strings.Cut(string(d), "\x00")
		user, pass, _ = strings.Cut(rest, "\x00")
	case "LOGIN":
		var err error
		if user, err = challenge("Username:"); err != nil {
			return err
		}
		if pass, err = challenge("Password:"); err != nil {
			return err
		}
	}
	if t.authed = user == t.s.cfg.User && pass == t.s.cfg.Password.Reveal(); t.authed {
		t.reply(235, "2.7.0 welcome")
	} else {
		t.reply(535, "5.7.8 wrong user or password")
	}
	return nil
}

// path cuts <address> off b.
func path(b []byte) (string, []byte, bool) {
	b = bytes.TrimLeft(b, " ")
	i := bytes.IndexByte(b, '>')
	if len(b) == 0 || b[0] != '<' || i < 0 {
		return "", nil, false
	}
	return string(b[1:i]), b[i+1:], true
}

func (t *talk) cmdMail(b []byte) error {
	from, params, ok := path(b)
	switch {
	case !t.hello || t.mail:
		t.reply(503, "5.5.1 not now")
		return nil
	case t.s.cfg.User != "" && !t.authed:
		t.reply(530, "5.7.0 log in first")
		return nil
	case !ok:
		t.reply(501, "5.5.4 no address")
		return nil
	}
	if i := bytes.Index(params, []byte("SIZE=")); i >= 0 {
		f, _, _ := bytes.Cut(params[i+5:], []byte(" "))
		if n, err := strconv.Atoi(string(f)); err == nil && n > t.s.cfg.MaxSize {
			t.reply(552, "5.3.4 too large")
			return nil
		}
	}
	t.from = from
	if a, ok := t.plan(waxwing.PhaseMail, ""); !ok {
		return errDrop
	} else if a.Code != 0 && a.Code/100 != 2 {
		t.answer(a, 0, "")
		return closing(a.Code)
	} else {
		t.mail = true
		t.answer(a, 250, "2.1.0 ok")
	}
	return nil
}

// closing ends the conversation after a 421, as RFC 5321 wants.
func closing(code int) error {
	if code == 421 {
		return errQuit
	}
	return nil
}

func (t *talk) cmdRcpt(b []byte) error {
	to, _, ok := path(b)
	if !t.mail || t.to != "" || !ok {
		t.reply(503, "5.5.1 one recipient after MAIL, please")
		return nil
	}
	t.to = to
	if a, ok := t.plan(waxwing.PhaseRcpt, ""); !ok {
		return errDrop
	} else if a.Code != 0 && a.Code/100 != 2 {
		t.to = ""
		t.answer(a, 0, "")
		return closing(a.Code)
	} else {
		t.answer(a, 250, "2.1.5 ok")
	}
	return nil
}

func (t *talk) cmdData() error {
	if t.to == "" {
		t.reply(503, "5.5.1 no valid recipient")
		return nil
	}
	if a, ok := t.plan(waxwing.PhaseData, ""); !ok {
		return errDrop
	} else if a.Code != 0 && a.Code != 354 {
		t.answer(a, 0, "")
		return closing(a.Code)
	} else {
		t.answer(a, 354, "go ahead")
	}
	return t.receive()
}

package smtp

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/waxwinghq/waxwing"
)

var (
	// errGone: the Offer has left; its outcome is told already.
	errGone = errors.New("the offer was withdrawn")
	// errEarly: the server spoke although nothing was asked.
	errEarly = errors.New("the server answered before it was asked")
	// errHungUp: the server has closed its side before the dot.
	errHungUp = errors.New("the server hung up")
)

// link is one connection and how far its conversation has come, used by one carrier.
type link struct {
	conn
	s *Sender

	offers extensions
	begun  int // messages begun
	// setupBy ends the setup phases, zero: no bound but their own.
	setupBy time.Time

	worked bool // a MAIL was taken on it
	fresh  bool // flow's: it is not known yet what it is worth
	broken bool // to be cut, not to be used or told QUIT
	open   bool // a refused message left a transaction open: RSET
	owed   int  // replies of a refused group that were not read yet
	inData bool // the last of them is DATA's
}

// extensions is what EHLO offered.
type extensions struct {
	pipelining, eightBit, utf8, startTLS, size bool
	maxSize                                    int // 0: no bound
	plain, login                               bool
}

// read waits for the reply to what was asked in phase p. Where it returns an
// outcome the phase did not succeed.
func (l *link) read(p waxwing.Phase, within time.Duration, see func([]byte, bool)) (reply, *outcome) {
	l.deadline = time.Now().Add(within)
	if setup(p) && !l.setupBy.IsZero() && l.setupBy.Before(l.deadline) {
		l.deadline = l.setupBy
	}
	r, err := l.readReply(see)
	if err != nil {
		return r, fail(p, err)
	}
	if ru := judge(p, r.code, r.enhanced); ru != (ruling{}) {
		r.text = string(l.kept)
		return r, &outcome{ruling: ru, phase: p, reply: r}
	}
	// Before MAIL each command waits for its reply, so nothing may follow one.
	// After STARTTLS it would be somebody on the line who wrote it (CVE-2011-0411).
	if setup(p) && l.w > l.r {
		return r, fail(p, errEarly)
	}
	return r, nil
}

// fail rules on a fault that is not a reply.
func fail(p waxwing.Phase, err error) *outcome {
	if p != waxwing.PhaseDot && waxwing.ShortOfResources(err) {
		return &outcome{ruling: ruling{verdict: waxwing.Deferred, fault: waxwing.OwnFault}, phase: p, err: plain(err)}
	}
	unfit := errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, errGarbled)
	return &outcome{ruling: lost(p, unfit), phase: p, err: plain(err)}
}

// plain takes addresses of sockets out of an error, which would make every
// failure a different line in the log.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}

// quit ends the conversation politely; what comes of it changes nothing.
func (l *link) quit() {
	l.out = append(l.out[:0], "QUIT\r\n"...)
	patience := min(time.Second, l.s.cfg.Timeouts.Reset) // it holds up Close
	if l.job = nil; l.write(nil, l.out, patience) == nil {
		l.deadline = time.Now().Add(patience)
		_, _ = l.readReply(nil)
	}
	_ = l.nc.Close()
}

// settle reads what a refused message left unread and clears its transaction.
// Any surprise costs the connection, never a verdict.
func (l *link) settle() {
	patience := l.s.cfg.Timeouts.Reset
	l.job, l.deadline = nil, time.Now().Add(patience)
	for ; l.owed > 0 && !l.broken; l.owed-- {
		r, err := l.readReply(nil)
		// 354 for a message that has no recipient: the server waits for a body.
		// It gets none, not even an empty one.
		if err != nil || r.code == 421 || l.owed == 1 && l.inData && r.code/100 == 3 {
			l.broken = true
		}
	}
	if l.broken || !l.open {
		return
	}
	l.out = append(l.out[:0], "RSET\r\n"...)
	if l.flush(nil) != nil {
		l.broken = true
		return
	}
	l.deadline = time.Now().Add(patience)
	r, err := l.readReply(nil)
	l.broken = l.broken || err != nil || r.code/100 != 2
	l.open = false
}

// unfit says why this server cannot take the message: nil, or a refusal that
// another provider may not share.
func (l *link) unfit(j *job) *outcome {
	var err error
	switch {
	case l.offers.maxSize > 0 && j.size > l.offers.maxSize:
		err = errors.New("message is larger than the server takes (SIZE)")
	case j.utf8 && !l.offers.utf8:
		err = errors.New("the server does not offer SMTPUTF8")
	case j.eightBit && !l.offers.eightBit:
		err = errors.New("the server does not offer 8BITMIME")
	default:
		return nil
	}
	return &outcome{ruling: ruling{waxwing.Rejected, waxwing.PolicyFault, false}, phase: waxwing.PhaseMail, err: err}
}

// appendMail, appendRcpt and appendData build the three commands of a message.
func (l *link) appendMail(j *job) {
	b := append(l.out, "MAIL FROM:<"...)
	b = append(append(b, j.from...), '>')
	if l.offers.size {
		b = strconv.AppendInt(append(b, " SIZE="...), int64(j.size), 10)
	}
	if l.offers.eightBit && (j.eightBit || j.utf8) {
		b = append(b, " BODY=8BITMIME"...)
	}
	if j.utf8 {
		b = append(b, " SMTPUTF8"...)
	}
	l.out = append(b, '\r', '\n')
}

func (l *link) appendRcpt(j *job) {
	b := append(append(l.out, "RCPT TO:<"...), j.to...)
	l.out = append(b, ">\r\n"...)
}

func (l *link) appendData() { l.out = append(l.out, "DATA\r\n"...) }

// appendEnvelope puts the whole group in one write (RFC 2920, 3.1).
func (l *link) appendEnvelope(j *job) {
	l.appendMail(j)
	l.appendRcpt(j)
	l.appendData()
}

// see notes an EHLO line.
func (x *extensions) see(text []byte, first bool) {
	if first { // the server's name
		return
	}
	words := bytes.Fields(bytes.ToUpper(text))
	if len(words) == 0 {
		return
	}
	rest := words[1:]
	switch string(words[0]) {
	case "PIPELINING":
		x.pipelining = true
	case "8BITMIME":
		x.eightBit = true
	case "SMTPUTF8":
		x.utf8 = true
	case "STARTTLS":
		x.startTLS = true
	case "SIZE":
		x.size = true
		if len(rest) == 1 {
			if n, err := strconv.Atoi(string(rest[0])); err == nil && n > 0 {
				x.maxSize = n
			}
		}
	case "AUTH":
		for _, m := range rest {
			x.plain = x.plain || string(m) == "PLAIN"
			x.login = x.login || string(m) == "LOGIN"
		}
	}
}

func (l *link) startTLS() *tls.Conn { return tls.Client(l.nc, l.s.tls) }

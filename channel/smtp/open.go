package smtp

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/waxwinghq/waxwing"
)

// connect opens a connection for j, which has the right to one. Where the server
// does not take it although others work, j goes to one of those: the outcome has
// no verdict then. Without connection and outcome j is done with.
func (k *carrier) connect(j *job) (*link, *outcome) {
	f, right := k.s.flow, j.opening
	j.opening = nil
	defer time.AfterFunc(soonBack, func() {
		if f.works() {
			j.comeBack()
		}
	}).Stop()
	defer time.AfterFunc(slowOpening, func() { f.slowed(right, slowOpening) }).Stop()
	for tries := 0; ; tries++ {
		l, o := k.open(j)
		if o == nil {
			f.opened(right, l)
			return l, nil
		}
		if o.fault == waxwing.OwnFault { // ours: it says nothing of the server
			if f.works() {
				o = &outcome{}
			}
			j.finish(*o)
			k.pause(ownWait) // with the right, so that nobody dials in its place
			f.cancel(right)
			return nil, nil
		}
		switch f.refused(right, tries, o) {
		case goBack:
			return nil, &outcome{}
		case giveUp:
			return nil, o
		}
		k.pause(firstPause << tries)
	}
}

// open connects, says EHLO, encrypts and logs in, for j. If j's Offer leaves
// meanwhile the connection is made all the same, for the next one.
func (k *carrier) open(j *job) (*link, *outcome) {
	s := k.s
	t := s.cfg.Timeouts
	j.enter(waxwing.PhaseConnect, nil)
	l := &link{s: s, conn: conn{in: make([]byte, 4096), patience: t.Block}}
	if j.hurry {
		// Another provider is healthy: this one does not get the standard's minutes.
		l.setupBy = time.Now().Add(t.Connect)
	}
	ctx, cancel := context.WithTimeout(s.setup, t.Connect)
	nc, err := s.cfg.Dial(ctx, "tcp", s.cfg.Addr)
	cancel()
	if err != nil {
		return nil, fail(waxwing.PhaseConnect, err)
	}
	l.nc, l.raw = nc, nc
	k.hold(l)
	if o := l.greet(j); o != nil {
		l.cut()
		k.hold(nil)
		return nil, o
	}
	return l, nil
}

func (l *link) greet(j *job) *outcome {
	t := l.s.cfg.Timeouts
	if l.s.cfg.TLS == ImplicitTLS {
		if o := l.encrypt(j); o != nil {
			return o
		}
	}
	j.enter(waxwing.PhaseBanner, nil)
	if _, o := l.read(waxwing.PhaseBanner, t.Banner, nil); o != nil {
		return o
	}
	if o := l.hello(j, waxwing.PhaseEHLO); o != nil {
		return o
	}
	if mode := l.s.cfg.TLS; mode == StartTLS || mode == Opportunistic && l.offers.startTLS {
		j.enter(waxwing.PhaseSTARTTLS, nil)
		if !l.offers.startTLS {
			return &outcome{ruling: unwell, phase: waxwing.PhaseSTARTTLS, err: errors.New("the server does not offer STARTTLS")}
		}
		if _, o := l.ask(waxwing.PhaseSTARTTLS, "STARTTLS", t.Hello); o != nil {
			return o
		}
		if o := l.encrypt(j); o != nil {
			return o
		}
		if o := l.hello(j, waxwing.PhaseEHLO2); o != nil {
			return o
		}
	}
	return l.login(j)
}

func (l *link) encrypt(j *job) *outcome {
	j.enter(waxwing.PhaseHandshake, nil)
	ctx, cancel := context.WithTimeout(l.s.setup, l.s.cfg.Timeouts.TLS)
	defer cancel()
	_ = l.nc.SetDeadline(time.Time{}) // those of the step before are not the handshake's; ctx is
	c := l.startTLS()
	if err := c.HandshakeContext(ctx); err != nil {
		return fail(waxwing.PhaseHandshake, err)
	}
	l.nc = c
	return nil
}

func (l *link) hello(j *job, p waxwing.Phase) *outcome {
	j.enter(p, nil)
	l.offers = extensions{} // nothing said in the clear counts (RFC 3207, 4.2)
	l.out = fmt.Appendf(l.out[:0], "EHLO %s\r\n", l.helloName())
	if err := l.flush(nil); err != nil {
		return fail(p, err)
	}
	_, o := l.read(p, l.s.cfg.Timeouts.Hello, l.offers.see)
	return o
}

func (l *link) helloName() string {
	if l.s.cfg.Hello != "" {
		return l.s.cfg.Hello
	}
	host, _, _ := net.SplitHostPort(l.raw.LocalAddr().String())
	ip := net.ParseIP(host)
	switch {
	case ip == nil:
		return "[127.0.0.1]"
	case ip.To4() == nil:
		return "[IPv6:" + host + "]"
	}
	return "[" + host + "]"
}

// ask sends one command before MAIL and waits for its reply.
func (l *link) ask(p waxwing.Phase, command string, within time.Duration) (reply, *outcome) {
	l.out = append(append(l.out[:0], command...), '\r', '\n')
	if err := l.flush(nil); err != nil {
		return reply{}, fail(p, err)
	}
	return l.read(p, within, nil)
}

// login does AUTH PLAIN or AUTH LOGIN (RFC 4954), whichever is offered.
func (l *link) login(j *job) *outcome {
	c, p := l.s.cfg, waxwing.PhaseAuth
	if c.User == "" {
		return nil
	}
	j.enter(p, nil)
	if l.nc == l.raw && !loopback(l.raw.RemoteAddr()) {
		return &outcome{ruling: unwell, phase: p, err: errors.New("a password is not sent without TLS, except to this machine")}
	}
	b64 := base64.StdEncoding.EncodeToString
	switch {
	case l.offers.plain:
		_, o := l.ask(p, "AUTH PLAIN "+b64([]byte("\x00"+c.User+"\x00"+c.Password.Reveal())), c.Timeouts.Auth)
		return secretive(o)
	case l.offers.login:
		for _, step := range []string{"AUTH LOGIN", b64([]byte(c.User))} {
			r, o := l.ask(p, step, c.Timeouts.Auth)
			if r.code != 334 {
				if o == nil { // 235 before the password was told
					o = &outcome{ruling: unwell, phase: p, reply: r}
				}
				return secretive(o)
			}
		}
		_, o := l.ask(p, b64([]byte(c.Password.Reveal())), c.Timeouts.Auth)
		return secretive(o)
	}
	return &outcome{ruling: unwell, phase: p, err: ErrNoAuth}
}

// ErrNoAuth: a log-in is configured, and the server offers none that we speak.
var ErrNoAuth = errors.New("the server offers neither AUTH PLAIN nor LOGIN")

// secretive drops the reply's text, in which a server may quote what it got.
func secretive(o *outcome) *outcome {
	if o != nil {
		o.reply.text = ""
	}
	return o
}

func loopback(a net.Addr) bool {
	t, ok := a.(*net.TCPAddr)
	return ok && t.IP.IsLoopback()
}

// Package smtp hands messages to an SMTP server (RFC 5321) so that the moment
// at which the server becomes responsible is known: the whole body is written,
// then the caller commits, and only then the final dot goes out (docs/design/flow.md,
// "The commit point"). Connections are kept and pipelined (RFC 2920)
// until a mail costs one round trip.
package smtp

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/address"
	"github.com/waxwinghq/waxwing/channel/turns"
)

// TLSMode says how a connection is encrypted.
type TLSMode string

// The modes. Only Opportunistic falls back to plain text: no configuration of this provider names it.
const (
	NoTLS       TLSMode = "none"
	StartTLS    TLSMode = "starttls" // RFC 3207; a server that does not offer it is left
	ImplicitTLS TLSMode = "implicit" // RFC 8314
	// Opportunistic is StartTLS where the server offers it, and plain text where it does not (RFC 7435),
	// which is how mail servers speak to each other where nothing else is agreed. What the certificate has
	// to be is TLSConfig's.
	Opportunistic TLSMode = "opportunistic"
)

// Timeouts bound each step. Zero means the default in brackets, which from
// Banner to Dot is RFC 5321's (4.5.3.2).
type Timeouts struct {
	Connect time.Duration // TCP (30 s)
	Banner  time.Duration // 220 (5 min)
	Hello   time.Duration // EHLO and STARTTLS (5 min)
	TLS     time.Duration // the handshake (1 min)
	Auth    time.Duration // each step of AUTH (2 min)
	Mail    time.Duration // MAIL (5 min)
	Rcpt    time.Duration // RCPT (5 min)
	Data    time.Duration // DATA (2 min)
	Block   time.Duration // each write of up to 64 KiB (3 min)
	Dot     time.Duration // the reply to the dot (10 min): a shorter one makes duplicates
	Reset   time.Duration // RSET and QUIT, which change nothing (10 s)
	Idle    time.Duration // how long an unused connection is kept (30 s)
	// Guard is how long after the start of the commit the dot may still be
	// written (5 s). Later than that, another instance may have taken over.
	Guard time.Duration
}

// Config says whom to send to and how.
type Config struct {
	Name string // the provider's name, for Attempt.Provider
	Addr string // host:port
	TLS  TLSMode
	// ServerName is what the certificate must be for; "" means Addr's host.
	ServerName string
	// User and Password log in with AUTH PLAIN or LOGIN (RFC 4954). Without
	// TLS they are sent to a loopback address only.
	User     string
	Password waxwing.Secret
	// Hello is the name in EHLO; "" means the host's name if it has a dot, else
	// an address literal.
	Hello string
	// Connections is the most connections at once (32), and so the most
	// messages between commit and verdict.
	Connections int
	// PerConnection is after how many messages a connection is renewed (1000).
	PerConnection int
	Timeouts      Timeouts
	// TLSConfig is where certificates and roots come from; nil: the system's.
	TLSConfig *tls.Config
	// Dial opens a connection; nil: a net.Dialer.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
	// Log tells how many connections the server takes, where they are fewer than
	// Connections; nil: nobody is told.
	Log *slog.Logger
	// Clock tells Attempt's times and measures Guard; nil: the system's. Socket
	// deadlines are the system clock's always.
	Clock waxwing.Clock
}

func (c Config) withDefaults() Config {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	t := &c.Timeouts
	set(&t.Connect, 30*time.Second)
	set(&t.Banner, 5*time.Minute)
	set(&t.Hello, 5*time.Minute)
	set(&t.TLS, time.Minute)
	set(&t.Auth, 2*time.Minute)
	set(&t.Mail, 5*time.Minute)
	set(&t.Rcpt, 5*time.Minute)
	set(&t.Data, 2*time.Minute)
	set(&t.Block, 3*time.Minute)
	set(&t.Dot, 10*time.Minute)
	set(&t.Reset, 10*time.Second)
	set(&t.Idle, 30*time.Second)
	set(&t.Guard, 5*time.Second)
	if c.TLS == "" {
		c.TLS = StartTLS // the safe one, where a caller forgot
	}
	if c.ServerName == "" {
		c.ServerName, _, _ = net.SplitHostPort(c.Addr)
	}
	if c.Hello == "" {
		if h, err := os.Hostname(); err == nil && strings.Contains(h, ".") {
			c.Hello = h
		}
	}
	if c.Connections <= 0 {
		c.Connections = 32
	}
	if c.PerConnection <= 0 {
		c.PerConnection = 1000
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{KeepAlive: 30 * time.Second}).DialContext
	}
	if c.Clock == nil {
		c.Clock = waxwing.SystemClock
	}
	return c
}

// Sender offers messages to one SMTP server over a few kept connections. It is
// safe for concurrent use. Make it with New, end it with Close.
type Sender struct {
	cfg Config
	tls *tls.Config
	// warm reaches those who hold a connection, cold those who hold none: an Offer
	// tries warm first, and cold only where flow lets it open one more.
	warm, cold chan *job
	flow       *flow
	turns      *turns.Gate  // so many contend for a connection; the rest wait by turns of their tenants
	answered   atomic.Int64 // when a mail last had its answer, Unix ns
	stop       chan struct{}
	stopOnce   sync.Once
	wg         sync.WaitGroup
	// setup ends dialling when Close runs out of time.
	setup context.Context
	kill  context.CancelFunc
	all   []*carrier
}

// New returns a Sender. It connects when there is something to send.
func New(c Config) *Sender {
	s := &Sender{cfg: c.withDefaults(), warm: make(chan *job), cold: make(chan *job), stop: make(chan struct{})}
	s.flow = newFlow(s.cfg.Connections, s.tell)
	s.turns = turns.New(s.MaxInFlight())
	s.setup, s.kill = context.WithCancel(context.Background())
	s.tls = &tls.Config{}
	if c.TLSConfig != nil {
		s.tls = c.TLSConfig.Clone()
	}
	if s.tls.ServerName == "" {
		s.tls.ServerName = s.cfg.ServerName
	}
	s.tls.MinVersion = max(s.tls.MinVersion, tls.VersionTLS12)
	for range s.cfg.Connections {
		k := &carrier{s: s}
		s.all = append(s.all, k)
		s.wg.Add(1)
		go k.run()
	}
	return s
}

// Name returns the provider's name.
func (s *Sender) Name() string { return s.cfg.Name }

// MaxAtDot is the most messages that can be between commit and verdict at once.
func (s *Sender) MaxAtDot() int { return s.cfg.Connections }

// MaxInFlight is how many concurrent Offers keep every connection pipelining;
// more only wait.
func (s *Sender) MaxInFlight() int { return 4 * s.cfg.Connections }

var (
	errPatience = errors.New("the provider was too slow and another one is healthy")
	// errElsewhere is no fault of the provider.
	errElsewhere = errors.New("no connection was free, and another provider may be back")
	errData      = errors.New("message holds a bare CR, LF or NUL, or a line of more than 998 bytes")
)

// Offer hands out over and reports what became of it. commit is called at most
// once, from another goroutine, after the server has the whole body and before
// the dot that makes it responsible; if it fails the dot is never written and
// the attempt is Deferred with LedgerFault. Ending ctx ends an attempt that has
// not come to its commit; afterwards the verdict is waited for. Offer does not
// use out.Data after it has returned.
func (s *Sender) Offer(ctx context.Context, out *waxwing.Outgoing, commit func() error) waxwing.Attempt {
	j := &job{s: s, commit: commit, began: s.cfg.Clock(), done: make(chan waxwing.Attempt, 2),
		from: out.From, to: out.To, data: out.Data, size: len(out.Data), eightBit: out.EightBit, hurry: out.Patience > 0}
	if o := j.check(out); o != nil {
		return j.attempt(*o)
	}
	p := patience{stay: out.Stay, d: out.Patience}
	if p.patient = out.Patience <= 0 && out.Stay != nil; p.patient {
		p.d = time.Second
	}
	if p.d > 0 {
		p.t = time.NewTimer(p.d)
		defer p.t.Stop()
		p.C = p.t.C
	}
	turn := s.turns.Ask(out.Tenant)
	defer turn.Leave()
	if o := s.comeIn(ctx, turn, &p); o != nil {
		return j.attempt(*o)
	}
	for {
		if o := s.enqueue(ctx, j, &p); o != nil {
			return j.attempt(*o)
		}
		if a := j.wait(ctx, &p); a.Verdict != "" {
			return a
		}
		// The connection that was meant for it was not to be had; others work.
		j = &job{s: s, commit: commit, began: j.began, done: make(chan waxwing.Attempt, 2),
			from: j.from, to: j.to, data: j.data, size: j.size, eightBit: j.eightBit, utf8: j.utf8, undotted: j.undotted, hurry: j.hurry}
	}
}

// wait waits for what becomes of j. No verdict means: enqueue it again.
func (j *job) wait(ctx context.Context, p *patience) waxwing.Attempt {
	for {
		select {
		case a := <-j.done:
			return a
		case <-ctx.Done():
			return j.leave(lost(waxwing.PhaseConnect, false), context.Cause(ctx))
		case <-p.C:
			switch waits := j.waits(); {
			case p.patient && !waits: // a connection works on it
				p.t.Reset(p.d)
			case !waits || !p.again(j.s):
				return j.leave(unwell, p.why())
			}
		}
	}
}

// leave ends the wait, if the connection that works on it allows.
func (j *job) leave(r ruling, why error) waxwing.Attempt {
	if a, left := j.abandon(outcome{ruling: r, err: why}); left {
		return a
	}
	return <-j.done
}

// patience is how long an Offer waits before its commit.
type patience struct {
	C    <-chan time.Time // nil: for ever
	t    *time.Timer
	d    time.Duration
	stay func() bool // whether to go on where the server works and has no connection free; nil: never
	// patient waits for as long as the standard allows, and only asks stay while it waits for a connection.
	patient bool
}

// why is the reason of an Offer that waits no longer.
func (p *patience) why() error {
	if p.patient {
		return errElsewhere
	}
	return errPatience
}

// again begins a further wait for a server that works.
func (p *patience) again(s *Sender) bool {
	if p.stay == nil || !p.patient && !s.answers() || !p.stay() {
		return false
	}
	p.t.Reset(p.d)
	return true
}

// notOffered is what becomes of a message that was not offered, for a reason that is not the server's.
var notOffered = ruling{verdict: waxwing.Deferred, fault: waxwing.TransportFault}

// comeIn waits for a message's turn, or says why not.
func (s *Sender) comeIn(ctx context.Context, turn *turns.Turn, p *patience) *outcome {
	select {
	case <-turn.In():
		return nil
	default:
	}
	for down := s.flow.falls(); ; {
		select {
		case <-turn.In():
			return nil
		case <-down: // for those that were tried, and so for this one
			why := s.flow.reason()
			return &why
		case <-s.stop:
			return &outcome{ruling: notOffered, phase: waxwing.PhaseConnect, err: waxwing.ErrStopping}
		case <-ctx.Done():
			return &outcome{ruling: notOffered, phase: waxwing.PhaseConnect, err: context.Cause(ctx)}
		case <-p.C:
			if !p.again(s) {
				return s.tooBusy(p)
			}
		}
	}
}

// enqueue gives j to a connection, or says why not.
func (s *Sender) enqueue(ctx context.Context, j *job, p *patience) *outcome {
	select {
	case <-s.stop:
		return &outcome{ruling: notOffered, phase: waxwing.PhaseConnect, err: waxwing.ErrStopping}
	case <-ctx.Done():
		return &outcome{ruling: notOffered, phase: waxwing.PhaseConnect, err: context.Cause(ctx)}
	case s.warm <- j:
		return nil
	default:
	}
	for {
		right, changed, down := s.flow.begin()
		cold := s.cold
		if j.opening = right; right == nil {
			cold = nil
		} else {
			changed, down = nil, nil
		}
		var end *outcome
		select {
		case s.warm <- j:
			return nil // who takes it gives the right back
		case cold <- j:
			return nil
		case <-changed:
			continue
		case <-down: // for the message that it was tried with, and so for this one
			why := s.flow.reason()
			end = &why
		case <-s.stop:
			end = &outcome{ruling: notOffered, phase: waxwing.PhaseConnect, err: waxwing.ErrStopping}
		case <-ctx.Done():
			end = &outcome{ruling: notOffered, phase: waxwing.PhaseConnect, err: context.Cause(ctx)}
		case <-p.C:
			if p.again(s) {
				if right != nil {
					s.flow.cancel(right)
				}
				continue
			}
			end = s.tooBusy(p)
		}
		if right != nil {
			s.flow.cancel(right)
		}
		return end
	}
}

// tooBusy is the outcome where no connection became free in time. That alone does
// not make the server unwell.
func (s *Sender) tooBusy(p *patience) *outcome {
	o := &outcome{ruling: ruling{verdict: waxwing.Deferred, fault: waxwing.ProviderFault}, phase: waxwing.PhaseConnect, err: p.why()}
	o.busy = p.patient || s.answers()
	return o
}

// answers reports whether a mail has had its answer a moment ago.
func (s *Sender) answers() bool { return time.Since(time.Unix(0, s.answered.Load())) < time.Second }

// tell logs how many connections the server takes.
func (s *Sender) tell(n int) {
	if s.cfg.Log != nil {
		s.cfg.Log.Warn("the mail server takes fewer connections than configured; messages wait for their turn",
			"provider", s.cfg.Name, "connections", n, "configured", s.cfg.Connections)
	}
}

// check refuses, before anything is written, what must not reach a server.
func (j *job) check(m *waxwing.Outgoing) *outcome {
	refuse := func(p waxwing.Phase, f waxwing.Fault, err error) *outcome {
		return &outcome{ruling: ruling{verdict: waxwing.Rejected, fault: f}, phase: p, err: err}
	}
	wide, err := address.Envelope(m.To)
	if err != nil {
		return refuse(waxwing.PhaseRcpt, waxwing.AddressFault, err)
	}
	if m.From != "" { // the null reverse-path is allowed
		w, err := address.Envelope(m.From)
		if err != nil {
			return refuse(waxwing.PhaseMail, waxwing.PolicyFault, err)
		}
		wide = wide || w
	}
	j.utf8 = m.SMTPUTF8 || wide
	ok, dotted := checkData(m.Data)
	if j.undotted = !dotted; !ok {
		return refuse(waxwing.PhaseBody, waxwing.PolicyFault, errData)
	}
	return nil
}

// Close stops taking messages, waits for the verdicts of those under way and
// hangs up. When ctx ends first the connections are cut: what had not been
// committed is Deferred, the rest uncertain.
func (s *Sender) Close(ctx context.Context) error {
	s.stopOnce.Do(func() { close(s.stop); s.flow.close() })
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	defer s.kill()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	s.kill()
	for _, k := range s.all {
		k.cut()
	}
	<-done // what is left is the caller's own commit
	return context.Cause(ctx)
}

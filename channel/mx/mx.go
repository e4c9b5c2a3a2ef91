// Package mx delivers mails to their recipients' own servers: it looks up which those are (RFC 5321, 5.1),
// asks what TLS they want (RFC 8461), and hands each message over by package smtp's conversation and its
// verdicts. Between commit and verdict there is one server, as everywhere: another one may be tried
// before the final dot, and never after it.
//
// Whom to connect to is said by the recipients' DNS, so that every address goes through reach's guard at
// the moment of the connection. A server that is ill speaks for its own domain: the provider is as well as before.
package mx

import (
	"cmp"
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/address"
	"github.com/waxwinghq/waxwing/channel/mx/lookup"
	"github.com/waxwinghq/waxwing/channel/mx/mtasts"
	"github.com/waxwinghq/waxwing/channel/smtp"
	"github.com/waxwinghq/waxwing/channel/turns"
	"github.com/waxwinghq/waxwing/config/reach"
)

// TLS says what a connection has to be where the domain itself does not ask for more.
type TLS string

// The policies.
const (
	// Opportunistic encrypts where the server can, with any certificate (RFC 7435).
	Opportunistic TLS = "opportunistic"
	// Required is STARTTLS with a certificate that is good for the server's name, or no mail.
	Required TLS = "required"
)

// Config says how mails are delivered.
type Config struct {
	Name string // the provider's name, for Attempt.Provider
	// Hostname is this machine's name: it is said in EHLO, and an MX that has it leads back here.
	Hostname string
	TLS      TLS // "": Opportunistic
	// TLSRequired are domains for which TLS is Required: "bank.example", or "*.bank.example" for those below it.
	TLSRequired []string
	// Resolver answers for DNS; it is not closed.
	Resolver *lookup.Resolver
	// Guard lets through what is not of the public internet.
	Guard reach.Guard
	// Roots are whom certificates are to be signed by; nil: the system's.
	Roots *x509.CertPool
	// Connections is the most connections at once (32), and so the most messages between commit and verdict.
	Connections int
	// PerHost is the most of them to one server, and the most messages under way to one domain (8).
	PerHost int
	// Port is where mail servers listen (25), and PolicyPort where policies do (443).
	Port, PolicyPort int
	// Timeouts are those of each step; Connect's default is 30 s for all addresses of a server together.
	Timeouts smtp.Timeouts
	// Log tells what a domain's policy keeps from being delivered; nil: nobody is told.
	Log *slog.Logger
	// Clock tells Attempt's times; nil: the system's.
	Clock waxwing.Clock
}

// Bounds of one attempt: whoever names a hundred servers has a few of them tried at a time.
const (
	mostHosts     = 5
	mostAddresses = 4                // of one host
	perAddress    = 10 * time.Second // for the connection to one
	// searchFor is after how long no further host is tried, and hurries how many times a message's patience that is.
	searchFor = time.Minute
	hurries   = 3
	// turnFor is how long a message waits for its turn at its domain.
	turnFor = 5 * time.Second
	idleFor = 5 * time.Second
)

// Sender delivers to the recipients' servers. It is safe for concurrent use. Make it with New, end it with Close.
type Sender struct {
	cfg     Config
	sts     *mtasts.Policies
	pools   *pools
	paces   *paces
	slots   *turns.Gate   // one for each message under way
	sockets chan struct{} // one for each connection that is open
	// closing ends, by ErrStopping, what looks for a server when Close begins.
	closing context.Context
	stop    context.CancelCauseFunc
	under   sync.WaitGroup
	mu      sync.Mutex // orders stop and under
}

// New returns a Sender. It connects when there is something to send.
func New(c Config) *Sender {
	c.TLS = cmp.Or(c.TLS, Opportunistic)
	c.Connections = cmp.Or(max(c.Connections, 0), 32)
	c.PerHost = min(cmp.Or(max(c.PerHost, 0), 8), c.Connections)
	c.Port, c.PolicyPort = cmp.Or(c.Port, 25), cmp.Or(c.PolicyPort, 443)
	c.Timeouts.Connect = cmp.Or(c.Timeouts.Connect, 30*time.Second)
	c.Timeouts.Idle = cmp.Or(c.Timeouts.Idle, idleFor)
	if c.Clock == nil {
		c.Clock = waxwing.SystemClock
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	s := &Sender{cfg: c, slots: turns.New(c.Connections), sockets: make(chan struct{}, c.Connections)}
	s.closing, s.stop = context.WithCancelCause(context.Background())
	s.paces = newPaces(c.PerHost, c.Connections, c.Clock)
	s.pools = newPools(s.open, max(64, 2*c.Connections))
	s.sts = mtasts.New(mtasts.Config{TXT: c.Resolver.TXT, Roots: c.Roots, Clock: c.Clock,
		Dial: func(ctx context.Context, _, addr string) (net.Conn, error) {
			host, _, err := net.SplitHostPort(addr)
			if err != nil {
				return nil, err
			}
			return s.dial(ctx, host, c.PolicyPort)
		}})
	return s
}

// Name returns the provider's name.
func (s *Sender) Name() string { return s.cfg.Name }

// MaxAtDot is the most messages that can be between commit and verdict at once.
func (s *Sender) MaxAtDot() int { return s.cfg.Connections }

// MaxInFlight is how many concurrent Offers make sense; more only wait.
func (s *Sender) MaxInFlight() int { return s.cfg.Connections }

var (
	errBusy  = errors.New("all connections were in use for as long as the message would wait")
	errTurn  = errors.New("the domain takes no more messages at once")
	errPause = errors.New("the domain has asked for time")
)

// Offer hands out over to a server of its recipient's domain, as smtp.Sender's Offer does, and reports what became of
// it. What is wrong with the domain or its servers is the recipient's fault: it never speaks against the provider, but
// for a resolver that cannot be reached.
func (s *Sender) Offer(ctx context.Context, out *waxwing.Outgoing, commit func() error) waxwing.Attempt {
	began := s.cfg.Clock()
	tell := func(a waxwing.Attempt) waxwing.Attempt {
		a.Provider, a.Began, a.Ended = s.cfg.Name, began, s.cfg.Clock()
		return a
	}
	if !s.enter() {
		return tell(put(waxwing.Deferred, waxwing.TransportFault, "", waxwing.ErrStopping))
	}
	defer s.under.Done()
	to, err := address.Parse(out.To)
	if _, bad := address.Envelope(out.To); err != nil || bad != nil {
		a := put(waxwing.Rejected, waxwing.AddressFault, "", cmp.Or(bad, err))
		a.Phase = waxwing.PhaseRcpt
		return tell(a)
	}
	leave, no := s.turn(ctx, to.Domain, out)
	if no != nil {
		return tell(*no)
	}
	a := s.deliver(ctx, &delivery{out: out, commit: commit, domain: to.Domain})
	a.Apart = a.Fault != waxwing.ProviderFault && a.Fault != waxwing.OwnFault // else it is the resolver, or this machine
	if wait := leave(&a); wait > 0 {
		a.RetryAfter = max(a.RetryAfter, wait)
	}
	return tell(a)
}

// enter notes an Offer that Close waits for; false: it came too late.
func (s *Sender) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closing.Err() != nil {
		return false
	}
	s.under.Add(1)
	return true
}

// put is an attempt that came to no conversation.
func put(v waxwing.Verdict, f waxwing.Fault, enhanced string, err error) waxwing.Attempt {
	return waxwing.Attempt{Verdict: v, Fault: f, Phase: waxwing.PhaseConnect, Enhanced: enhanced, Err: err}
}

// turn waits until the domain and then this provider have room for one more. leave gives both back, and says for how
// long the domain is to be left alone.
func (s *Sender) turn(ctx context.Context, domain string, out *waxwing.Outgoing) (leave func(*waxwing.Attempt) time.Duration, no *waxwing.Attempt) {
	gone := func(err error) *waxwing.Attempt {
		a := put(waxwing.Deferred, waxwing.TransportFault, "", err)
		return &a
	}
	wait := turnFor
	if out.Patience > 0 {
		wait = min(wait, out.Patience)
	}
	t := time.NewTimer(wait)
	defer t.Stop()
	p, until := s.paces.of(domain)
	defer s.paces.done(p)
	pause := func() *waxwing.Attempt {
		wait := until.Sub(s.cfg.Clock())
		if wait <= 0 {
			return nil
		}
		a := put(waxwing.Deferred, waxwing.RecipientFault, "4.7.0", errPause)
		a.RetryAfter = wait
		return &a
	}
	if no = pause(); no != nil {
		return nil, no
	}
	turn := s.paces.take(p)
	select {
	case <-turn.ready:
		until = s.paces.until(p)
		no = pause()
	case <-t.C:
		a := put(waxwing.Deferred, waxwing.RecipientFault, "4.4.5", errTurn)
		no = &a
	case <-ctx.Done():
		no = gone(context.Cause(ctx))
	case <-s.closing.Done():
		no = gone(waxwing.ErrStopping)
	}
	if no != nil {
		s.paces.quit(p, turn)
		return nil, no
	}
	slot := s.slots.Ask(out.Tenant)
	select {
	case <-slot.In():
		return func(a *waxwing.Attempt) time.Duration {
			slot.Leave()
			return s.paces.leave(p, turn, a)
		}, nil
	case <-t.C:
		a := put(waxwing.Deferred, waxwing.ProviderFault, "", errBusy)
		a.Busy = true
		no = &a
	case <-ctx.Done():
		no = gone(context.Cause(ctx))
	case <-s.closing.Done():
		no = gone(waxwing.ErrStopping)
	}
	slot.Leave()
	s.paces.quit(p, turn)
	return nil, no
}

// Close takes no further messages, waits for the verdicts of those under way and hangs up. When ctx ends first the
// connections are cut: what had not been committed is Deferred, the rest uncertain.
func (s *Sender) Close(ctx context.Context) error {
	s.mu.Lock()
	s.stop(waxwing.ErrStopping)
	s.mu.Unlock()
	err := s.pools.close(ctx)
	s.under.Wait()
	return err
}

// Probe asks DNS for this machine's own name: nothing is sent. It is Accepted where the resolver answers and the
// name has an address, without which many servers refuse whoever says it.
func (s *Sender) Probe(ctx context.Context) waxwing.Attempt {
	a := waxwing.Attempt{Provider: s.cfg.Name, Verdict: waxwing.Accepted, Phase: waxwing.PhaseConnect, Began: s.cfg.Clock()}
	all, err := s.cfg.Resolver.Addresses(ctx, s.cfg.Hostname)
	if err == nil && len(all) == 0 {
		err = lookup.ErrNoDomain
	}
	if err != nil {
		a.Verdict, a.Fault, a.Err = waxwing.Deferred, waxwing.ProviderFault, err
	}
	a.Ended = s.cfg.Clock()
	return a
}

func port(n int) string { return strconv.Itoa(n) }

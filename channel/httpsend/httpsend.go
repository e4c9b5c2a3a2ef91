// Package httpsend offers messages to providers that speak HTTP. HTTP has no dot: the commit
// comes before the request is written, and a request of which not one byte was written is told
// apart from one whose answer was lost (docs/design/flow.md, "The commit point"). What differs
// from provider to provider is a Protocol: the request that it makes of a message, and how it
// judges the answer.
package httpsend

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/turns"
)

// Protocol is what one provider's API wants and says. Its methods are called concurrently.
type Protocol interface {
	// Request makes the request that hands out over. It is called once an offer, before the
	// commit, so that it may ask for a token, until ctx ends. An error made by Refuse is a verdict
	// about the message; any other leaves the provider for the next one. It must not keep out.
	Request(ctx context.Context, out *waxwing.Outgoing) (*Request, error)
	// Judge fills a's verdict, fault, Bad, RetryAfter, Ref and Err from an answer; Code and Reply
	// are filled already. No error that it writes may hold what the answer says of the customer.
	Judge(a *waxwing.Attempt, ans *Answer)
}

// Config is what every provider over HTTP has.
type Config struct {
	// Kind is the word that errors begin with: the type of the provider.
	Kind string
	Name string // the provider's name, for Attempt.Provider
	// Connections is the most requests at once (16).
	Connections int
	// Timeout bounds a request from its first byte to the answer's last (60 s).
	Timeout time.Duration
	// ConnectTimeout bounds connecting and the TLS handshake (10 s).
	ConnectTimeout time.Duration
	// Guard is how long after the start of the commit a request may still
	// begin (5 s). Later than that, another instance may have taken over.
	Guard time.Duration
	// Theirs says that each message goes to a server of its recipient's: one that cannot be reached,
	// or is unwell, says nothing of the others, so that no attempt is Bad and what would be the
	// provider's fault is the recipient's.
	Theirs    bool
	TLSConfig *tls.Config // roots for tests; nil: the system's
	// Dial opens a connection; nil: a net.Dialer.
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	Clock waxwing.Clock // nil: the system's
}

// ConnectTimeout is how long connecting may take where nothing else is said.
const ConnectTimeout = 10 * time.Second

// Request is what is written for one message.
type Request struct {
	Method string // "" is POST
	URL    string
	Header http.Header // nil: none but the usual
	Body   []byte
	// Accepts is asked for in the header of that name; "" is application/json.
	Accepts string
}

// Answer is what a provider said.
type Answer struct {
	Status int
	Header http.Header
	// Body is what came of it, at most MaxResponse and a byte; Whole says that nothing is missing.
	Body  []byte
	Whole bool
	Now   time.Time
}

// MaxResponse is how much of an answer is read, in bytes.
const MaxResponse = 1 << 20

// Sender offers messages by a Protocol. It is safe for concurrent use. Make it with New, end it
// with Close.
type Sender struct {
	cfg    Config
	api    Protocol
	client *http.Client
	slots  *turns.Gate
	stop   chan struct{}
	once   sync.Once
	wg     sync.WaitGroup
	mu     sync.Mutex // guards wg.Add against Close
	base   context.Context
	kill   context.CancelFunc
}

// New returns a Sender.
func New(c Config, api Protocol) *Sender {
	if c.Connections <= 0 {
		c.Connections = 16
	}
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{{&c.Timeout, time.Minute}, {&c.ConnectTimeout, ConnectTimeout}, {&c.Guard, 5 * time.Second}} {
		if *d.v <= 0 {
			*d.v = d.d
		}
	}
	if c.Dial == nil {
		c.Dial = (&net.Dialer{Timeout: c.ConnectTimeout}).DialContext
	}
	if c.Clock == nil {
		c.Clock = waxwing.SystemClock
	}
	s := &Sender{cfg: c, api: api, slots: turns.New(c.Connections), stop: make(chan struct{})}
	s.base, s.kill = context.WithCancel(context.Background())
	s.client = &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // no environment variable may send customers' data elsewhere
			DialContext:            s.dial,
			TLSClientConfig:        c.TLSConfig,
			TLSHandshakeTimeout:    c.ConnectTimeout,
			TLSNextProto:           map[string]func(string, *tls.Conn) http.RoundTripper{}, // HTTP/1: a connection's bytes are one request's
			MaxIdleConnsPerHost:    c.Connections,
			IdleConnTimeout:        30 * time.Second,
			DisableCompression:     true, // an answer must not grow while it is read
			MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s
}

// Name returns the provider's name.
func (s *Sender) Name() string { return s.cfg.Name }

// MaxInFlight is how many concurrent Offers make sense; more only wait.
func (s *Sender) MaxInFlight() int { return s.cfg.Connections }

// MaxAtDot is the most messages that can be between commit and verdict at once.
func (s *Sender) MaxAtDot() int { return s.cfg.Connections }

var (
	errLate = errors.New("too long between commit and request")
	errSlow = errors.New("no connection in time, and another provider is healthy")
)

// Offer hands out over and reports what became of it. commit is called at most
// once, before anything is written; if it fails nothing is. Ending ctx ends an
// attempt that has not come to its commit; afterwards the answer is waited for,
// for Config.Timeout. An attempt after the commit that is not uncertain is
// definite: Deferred then means that the provider has not taken the message.
func (s *Sender) Offer(ctx context.Context, out *waxwing.Outgoing, commit func() error) waxwing.Attempt {
	a := waxwing.Attempt{Provider: s.cfg.Name, Phase: waxwing.PhaseConnect, Began: s.cfg.Clock()}
	s.offer(ctx, &a, out, commit)
	a.Apart = s.cfg.Theirs
	if s.cfg.Theirs && a.Bad {
		a.Bad = false
		if a.Fault == waxwing.ProviderFault {
			a.Fault = waxwing.RecipientFault
		}
	}
	a.Ended = s.cfg.Clock()
	return a
}

func (s *Sender) offer(ctx context.Context, a *waxwing.Attempt, out *waxwing.Outgoing, commit func() error) {
	done, err := s.enter(ctx, out.Tenant, out.Patience)
	if err != nil {
		s.rule(a, waxwing.Deferred, waxwing.TransportFault, err)
		if errors.Is(err, errSlow) {
			a.Fault = waxwing.ProviderFault
		}
		return
	}
	defer done()
	req, err := s.api.Request(ctx, out)
	if err != nil {
		s.unmade(ctx, a, err)
		return
	}
	began := s.cfg.Clock()
	if err := commit(); err != nil {
		s.rule(a, waxwing.Deferred, waxwing.LedgerFault, fmt.Errorf("commit: %w", err))
		return
	}
	if s.cfg.Clock().Sub(began) > s.cfg.Guard {
		s.rule(a, waxwing.Deferred, waxwing.TransportFault, errLate)
		return
	}
	for range 3 {
		// A kept connection that turned out dead before a byte of the request
		// was written costs nothing but another one.
		if !s.post(ctx, a, req, out.Patience) {
			break
		}
	}
	if a.Fault == waxwing.OwnFault {
		t := time.NewTimer(ownWait)
		defer t.Stop()
		select {
		case <-t.C:
		case <-s.stop:
		case <-ctx.Done():
		}
	}
}

// ownWait is how long a slot stays taken that this machine had no descriptor or port for:
// the others may have a connection.
const ownWait = time.Second

// rule fills a verdict whose error begins with the provider's type.
func (s *Sender) rule(a *waxwing.Attempt, v waxwing.Verdict, f waxwing.Fault, err error) {
	a.Verdict, a.Fault, a.Err = v, f, fmt.Errorf("%s: %w", s.cfg.Kind, err)
}

// unmade rules on a message of which no request could be made.
func (s *Sender) unmade(ctx context.Context, a *waxwing.Attempt, err error) {
	var no *Refusal
	switch {
	case errors.As(err, &no):
		s.rule(a, waxwing.Rejected, no.Fault, err)
	case context.Cause(ctx) != nil:
		s.rule(a, waxwing.Deferred, waxwing.TransportFault, context.Cause(ctx))
	case waxwing.ShortOfResources(err):
		s.rule(a, waxwing.Deferred, waxwing.OwnFault, err)
	default:
		s.rule(a, waxwing.Deferred, waxwing.ProviderFault, err)
		a.Bad = true
	}
}

// Refusal is a message that the provider must not be asked to carry.
type Refusal struct {
	Fault waxwing.Fault
	Err   error
}

// Error is the reason.
func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap is the reason.
func (r *Refusal) Unwrap() error { return r.Err }

// Refuse says that the message is never to be offered to this provider, on whose side that is,
// and why, without personal data.
func Refuse(f waxwing.Fault, err error) error { return &Refusal{f, err} }

// enter takes a slot, by turns of the tenants; done gives it back.
func (s *Sender) enter(ctx context.Context, tenant waxwing.TenantID, patience time.Duration) (done func(), err error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	var slow <-chan time.Time
	if patience > 0 {
		t := time.NewTimer(patience)
		defer t.Stop()
		slow = t.C
	}
	turn := s.slots.Ask(tenant)
	defer func() {
		if done == nil {
			turn.Leave()
		}
	}()
	select {
	case <-turn.In():
	case <-s.stop:
		return nil, waxwing.ErrStopping
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-slow:
		return nil, errSlow
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.stop:
		return nil, waxwing.ErrStopping
	default:
	}
	s.wg.Add(1)
	return func() { turn.Leave(); s.wg.Done() }, nil
}

// make turns r into net/http's, which can be written once only.
func (r *Request) make(ctx context.Context) (*http.Request, error) {
	method := r.Method
	if method == "" {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, r.URL, nil)
	if err != nil {
		return nil, errors.New("the request's address is none") // net/url's error quotes it
	}
	for k, v := range r.Header {
		req.Header[k] = v
	}
	if req.Header.Get("Accept") == "" {
		req.Header.Set("Accept", "application/json")
	}
	if r.Accepts != "" {
		req.Header.Set("Accept", r.Accepts)
	}
	if len(r.Body) > 0 {
		// Set by hand, so that GetBody stays nil: net/http must never send it twice.
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(string(r.Body))), int64(len(r.Body))
	}
	return req, nil
}

// post makes one request. again means that a kept connection was dead and
// nothing was written.
func (s *Sender) post(ctx context.Context, a *waxwing.Attempt, r *Request, patience time.Duration) (again bool) {
	// The commit has been made: the caller's end does not make the answer less true.
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), s.cfg.Timeout+s.cfg.ConnectTimeout, context.DeadlineExceeded)
	defer cancel()
	defer context.AfterFunc(s.base, cancel)()
	p := &proof{}
	if patience > 0 {
		t := time.AfterFunc(patience, func() {
			if p.giveUp() {
				cancel()
			}
		})
		defer t.Stop()
	}
	req, err := r.make(httptrace.WithClientTrace(ctx, p.trace()))
	if err != nil {
		s.rule(a, waxwing.Deferred, waxwing.ProviderFault, err)
		return false
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return s.failed(a, p, err)
	}
	a.Phase = waxwing.PhaseRequest
	defer func() { _ = resp.Body.Close() }() // nothing more is read from it
	ans := s.read(resp)
	a.Code, a.Reply = ans.Status, waxwing.PII(strings.ToValidUTF8(string(ans.Body[:min(len(ans.Body), 512)]), "�"))
	s.api.Judge(a, ans)
	if a.Err != nil {
		a.Err = fmt.Errorf("%s: %w", s.cfg.Kind, a.Err)
	}
	return false
}

// read takes an answer as far as it comes: what is missing, the status decides.
func (s *Sender) read(resp *http.Response) *Answer {
	body, err := io.ReadAll(io.LimitReader(resp.Body, MaxResponse+1))
	return &Answer{Status: resp.StatusCode, Header: resp.Header, Body: body,
		Whole: err == nil && len(body) <= MaxResponse, Now: s.cfg.Clock()}
}

// Ask makes a request that offers no message: for a token, or what became of one. It ends with
// ctx, and after Config.Timeout. No error holds the address.
func (s *Sender) Ask(ctx context.Context, r *Request) (*Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	defer context.AfterFunc(s.base, cancel)()
	req, err := r.make(ctx)
	if err != nil {
		return nil, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, plain(err)
	}
	defer func() { _ = resp.Body.Close() }() // nothing more is read from it
	return s.read(resp), nil
}

// failed rules on a request without an answer.
func (s *Sender) failed(a *waxwing.Attempt, p *proof, err error) (again bool) {
	got, reused, clean := p.seal()
	a.Bad = true
	err = plain(err)
	ours := waxwing.ShortOfResources(err)
	switch {
	case ours && (!got || clean):
		a.Bad = false
		s.rule(a, waxwing.Deferred, waxwing.OwnFault, err)
	case !got: // no connection: the provider's fault
		s.rule(a, waxwing.Deferred, waxwing.ProviderFault, err)
	case clean:
		a.Phase, a.Bad = waxwing.PhaseRequest, false
		s.rule(a, waxwing.Deferred, waxwing.TransportFault, err)
		return reused && s.base.Err() == nil
	default:
		a.Phase = waxwing.PhaseRequest
		s.rule(a, waxwing.UncertainVerdict, waxwing.TransportFault, err)
	}
	return false
}

// plain takes the URL, which may name an account or a customer, and socket addresses out of an error.
func plain(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err
	}
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}

// Close stops taking messages and waits for the answers of those under way.
// When ctx ends first they are cut off, which leaves them uncertain.
func (s *Sender) Close(ctx context.Context) error {
	s.mu.Lock()
	s.once.Do(func() { close(s.stop) })
	s.mu.Unlock()
	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = context.Cause(ctx)
		s.kill()
		<-done
	}
	s.kill()
	s.client.CloseIdleConnections()
	return err
}

// Package twilio sends text messages through Twilio's Messages API. HTTP has no
// dot: the commit comes before the request is written, and a request of which
// not one byte was written is told apart from one whose answer was lost
// (docs/design/flow.md, "The commit point").
package twilio

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
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
)

// Config says whose account sends, and how.
type Config struct {
	Name    string // the provider's name, for Attempt.Provider
	BaseURL string // "" means https://api.twilio.com
	Account string // AC...
	Token   waxwing.Secret
	// From is the account's sending number (E.164) or messaging service (MG...);
	// "": the one that a message names.
	From string
	// Connections is the most requests at once (16).
	Connections int
	// Timeout bounds a request from its first byte to the answer's last (60 s).
	Timeout time.Duration
	// ConnectTimeout bounds connecting and the TLS handshake (10 s).
	ConnectTimeout time.Duration
	// Guard is how long after the start of the commit a request may still
	// begin (5 s). Later than that, another instance may have taken over.
	Guard     time.Duration
	TLSConfig *tls.Config // roots for tests; nil: the system's
	// Dial opens a connection; nil: a net.Dialer.
	Dial  func(ctx context.Context, network, addr string) (net.Conn, error)
	Clock waxwing.Clock // nil: the system's
}

// Sender offers messages to Twilio. It is safe for concurrent use. Make it
// with New, end it with Close.
type Sender struct {
	cfg    Config
	url    string
	client *http.Client
	slots  chan struct{}
	stop   chan struct{}
	once   sync.Once
	wg     sync.WaitGroup
	mu     sync.Mutex // guards wg.Add against Close
	base   context.Context
	kill   context.CancelFunc
}

// MaxResponse is how much of an answer is read, in bytes.
const MaxResponse = 1 << 20

// New returns a Sender, or an error if the configuration cannot work.
func New(c Config) (*Sender, error) {
	if c.BaseURL == "" {
		c.BaseURL = "https://api.twilio.com"
	}
	u, err := url.Parse(c.BaseURL)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" {
		return nil, errors.New("twilio: base_url must be http or https, with a host, without user or query")
	}
	if c.Account == "" || strings.Trim(c.Account, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz") != "" {
		return nil, errors.New("twilio: account must be letters and digits (AC...)")
	}
	if c.Connections <= 0 {
		c.Connections = 16
	}
	for _, d := range []struct {
		v *time.Duration
		d time.Duration
	}{{&c.Timeout, time.Minute}, {&c.ConnectTimeout, 10 * time.Second}, {&c.Guard, 5 * time.Second}} {
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
	s := &Sender{cfg: c, slots: make(chan struct{}, c.Connections), stop: make(chan struct{})}
	s.url = strings.TrimSuffix(u.String(), "/") + "/2010-04-01/Accounts/" + c.Account + "/Messages.json"
	s.base, s.kill = context.WithCancel(context.Background())
	s.client = &http.Client{
		Transport: &http.Transport{
			Proxy:                  nil, // no environment variable may send customers' numbers elsewhere
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
	return s, nil
}

// Name returns the provider's name.
func (s *Sender) Name() string { return s.cfg.Name }

// MaxInFlight is how many concurrent Offers make sense; more only wait.
func (s *Sender) MaxInFlight() int { return s.cfg.Connections }

// MaxAtDot is the most messages that can be between commit and verdict at once.
func (s *Sender) MaxAtDot() int { return s.cfg.Connections }

var (
	errNumber = errors.New("the number is not in E.164 form")
	errText   = errors.New("the text is empty, longer than 1,600 characters, or not UTF-8")
	errLate   = errors.New("too long between commit and request")
	errSlow   = errors.New("no connection in time, and another provider is healthy")
)

// Offer hands out over and reports what became of it. commit is called at most
// once, before anything is written; if it fails nothing is. Ending ctx ends an
// attempt that has not come to its commit; afterwards the answer is waited for,
// for Config.Timeout. An attempt after the commit that is not uncertain is
// definite: Deferred then means that Twilio has not taken the message.
func (s *Sender) Offer(ctx context.Context, out *waxwing.Outgoing, commit func() error) waxwing.Attempt {
	a := waxwing.Attempt{Provider: s.cfg.Name, Phase: waxwing.PhaseConnect, Began: s.cfg.Clock()}
	s.offer(ctx, &a, out, commit)
	a.Ended = s.cfg.Clock()
	return a
}

func (s *Sender) offer(ctx context.Context, a *waxwing.Attempt, out *waxwing.Outgoing, commit func() error) {
	if err := check(out); err != nil {
		rule(a, waxwing.Rejected, waxwing.AddressFault, fmt.Errorf("twilio: %w", err))
		if errors.Is(err, errText) {
			a.Fault = waxwing.PolicyFault
		}
		return
	}
	done, err := s.enter(ctx, out.Patience)
	if err != nil {
		rule(a, waxwing.Deferred, waxwing.TransportFault, fmt.Errorf("twilio: %w", err))
		if errors.Is(err, errSlow) {
			a.Fault = waxwing.ProviderFault
		}
		return
	}
	defer done()
	began := s.cfg.Clock()
	if err := commit(); err != nil {
		rule(a, waxwing.Deferred, waxwing.LedgerFault, fmt.Errorf("twilio: commit: %w", err))
		return
	}
	if s.cfg.Clock().Sub(began) > s.cfg.Guard {
		rule(a, waxwing.Deferred, waxwing.TransportFault, fmt.Errorf("twilio: %w", errLate))
		return
	}
	form := s.form(out)
	for range 3 {
		// A kept connection that turned out dead before a byte of the request
		// was written costs nothing but another one.
		if !s.post(ctx, a, form, out) {
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

// enter takes a slot; done gives it back.
func (s *Sender) enter(ctx context.Context, patience time.Duration) (done func(), err error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	var slow <-chan time.Time
	if patience > 0 {
		t := time.NewTimer(patience)
		defer t.Stop()
		slow = t.C
	}
	select {
	case s.slots <- struct{}{}:
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
		<-s.slots
		return nil, waxwing.ErrStopping
	default:
	}
	s.wg.Add(1)
	return func() { <-s.slots; s.wg.Done() }, nil
}

// check refuses what Twilio must not be asked.
func check(out *waxwing.Outgoing) error {
	if !e164(out.To) {
		return errNumber
	}
	if n := utf8.RuneCount(out.Data); n == 0 || n > 1600 || !utf8.Valid(out.Data) {
		return errText
	}
	return nil
}

// e164 wants a plus and 7 to 15 digits, the first of which is not 0 (ITU-T E.164).
func e164(s string) bool {
	return len(s) >= 8 && len(s) <= 16 && s[0] == '+' && s[1] != '0' && strings.Trim(s[1:], "0123456789") == ""
}

func (s *Sender) form(out *waxwing.Outgoing) string {
	from := s.cfg.From
	if from == "" {
		from = out.From
	}
	v := url.Values{"To": {out.To}, "Body": {string(out.Data)}}
	if strings.HasPrefix(from, "MG") {
		v.Set("MessagingServiceSid", from)
	} else {
		v.Set("From", from)
	}
	return v.Encode()
}

// post makes one request. again means that a kept connection was dead and
// nothing was written.
func (s *Sender) post(ctx context.Context, a *waxwing.Attempt, form string, out *waxwing.Outgoing) (again bool) {
	// The commit has been made: the caller's end does not make the answer less true.
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), s.cfg.Timeout+s.cfg.ConnectTimeout, context.DeadlineExceeded)
	defer cancel()
	defer context.AfterFunc(s.base, cancel)()
	p := &proof{}
	if out.Patience > 0 {
		t := time.AfterFunc(out.Patience, func() {
			if p.giveUp() {
				cancel()
			}
		})
		defer t.Stop()
	}
	req, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, p.trace()), http.MethodPost, s.url, nil)
	if err != nil {
		rule(a, waxwing.Deferred, waxwing.ProviderFault, fmt.Errorf("twilio: %w", err))
		return false
	}
	// Set by hand, so that GetBody stays nil: net/http must never send it twice.
	req.Body, req.ContentLength = io.NopCloser(strings.NewReader(form)), int64(len(form))
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	// Twilio's Messages API does not promise to look at it; stand-ins count by it.
	req.Header.Set("Idempotency-Key", out.IdempotencyKey)
	req.SetBasicAuth(s.cfg.Account, s.cfg.Token.Reveal())

	resp, err := s.client.Do(req)
	if err != nil {
		return s.failed(a, p, err)
	}
	defer func() { _ = resp.Body.Close() }() // nothing more is read from it
	a.Phase = waxwing.PhaseRequest
	body, _ := io.ReadAll(io.LimitReader(resp.Body, MaxResponse+1)) // what is missing, the status decides
	judge(a, resp.StatusCode, resp.Header, body, s.cfg.Clock())
	return false
}

// failed rules on a request without an answer.
func (s *Sender) failed(a *waxwing.Attempt, p *proof, err error) (again bool) {
	var ue *url.Error
	if errors.As(err, &ue) {
		err = ue.Err // without the URL, which names the account
	}
	got, reused, clean := p.seal()
	a.Bad = true
	ours := waxwing.ShortOfResources(err)
	err = fmt.Errorf("twilio: %w", plain(err))
	switch {
	case ours && (!got || clean):
		a.Bad = false
		rule(a, waxwing.Deferred, waxwing.OwnFault, err)
	case !got: // no connection: the provider's fault
		rule(a, waxwing.Deferred, waxwing.ProviderFault, err)
	case clean:
		a.Phase, a.Bad = waxwing.PhaseRequest, false
		rule(a, waxwing.Deferred, waxwing.TransportFault, err)
		return reused && s.base.Err() == nil
	default:
		a.Phase = waxwing.PhaseRequest
		rule(a, waxwing.UncertainVerdict, waxwing.TransportFault, err)
	}
	return false
}

// plain takes socket addresses out of an error.
func plain(err error) error {
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

// Package fetch asks shops for the whole order where their events only name it. A guarded client asks,
// and a desk sees to it that one shop's outage keeps neither workers nor other shops waiting.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/reach"
)

const (
	// askFor is how long a shop has for all of one order.
	askFor = 10 * time.Second
	// mostAnswer bounds one answer in bytes, mostWhole those of one order together, and mostGets their number.
	mostAnswer = 4 << 20
	mostWhole  = 8 << 20
	mostGets   = 40
	// leastWait and mostWait bound what a shop may ask for by Retry-After.
	leastWait = time.Second
	mostWait  = 15 * time.Minute
)

// RefusedError says that the shop does not take the token.
type RefusedError struct{ Status int }

// Error says what to do.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("the shop's API refuses the token (%d): renew api.token, with the right to read orders; orders wait until then", e.Status)
}

// Unwrap makes it waxwing.ErrRefused.
func (*RefusedError) Unwrap() error { return waxwing.ErrRefused }

// AnswerError says that what the shop answered is of no use: sent again it may be.
type AnswerError struct{ Text string }

// Error is what is wrong with it.
func (e *AnswerError) Error() string { return e.Text }

// Client asks shops' APIs. It follows no redirects, uses no proxy, and goes nowhere but to public addresses.
type Client struct {
	// Resolver looks names up; nil: the system's.
	Resolver *net.Resolver
}

// Order asks a shop's API for an order. Its errors hold neither the token nor the address. ErrNotFound: the shop
// has no such order; a waxwing.LaterError is the shop's wish; an AnswerError is of what was answered. All others
// are worth another try.
func (c *Client) Order(ctx context.Context, api *waxwing.ShopAPI, at *config.ShopAPI, id string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	base, err := url.Parse(strings.TrimRight(at.URL, "/"))
	if err != nil || base.Host == "" {
		return nil, errors.New("api.url is no address")
	}
	t := c.transport(base, at.Networks())
	defer t.CloseIdleConnections()
	one := &asking{base: base, sign: func(h http.Header) { api.Sign(h, at.Token) },
		http: &http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	raw, err := api.Order(ctx, one.get, id)
	var later *waxwing.LaterError
	switch {
	case err == nil:
		return raw, nil
	case ctx.Err() != nil:
		return nil, errors.New("the shop's API did not answer within " + askFor.String())
	case one.failed.Load() || errors.As(err, &later) || waxwing.IsPermanent(err) || errors.Is(err, waxwing.ErrNotFound) || errors.Is(err, waxwing.ErrRefused):
		return nil, err
	}
	return nil, &AnswerError{err.Error()} // it was asked well, and answered what the format cannot use
}

// transport connects for one order, for all of which a few connections serve.
func (c *Client) transport(base *url.URL, allow []netip.Prefix) *http.Transport {
	if loopback(base.Hostname()) { // which the operator has written
		allow = append(allow[:len(allow):len(allow)], reach.Loopback()...)
	}
	d := &net.Dialer{Timeout: 5 * time.Second, Resolver: c.Resolver, Control: reach.Guard{Allow: allow}.Control}
	return &http.Transport{Proxy: nil, DialContext: d.DialContext, TLSHandshakeTimeout: 5 * time.Second, MaxConnsPerHost: 4, MaxIdleConnsPerHost: 4,
		MaxResponseHeaderBytes: 64 << 10, ForceAttemptHTTP2: true}
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// asking is what is asked about one order.
type asking struct {
	base *url.URL
	sign func(http.Header)
	http *http.Client
	gets atomic.Int64
	came atomic.Int64 // bytes, so far
	// failed: the shop did not answer something.
	failed atomic.Bool
}

// get is waxwing.Get. It is safe for concurrent use.
func (x *asking) get(ctx context.Context, path string) ([]byte, error) {
	b, err := x.fetch(ctx, path)
	var bad *AnswerError
	if err != nil && !errors.Is(err, waxwing.ErrNotFound) && !errors.Is(err, waxwing.ErrRefused) && !errors.As(err, &bad) {
		x.failed.Store(true)
	}
	return b, err
}

func (x *asking) fetch(ctx context.Context, path string) ([]byte, error) {
	if x.gets.Add(1) > mostGets {
		return nil, &AnswerError{"the order has more parts than are asked for"}
	}
	u, err := url.Parse(x.base.String() + path)
	if err != nil || u.Host != x.base.Host || u.Scheme != x.base.Scheme || !strings.HasPrefix(path, "/") || strings.Contains(u.Path, "/../") || strings.HasSuffix(u.Path, "/..") {
		return nil, waxwing.Permanent(errors.New("the order's id makes no address of the shop's API"))
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, errors.New("api.url is no address")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "Waxwing")
	x.sign(req.Header)
	res, err := x.http.Do(req)
	if err != nil {
		return nil, nameless(err)
	}
	defer func() { _ = res.Body.Close() }() // it was read
	if err := refusal(res); err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusNoContent {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, mostAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("the shop's API broke off: %w", nameless(err))
	case len(body) > mostAnswer || x.came.Add(int64(len(body))) > mostWhole:
		return nil, &AnswerError{fmt.Sprintf("the shop's API answers with more than %d MiB", mostAnswer>>20)}
	}
	return body, nil
}

// refusal is what an answer means that has no order; nil: it has one, or is empty.
func refusal(res *http.Response) error {
	switch s := res.StatusCode; {
	case s == http.StatusOK, s == http.StatusNoContent:
		return nil
	case s == http.StatusNotFound, s == http.StatusGone:
		return waxwing.ErrNotFound
	case s == http.StatusUnauthorized, s == http.StatusForbidden, s == http.StatusMethodNotAllowed:
		return &RefusedError{s}
	case s == http.StatusTooManyRequests, s == http.StatusServiceUnavailable && res.Header.Get("Retry-After") != "":
		return &waxwing.LaterError{After: after(res.Header, time.Now()), Text: fmt.Sprintf("the shop's API wants to be asked later (%d)", s)}
	case s/100 == 3:
		return fmt.Errorf("the shop's API sends us elsewhere (%d): write its final address as api.url", s)
	default:
		return fmt.Errorf("the shop's API answers %d", s)
	}
}

// after is how long the shop wants us to wait (RFC 9110 10.2.3), within bounds.
func after(h http.Header, now time.Time) time.Duration {
	s := strings.TrimSpace(h.Get("Retry-After"))
	d := 5 * time.Second
	if n, err := strconv.ParseFloat(s, 64); err == nil && n >= 0 {
		d = time.Duration(min(n, mostWait.Seconds()) * float64(time.Second))
	} else if at, err := http.ParseTime(s); err == nil {
		d = at.Sub(now)
	}
	return min(max(d, leastWait), mostWait)
}

// errNotPublic is reach.ErrInside, with what to do.
var errNotPublic = fmt.Errorf("%w; where that is right, name its network under allow", reach.ErrInside)

// nameless leaves out the address, which may hold an order's id.
func nameless(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	if errors.Is(err, reach.ErrInside) {
		return errNotPublic
	}
	var op *net.OpError
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns):
		return errors.New("the name of the shop's API cannot be looked up")
	case errors.As(err, &op):
		return errors.New("the shop's API cannot be reached: " + op.Op + " failed")
	}
	return errors.New("the shop's API cannot be asked: " + firstLine(err.Error()))
}

func firstLine(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	return s[:min(len(s), 120)]
}

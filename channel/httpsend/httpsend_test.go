package httpsend_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/httpsend"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// api makes the request that it is told to, or fails.
type api struct {
	url string
	err error
}

func (p api) Request(context.Context, *waxwing.Outgoing) (*httpsend.Request, error) {
	return &httpsend.Request{URL: p.url}, p.err
}

func (api) Judge(a *waxwing.Attempt, ans *httpsend.Answer) { ans.ByStatus(a, ans.Error("")) }

// A message of which no request can be made is not committed, and its error says on whose side
// that is.
func TestNoRequest(t *testing.T) {
	for name, c := range map[string]struct {
		err   error
		fault waxwing.Fault
		v     waxwing.Verdict
		bad   bool
	}{
		"refused":      {httpsend.Refuse(waxwing.AddressFault, errors.New("no number")), waxwing.AddressFault, waxwing.Rejected, false},
		"no token":     {errors.New("no token"), waxwing.ProviderFault, waxwing.Deferred, true},
		"out of files": {&net.OpError{Op: "dial", Err: os.NewSyscallError("socket", syscall.EMFILE)}, waxwing.OwnFault, waxwing.Deferred, false},
	} {
		s := httpsend.New(httpsend.Config{Kind: "api", Name: "out"}, api{err: c.err})
		a := s.Offer(t.Context(), &waxwing.Outgoing{}, func() error { t.Error("committed"); return nil })
		if a.Verdict != c.v || a.Fault != c.fault || a.Bad != c.bad || !strings.HasPrefix(a.Err.Error(), "api: ") {
			t.Errorf("%s: %+v", name, a)
		}
		if err := s.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// An address that is none is not quoted: it may hold a customer's number.
func TestBadAddress(t *testing.T) {
	s := httpsend.New(httpsend.Config{Kind: "api", Name: "out"}, api{url: "http://[+4917012345]"})
	a := s.Offer(t.Context(), &waxwing.Outgoing{}, func() error { return nil })
	if a.Verdict != waxwing.Deferred || strings.Contains(a.Err.Error(), "4917012345") {
		t.Errorf("%+v", a)
	}
	if _, err := s.Ask(t.Context(), &httpsend.Request{URL: "http://127.0.0.1:1/?to=4917012345"}); err == nil || strings.Contains(err.Error(), "4917012345") || strings.Contains(err.Error(), "127.0.0.1") {
		t.Errorf("%v", err)
	}
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// No code that could be a number or an address gets into an error.
func TestCodesHoldNothingPersonal(t *testing.T) {
	ans := &httpsend.Answer{Status: 400}
	for code, want := range map[string]string{
		"21211": "answered 400, code 21211", "MessageRejected": "answered 400, code MessageRejected", "": "answered 400",
		"4917012345678": "answered 400", "ada@shop.example": "answered 400", "a b": "answered 400", strings.Repeat("x", 65): "answered 400",
	} {
		if got := ans.Error(code).Error(); got != want {
			t.Errorf("%q: %s", code, got)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)
	for v, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "1.5": 1500 * time.Millisecond, "-5": 0, "NaN": 0, "Inf": time.Hour, "1e99": time.Hour, "later": 0,
		now.Add(90 * time.Second).Format(http.TimeFormat): 90 * time.Second, now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		ans := &httpsend.Answer{Now: now, Header: http.Header{"Retry-After": {v}}}
		if got := ans.RetryAfter(); got != want {
			t.Errorf("%q: %v, want %v", v, got, want)
		}
	}
}

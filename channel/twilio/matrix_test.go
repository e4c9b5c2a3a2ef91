package twilio_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/channeltest"
	"github.com/waxwinghq/waxwing/channel/httpsend"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/channel/twilio"
)

var now = channeltest.Now

const made = `{"sid":"SM0123456789abcdef0123456789abcdef","status":"queued"}`

// sender returns one for the server at url.
func sender(t *testing.T, url string, change func(*twilio.Config)) *httpsend.Sender {
	t.Helper()
	c := twilio.Config{Name: "texts", BaseURL: url, Account: "AC1", Token: "secret", From: "+15005550006", Clock: func() time.Time { return now }}
	if change != nil {
		change(&c)
	}
	s, err := twilio.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func nothing() error { return nil }

func TestMatrix(t *testing.T) {
	channeltest.Matrix{Message: text(1), Made: made, No: `{"message":"no"}`, Open: func(url string, timeout time.Duration) (channeltest.Provider, error) {
		return sender(t, url, func(c *twilio.Config) { c.Timeout, c.ConnectTimeout = timeout, timeout }), nil
	}}.Run(t, "testdata/matrix.tsv")
}

func TestTwilioCodes(t *testing.T) {
	for code, want := range map[int]waxwing.Attempt{
		21211: {Verdict: waxwing.Rejected, Fault: waxwing.AddressFault},
		21610: {Verdict: waxwing.Rejected, Fault: waxwing.AddressFault},
		21614: {Verdict: waxwing.Rejected, Fault: waxwing.AddressFault},
		21408: {Verdict: waxwing.Rejected, Fault: waxwing.PolicyFault},
		21611: {Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Bad: true},
		20003: {Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Bad: true},
		21606: {Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Bad: true},
		99999: {Verdict: waxwing.Rejected, Fault: waxwing.RecipientFault},
	} {
		plan := func(sink.Question) sink.Answer {
			return sink.Answer{Code: 400, Text: fmt.Sprintf("%d the number +4917000001 ...", code)}
		}
		srv := httptest.NewServer(&sink.Twilio{Plan: plan})
		s := sender(t, srv.URL, nil)
		a := s.Offer(t.Context(), text(1), nothing)
		if a.Verdict != want.Verdict || a.Fault != want.Fault || a.Bad != want.Bad || strings.Contains(a.Err.Error(), "+49") {
			t.Errorf("%d: %+v, %v", code, a, a.Err)
		}
		_ = s.Close(t.Context())
		srv.Close()
	}
}

func TestNothingWrittenIsDefinite(t *testing.T) {
	// Nobody listens.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	s := sender(t, "http://"+l.Addr().String(), nil)
	a := s.Offer(t.Context(), text(1), nothing)
	if a.Verdict != waxwing.Deferred || a.Fault != waxwing.ProviderFault || a.Phase != waxwing.PhaseConnect || !a.Bad {
		t.Errorf("%+v", a)
	}
	_ = s.Close(t.Context())
	// TLS with a certificate that nobody signed.
	srv := httptest.NewUnstartedServer(&sink.Twilio{})
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	s = sender(t, srv.URL, nil)
	a = s.Offer(t.Context(), text(1), nothing)
	if a.Verdict != waxwing.Deferred || a.Fault != waxwing.ProviderFault || a.Phase != waxwing.PhaseConnect || !a.Bad {
		t.Errorf("%+v", a)
	}
	_ = s.Close(t.Context())
	srv.Close()
	// A kept connection that breaks at the first write of the second request.
	truth := sink.NewTruth()
	plain := httptest.NewServer(&sink.Twilio{Truth: truth})
	var dials atomic.Int64
	s = sender(t, plain.URL, func(c *twilio.Config) {
		c.Dial = func(ctx context.Context, n, a string) (net.Conn, error) {
			dials.Add(1)
			conn, err := new(net.Dialer).DialContext(ctx, n, a)
			return conn, err
		}
	})
	for n := range 3 {
		if a := s.Offer(t.Context(), text(n), nothing); a.Verdict != waxwing.Accepted {
			t.Errorf("%+v", a)
		}
		plain.CloseClientConnections()
	}
	if truth.Total() != 3 || dials.Load() < 2 {
		t.Errorf("%d texts, %d connections", truth.Total(), dials.Load())
	}
	_ = s.Close(t.Context())
	plain.Close()
}

func TestLostAnswerIsUncertainAndNotRepeated(t *testing.T) {
	for _, lost := range []bool{true, false} {
		truth := sink.NewTruth()
		var asked atomic.Int64
		srv := httptest.NewServer(&sink.Twilio{Truth: truth, Plan: func(sink.Question) sink.Answer {
			asked.Add(1)
			return sink.Answer{Lost: lost, Drop: !lost}
		}})
		s := sender(t, srv.URL, nil)
		for n := range 3 {
			a := s.Offer(t.Context(), text(n), nothing)
			if a.Verdict != waxwing.UncertainVerdict || a.Phase != waxwing.PhaseRequest {
				t.Errorf("%+v", a)
			}
		}
		if asked.Load() != 3 {
			t.Errorf("%d requests for 3 messages", asked.Load())
		}
		_ = s.Close(t.Context())
		srv.Close()
	}
}

func TestLateCommit(t *testing.T) {
	truth := sink.NewTruth()
	srv := httptest.NewServer(&sink.Twilio{Truth: truth})
	defer srv.Close()
	at := now
	s := sender(t, srv.URL, func(c *twilio.Config) { c.Clock = func() time.Time { return at } })
	a := s.Offer(t.Context(), text(1), func() error { at = at.Add(6 * time.Second); return nil })
	if a.Verdict != waxwing.Deferred || a.Fault != waxwing.TransportFault || truth.Total() != 0 {
		t.Errorf("%+v", a)
	}
	_ = s.Close(t.Context())
}

func TestBadConfigsAndTexts(t *testing.T) {
	for _, c := range []twilio.Config{
		{}, {Account: "AC1", BaseURL: "ftp://x"}, {Account: "AC1", BaseURL: "https://"}, {Account: "AC/../1"}, {Account: "AC1", BaseURL: "https://u:p@x"},
	} {
		if _, err := twilio.New(c); err == nil {
			t.Errorf("accepted %+v", c)
		}
	}
	s := sender(t, "http://127.0.0.1:1", nil)
	for _, to := range []string{"", "+", "+0123456789", "4917012345678", "+49 170", "+1234567890123456", "+49170&From=x", "+４９１７０１２３４５６"} {
		m := text(1)
		m.To = to
		if a := s.Offer(t.Context(), m, nothing); a.Verdict != waxwing.Rejected || a.Fault != waxwing.AddressFault {
			t.Errorf("%q: %+v", to, a)
		}
	}
	for _, b := range []string{"", "\xff", strings.Repeat("x", 1601)} {
		m := text(1)
		m.Data = []byte(b)
		if a := s.Offer(t.Context(), m, nothing); a.Verdict != waxwing.Rejected || a.Fault != waxwing.PolicyFault {
			t.Errorf("%.10q: %+v", b, a)
		}
	}
	_ = s.Close(t.Context())
	if a := s.Offer(t.Context(), text(1), nothing); !errors.Is(a.Err, waxwing.ErrStopping) {
		t.Errorf("%+v", a)
	}
}

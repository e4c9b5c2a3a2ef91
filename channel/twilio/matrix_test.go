package twilio_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/channel/twilio"
)

var now = time.Date(2026, 11, 24, 3, 0, 0, 0, time.UTC)

const made = `{"sid":"SM0123456789abcdef0123456789abcdef","status":"queued"}`

// sender returns one for the server at url.
func sender(t *testing.T, url string, change func(*twilio.Config)) *twilio.Sender {
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
	raw, err := os.ReadFile("testdata/matrix.tsv")
	if err != nil {
		t.Fatal(err)
	}
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	_, _ = io.CopyN(z, zeros{}, 20<<20)
	_ = z.Close()
	cells := 0
	var wg sync.WaitGroup
	slots := make(chan struct{}, 8)
	for l := range strings.Lines(string(raw)) {
		f := strings.Fields(l)
		if len(f) != 6 || f[0] == "#" {
			continue
		}
		cells++
		wg.Go(func() {
			if f[1] != "stall" { // those only wait, all at once
				slots <- struct{}{}
				defer func() { <-slots }()
			}
			runCell(t, f, bomb.Bytes())
		})
	}
	wg.Wait()
	if cells != 22*6 {
		t.Errorf("%d cells in the table", cells)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

func runCell(t *testing.T, f []string, bomb []byte) {
	stop := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		answer(w, f[0], f[1], bomb, stop)
	}))
	s := sender(t, srv.URL, func(c *twilio.Config) {
		if f[1] == "stall" {
			c.Timeout, c.ConnectTimeout = time.Second, time.Second
		}
	})
	commits := 0
	a := s.Offer(context.Background(), text(1), func() error { commits++; return nil })
	close(stop)
	_ = s.Close(context.Background())
	srv.Close()
	side, bad := string(a.Fault), "-"
	if side == "" {
		side = "-"
	}
	if a.Bad {
		bad = "bad"
	}
	got := []string{f[0], f[1], string(a.Verdict), side, bad, fmt.Sprintf("%.0fs", a.RetryAfter.Seconds())}
	if strings.Join(got, " ") != strings.Join(f, " ") || commits != 1 {
		t.Errorf("got %v, want %v (%v), %d commits", got, f, a.Err, commits)
	}
	if (a.Ref != "") != (a.Verdict == waxwing.Accepted && (f[1] == "normal" || f[1] == "reset-after-body")) {
		t.Errorf("%v: ref %q", f, a.Ref)
	}
}

// answer writes status row's head and does to the body what column says.
func answer(w http.ResponseWriter, row, column string, bomb []byte, stop <-chan struct{}) {
	c, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer c.Close()
	body := made
	if row == "200-bad-json" {
		body = made[:20]
	}
	if row[0] > '2' {
		body = `{"message":"no"}`
	}
	head := "HTTP/1.1 " + row[:3] + " Status\r\nContent-Type: application/json\r\nLocation: http://127.0.0.1:1/\r\n"
	switch row {
	case "429-int":
		head += "Retry-After: 7\r\n"
	case "429-date":
		head += "Retry-After: " + now.Add(90*time.Second).Format(http.TimeFormat) + "\r\n"
	case "429-negative":
		head += "Retry-After: -5\r\n"
	case "429-huge":
		head += "Retry-After: 99999999999999999999\r\n"
	}
	switch column {
	case "normal":
		fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
	case "reset-before-body":
		fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n", head, len(body))
		_ = c.(*net.TCPConn).SetLinger(0)
	case "reset-after-body":
		fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n%s", head, len(body), body)
		_ = c.(*net.TCPConn).SetLinger(0)
	case "stall":
		fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n", head, len(body))
		<-stop
	case "100MiB":
		fmt.Fprintf(c, "%sContent-Length: %d\r\n\r\n", head, 100<<20)
		_, _ = io.CopyN(c, zeros{}, 100<<20)
	case "gzip-bomb":
		fmt.Fprintf(c, "%sContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n", head, len(bomb))
		_, _ = c.Write(bomb)
	}
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

package fetch

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// plainAPI asks for one thing and gives it as it is.
var plainAPI = waxwing.ShopAPI{
	Sign:  func(h http.Header, token waxwing.Secret) { h.Set("X-Token", token.Reveal()) },
	Order: func(ctx context.Context, get waxwing.Get, id string) ([]byte, error) { return get(ctx, "/orders/"+id) },
}

const secretToken = "canary-token-of-the-shop"

func ask(t *testing.T, c *Client, at config.ShopAPI, id string) ([]byte, error) {
	t.Helper()
	at.Token = secretToken
	raw, err := c.Order(t.Context(), &plainAPI, &at, id)
	if err != nil && (strings.Contains(err.Error(), "canary") || at.URL != "" && strings.Contains(err.Error(), strings.TrimPrefix(at.URL, "http://"))) {
		t.Errorf("the error tells too much: %v", err)
	}
	return raw, err
}

// TestAnswers: what each answer of a shop means, the hostile ones too.
func TestAnswers(t *testing.T) {
	var elsewhere atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer inside.Close()
	shop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Token") != secretToken || r.Method != http.MethodGet {
			t.Error("not the token, or not asked by GET")
		}
		switch strings.TrimPrefix(r.URL.Path, "/orders/") {
		case "whole":
			_, _ = io.WriteString(w, `{"id":1}`)
		case "none":
			w.WriteHeader(http.StatusNoContent)
		case "redirect":
			http.Redirect(w, r, inside.URL, http.StatusFound)
		case "401", "403":
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, secretToken)
		case "429":
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		case "429-for-ever":
			w.Header().Set("Retry-After", "999999999999")
			w.WriteHeader(http.StatusTooManyRequests)
		case "503":
			w.Header().Set("Retry-After", "-5")
			w.WriteHeader(http.StatusServiceUnavailable)
		case "500":
			w.WriteHeader(http.StatusInternalServerError)
		case "huge":
			w.Header().Set("Content-Length", "999999999")
			fallthrough
		case "endless":
			for block := []byte(strings.Repeat(" ", 1<<16)); ; {
				if _, err := w.Write(block); err != nil {
					return
				}
			}
		case "headers":
			for i := range 2000 {
				w.Header().Add("X-Long", strings.Repeat("x", 100)+string(rune('a'+i%26)))
			}
		case "broken":
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, `{"id":`)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer shop.Close()
	var later *waxwing.LaterError
	var bad *AnswerError
	var refused *RefusedError
	at := config.ShopAPI{URL: shop.URL}
	for id, want := range map[string]func(raw []byte, err error) bool{
		"whole":        func(raw []byte, err error) bool { return err == nil && string(raw) == `{"id":1}` },
		"none":         func(raw []byte, err error) bool { return err == nil && raw == nil },
		"unknown":      func(_ []byte, err error) bool { return errors.Is(err, waxwing.ErrNotFound) },
		"401":          func(_ []byte, err error) bool { return errors.As(err, &refused) && refused.Status == 401 },
		"429":          func(_ []byte, err error) bool { return errors.As(err, &later) && later.After == 7*time.Second },
		"429-for-ever": func(_ []byte, err error) bool { return errors.As(err, &later) && later.After == mostWait },
		"503":          func(_ []byte, err error) bool { return errors.As(err, &later) && later.After >= leastWait },
		"500": func(_ []byte, err error) bool {
			return err != nil && strings.Contains(err.Error(), "500") && !waxwing.IsPermanent(err)
		},
		"redirect": func(_ []byte, err error) bool {
			return err != nil && strings.Contains(err.Error(), "sends us elsewhere")
		},
		"huge":      func(_ []byte, err error) bool { return errors.As(err, &bad) },
		"endless":   func(_ []byte, err error) bool { return errors.As(err, &bad) },
		"headers":   func(_ []byte, err error) bool { return err != nil && !errors.As(err, &bad) },
		"broken":    func(_ []byte, err error) bool { return err != nil && !errors.As(err, &bad) },
		"../admin":  func(_ []byte, err error) bool { return waxwing.IsPermanent(err) },
		"1/../../x": func(_ []byte, err error) bool { return waxwing.IsPermanent(err) },
		"%2e%2e/x":  func(_ []byte, err error) bool { return waxwing.IsPermanent(err) },
		"1\n2":      func(_ []byte, err error) bool { return waxwing.IsPermanent(err) },
	} {
		if raw, err := ask(t, &Client{}, at, id); !want(raw, err) {
			t.Errorf("%s: %.80q %v", id, raw, err)
		}
	}
	if elsewhere.Load() > 0 {
		t.Error("a redirect was followed")
	}
}

// resolver has every name lead to these addresses, one look-up after the other.
func resolver(t *testing.T, addrs ...[4]byte) (*net.Resolver, *atomic.Int64) {
	t.Helper()
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var asked atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		b := make([]byte, 1500)
		for {
			n, from, err := pc.ReadFrom(b)
			if err != nil {
				return
			}
			end := 12 // of the question (RFC 1035 4.1.2)
			for end < n && b[end] != 0 {
				end += int(b[end]) + 1
			}
			end += 5
			out := append([]byte{}, b[:end]...)
			copy(out[2:], []byte{0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0})
			if binary.BigEndian.Uint16(b[end-4:]) == 1 { // A
				a := addrs[min(int(asked.Add(1))-1, len(addrs)-1)]
				out[7] = 1
				out = append(out, 0xC0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, a[0], a[1], a[2], a[3])
			}
			_, _ = pc.WriteTo(out, from)
		}
	})
	t.Cleanup(func() { _ = pc.Close(); wg.Wait() })
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", pc.LocalAddr().String())
	}}, &asked
}

// TestRebinding: a name that leads into this network is not followed, be it at its first look-up or at the next.
func TestRebinding(t *testing.T) {
	var met atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		met.Add(1)
		_, _ = io.WriteString(w, `{}`)
	}))
	defer inside.Close()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(inside.URL, "http://"))
	r, asked := resolver(t, [4]byte{127, 0, 0, 1})
	at := config.ShopAPI{URL: "http://shop.example:" + port}
	for range 2 {
		if _, err := ask(t, &Client{Resolver: r}, at, "1"); !errors.Is(err, errNotPublic) {
			t.Errorf("got %v", err)
		}
	}
	if met.Load() > 0 || asked.Load() < 2 {
		t.Errorf("%d requests came through, %d look-ups", met.Load(), asked.Load())
	}
	for _, to := range [][4]byte{{10, 0, 0, 1}, {169, 254, 169, 254}, {100, 64, 0, 1}, {192, 168, 0, 1}} {
		r, _ := resolver(t, to)
		if _, err := ask(t, &Client{Resolver: r}, at, "1"); !errors.Is(err, errNotPublic) {
			t.Errorf("%v: %v", to, err)
		}
	}
	at.Allow = []string{"127.0.0.0/8"} // the operator says that the shop is there
	if raw, err := ask(t, &Client{Resolver: r}, at, "1"); err != nil || string(raw) != "{}" {
		t.Errorf("%q %v", raw, err)
	}
}

// fakeShop is a shop of which a test says what it answers; it is asked without a network.
type fakeShop struct {
	mu     sync.Mutex
	answer func(id string) ([]byte, error)
	asked  []string
	gate   chan struct{} // nil: it answers at once
	busy   int
	most   int
}

func (f *fakeShop) api() *waxwing.ShopAPI {
	return &waxwing.ShopAPI{Sign: func(http.Header, waxwing.Secret) {}, Order: func(ctx context.Context, _ waxwing.Get, id string) ([]byte, error) {
		f.mu.Lock()
		f.asked = append(f.asked, id)
		f.busy++
		f.most = max(f.most, f.busy)
		gate, answer := f.gate, f.answer
		f.mu.Unlock()
		defer func() { f.mu.Lock(); f.busy--; f.mu.Unlock() }()
		if gate != nil {
			select {
			case <-gate:
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		}
		return answer(id)
	}}
}

func (f *fakeShop) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.asked)
}

// ends is what became of a question.
type ends struct {
	mu            sync.Mutex
	taken, gaveUp []string
	woken         int
}

func (e *ends) question(f *fakeShop, shop, order string, n int) *Question {
	return &Question{ID: waxwing.ID(n), Tenant: "acme", Shop: waxwing.ShopID(shop), Order: order, Created: time.Now(), Until: 24 * time.Hour, API: f.api(),
		At: &config.ShopAPI{URL: "https://shop.example"},
		Take: func(_ context.Context, raw []byte) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.taken = append(e.taken, string(raw))
			return nil
		},
		GiveUp: func(_ context.Context, reason string) error {
			e.mu.Lock()
			defer e.mu.Unlock()
			e.gaveUp = append(e.gaveUp, reason)
			return nil
		},
		Wake: func() { e.mu.Lock(); e.woken++; e.mu.Unlock() }}
}

// sweep puts questions as the sweeper does, for so long.
func sweep(d *Desk, long time.Duration, all ...*Question) {
	for end := time.Now().Add(long); time.Now().Before(end); {
		for _, q := range all {
			if !d.Rests(q.ID, time.Now()) {
				d.Put(q)
			}
		}
		<-time.After(time.Second)
	}
	synctest.Wait()
}

func desk() *Desk { return NewDesk(&Client{}, time.Now, slog.New(slog.DiscardHandler)) }

// TestOutage: a shop that is down is asked seldom, by one order at a time; when it is back all get theirs. Others are not kept waiting.
func TestOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down, up, e := &fakeShop{answer: func(string) ([]byte, error) { return nil, &RefusedError{401} }}, &fakeShop{answer: func(id string) ([]byte, error) { return []byte(id), nil }}, &ends{}
		d := desk()
		defer d.Close()
		var all []*Question
		for i := range 50 {
			all = append(all, e.question(down, "down", "o", 100+i))
		}
		for _, q := range all {
			d.Put(q)
		}
		d.Put(e.question(up, "up", "other", 1))
		synctest.Wait()
		if len(e.taken) != 1 || e.taken[0] != "other" {
			t.Errorf("beside a shop that is down: %v", e.taken)
		}
		sweep(d, time.Hour, all...)
		if n := down.count(); n < 8 || n > 40 {
			t.Errorf("in an hour a shop that is down was asked %d times", n)
		}
		for _, s := range d.Statuses() {
			if s.Shop == "down" && (!strings.Contains(s.Line(), "refuses the token (401)") || s.Waiting != 50 || s.Answered != 0) {
				t.Errorf("%+v", s)
			}
		}
		down.mu.Lock()
		down.answer = up.answer
		down.mu.Unlock()
		sweep(d, 10*time.Minute, all...)
		if len(e.taken) < 51 || len(e.gaveUp) > 0 || down.most > atOnce {
			t.Errorf("%d were answered, %v given up, %d at once", len(e.taken), e.gaveUp, down.most)
		}
		for _, s := range d.Statuses() {
			if s.Line() != "" || s.Waiting != 0 {
				t.Errorf("%+v", s)
			}
		}
	})
}

// TestLater: what a shop says of how long it wants to be left alone is kept to.
func TestLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, e := &fakeShop{answer: func(string) ([]byte, error) { return nil, &waxwing.LaterError{After: 7 * time.Minute, Text: "later"} }}, &ends{}
		d := desk()
		defer d.Close()
		q := e.question(f, "s", "o", 1)
		sweep(d, 6*time.Minute, q, e.question(f, "s", "p", 2))
		if n := f.count(); n > 2 {
			t.Errorf("asked %d times", n)
		}
	})
}

// TestNoSuchOrder: what the shop does not know, or answers with nonsense, is given up after some tries, and is no outage.
func TestNoSuchOrder(t *testing.T) {
	for name, err := range map[string]error{"knows no such order": waxwing.ErrNotFound, "too long": &AnswerError{"the answer is too long"}, "gone for good": waxwing.Permanent(errors.New("gone for good"))} {
		synctest.Test(t, func(t *testing.T) {
			f, e := &fakeShop{answer: func(id string) ([]byte, error) {
				if id == "good" {
					return []byte(id), nil
				}
				return nil, err
			}}, &ends{}
			d := desk()
			defer d.Close()
			sweep(d, time.Hour, e.question(f, "s", "bad", 1))
			first := len(e.gaveUp)
			d.Put(e.question(f, "s", "good", 2))
			synctest.Wait()
			if first == 0 || !strings.Contains(e.gaveUp[0], name) || len(e.taken) != 1 {
				t.Errorf("%s: given up %v, taken %v", name, e.gaveUp, e.taken)
			}
		})
	}
}

// TestSeveralEvents: events of one order are one question, and what comes while it is asked has it looked at again.
func TestSeveralEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, e := &fakeShop{gate: make(chan struct{}), answer: func(id string) ([]byte, error) { return []byte(id), nil }}, &ends{}
		d := desk()
		defer d.Close()
		for range 9 {
			d.Put(e.question(f, "s", "o", 1))
		}
		for i := range 20 {
			d.Put(e.question(f, "s", "p", 2+i))
		}
		synctest.Wait()
		if n := f.count(); n != atOnce {
			t.Errorf("%d questions under way", n)
		}
		close(f.gate)
		synctest.Wait()
		if n := f.count(); n != 21 || e.woken != 1 || d.Any() {
			t.Errorf("%d questions, woken %d", n, e.woken)
		}
	})
}

// TestClose: what is asked when the program ends is broken off, and nothing is decided about it.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, e := &fakeShop{gate: make(chan struct{}), answer: func(id string) ([]byte, error) { return []byte(id), nil }}, &ends{}
		d := desk()
		d.Put(e.question(f, "s", "o", 1))
		synctest.Wait()
		d.Close()
		d.Put(e.question(f, "s", "p", 2))
		if len(e.taken)+len(e.gaveUp) > 0 || f.count() != 1 {
			t.Errorf("%v %v, %d questions", e.taken, e.gaveUp, f.count())
		}
	})
}

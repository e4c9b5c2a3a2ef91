package lookup_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.uber.org/goleak"

	"github.com/waxwinghq/waxwing/channel/mx/dnstest"
	"github.com/waxwinghq/waxwing/channel/mx/lookup"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a DNS server, a resolver that asks it, and a clock.
type bench struct {
	*dnstest.Server
	*lookup.Resolver
	mu  sync.Mutex
	now time.Time
}

func newBench(t *testing.T, entries int) *bench {
	b := &bench{Server: dnstest.New(t), now: time.Now()}
	r, err := lookup.New(lookup.Config{Servers: []string{b.Addr}, Timeout: 100 * time.Millisecond, Entries: entries, Clock: func() time.Time {
		b.mu.Lock()
		defer b.mu.Unlock()
		return b.now
	}})
	if err != nil {
		t.Fatal(err)
	}
	b.Resolver = r
	return b
}

func (b *bench) pass(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(d)
}

func TestAnswers(t *testing.T) {
	b := newBench(t, 0)
	b.Set("a.example. 60 IN MX 10 MX1.a.example.", "a.example. 60 IN MX 5 mx2.a.example.", "null.example. 60 IN MX 0 .",
		"mx1.a.example. 60 IN A 192.0.2.1", "mx1.a.example. 60 IN A 192.0.2.1", "mx1.a.example. 60 IN AAAA ::ffff:192.0.2.1", "mx2.a.example. 60 IN AAAA 2001:db8::1",
		"long.example. 60 IN CNAME mx1.a.example.",
		`_t.a.example. 60 IN TXT "one" "two"`, `_t.a.example. 60 IN TXT "three"`)
	ctx := t.Context()
	all, err := b.MX(ctx, "A.example")
	if want := []lookup.MX{{"mx1.a.example", 10}, {"mx2.a.example", 5}}; err != nil || !slices.Equal(all, want) {
		t.Errorf("%v, %v; want %v", all, err, want)
	}
	if all, err = b.MX(ctx, "null.example"); err != nil || len(all) != 1 || all[0].Host != "" {
		t.Errorf("null MX: %v, %v", all, err)
	}
	if all, err = b.MX(ctx, "mx1.a.example"); err != nil || len(all) != 0 {
		t.Errorf("a name without MX: %v, %v", all, err)
	}
	for host, want := range map[string]string{"mx1.a.example": "[192.0.2.1]", "long.example": "[192.0.2.1]", "mx2.a.example": "[2001:db8::1]", "a.example": "[]"} {
		if ips, err := b.Addresses(ctx, host); err != nil || fmt.Sprint(ips) != want {
			t.Errorf("%s: %v, %v; want %s", host, ips, err, want)
		}
	}
	if texts, err := b.TXT(ctx, "_t.a.example"); err != nil || !slices.Equal(texts, []string{"onetwo", "three"}) {
		t.Errorf("%q, %v", texts, err)
	}
}

// TestNoAnswer: that there is no such name is known for good; that nobody says so is not.
func TestNoAnswer(t *testing.T) {
	b := newBench(t, 0)
	b.Set("half.example. 60 IN A 192.0.2.1")
	for name, rcode := range map[string]int{"ill.example": dns.RcodeServerFailure, "no.example": dns.RcodeRefused, "odd.example": dns.RcodeNotImplemented} {
		b.Fail(name, rcode)
		if _, err := b.MX(t.Context(), name); !errors.Is(err, lookup.ErrTemporary) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := b.Addresses(t.Context(), name); !errors.Is(err, lookup.ErrTemporary) {
			t.Errorf("%s: %v", name, err)
		}
	}
	b.Silence("silent.example")
	if _, err := b.MX(t.Context(), "silent.example"); !errors.Is(err, lookup.ErrTemporary) {
		t.Errorf("silence: %v", err)
	}
	for _, name := range []string{"gone.example", "", ".", "a..b", string(make([]byte, 300))} {
		if _, err := b.Addresses(t.Context(), name); name != "" && name != "." && !errors.Is(err, lookup.ErrNoDomain) {
			t.Errorf("%q: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.MX(ctx, "silent2.example"); err == nil {
		t.Error("whoever leaves gets an answer")
	}
}

// TestByTCP: an answer that does not fit into a datagram is asked for again.
func TestByTCP(t *testing.T) {
	b := newBench(t, 0)
	var lines []string
	for i := range 300 {
		lines = append(lines, fmt.Sprintf("many.example. 60 IN MX %d mx%d.many.example.", i, i))
	}
	b.Set(lines...)
	if all, err := b.MX(t.Context(), "many.example"); err != nil || len(all) != 256 {
		t.Errorf("%d servers, %v; want 256, which is as many as are read", len(all), err)
	}
	if n := b.Asked("many.example", dns.TypeMX); n != 2 {
		t.Errorf("asked %d times, want once by each", n)
	}
}

// TestAnswersAreKept for as long as they say, within bounds, and that there is nothing for a short while.
func TestAnswersAreKept(t *testing.T) {
	b := newBench(t, 0)
	b.Set("minute.example. 60 IN A 192.0.2.1", "week.example. 604800 IN A 192.0.2.1", "none.example. 0 IN A 192.0.2.1")
	b.Fail("ill.example", dns.RcodeServerFailure)
	for name, kept := range map[string]time.Duration{"minute.example": time.Minute, "week.example": time.Hour, "none.example": 5 * time.Second, "gone.example": 30 * time.Second, "ill.example": 5 * time.Second} {
		ask := func() int {
			before := b.Asked(name, dns.TypeMX) + b.Asked(name, dns.TypeA)
			_, _ = b.Addresses(t.Context(), name)
			return b.Asked(name, dns.TypeMX) + b.Asked(name, dns.TypeA) - before
		}
		if ask() == 0 {
			t.Errorf("%s: not asked at first", name)
		}
		if b.pass(kept - time.Millisecond); ask() != 0 {
			t.Errorf("%s: asked again before %s", name, kept)
		}
		if b.pass(time.Millisecond); ask() == 0 {
			t.Errorf("%s: not asked again after %s", name, kept)
		}
	}
}

// TestTheCacheIsBounded, and what is asked at once is asked once.
func TestTheCacheIsBounded(t *testing.T) {
	b := newBench(t, 10)
	for i := range 100 {
		b.Set(fmt.Sprintf("d%d.example. 600 IN TXT \"x\"", i))
		_, _ = b.TXT(t.Context(), fmt.Sprintf("d%d.example", i))
	}
	asked := 0
	for i := range 100 {
		name := fmt.Sprintf("d%d.example", i)
		before := b.Asked(name, dns.TypeTXT)
		_, _ = b.TXT(t.Context(), name)
		asked += b.Asked(name, dns.TypeTXT) - before
	}
	if asked < 90 {
		t.Errorf("%d of 100 were asked for again, with room for ten", asked)
	}
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			if ips, err := b.Addresses(t.Context(), "d1.example"); err != nil || len(ips) != 0 {
				t.Errorf("%v, %v", ips, err)
			}
		})
	}
	wg.Wait()
	if n := b.Asked("d1.example", dns.TypeA); n > 3 {
		t.Errorf("50 at once asked %d times", n)
	}
}

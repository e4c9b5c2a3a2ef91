package delivery

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
)

// outbox is a ledger of one message: it notes what is asked of it.
type outbox struct {
	mu      sync.Mutex
	said    []string
	claims  int
	commit  error
	resolve []error // of the first calls
	last    *waxwing.Resolution
}

func (o *outbox) say(f string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.said = append(o.said, fmt.Sprintf(f, args...))
}

func (o *outbox) Claim(_ context.Context, id waxwing.ID) (*waxwing.Claim, error) {
	if o.claims++; o.claims > 9 {
		return nil, waxwing.ErrState
	}
	return &waxwing.Claim{Out: waxwing.Outgoing{Message: id, Channel: waxwing.Email}}, nil
}

func (o *outbox) ClaimCarried(ctx context.Context, id waxwing.ID, _ []byte) (*waxwing.Claim, error) {
	return o.Claim(ctx, id)
}

func (o *outbox) CommitDot(_ context.Context, _ *waxwing.Claim, provider string) error {
	o.say("commit %s", provider)
	return o.commit
}

func (o *outbox) Resolve(_ context.Context, _ *waxwing.Claim, r *waxwing.Resolution) (err error) {
	if len(o.resolve) > 0 {
		err, o.resolve = o.resolve[0], o.resolve[1:]
	}
	o.say("%s", r.To)
	o.last = r
	return err
}

// answers is a provider that gives these answers, the last for ever. It passes its commit
// point where the answer's phase is the dot.
type answers struct {
	all   []waxwing.Attempt
	waits bool // until the attempt is withdrawn
	asked int
}

func (p *answers) Offer(ctx context.Context, _ *waxwing.Outgoing, commit func() error) waxwing.Attempt {
	a := p.all[min(p.asked, len(p.all)-1)]
	p.asked++
	if p.waits {
		<-ctx.Done()
	}
	if a.Phase == waxwing.PhaseDot {
		if commit() != nil {
			return waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.LedgerFault, Phase: waxwing.PhaseDot}
		}
	}
	return a
}

// meter counts by name.
type meter struct {
	mu sync.Mutex
	n  map[string]int
}

func (m *meter) count(what string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.n == nil {
		m.n = map[string]int{}
	}
	m.n[what]++
}

func (m *meter) Attempted(_ waxwing.Channel, provider string, v waxwing.Verdict, _ waxwing.Phase) {
	m.count("attempt " + provider + " " + string(v))
}
func (m *meter) Sent(_ waxwing.Channel, accepted, _ time.Duration) {
	if m.count("sent"); accepted < 0 {
		m.count("resent")
	}
}
func (m *meter) Resolved(_ waxwing.Channel, to waxwing.State, instead waxwing.Channel) {
	if m.count("to " + string(to)); instead != "" {
		m.count("instead " + string(instead))
	}
}
func (m *meter) Retried(waxwing.Channel)             { m.count("retried") }
func (m *meter) HeldInDoubt(waxwing.Channel, string) { m.count("held") }
func (m *meter) Asked(_ waxwing.Channel, provider, said string) {
	m.count("asked " + provider + " " + said)
}
func (m *meter) ShortOfResources() { m.count("short") }

// silent is a journal that nobody reads.
type silent struct{ ended int }

func (*silent) Step(string, waxwing.ID, ...any)                 {}
func (*silent) Debug() bool                                     { return true }
func (s *silent) Ended(_ *waxwing.Claim, _ *waxwing.Resolution) { s.ended++ }
func taken() waxwing.Attempt {
	return waxwing.Attempt{Verdict: waxwing.Accepted, Phase: waxwing.PhaseDot}
}
func refused(f waxwing.Fault) waxwing.Attempt {
	return waxwing.Attempt{Verdict: waxwing.Rejected, Fault: f, Phase: waxwing.PhaseRcpt}
}
func down() waxwing.Attempt {
	return waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Phase: waxwing.PhaseConnect, Bad: true}
}
func flaky() waxwing.Attempt {
	return waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.TransportFault, Phase: waxwing.PhaseMail}
}
func lost() waxwing.Attempt {
	return waxwing.Attempt{Verdict: waxwing.UncertainVerdict, Fault: waxwing.TransportFault, Phase: waxwing.PhaseDot}
}
func full() waxwing.Attempt {
	return waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault, Busy: true}
}
func later451() waxwing.Attempt {
	return waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.RecipientFault, Phase: waxwing.PhaseRcpt, Code: 451}
}
func never(*waxwing.Claim) (waxwing.Draft, error)     { return waxwing.Draft{}, errors.New("not now") }
func noAddress(*waxwing.Claim) (waxwing.Draft, error) { return waxwing.Draft{}, waxwing.ErrNotFound }
func aText(*waxwing.Claim) (waxwing.Draft, error) {
	return waxwing.Draft{Channel: waxwing.SMS, To: "+49151"}, nil
}

// bench is a Sender with its surroundings.
type bench struct {
	*Sender
	out    *outbox
	meter  *meter
	told   *silent
	queued []string
}

func newBench(t *testing.T, change func(*Config), providers ...Provider) *bench {
	t.Helper()
	b := &bench{out: &outbox{}, meter: &meter{}, told: &silent{}}
	c := Config{Channel: waxwing.Email, Retry: []time.Duration{time.Minute, time.Hour}, Doubt: waxwing.DoubtRule{Policy: waxwing.ResendDoubt, After: time.Minute},
		Queued: func(ch waxwing.Channel, id waxwing.ID) { b.queued = append(b.queued, fmt.Sprint(ch, " ", int64(id))) },
		Outbox: b.out, Meter: b.meter, Journal: b.told, Stop: NewStop(), Clock: time.Now, Log: slog.New(slog.DiscardHandler)}
	for i, p := range providers {
		c.Providers = append(c.Providers, Named{Provider: p, Name: string(rune('a' + i))})
	}
	if change != nil {
		change(&c)
	}
	s, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	b.Sender = s
	return b
}

func message() *waxwing.Claim {
	return &waxwing.Claim{Out: waxwing.Outgoing{Message: 65, Channel: waxwing.Email}, Confirmation: 64, Accepted: time.Now(), Released: time.Now(),
		Expires: time.Now().Add(24 * time.Hour), Attempt: 1}
}

// TestSend: what each kind of answer leads to, and who is asked next.
func TestSend(t *testing.T) {
	instead := func(make func(*waxwing.Claim) (waxwing.Draft, error), after ...string) func(*Config) {
		return func(c *Config) { c.Fallback = &Fallback{After: after, Unreachable: 5 * time.Minute, Make: make} }
	}
	for name, c := range map[string]struct {
		a, b    []waxwing.Attempt // of the first provider and of a second
		change  func(*Config)
		claim   func(*waxwing.Claim)
		said    string        // to the ledger
		reason  string        // of the last resolution
		wait    time.Duration // until the next try, less a fifth or more
		counted string        // by the meter
		queued  string        // of another channel
	}{
		"taken":                       {a: []waxwing.Attempt{taken()}, said: "commit a, sent", counted: "sent"},
		"a person's resend":           {a: []waxwing.Attempt{taken()}, claim: func(c *waxwing.Claim) { c.Resend = true }, said: "commit a, sent", counted: "resent"},
		"put off by the recipient":    {a: []waxwing.Attempt{later451()}, said: "queued", wait: time.Minute, counted: "retried"},
		"put off again":               {a: []waxwing.Attempt{later451()}, claim: func(c *waxwing.Claim) { c.Tries = 1 }, said: "queued", wait: time.Hour},
		"and again, the last repeats": {a: []waxwing.Attempt{later451()}, claim: func(c *waxwing.Claim) { c.Tries = 7 }, said: "queued", wait: time.Hour},
		"no schedule":                 {a: []waxwing.Attempt{later451()}, change: func(c *Config) { c.Retry = nil }, said: "queued", wait: time.Minute},
		"the server says when":        {a: []waxwing.Attempt{{Verdict: waxwing.Deferred, Fault: waxwing.RecipientFault, RetryAfter: 3 * time.Hour}}, said: "queued", wait: 3 * time.Hour},
		"refused":                     {a: []waxwing.Attempt{refused(waxwing.RecipientFault)}, said: "failed", reason: "rejected"},
		"no such address":             {a: []waxwing.Attempt{refused(waxwing.AddressFault)}, said: "failed", reason: "bad_address"},
		"refused, a text instead":     {a: []waxwing.Attempt{refused(waxwing.AddressFault)}, change: instead(aText), said: "failed", reason: "bad_address", queued: "sms 66"},
		"refused, no number":          {a: []waxwing.Attempt{refused(waxwing.RecipientFault)}, change: instead(noAddress), said: "failed", reason: "rejected, no_fallback_address"},
		"refused, not to be instead":  {a: []waxwing.Attempt{refused(waxwing.RecipientFault)}, change: instead(aText, AfterUnreachable), said: "failed", reason: "rejected"},
		"refused, cannot be made":     {a: []waxwing.Attempt{refused(waxwing.RecipientFault)}, change: instead(never), said: "failed", reason: "rejected"},
		"policy, nobody else":         {a: []waxwing.Attempt{refused(waxwing.PolicyFault)}, said: "failed", reason: "rejected"},
		"policy, another takes it":    {a: []waxwing.Attempt{refused(waxwing.PolicyFault)}, b: []waxwing.Attempt{taken()}, said: "queued, commit b, sent"},
		"policy, both refuse":         {a: []waxwing.Attempt{refused(waxwing.PolicyFault)}, b: []waxwing.Attempt{refused(waxwing.PolicyFault)}, said: "queued, failed", reason: "rejected"},
		"down, another takes it":      {a: []waxwing.Attempt{down()}, b: []waxwing.Attempt{taken()}, said: "queued, commit b, sent", counted: "attempt a deferred"},
		"421, another takes it":       {a: []waxwing.Attempt{{Verdict: waxwing.Deferred, Fault: waxwing.RecipientFault, Bad: true, Code: 421}}, b: []waxwing.Attempt{taken()}, said: "queued, commit b, sent"},
		"421, nobody else":            {a: []waxwing.Attempt{{Verdict: waxwing.Deferred, Fault: waxwing.RecipientFault, Bad: true, Code: 421}}, said: "queued", wait: time.Minute},
		"a bad line, then it works":   {a: []waxwing.Attempt{flaky(), taken()}, said: "queued, commit a, sent"},
		"a bad line, a second time":   {a: []waxwing.Attempt{flaky()}, claim: func(c *waxwing.Claim) { c.Faults = 1 }, said: "queued", reason: "provider unavailable", wait: time.Second},
		"a bad line, many times":      {a: []waxwing.Attempt{flaky()}, claim: func(c *waxwing.Claim) { c.Faults = 99 }, said: "queued", wait: 5 * time.Minute},
		"busy, then it takes it":      {a: []waxwing.Attempt{full(), taken()}, said: "queued, commit a, sent"},
		"no answer":                   {a: []waxwing.Attempt{lost()}, said: "commit a, uncertain", wait: time.Minute, counted: "retried"},
		"held in doubt":               {a: []waxwing.Attempt{lost()}, change: func(c *Config) { c.Doubt.Policy = waxwing.HoldDoubt }, said: "commit a, uncertain", reason: waxwing.HeldInDoubt, counted: "held"},
		"no commit point":             {a: []waxwing.Attempt{taken()}, change: func(c *Config) { c.Outbox.(*outbox).commit = waxwing.ErrState }, said: "commit a, queued", reason: "not offered: the ledger refused the commit point"},
		"short of descriptors":        {a: []waxwing.Attempt{{Verdict: waxwing.Deferred, Fault: waxwing.OwnFault}}, said: "queued", wait: ownWait, counted: "short"},
		"no provider":                 {said: "failed", reason: "no provider for this channel is configured"},
		"the disk is full for a while": {a: []waxwing.Attempt{taken()}, change: func(c *Config) {
			c.Outbox.(*outbox).resolve = []error{waxwing.ErrUnavailable, waxwing.ErrUnavailable}
		}, said: "commit a, sent, sent, sent", counted: "sent"},
		"somebody else has it": {a: []waxwing.Attempt{taken()}, change: func(c *Config) { c.Outbox.(*outbox).resolve = []error{waxwing.ErrState} }, said: "commit a, sent"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var providers []Provider
				for _, all := range [][]waxwing.Attempt{c.a, c.b} {
					if all != nil {
						providers = append(providers, &answers{all: all})
					}
				}
				b := newBench(t, c.change, providers...)
				m := message()
				if c.claim != nil {
					c.claim(m)
				}
				began := time.Now()
				b.Send(m)
				if got := strings.Join(b.out.said, ", "); got != c.said {
					t.Fatalf("said %q, want %q", got, c.said)
				}
				r := b.out.last
				if c.reason != "" && r.Reason != c.reason {
					t.Errorf("reason %q, want %q", r.Reason, c.reason)
				}
				if wait := r.NextAt.Sub(began); c.wait > 0 && (wait < c.wait*4/5 || wait > c.wait*6/5+time.Second) {
					t.Errorf("next try after %s, want about %s", wait, c.wait)
				}
				if c.counted != "" && b.meter.n[c.counted] == 0 {
					t.Errorf("%q is not counted: %v", c.counted, b.meter.n)
				}
				instead, _, _ := strings.Cut(c.queued, " ")
				if n := b.meter.n["instead "+instead]; (n == 1) != (c.queued != "") {
					t.Errorf("queued %q, and %d messages instead are counted", c.queued, n)
				}
				if got := strings.Join(b.queued, ", "); got != c.queued {
					t.Errorf("queued %q, want %q", got, c.queued)
				}
				b.Stop.Cut()
			})
		})
	}
}

// TestUnreachable: a message goes to the fallback when every provider has failed for long
// enough, and none of its answers was lost.
func TestUnreachable(t *testing.T) {
	for name, c := range map[string]struct {
		downFor time.Duration
		make    func(*waxwing.Claim) (waxwing.Draft, error)
		after   []string
		claim   func(*waxwing.Claim)
		want    waxwing.State
		limit   int // of ten due messages
	}{
		"long enough":          {downFor: 6 * time.Minute, make: aText, want: waxwing.Cancelled, limit: 10},
		"not yet":              {downFor: 4 * time.Minute, make: aText, want: waxwing.Queued},
		"no number":            {downFor: 6 * time.Minute, make: noAddress, want: waxwing.Queued, limit: 10},
		"not wanted":           {downFor: 6 * time.Minute, make: aText, after: []string{AfterRejected}, want: waxwing.Queued},
		"it may have arrived":  {downFor: 6 * time.Minute, make: aText, claim: func(c *waxwing.Claim) { c.Doubts = 1 }, want: waxwing.Queued, limit: 10},
		"down since before us": {downFor: time.Minute, make: aText, claim: func(c *waxwing.Claim) { c.DownSince = time.Now().Add(-time.Hour) }, want: waxwing.Cancelled},
		"there is no fallback": {downFor: time.Hour, want: waxwing.Queued},
		"a provider works":     {make: aText, want: waxwing.Sent, limit: 10},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := &answers{all: []waxwing.Attempt{taken()}}
				b := newBench(t, func(x *Config) {
					if c.make != nil {
						x.Fallback = &Fallback{After: c.after, Unreachable: 5 * time.Minute, Make: c.make}
					}
				}, p)
				if c.downFor > 0 {
					p.all = []waxwing.Attempt{down()}
					b.Send(message())
					time.Sleep(c.downFor)
					b.failover.all[0].openUntil = time.Now().Add(time.Second) // it was tried just now
				}
				if got := b.Limit(10); got != c.limit {
					t.Errorf("%d of ten messages can be worked on, want %d", got, c.limit)
				}
				m := message()
				if c.claim != nil {
					c.claim(m)
				}
				if b.Send(m); b.out.last.To != c.want {
					t.Errorf("%s: %s, want %s", b.out.last.To, b.out.last.Reason, c.want)
				}
				b.Stop.Cut()
			})
		})
	}
}

// TestLimit: where no provider works a few messages try one whose back-off is over.
func TestLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if b := newBench(t, nil); b.Limit(10) != 10 {
			t.Error("what cannot be sent at all fails at once")
		}
		p := &answers{all: []waxwing.Attempt{down()}}
		b := newBench(t, nil, p)
		if b.Limit(10) != 10 || !b.Healthy() {
			t.Error("nothing is known against it")
		}
		b.Send(message())
		if n := b.Limit(10); n != 0 || b.Healthy() {
			t.Errorf("%d try one that has just failed", n)
		}
		if b.Wake(65); b.out.claims != 0 {
			t.Errorf("%d claims: nobody piles them up", b.out.claims)
		}
		time.Sleep(time.Minute)
		if n := b.Limit(10); n != probes {
			t.Errorf("%d try it", n)
		}
	})
}

// TestStopWithdraws: what is not at its commit point goes back, and says nothing of the
// provider; what is past it has its verdict recorded.
func TestStopWithdraws(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &answers{all: []waxwing.Attempt{flaky()}, waits: true}
		b := newBench(t, nil, p)
		time.AfterFunc(time.Second, b.Stop.Withdraw)
		b.Send(message())
		if r := b.out.last; r.To != waxwing.Queued || r.Reason != "shutting down" || r.Attempt.Verdict != "" {
			t.Errorf("%s: %s", r.To, r.Reason)
		}
		if !b.failover.downSince().IsZero() {
			t.Error("we ended it: it has not failed")
		}
		if !b.Stop.HasBegun() || b.Stop.Context().Err() != nil {
			t.Error("the second step includes the first, and not the third")
		}
		if err := b.GiveBack(message()); err != nil || b.out.last.Reason != "not offered" {
			t.Error(b.out.last.Reason)
		}
		b.Stop.Cut()
	})
}

// TestHeldInDoubtAlarms: many held messages of one provider are an alarm of their own, once.
func TestHeldInDoubtAlarms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		b := newBench(t, func(c *Config) {
			c.Doubt.Policy = waxwing.HoldDoubt
			c.Log = slog.New(slog.NewTextHandler(&log, nil))
		}, &answers{all: []waxwing.Attempt{lost()}})
		for range 2 * manyHeld {
			b.Send(message())
			time.Sleep(time.Minute)
		}
		if n := strings.Count(log.String(), "takes messages and does not answer"); n != 1 || b.meter.n["held"] != 2*manyHeld {
			t.Errorf("%d alarms, %d held", n, b.meter.n["held"])
		}
		if b.told.ended != 2*manyHeld {
			t.Errorf("%d were told", b.told.ended)
		}
	})
}

// TestShortageIsToldOnce a minute.
func TestShortageIsToldOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log strings.Builder
		b := newBench(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
		for range 130 {
			b.short(errors.New("too many open files"))
			time.Sleep(time.Second)
		}
		if n := strings.Count(log.String(), "out of descriptors"); n != 3 || b.meter.n["short"] != 130 {
			t.Errorf("told %d times, counted %d", n, b.meter.n["short"])
		}
	})
}

// TestTooManyProviders: a set has room for so many.
func TestTooManyProviders(t *testing.T) {
	if _, err := New(Config{Stop: NewStop(), Providers: make([]Named, mostProviders+1)}); err == nil {
		t.Error("one too many")
	}
}

package pipeline

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

// stageFunc is a stage of a test.
type stageFunc func(*Job) (Decision, error)

func (stageFunc) Name() string                                      { return "test" }
func (f stageFunc) Run(_ context.Context, j *Job) (Decision, error) { return f(j) }

// TestAdvance: what a stage decides is recorded once, under what the order is found by.
func TestAdvance(t *testing.T) {
	says := func(d Decision) stageFunc {
		return func(j *Job) (Decision, error) {
			j.Found = waxwing.Lookup{Order: []string{"7"}}
			j.Drafts = append(j.Drafts, waxwing.Draft{Channel: waxwing.Email, State: waxwing.Queued})
			return d, nil
		}
	}
	broken := errors.New("broken")
	for name, c := range map[string]struct {
		stages []Stage
		change func(*waxwing.Work)
		said   string
		err    error
		until  time.Duration // since the order was made
	}{
		"all go on":            {stages: []Stage{says(Decision{}), says(Decision{})}, said: "ready email queued for 24h0m0s; ready email queued for 24h0m0s"},
		"held":                 {stages: []Stage{says(hold("unpaid")), says(Decision{})}, said: "hold: unpaid", until: 14 * 24 * time.Hour},
		"held by a later one":  {stages: []Stage{says(Decision{}), says(hold("no stock"))}, said: "hold: no stock", until: 14 * 24 * time.Hour},
		"a person let it pass": {stages: []Stage{says(hold("unpaid"))}, change: func(w *waxwing.Work) { w.Asked = true }, said: "ready email queued for 24h0m0s"},
		"cancelled":            {stages: []Stage{says(cancel("voided"))}, said: "cancel: voided"},
		"quarantined":          {stages: []Stage{says(quarantine("no JSON"))}, said: "quarantine: no JSON"},
		"a fault":              {stages: []Stage{stageFunc(func(*Job) (Decision, error) { return Decision{}, broken })}, err: broken},
		"the tenant is gone":   {change: func(w *waxwing.Work) { w.Tenant = "nobody" }, said: "quarantine: the tenant is not in the configuration any more"},
		"its hold is over": {change: func(w *waxwing.Work) { w.State, w.Created = waxwing.Held, time.Now().Add(-15*24*time.Hour) },
			said: "cancel: hold_expired"},
		"its hold is not over": {change: func(w *waxwing.Work) { w.State = waxwing.Held }, said: "hold: waiting", until: 14 * 24 * time.Hour},
		"nothing can be sent": {stages: []Stage{stageFunc(func(j *Job) (Decision, error) {
			j.Drafts = []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Failed, Reason: "no_address"}}
			return Decision{}, nil
		})}, said: "ready email failed for 24h0m0s"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBook()
			x := newPipeline(t, partsOf(b, paid, &taker{}, &taker{}))
			x.flows.all["default"].runs = []run{{stages: c.stages}}
			w := &waxwing.Work{ID: 64, Tenant: "acme", Format: "f", Raw: []byte("{}"), State: waxwing.Received, Created: time.Now(), Next: 1}
			if c.change != nil {
				c.change(w)
			}
			if err := x.runner.advance(w); !errors.Is(err, c.err) {
				t.Errorf("%v, want %v", err, c.err)
			}
			if got := strings.Join(b.said, "; "); got != c.said {
				t.Errorf("%q, want %q", got, c.said)
			}
			if got := b.until.Sub(w.Created); c.until > 0 && got != c.until {
				t.Errorf("until %s after it was made, want %s", got, c.until)
			}
		})
	}
}

// among is a ledger that several share.
type among struct{ *book }

func (among) Members(context.Context) ([]waxwing.Member, error) { return nil, nil }

// TestStrangersWait: an order of a tenant that others may know is not quarantined by who has not read the
// newest configuration, and goes on when it has; one that nobody comes to know ends.
func TestStrangersWait(t *testing.T) {
	b := newBook()
	p := partsOf(b, paid, &taker{}, &taker{})
	p.Ledger = among{b}
	x := newPipeline(t, p)
	x.flows.all["default"].runs = []run{{stages: []Stage{stageFunc(func(j *Job) (Decision, error) {
		j.Drafts = append(j.Drafts, waxwing.Draft{Channel: waxwing.Email, State: waxwing.Queued})
		return Decision{}, nil
	})}}}
	advance := func(tenant waxwing.TenantID, age time.Duration) {
		t.Helper()
		w := &waxwing.Work{ID: 64, Tenant: tenant, Format: "f", Raw: []byte("{}"), State: waxwing.Received, Created: time.Now().Add(-age), Next: 1}
		if err := x.runner.advance(w); err != nil {
			t.Error(err)
		}
	}
	for range 2 {
		advance("late", time.Minute)
	}
	b.want(t, "unknown here")
	set := x.settings.Load()
	set.members["late"] = set.members["acme"]
	advance("late", time.Minute)
	b.want(t, "known by now", "ready email queued for 24h0m0s")
	advance("nobody", strangerFor+time.Minute)
	b.want(t, "nobody's", "quarantine: the tenant is not in the configuration any more")
}

// TestWorkInTurn: rendering waits while all senders are busy, not for long, and not at all
// where no provider works anyhow.
func TestWorkInTurn(t *testing.T) {
	b := newBook()
	b.works[64] = &waxwing.Work{ID: 64, Tenant: "acme", Format: "f", State: waxwing.Received, Next: 1}
	x := newPipeline(t, partsOf(b, paid, &taker{}, &taker{}))
	senders := x.out.channels[waxwing.Email].pool
	n := senders.reserve(senders.most)
	began := time.Now()
	x.runner.workInTurn(64)
	if took := time.Since(began); took < aheadAtMost || len(b.said) != 1 {
		t.Errorf("rendered after %s: %v", took, b.said)
	}
	senders.giveBack(n)
	b.said, b.works[128] = nil, &waxwing.Work{ID: 128, Tenant: "acme", Format: "f", State: waxwing.Received, Next: 1}
	began = time.Now()
	if x.runner.workInTurn(128); time.Since(began) > aheadAtMost || len(b.said) != 1 {
		t.Errorf("rendered after %s: %v", time.Since(began), b.said)
	}
	x.stop.Begin()
	b.said, b.works[192] = nil, &waxwing.Work{ID: 192, Tenant: "acme", Format: "f", State: waxwing.Received, Next: 1}
	if x.runner.workInTurn(192); len(b.said) != 0 {
		t.Error("it works after the stop")
	}
}

// TestInstead: the text is made of the order's event, where there is a number.
func TestInstead(t *testing.T) {
	claim := &waxwing.Claim{Confirmation: 64, Out: waxwing.Outgoing{Message: 65, Tenant: "acme", Channel: waxwing.Email}}
	for name, c := range map[string]struct {
		order  func() (*waxwing.Order, error)
		rework error
		to     string
		none   bool // no address, rather than a fault
	}{
		"a number":          {order: paid, to: "+4915112345678"},
		"no number":         {order: func() (*waxwing.Order, error) { return &waxwing.Order{}, nil }, none: true},
		"unreadable":        {order: func() (*waxwing.Order, error) { return nil, errors.New("odd") }},
		"erased":            {order: paid, rework: waxwing.ErrState},
		"the event is gone": {order: paid, rework: waxwing.ErrNotFound},
	} {
		b := newBook()
		b.rework = c.rework
		x := newPipeline(t, partsOf(b, c.order, &taker{}, &taker{}))
		d, err := x.runner.instead(x.flows.all["default"], claim)
		if (err == nil) != (c.to != "") || d.To != c.to || errors.Is(err, waxwing.ErrNotFound) != c.none {
			t.Errorf("%s: to %q, %v", name, d.To, err)
		}
	}
}

// phoneBook is a lookup that knows a number.
type phoneBook struct{}

func (phoneBook) Find(context.Context, *waxwing.Inquiry) (*waxwing.Finding, error) {
	return &waxwing.Finding{Customer: &waxwing.Customer{Phone: "+4915199999999"}}, nil
}

// TestInsteadWalksTheStages: what only a lookup knows reaches the fallback's message, too, and
// what would hold the order does not hold that.
func TestInsteadWalksTheStages(t *testing.T) {
	order := func() (*waxwing.Order, error) {
		return &waxwing.Order{Payment: waxwing.Payment{Status: waxwing.PaymentPending}}, nil
	}
	p := partsOf(newBook(), order, &taker{}, &taker{})
	p.Config.Pipeline, p.Enrichers = stagesFrom("normalise enrich :a render :mail send fallback"), map[string]Enricher{"crm": phoneBook{}}
	x := newPipeline(t, p)
	d, err := x.runner.instead(x.flows.all["default"], &waxwing.Claim{Confirmation: 64, Out: waxwing.Outgoing{Message: 65, Tenant: "acme", Channel: waxwing.Email}})
	if err != nil || d.To != "+4915199999999" {
		t.Errorf("%+v, %v", d, err)
	}
}

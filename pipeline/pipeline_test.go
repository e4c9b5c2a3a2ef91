package pipeline

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

// A person is found by the address that her mail went to, too.
func TestRecipientsAreLookedUp(t *testing.T) {
	got := withRecipients([]string{"Ida <ida@mail.example>", ""}, []waxwing.Draft{{To: "ida@mail.example"}, {To: "ida@mail.example"}, {}})
	if len(got) != 3 || got[2] != "ida@mail.example" {
		t.Errorf("%q", got)
	}
}

func first(rs *routes) *route {
	r, _ := rs.pick(nil, false)
	return r
}

// TestRouteDoesNotFlap: a provider that fails rests, is probed by one message
// at a time, and is healthy only after several successes.
func TestRouteDoesNotFlap(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	r := &route{name: "mail"}
	rs := &routes{clock: func() time.Time { return now }, all: []*route{r}}
	bad := &waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.ProviderFault}
	good := &waxwing.Attempt{Verdict: waxwing.Accepted}
	rs.note(r, bad, 0, now)
	rs.note(r, bad, 0, now)
	if !r.well() || rs.downSince() != now {
		t.Fatal("two faults are not yet an outage, but the time counts")
	}
	rs.note(r, bad, 0, now)
	if r.well() || first(rs) != nil {
		t.Fatal("three faults in a row are")
	}
	now = now.Add(firstRest)
	if first(rs) != r || first(rs) != nil {
		t.Fatal("after the rest one probe, not two")
	}
	rs.note(r, bad, 0, now)
	if now = now.Add(firstRest); rs.open() {
		t.Fatal("the second rest is longer")
	}
	now = now.Add(firstRest)
	for range goodToRecover {
		if r.well() || first(rs) != r {
			t.Fatal("on probation")
		}
		rs.note(r, good, 0, now)
	}
	if !r.well() || !rs.downSince().IsZero() {
		t.Fatal("recovered")
	}
	rs.note(r, &waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.RecipientFault, Bad: true, Code: 421}, 0, now)
	if r.well() {
		t.Fatal("421 rests the provider at once")
	}
}

// What lookups found for plugins comes to the order; of two the first counts,
// and an order that nothing was found for stays as it was.
func TestMergeInsight(t *testing.T) {
	n := func(v int64) *int64 { return &v }
	o := &waxwing.Order{}
	merge(o, &waxwing.Finding{Customer: &waxwing.Customer{Orders: n(3)}})
	if o.Insight != nil || *o.Customer.Orders != 3 || o.Customer.Points != nil {
		t.Fatalf("%+v %+v", o.Insight, o.Customer.Orders)
	}
	merge(o, &waxwing.Finding{Insight: waxwing.Insight{Candidates: []waxwing.Candidate{{SKU: "A"}}}})
	merge(o, &waxwing.Finding{Customer: &waxwing.Customer{Orders: n(9), Points: n(40)},
		Insight: waxwing.Insight{Candidates: []waxwing.Candidate{{SKU: "B"}}, Baskets: [][]string{{"A", "B"}}, Lane: &waxwing.Lane{Carrier: "DHL"}}})
	if x := o.Insight; len(x.Candidates) != 1 || x.Candidates[0].SKU != "A" || len(x.Baskets) != 1 || x.Lane.Carrier != "DHL" {
		t.Errorf("%+v", x)
	}
	if *o.Customer.Orders != 3 || *o.Customer.Points != 40 {
		t.Errorf("%d orders, %d points", *o.Customer.Orders, *o.Customer.Points)
	}
	q := inquiry(&waxwing.Work{Tenant: "acme"}, &waxwing.Order{Currency: "EUR"})
	if q.Currency != "EUR" || q.Candidates || q.Baskets || q.Lane {
		t.Errorf("%+v", q)
	}
}

// TestAgainAsksTheHealthyOne: the order of the providers changes nothing.
func TestAgainAsksTheHealthyOne(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	healthy, resting, longer := &route{name: "a"}, &route{name: "b", until: now.Add(20 * time.Second)}, &route{name: "c", until: now.Add(30 * time.Second)}
	for _, c := range []struct {
		all  []*route
		want time.Time
	}{
		{[]*route{healthy, resting}, time.Time{}}, {[]*route{resting, healthy}, time.Time{}}, {[]*route{resting, healthy, longer}, time.Time{}},
		{[]*route{longer, resting}, resting.until}, {[]*route{resting, longer}, resting.until},
	} {
		rs := &routes{clock: func() time.Time { return now }, all: c.all}
		if got := rs.again(); !got.Equal(c.want) {
			t.Errorf("%s first: %s, want %s", c.all[0].name, got, c.want)
		}
	}
}

func TestNumbersOfWhatCannotBeRead(t *testing.T) {
	for in, want := range map[string]string{`{"name":"#1042","order_number":1042,"currency":"EURO"}`: "#1042 1042", `{"number":"77-A"}`: "77-A",
		`{"name":{"first":"x"}}`: "", `{`: "", `{"number":null}`: "", `[1]`: ""} {
		if got := strings.Join(numbers([]byte(in)), " "); got != want {
			t.Errorf("%s: %q", in, got)
		}
	}
}

func TestPluginsWordsStayInTheTrail(t *testing.T) {
	for in, want := range map[string]string{"plugin guard: jana is odd": "plugin guard", "the plugin x could not read the event: jana": "the plugin x could not read the event",
		"payment pending": "payment pending"} {
		if got := logged(in); got != want {
			t.Errorf("%q", got)
		}
	}
}

// due is a ledger that has nothing but due messages to ask for.
type due struct {
	Ledger
	asked []string
}

func (d *due) ClaimDue(ctx context.Context, ch waxwing.Channel, limit int) ([]*waxwing.Claim, error) {
	d.asked = append(d.asked, fmt.Sprint(limit, " ", ch))
	return nil, nil
}

// TestRestingMailKeepsNoTextWaiting: each channel is swept by its own health.
func TestRestingMailKeepsNoTextWaiting(t *testing.T) {
	now := time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	healthy := func() *routes { return &routes{clock: clock, all: []*route{{name: "ok"}}} }
	resting := func() *routes {
		return &routes{clock: clock, all: []*route{{name: "x", until: now.Add(20 * time.Second)}}}
	}
	probing := func() *routes { return &routes{clock: clock, all: []*route{{name: "x", until: now.Add(-time.Second)}}} }
	for _, c := range []struct {
		name       string
		email, sms *routes
		want       string
	}{
		{"both well", healthy(), healthy(), "8 email, 8 sms"},
		{"mail rests", resting(), healthy(), "8 sms"},
		{"mail is probed", probing(), healthy(), "4 email, 8 sms"},
		{"texts rest", healthy(), resting(), "8 email"},
		{"both rest", resting(), resting(), ""},
		{"no texts", resting(), nil, ""},
		{"no texts, mail is well", healthy(), nil, "8 email"},
	} {
		d := &due{}
		x := &Pipeline{p: Parts{Ledger: d, Clock: clock}, messages: map[waxwing.Channel]*pool{waxwing.Email: newPool(8, "send", nil), waxwing.SMS: newPool(8, "send", nil)},
			routes: map[waxwing.Channel]*routes{waxwing.Email: c.email}}
		if c.sms != nil {
			x.routes[waxwing.SMS] = c.sms
		}
		x.sweepMessages(waxwing.Email)
		if c.sms != nil {
			x.sweepMessages(waxwing.SMS)
		}
		if got := strings.Join(d.asked, ", "); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

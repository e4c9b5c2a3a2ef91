package pipeline

import (
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
)

// A person is found by the address that her mail went to, too.
func TestRecipientsAreLookedUp(t *testing.T) {
	got := withRecipients([]string{"Ida <ida@mail.example>", ""}, []waxwing.Draft{{To: "ida@mail.example"}, {To: "ida@mail.example"}, {}})
	if len(got) != 3 || got[2] != "ida@mail.example" {
		t.Errorf("%q", got)
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

package sqlite

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

// TestListsByStateAreExact: whatever a tenant asks for by state is there, however many
// others stand before it, once each, the newest first, over all pages.
func TestListsByStateAreExact(t *testing.T) {
	l := openTest(t, t.TempDir(), nil, "resend")
	defer closeTest(t, l)
	want := map[waxwing.State][]waxwing.ID{}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	one := func(tenant waxwing.TenantID, n int, to waxwing.State) {
		ev := &waxwing.Event{Tenant: tenant, Shop: "web", Source: "webhook", Format: "shopify", At: time.Now(), Raw: []byte("{}"), Key: waxwing.EventKey{OrderID: fmt.Sprint(n)}}
		switch to {
		case waxwing.Quarantined:
			ev.Poison, ev.Raw = "no order", fmt.Append(nil, n)
		case waxwing.Ignored:
			ev.Key.Ignore = "refund"
		}
		rc, err := l.Accept(t.Context(), ev)
		must(err)
		if tenant == "acme" {
			want[to] = append(want[to], rc.ID)
		}
		if !rc.Work || to == waxwing.Received {
			return
		}
		w, err := l.Work(t.Context(), rc.ID)
		must(err)
		switch to {
		case waxwing.Held:
			must(l.Hold(t.Context(), w, "payment pending", time.Now().Add(time.Hour), waxwing.Lookup{}))
			return
		case waxwing.Cancelled:
			if n%2 == 0 { // before the render; the others behind it
				must(l.Cancel(t.Context(), w, "gone", waxwing.Lookup{}))
				return
			}
		}
		person := fmt.Sprintf("c%d@mail.example", n)
		if to == waxwing.Suppressed {
			must(l.Suppress(t.Context(), tenant, person, waxwing.Act{}))
		}
		ids, err := l.Ready(t.Context(), w, []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Queued, To: person}}, waxwing.Lookup{Order: []string{fmt.Sprint(n)}, People: []string{person}}, time.Hour)
		must(err)
		if to == waxwing.Queued || to == waxwing.Suppressed {
			return
		}
		if to == waxwing.Cancelled {
			must(l.Stop(t.Context(), tenant, rc.ID, waxwing.Act{}))
			return
		}
		c, err := l.Claim(t.Context(), ids[0])
		must(err)
		if to == waxwing.Claimed {
			return
		}
		must(l.CommitDot(t.Context(), c, "mail"))
		r := &waxwing.Resolution{To: to, Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Accepted}, NextAt: time.Now().Add(time.Hour)}
		if n%3 == 0 && to == waxwing.Failed { // its text message was sent: no failure
			if f := want[to]; tenant == "acme" {
				want[to], want[waxwing.Sent] = f[:len(f)-1], append(want[waxwing.Sent], rc.ID)
			}
			r.Fallback = []waxwing.Draft{{Channel: waxwing.SMS, State: waxwing.Queued, To: "+4915199887766"}}
			must(l.Resolve(t.Context(), c, r))
			c, err = l.Claim(t.Context(), ids[0]+1)
			must(err)
			must(l.CommitDot(t.Context(), c, "texts"))
			r = &waxwing.Resolution{To: waxwing.Sent, Attempt: waxwing.Attempt{Provider: "texts", Verdict: waxwing.Accepted}}
		}
		must(l.Resolve(t.Context(), c, r))
	}
	states := []waxwing.State{waxwing.Received, waxwing.Held, waxwing.Quarantined, waxwing.Ignored, waxwing.Queued, waxwing.Claimed, waxwing.Sent,
		waxwing.Failed, waxwing.Uncertain, waxwing.Suppressed, waxwing.Cancelled}
	n := 0
	for range 12 { // the oldest, behind all others
		for _, s := range states {
			n++
			one("acme", n, s)
		}
	}
	for range 2*findPiece + 50 {
		n++
		one("acme", n, waxwing.Sent)
		if n%5 == 0 {
			n++
			one("bolt", n, waxwing.Failed)
		}
		if n%7 == 0 { // more of it than one look takes
			n++
			one("acme", n, waxwing.Cancelled)
		}
	}
	for _, s := range states {
		slices.Reverse(want[s])
		for _, limit := range []int{500, 7} {
			var got []waxwing.ID
			for before := waxwing.ID(0); ; {
				page, err := l.List(t.Context(), waxwing.Query{Tenant: "acme", State: s, Before: before, Limit: limit})
				must(err)
				for _, v := range page {
					got = append(got, v.ID)
					if v.State != s {
						t.Errorf("%s is in the list of %s", v.State, s)
					}
				}
				if len(page) < limit {
					break
				}
				before = page[len(page)-1].ID
			}
			if !slices.Equal(got, want[s]) {
				t.Errorf("%s, %d a page: %d, want %d", s, limit, len(got), len(want[s]))
			}
		}
	}
	if v, err := l.List(t.Context(), waxwing.Query{Tenant: "acme", State: waxwing.Failed, Order: "1"}); err != nil || len(v) != 0 {
		t.Error(v, err)
	}
}

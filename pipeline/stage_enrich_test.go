package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
)

type asked func(context.Context) (*waxwing.Finding, error)

func (f asked) Find(ctx context.Context, _ *waxwing.Inquiry) (*waxwing.Finding, error) { return f(ctx) }

// TestLateLookupsAreNoted: whatever a lookup does at the deadline, the trail says
// that it was left out.
func TestLateLookupsAreNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &enricher{log: slog.New(slog.DiscardHandler), deadline: 300 * time.Millisecond, lookups: map[string]Enricher{
			"obedient": asked(func(ctx context.Context) (*waxwing.Finding, error) { <-ctx.Done(); return nil, ctx.Err() }),
			"slow":     asked(func(ctx context.Context) (*waxwing.Finding, error) { time.Sleep(time.Second); return nil, nil }),
			"broken":   asked(func(context.Context) (*waxwing.Finding, error) { return nil, errors.New("no table") }),
			"wrapped": asked(func(ctx context.Context) (*waxwing.Finding, error) {
				<-ctx.Done()
				return nil, errors.New("the driver's own words")
			}),
			"good": asked(func(context.Context) (*waxwing.Finding, error) { return &waxwing.Finding{}, nil }),
		}}
		s.from = sortedKeys(s.lookups)
		j := &Job{Work: &waxwing.Work{}, Order: &waxwing.Order{}}
		if d, err := s.Run(t.Context(), j); err != nil || d != (Decision{}) {
			t.Errorf("%+v, %v", d, err)
		}
		notes := strings.Join(j.Notes, "\n")
		for _, n := range []string{"obedient", "slow", "broken", "wrapped"} {
			if !strings.Contains(notes, "enrich: "+n+" ") {
				t.Errorf("nothing is noted of %s: %s", n, notes)
			}
		}
		if strings.Contains(notes, "good") {
			t.Error(notes)
		}
		time.Sleep(2 * time.Second) // until the slow one is done
	})
}

// TestEnrich: what is found fills what the event leaves open, and stock that is not there
// holds the order.
func TestEnrich(t *testing.T) {
	for name, c := range map[string]struct {
		order waxwing.Order
		found *waxwing.Finding
		want  Decision
		check func(*waxwing.Order) bool
	}{
		"nothing is found":          {found: nil, check: func(o *waxwing.Order) bool { return o.Customer.FirstName == "" }},
		"a name":                    {found: &waxwing.Finding{Customer: &waxwing.Customer{FirstName: "Ida"}}, check: func(o *waxwing.Order) bool { return o.Customer.FirstName == "Ida" }},
		"the event's own name wins": {order: waxwing.Order{Customer: waxwing.Customer{FirstName: "Jo"}}, found: &waxwing.Finding{Customer: &waxwing.Customer{FirstName: "Ida"}}, check: func(o *waxwing.Order) bool { return o.Customer.FirstName == "Jo" }},
		"stock is pending": {order: waxwing.Order{Items: []waxwing.Item{{SKU: "a"}}}, found: &waxwing.Finding{Stock: map[string]waxwing.Stock{"a": waxwing.StockPending}},
			want: hold("stock not allocated"), check: func(o *waxwing.Order) bool { return o.Items[0].Stock == waxwing.StockPending }},
		"stock of another article": {order: waxwing.Order{Items: []waxwing.Item{{SKU: "a"}}}, found: &waxwing.Finding{Stock: map[string]waxwing.Stock{"b": waxwing.StockPending}},
			check: func(o *waxwing.Order) bool { return o.Items[0].Stock == "" }},
	} {
		t.Run(name, func(t *testing.T) {
			s := &enricher{log: slog.New(slog.DiscardHandler), deadline: time.Minute, from: []string{"crm"},
				lookups: map[string]Enricher{"crm": asked(func(context.Context) (*waxwing.Finding, error) { return c.found, nil })}}
			j := &Job{Work: &waxwing.Work{}, Order: &c.order}
			if d, err := s.Run(t.Context(), j); err != nil || d != c.want {
				t.Errorf("%+v, %v", d, err)
			}
			if !c.check(j.Order) || len(j.Notes) > 0 {
				t.Errorf("%+v %q", j.Order, j.Notes)
			}
		})
	}
}

// TestEnrichSurvivesAPanic: a lookup that fails in an odd way is left out.
func TestEnrichSurvivesAPanic(t *testing.T) {
	s := &enricher{log: slog.New(slog.DiscardHandler), deadline: time.Minute, from: []string{"crm"},
		lookups: map[string]Enricher{"crm": asked(func(context.Context) (*waxwing.Finding, error) { panic("x") })}}
	j := &Job{Work: &waxwing.Work{}, Order: &waxwing.Order{}}
	if d, err := s.Run(t.Context(), j); err != nil || d != (Decision{}) || len(j.Notes) != 1 {
		t.Errorf("%+v, %v, %q", d, err, j.Notes)
	}
}

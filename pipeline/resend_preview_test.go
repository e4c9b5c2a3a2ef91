package pipeline

import (
	"errors"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

// onlooker is a composer that keeps the order.
type onlooker struct {
	letters
	seen *waxwing.Order
	err  error
}

func (o *onlooker) Compose(_ waxwing.Channel, _ *waxwing.Work, order *waxwing.Order, _ time.Time) (waxwing.Draft, error) {
	o.seen = order
	return waxwing.Draft{}, o.err
}

// TestPreview: the same stages, but nobody is asked, and nothing holds the order.
func TestPreview(t *testing.T) {
	unpaid := func() (*waxwing.Order, error) {
		o, _ := paid()
		o.Payment.Status, o.Stock = waxwing.PaymentPending, waxwing.StockPending
		return o, nil
	}
	for name, c := range map[string]struct {
		order func() (*waxwing.Order, error)
		err   error
		to    waxwing.State
	}{
		"an order":            {order: paid},
		"one that is held":    {order: unpaid},
		"one that is no JSON": {order: func() (*waxwing.Order, error) { return nil, errors.New("no JSON") }, to: waxwing.Quarantined},
		"it has no address":   {order: paid, err: errors.New("no address")},
	} {
		p := partsOf(newBook(), c.order, &taker{}, &taker{})
		p.Config.Pipeline = stagesFrom("normalise :a enrich plugins :b render :mail send")
		by := &onlooker{err: c.err}
		said, err := Preview(p.Config, p.Formats, by, &waxwing.Work{Tenant: "acme", Format: "f", Shop: "shop", Raw: []byte("{}")})
		if said.To != c.to || (err != nil) != (c.err != nil) || err != nil && err.Error() != c.err.Error() {
			t.Errorf("%s: %+v, %v", name, said, err)
		}
		if seen := by.seen != nil; seen != (c.to == "") || seen && by.seen.Shop != "shop" {
			t.Errorf("%s: composed %+v", name, by.seen)
		}
	}
	p := partsOf(newBook(), paid, &taker{}, &taker{})
	if _, err := Preview(p.Config, p.Formats, &onlooker{}, &waxwing.Work{Tenant: "nobody"}); err == nil {
		t.Error("a tenant that is not there")
	}
	p.Config.Pipeline = p.Config.Pipeline[:1]
	if _, err := Preview(p.Config, p.Formats, &onlooker{}, &waxwing.Work{Tenant: "acme"}); err == nil {
		t.Error("a pipeline that sends nothing")
	}
}

package pipeline

import (
	"context"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// gate holds an order until its payment is verified and its stock allocated.
type gate struct{}

func (gate) Name() string { return "gate" }

func (gate) Run(_ context.Context, j *Job) (Decision, error) {
	j.Said = append(j.Said, "payment", j.Order.Payment.Status)
	return AtGate(j.Order, j.Tenant), nil
}

// AtGate asks for a verified payment, or for a paid deposit where the tenant lets that pass. The zero
// Decision lets the order go.
func AtGate(o *waxwing.Order, t *config.Tenant) Decision {
	switch {
	case !o.Cancelled.IsZero():
		return cancel("the shop cancelled the order")
	case o.Payment.Status == waxwing.PaymentVoided:
		return cancel("the payment was voided")
	case o.Payment.Verified(t.Offline), t.Deposits && o.Payment.Status == waxwing.PaymentPartlyPaid:
		return stockGate(o)
	case o.Payment.Status == waxwing.PaymentUnknown:
		return hold("payment not known")
	}
	return hold("payment " + string(o.Payment.Status))
}

// stockGate asks for allocated stock; what is not known counts as allocated,
// since most shops reserve stock when they take the money.
func stockGate(o *waxwing.Order) Decision {
	if o.Stock == waxwing.StockPending {
		return hold("stock not allocated")
	}
	return Decision{}
}

package waxwing

// OrderRef names an order as its shop does.
type OrderRef struct {
	Shop ShopID `json:"shop"`
	// ID is the order's as its format reads it, see EventKey.OrderID.
	ID string `json:"id"`
}

// Standing is how an order that a shop has stands with us.
type Standing string

// The standings of an order. The first four are what a reconciliation is content with.
const (
	Confirmed     Standing = "confirmed"             // a provider took an e-mail of it
	ByFallback    Standing = "confirmed_by_fallback" // no e-mail, but a text or push message
	HeldStanding  Standing = "held"                  // for the reason that is given
	SuppressedOne Standing = "suppressed"            // its address must not be written to
	Undeliverable Standing = "undeliverable"         // refused, with the evidence
	CancelledOne  Standing = "cancelled"             // by the shop or by hand, before it was sent
	Spoiled       Standing = "quarantined"           // its event cannot be read
	Waiting       Standing = "waiting"               // under way, or in doubt
	Missing       Standing = "missing"               // we know nothing of it
)

// Standings are all of them, in the order in which they are told.
var Standings = []Standing{Confirmed, ByFallback, HeldStanding, SuppressedOne, Undeliverable, CancelledOne, Spoiled, Waiting, Missing}

// Standing is a confirmation's; nil is one that there is not.
func (v *ConfirmationView) Standing() Standing {
	if v == nil {
		return Missing
	}
	other := false
	for i := range v.Messages {
		if m := &v.Messages[i]; m.State == Sent {
			if m.Channel == Email {
				return Confirmed
			}
			other = true
		}
	}
	switch {
	case other:
		return ByFallback
	case v.State == Sent:
		return Confirmed // its message's rows are gone
	}
	switch v.State {
	case Held:
		return HeldStanding
	case Suppressed:
		return SuppressedOne
	case Failed:
		return Undeliverable
	case Cancelled:
		return CancelledOne
	case Quarantined:
		return Spoiled
	case Ignored:
		return Missing
	}
	return Waiting
}

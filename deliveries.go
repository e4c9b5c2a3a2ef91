package waxwing

// NoAddress is the reason of a message that has nowhere to go.
const NoAddress = "no_address"

// Deliveries are what became of a tenant's orders in a span of time. An order is judged from the moment at
// which its event was accepted; each of the three bars is reached by any one of its messages, a fallback's
// as well.
type Deliveries struct {
	// Orders are all but what was no order; of these, NotDue were cancelled before they were sent or wait
	// at the gate, as unpaid ones do, and NoAddress named nobody who could be written to. What is left is
	// Addressed, of which the shares are.
	Orders    int `json:"orders"`
	NotDue    int `json:"not_due"`
	NoAddress int `json:"no_address"`
	Addressed int `json:"addressed"`
	// Accepted were taken by a provider within 24 h; Delivered were then told of as delivered by the
	// recipient's server within 24 h, which not every provider tells; and Kept were accepted and have not
	// bounced within 72 h of that.
	Accepted  int `json:"accepted"`
	Delivered int `json:"delivered"`
	Kept      int `json:"not_bounced"`
	// Rest are those that are Addressed and not Kept.
	Rest []Undelivered `json:"rest,omitempty"`
	// Next is where the next piece begins; 0: this is the last.
	Next ID `json:"next,omitzero"`
}

// Undelivered is an order that fell short, with the evidence. It holds no personal data.
type Undelivered struct {
	ID     ID     `json:"confirmation"`
	Shop   ShopID `json:"shop"`
	State  State  `json:"state"`
	Reason string `json:"reason,omitempty"`
	// Message was offered last, to Provider, whose answer's class Reply is: verdict, fault, codes.
	Message  ID     `json:"message,omitzero"`
	Provider string `json:"provider,omitempty"`
	Reply    string `json:"reply,omitempty"`
	// Bounce is the class with which it came back; Late: it was accepted, after more than 24 h.
	Bounce string `json:"bounce,omitempty"`
	Late   bool   `json:"late,omitempty"`
}

// Why says in a word or two why an order fell short, to count by.
func (u *Undelivered) Why() string {
	switch {
	case u.Bounce != "":
		return "bounced: " + u.Bounce
	case u.Late:
		return "accepted late"
	}
	return string(u.State)
}

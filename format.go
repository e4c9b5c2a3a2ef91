package waxwing

import (
	"context"
	"net/http"
	"time"
)

// Format is how one kind of shop's events look. All functions are pure.
type Format struct {
	// Name is the word in the configuration and in the webhook's path: "shopify".
	Name string
	// Topic reads what kind of event a webhook carries from its headers:
	// "orders/paid". Nil: webhooks of this format do not exist.
	Topic func(h http.Header) string
	// Verify checks the signature over the raw bytes with any of the live
	// secrets, in constant time. It is called before anything is parsed. No
	// secrets means no: it fails closed.
	Verify func(h http.Header, raw []byte, secrets []Secret) bool
	// SignedIn is the header that carries the signature, so that whoever set up a
	// webhook without one can be told so.
	SignedIn string
	// SignedAt reads from the headers when the webhook was signed, where the time is part of
	// what is signed: one that is too old may have been recorded by somebody and sent again.
	// Zero: the headers say no time. Nil: this format signs none.
	SignedAt func(h http.Header) time.Time
	// Ping knows a test delivery that the shop sends without a signature and that
	// must be answered with 2xx before the shop switches the webhook on. Nil: none.
	Ping func(raw []byte) bool
	// Key reads from the raw event which order it speaks of. It also enforces
	// the limits of docs/design/flow.md (depth, tokens, string length, duplicate
	// keys). Errors are permanent and say what to do; they hold no personal data. As with
	// Normalise, nobody changes raw from then on.
	Key func(topic string, raw []byte) (EventKey, error)
	// Normalise turns the raw event into an Order. Errors are permanent: the
	// event is quarantined with them; they hold no personal data. The order's strings may be
	// parts of raw, which nobody changes from then on.
	Normalise func(topic string, raw []byte) (*Order, error)
	// NormaliseWork is Normalise for a format that a plugin reads: it also writes
	// the plugin's runs to w. Nil: Normalise is all there is.
	NormaliseWork func(w *Work) (*Order, error)
	// API asks the shop for what a bare event leaves out (see BareError); nil: this format's events
	// show their orders.
	API *ShopAPI
}

// ShopAPI is how one kind of shop is asked for a whole order.
type ShopAPI struct {
	// Sign puts into a request's headers what opens the API.
	Sign func(h http.Header, token Secret)
	// Order asks for an order by the id that its event's key has, and gives it as Normalise reads
	// it. Errors of get are returned as they are, or wrapped.
	Order func(ctx context.Context, get Get, id string) ([]byte, error)
}

// Get asks for a path below the address of a shop's API, which may have a query; whoever makes it
// escapes it. The answer is that of a 200, or nil for a 204; it is bounded, and the caller's.
// ErrNotFound: the shop has no such thing. ErrRefused: the token may not read it.
type Get func(ctx context.Context, path string) ([]byte, error)

// postedTo is the name under which the headers of a webhook hold the address that it was posted to.
// No client can send a header of this name, which is none of HTTP's.
const postedTo = ":posted-to"

// PostedTo is the address that a webhook was posted to, for Verify of a format whose signature
// holds it; "" unknown. It is what the request says of itself, or what the configuration says of the shop.
func PostedTo(h http.Header) string {
	if list := h[postedTo]; len(list) == 1 {
		return list[0]
	}
	return ""
}

// SetPostedTo notes the address in the headers.
func SetPostedTo(h http.Header, url string) { h[postedTo] = []string{url} }

// EventKey is what accepting needs to know of an event.
type EventKey struct {
	// Ignore, where not empty, says why the event makes no confirmation: a
	// ping, a topic that is not an order's. The other fields are then empty.
	Ignore  string
	OrderID string
	// Bare, where not empty, says that the event names its order and does not show it, and what to do
	// about that where the shop cannot be asked; with Ignore, that it is then ignored.
	Bare string
	// Kind and Part say what of the order the event tells of: the shipment or refund with the
	// id Part. Both empty: of the order itself.
	Kind Kind
	Part string
	// UpdatedAt orders events of one order; zero where the shop gives none.
	UpdatedAt time.Time
	// Rank tells which of two events of one UpdatedAt counts: the higher. Formats
	// give 1 where the payment is verified, so that "paid" beats "created".
	Rank int
	// OccurredAt is when the order was completed as far as the shop says
	// (created or paid); it is held against max_age. Zero: unknown.
	OccurredAt time.Time
	// PlacedAt is when the customer ordered; it never changes. An order that a ledger
	// which lost some of its past does not know may have been mailed if it was placed
	// before that. Zero: unknown.
	PlacedAt time.Time
	// Shop is set by formats whose events name their shop (generic).
	Shop ShopID
}

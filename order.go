package waxwing

import (
	"log/slog"
	"time"
)

// Order is the one model of a completed order that every stage reads. A
// format's normaliser fills it from the shop's payload, enrich adds to it, and
// nobody else writes. Amounts are those that the customer saw (presentment).
type Order struct {
	Shop     ShopID `json:"shop"`
	Format   string `json:"format"`
	ID       string `json:"id"`               // the shop's own id, unique in the shop
	Number   string `json:"number"`           // as the customer knows it: "#1001"
	Test     bool   `json:"test,omitempty"`   // the shop says it is a test order
	Locale   string `json:"locale,omitempty"` // BCP 47 as the shop gave it; "" unknown
	Currency string `json:"currency"`         // presentment currency: ISO 4217, or another (ValidCurrency)
	// ShopCurrency is what the merchant books in, where it differs.
	ShopCurrency string    `json:"shop_currency,omitempty"`
	PlacedAt     time.Time `json:"placed_at"`           // with the shop's own offset
	UpdatedAt    time.Time `json:"updated_at,omitzero"` // zero: unknown

	Customer  Customer  `json:"customer"`
	Billing   *Address  `json:"billing,omitempty"`
	Shipping  *Address  `json:"shipping,omitempty"`
	Items     []Item    `json:"items"`
	Payment   Payment   `json:"payment"`
	Stock     Stock     `json:"stock,omitempty"` // of the whole order
	Delivery  Delivery  `json:"delivery,omitzero"`
	Links     Links     `json:"links,omitzero"`
	Note      string    `json:"note,omitempty"` // the customer's own words, with their line breaks (\n)
	Cancelled time.Time `json:"cancelled_at,omitzero"`
	// PurchaseOrder is the buyer's own number for the order ("PO number"), "" none.
	PurchaseOrder string `json:"purchase_order,omitempty"`

	TaxesIncluded bool         `json:"taxes_included,omitempty"` // prices hold the tax already
	Subtotal      Money        `json:"subtotal"`                 // the items before order discounts
	Discounts     []Adjustment `json:"discounts,omitempty"`      // amounts are positive, to be taken off
	Ship          []Adjustment `json:"shipping_lines,omitempty"`
	Fees          []Adjustment `json:"fees,omitempty"`
	Taxes         []Adjustment `json:"taxes,omitempty"`
	GiftCards     []Adjustment `json:"gift_cards,omitempty"` // paid with; positive
	Tip           Money        `json:"tip,omitzero"`
	// Remainder is what is left between the rows above and Total, as signed rows
	// with a name: store credit, rounding, a surcharge. With it
	// Subtotal - DiscountTotal + ShippingTotal + fees + TaxTotal (unless
	// TaxesIncluded) + Tip + Remainder = Total, exactly, in every format.
	Remainder     []Adjustment `json:"remainder,omitempty"`
	DiscountTotal Money        `json:"discount_total"` // positive
	ShippingTotal Money        `json:"shipping_total"`
	TaxTotal      Money        `json:"tax_total"`
	Total         Money        `json:"total"`             // what the order costs, gift cards not taken off
	Refunded      Money        `json:"refunded,omitzero"` // positive
	// Notices are what reading the event met that the trail should say, such as
	// amounts that do not add up. They hold no personal data.
	Notices []string `json:"notices,omitempty"`
	// Named are e-mail addresses and phone numbers that the event names beside
	// Customer's and the addresses': of the account it was ordered with, say. No mail
	// shows them; a person is found and erased by them.
	Named []string `json:"-"`

	// Insight is written by enrich and Personal by the plugins stage; both are
	// nil for a tenant without plugins.
	Insight  *Insight  `json:"-"`
	Personal *Personal `json:"-"`
}

// Customer is who ordered. Any field may be empty: guests order too.
type Customer struct {
	ID        string `json:"id,omitempty"`
	FirstName string `json:"first_name,omitempty"`
	LastName  string `json:"last_name,omitempty"`
	Email     string `json:"email,omitempty"` // as given; the send stage judges it
	Phone     string `json:"phone,omitempty"` // as given; E.164 where the shop has it
	Group     string `json:"group,omitempty"` // "vip" and the like, from enrich
	// Push is where she is reached by push messages, "" nowhere: a browser's subscription, sealed by
	// /push or as it is, or an app's registration token. Neither plugins nor templates see it.
	Push string `json:"-"`
	// Orders is how many she has placed before and Points what she has
	// collected, from enrich; nil: unknown.
	Orders *int64 `json:"orders,omitempty"`
	Points *int64 `json:"points,omitempty"`
}

// Address is a postal address. As Order.Shipping of an order that is picked up
// (Delivery.Pickup) it is the place where, never the customer's home; nil: unknown.
type Address struct {
	Name       string   `json:"name,omitempty"`
	Company    string   `json:"company,omitempty"`
	Lines      []string `json:"lines,omitempty"`
	City       string   `json:"city,omitempty"`
	Region     string   `json:"region,omitempty"` // state or province, as written in an address
	PostalCode string   `json:"postal_code,omitempty"`
	Country    string   `json:"country,omitempty"` // ISO 3166-1 alpha-2, "" unknown
	// CountryName is the shop's own word, used where Country is empty.
	CountryName string `json:"country_name,omitempty"`
	Phone       string `json:"phone,omitempty"`
}

// Item is one line of an order.
type Item struct {
	SKU        string     `json:"sku,omitempty"`
	ProductID  string     `json:"product_id,omitempty"`
	VariantID  string     `json:"variant_id,omitempty"`
	Name       string     `json:"name"`
	Variant    string     `json:"variant,omitempty"`    // "green / M"
	Properties []Property `json:"properties,omitempty"` // engraving and the like
	// Bundle names the set that the line is a part of ("Picnic set"), "" none.
	Bundle   string `json:"bundle,omitempty"`
	Quantity int64  `json:"quantity"` // as ordered
	// Unit is the price of one; nil where the shop gave none, or where it times
	// Quantity is not Total, so that nobody's calculator disagrees.
	Unit     *Money `json:"unit_price,omitempty"`
	Total    *Money `json:"total,omitempty"`     // line before order discounts, nil: unknown
	Discount Money  `json:"discount,omitzero"`   // on this line, positive, not yet taken off Total
	ImageURL string `json:"image_url,omitempty"` // https or empty
	URL      string `json:"url,omitempty"`       // https or empty
	GiftCard bool   `json:"gift_card,omitempty"`
	Digital  bool   `json:"digital,omitempty"`  // needs no shipping
	Refunded int64  `json:"refunded,omitempty"` // how many of Quantity were refunded
	Stock    Stock  `json:"stock,omitempty"`
}

// Property is a name and value that the customer chose for a line. The value
// keeps its line breaks (\n).
type Property struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// AdjustmentKind says what an Adjustment of Order.Remainder is, for the word
// that a mail uses where Title is empty.
type AdjustmentKind string

// The kinds of remainders.
const (
	StoreCredit AdjustmentKind = "store_credit"
	GiftCard    AdjustmentKind = "gift_card"
	Rounding    AdjustmentKind = "rounding"
	Surcharge   AdjustmentKind = "surcharge"
	// OtherAdjustment is a difference whose reason the shop does not say.
	OtherAdjustment AdjustmentKind = "adjustment"
)

// Adjustment is a titled amount: a discount, a tax, a shipping line, a fee.
type Adjustment struct {
	// Kind is set in Order.Remainder only.
	Kind   AdjustmentKind `json:"kind,omitempty"`
	Title  string         `json:"title"`
	Amount Money          `json:"amount"`
	// Rate is a tax's rate as a decimal fraction ("0.19"), "" unknown.
	Rate string `json:"rate,omitempty"`
}

// PaymentStatus says how far the payment has come.
type PaymentStatus string

// The payment states. Paid, Authorized, PartlyRefunded and Refunded count as
// verified; Offline does if the tenant counts the order's OfflineMethod.
const (
	PaymentUnknown    PaymentStatus = ""
	PaymentPending    PaymentStatus = "pending"
	PaymentPartlyPaid PaymentStatus = "partially_paid"
	PaymentAuthorized PaymentStatus = "authorized"
	PaymentPaid       PaymentStatus = "paid"
	PartlyRefunded    PaymentStatus = "partially_refunded"
	PaymentRefunded   PaymentStatus = "refunded"
	PaymentVoided     PaymentStatus = "voided"
	PaymentFailed     PaymentStatus = "failed"
)

// The offline methods that a tenant may count as verified payment.
const (
	CashOnDelivery = "cash_on_delivery"
	BankTransfer   = "bank_transfer"
	Cheque         = "cheque"
	Invoice        = "invoice"
)

// Payment is how the order was paid.
type Payment struct {
	Status PaymentStatus `json:"status"`
	Method string        `json:"method,omitempty"` // as a customer would read it: "Visa", "PayPal"
	Last4  string        `json:"last4,omitempty"`
	// Offline is one of the offline methods, or "".
	Offline string `json:"offline,omitempty"`
	// Instructions say how and where to pay, as the shop wrote them for the
	// customer, with their line breaks (\n): the account of a bank transfer. "" none.
	Instructions string `json:"instructions,omitempty"`
	// Reference is what the customer should quote when she pays; "": the order's number.
	Reference string `json:"reference,omitempty"`
	// Deposit is what has been paid of an order that is PaymentPartlyPaid, beside
	// gift cards, and Due what is still to be paid; zero: unknown.
	Deposit Money `json:"deposit,omitzero"`
	Due     Money `json:"due,omitzero"`
}

// Verified reports whether money is certain, with offline methods counted as
// the tenant does.
func (p Payment) Verified(offline []string) bool {
	switch p.Status {
	case PaymentPaid, PaymentAuthorized, PartlyRefunded, PaymentRefunded:
		return true
	case PaymentPending, PaymentUnknown:
		for _, m := range offline {
			if m != "" && m == p.Offline {
				return true
			}
		}
	}
	return false
}

// Stock is what is known of the stock of a line or an order.
type Stock string

// The stock states. StockPending holds an order at the gate.
const (
	StockUnknown   Stock = ""
	StockAllocated Stock = "allocated"
	StockInStock   Stock = "in_stock"
	StockLow       Stock = "low"
	StockBackorder Stock = "backorder"
	StockPreorder  Stock = "preorder"
	StockOut       Stock = "out_of_stock"
	StockPending   Stock = "pending"
)

// Delivery is when the parcel is expected: the days From to To at the
// recipient's. Zero times mean unknown.
type Delivery struct {
	From   time.Time `json:"from,omitzero"`
	To     time.Time `json:"to,omitzero"`
	Method string    `json:"method,omitempty"`
	Pickup bool      `json:"pickup,omitempty"`
	// HandedOver says that the customer has the goods already: bought over the counter.
	HandedOver bool `json:"handed_over,omitempty"`
	// Shipped says that all of it has left the shop: the event came late, or the
	// mail does.
	Shipped bool `json:"shipped,omitempty"`
}

// IsZero reports whether nothing is known.
func (d Delivery) IsZero() bool { return d == Delivery{} }

// Links are the shop's own pages for this order: https or empty.
type Links struct {
	Status   string `json:"status,omitempty"`
	Tracking string `json:"tracking,omitempty"`
	Support  string `json:"support,omitempty"`
	Returns  string `json:"returns,omitempty"` // where something is sent back from
	Invoice  string `json:"invoice,omitempty"`
	Pay      string `json:"pay,omitempty"` // where an unpaid order is paid
}

const redacted = "[redacted]"

// String hides the order: orders hold personal data and reach logs by accident.
func (o *Order) String() string { return "order " + redacted }

// LogValue hides the order in slog.
func (o *Order) LogValue() slog.Value { return slog.StringValue(o.String()) }

// String hides the customer.
func (Customer) String() string { return "customer " + redacted }

// LogValue hides the customer in slog.
func (c Customer) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String hides the address.
func (Address) String() string { return "address " + redacted }

// LogValue hides the address in slog.
func (a Address) LogValue() slog.Value { return slog.StringValue(a.String()) }

// FullName joins first and last name; formats decide the order of both, so it
// is for addresses and greetings only.
func (c Customer) FullName() string {
	switch {
	case c.FirstName == "":
		return c.LastName
	case c.LastName == "":
		return c.FirstName
	}
	return c.FirstName + " " + c.LastName
}

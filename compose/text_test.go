package compose

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

func TestE164(t *testing.T) {
	for _, c := range []struct{ number, country, want string }{
		{"+49 151 1234567", "", "+491511234567"},
		{"+49 (0)151/123-45.67", "DE", "+4901511234567"}, // what is written with a plus is taken as it is
		{"0049 151 1234567", "US", "+491511234567"},
		{"0151 1234567", "DE", "+491511234567"},
		{"151 1234567", "DE", "+491511234567"},
		{"1 (512) 555-0100", "US", "+15125550100"},
		{"512.555.0100", "CA", "+15125550100"},
		{"06 1234 5678", "NL", "+31612345678"},
		{"612\u00a0345\u00a0678", "ES", "+34612345678"},
		{"0612345678", "IT", "+390612345678"}, // its zero belongs to the number
		{"512 555 0100 ext. 7", "US", ""},
		{"call me", "US", ""},
		{"0151 1234567", "", ""},
		{"0151 1234567", "XX", ""},
		{"", "DE", ""},
		{"+1234567", "", ""},
		{"+12345678", "", "+12345678"},
		{"+123456789012345", "", "+123456789012345"},
		{"+1234567890123456", "", ""},
		{"+0123456789", "", ""},
		{"00", "DE", ""},
	} {
		if got := e164(c.number, c.country); got != c.want {
			t.Errorf("%q in %q: %q, want %q", c.number, c.country, got, c.want)
		}
	}
}

// The customer's own number comes first, then the parcel's, then the bill's; one that
// names no country is read as of the country that the parcel goes to.
func TestPhoneOf(t *testing.T) {
	de := func(phone string) *waxwing.Address { return &waxwing.Address{Phone: phone, Country: "DE"} }
	us := func(phone string) *waxwing.Address { return &waxwing.Address{Phone: phone, Country: "US"} }
	for name, c := range map[string]struct {
		own               string
		shipping, billing *waxwing.Address
		want              string
	}{
		"none":                    {"", nil, nil, ""},
		"her own":                 {"+15125550100", de("0151 1234567"), nil, "+15125550100"},
		"her own, of the parcel":  {"0151 1234567", de(""), us(""), "+491511234567"},
		"her own, of the bill":    {"512 555 0100", nil, us(""), "+15125550100"},
		"her own, of nowhere":     {"0151 1234567", nil, nil, ""},
		"the parcel's":            {"ask me", de("0151 1234567"), us("512 555 0100"), "+491511234567"},
		"the bill's":              {"", de("ext. 7"), us("512 555 0100"), "+15125550100"},
		"the bill's, no shipping": {"", nil, de("0151 1234567"), "+491511234567"},
	} {
		o := &waxwing.Order{Customer: waxwing.Customer{Phone: c.own}, Shipping: c.shipping, Billing: c.billing}
		if got := phoneOf(o); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// A person is found and erased by each spelling of her numbers; a shop's own number,
// where the order is picked up, is not hers.
func TestNumbers(t *testing.T) {
	o := &waxwing.Order{Customer: waxwing.Customer{Phone: "0151 1234567"},
		Shipping: &waxwing.Address{Phone: "030 1234567", Country: "DE"}, Billing: &waxwing.Address{Phone: "+15125550100", Country: "US"}}
	if got, want := Numbers(o), []string{"+49301234567", "+491511234567"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	o.Delivery.Pickup = true
	if got, want := Numbers(o), []string{"+491511234567"}; !slices.Equal(got, want) {
		t.Errorf("picked up: %q, want %q", got, want)
	}
	if got := Numbers(&waxwing.Order{}); len(got) != 0 {
		t.Errorf("of nobody: %q", got)
	}
}

func TestSMS(t *testing.T) {
	x := composer(t, nil)
	for name, c := range map[string]struct {
		tenant waxwing.TenantID
		phone  string
		err    error
		to     string
	}{
		"a number":    {"acme", "+15551234567", nil, "+15551234567"},
		"no number":   {"acme", "nobody", waxwing.ErrNotFound, ""},
		"no tenant":   {"other", "+15551234567", errNoTenant, ""},
		"by the bill": {"acme", "512 555 0100", nil, "+15125550100"},
	} {
		o := sayingOrder("till", "de")
		o.Customer.Phone = c.phone
		d, err := x.SMS(&waxwing.Work{Tenant: c.tenant, Token: "t"}, o, time.Unix(0, 0))
		if !errors.Is(err, c.err) || d.Channel != waxwing.SMS || d.To != c.to || (err == nil) != (len(d.Data) > 0 && d.Locale == "de") {
			t.Errorf("%s: %+v %v", name, d, err)
		}
	}
}

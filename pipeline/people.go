package pipeline

import (
	"encoding/json"

	"github.com/waxwinghq/waxwing"
)

// PeopleOf reads whom an event names by its format; ok is false where the format cannot
// read it or is a plugin's, which is not asked for that. Named is then what stands where
// shops write it. more adds further spellings of an order's numbers; nil: none.
func PeopleOf(f waxwing.Format, topic string, raw []byte, more func(*waxwing.Order) []string) (p waxwing.People, ok bool) {
	if f.Normalise != nil && f.NormaliseWork == nil {
		if o, err := normalise(f, &waxwing.Work{Topic: topic, Raw: raw}); err == nil {
			p.Named, p.Name = append(peopleIn(o, more), people(raw)...), o.Customer.FullName()
			return p, true
		}
	}
	p.Named = people(raw)
	return p, false
}

// peopleIn are the addresses and numbers that an order names.
func peopleIn(o *waxwing.Order, more func(*waxwing.Order) []string) []string {
	out := append([]string{o.Customer.Email, o.Customer.Phone}, o.Named...)
	if o.Billing != nil {
		out = append(out, o.Billing.Phone)
	}
	if o.Shipping != nil && !o.Delivery.Pickup { // else it is the shop's own
		out = append(out, o.Shipping.Phone)
	}
	if more != nil {
		out = append(out, more(o)...)
	}
	return out
}

// people are the addresses and numbers that an event which cannot be read names where
// shops do.
func people(raw []byte) (out []string) {
	var e map[string]json.RawMessage
	if json.Unmarshal(raw, &e) != nil {
		return nil
	}
	take := func(from map[string]json.RawMessage) {
		for _, k := range []string{"email", "contact_email", "phone"} {
			var v string
			if json.Unmarshal(from[k], &v) == nil && len(v) >= 3 && len(v) <= 320 {
				out = append(out, v)
			}
		}
	}
	take(e)
	for _, k := range []string{"customer", "billing", "billing_address", "shipping", "shipping_address"} {
		var within map[string]json.RawMessage
		if json.Unmarshal(e[k], &within) == nil { // else of another shape
			take(within)
		}
	}
	return out
}

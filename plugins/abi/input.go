package abi

import (
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
)

// Question is what a hook is asked about: one order in one language.
type Question struct {
	Order  *waxwing.Order
	Locale string // BCP 47, what the mail will be written in
	// Format is how that language writes dates and money; nil: not known.
	Format *waxwing.TextFormat
	At     time.Time // the event's time: the guest's frozen clock
	Seed   string    // of the guest's random source
	// Shop, Topic and Raw are what normalise is asked with; Order is then nil.
	Shop  waxwing.ShopID
	Topic string
	Raw   []byte
}

const abiVersion = "1"

// AppendInput writes a hook's input: the base that every plugin sees, and of the
// order what the manifest's needs name, and nothing else.
func AppendInput(b []byte, h waxwing.Hook, q *Question, n NeedSet, config map[string]string) []byte {
	w := writer{b: b}
	w.begin('{')
	w.raw("abi", abiVersion)
	w.text("hook", string(h))
	w.text("at", q.At.UTC().Format(time.RFC3339))
	if h == waxwing.HookNormalise {
		w.text("shop", string(q.Shop))
		w.text("topic", q.Topic)
		w.key("raw")
		w.b = appendText(w.b, string(q.Raw))
		w.config(config)
		w.end('}')
		return w.b
	}
	o := q.Order
	w.text("locale", q.Locale)
	w.text("currency", o.Currency)
	w.text("shop", string(o.Shop))
	w.config(config)
	w.order(o, n)
	w.items(o, n)
	w.customer(o, n)
	w.shipping(o, n)
	w.delivery(o, n)
	w.insight(o.Insight, n)
	w.format(q.Format, n)
	w.end('}')
	return w.b
}

// writer appends JSON; empty and unknown values are left out.
type writer struct {
	b     []byte
	comma bool
}

func (w *writer) begin(c byte) { w.b, w.comma = append(w.b, c), false }
func (w *writer) end(c byte)   { w.b, w.comma = append(w.b, c), true }

func (w *writer) next() {
	if w.comma {
		w.b = append(w.b, ',')
	}
	w.comma = true
}

func (w *writer) key(k string) {
	w.next()
	w.b = append(w.b, '"')
	w.b = append(w.b, k...)
	w.b = append(w.b, '"', ':')
}

func (w *writer) raw(k, v string) { w.key(k); w.b = append(w.b, v...) }

func (w *writer) text(k, v string) {
	if v != "" {
		w.key(k)
		w.b = appendText(w.b, v)
	}
}

func (w *writer) number(k string, v int64) { w.key(k); w.b = strconv.AppendInt(w.b, v, 10) }

func (w *writer) flag(k string, v bool) {
	if v {
		w.raw(k, "true")
	}
}

func (w *writer) money(k string, m *waxwing.Money) {
	if m == nil || m.Currency == "" {
		return
	}
	w.key(k)
	w.b = append(w.b, `{"amount":"`...)
	w.b = m.AppendDecimal(w.b)
	w.b = append(w.b, `","currency":"`...)
	w.b = append(w.b, m.Currency...)
	w.b = append(w.b, `"}`...)
}

func (w *writer) object(k string, f func()) {
	at, had := len(w.b), w.comma
	w.key(k)
	w.begin('{')
	before := len(w.b)
	f()
	if len(w.b) == before { // nothing in it
		w.b, w.comma = w.b[:at], had
		return
	}
	w.end('}')
}

func (w *writer) config(c map[string]string) {
	if len(c) > 0 {
		w.object("config", func() {
			for _, k := range slices.Sorted(maps.Keys(c)) {
				w.key(k)
				w.b = appendText(w.b, c[k])
			}
		})
	}
}

func (w *writer) order(o *waxwing.Order, n NeedSet) {
	if !n.Has(needOrder) {
		return
	}
	w.object("order", func() {
		if n.Has(needOrderNumber) {
			w.text("number", o.Number)
		}
		if n.Has(needOrderPlaced) && !o.PlacedAt.IsZero() {
			w.text("placed_at", o.PlacedAt.Format(time.RFC3339))
		}
		if n.Has(needOrderTotal) {
			w.money("total", &o.Total)
		}
		if n.Has(needOrderNote) {
			w.text("note", o.Note)
		}
		if n.Has(needOrderPayment) {
			w.object("payment", func() {
				w.text("status", string(o.Payment.Status))
				w.text("method", o.Payment.Method)
			})
		}
	})
}

// maxInputItems bounds the lines that a plugin sees, so that an order of a
// thousand lines does not fill its input.
const maxInputItems = 200

func (w *writer) items(o *waxwing.Order, n NeedSet) {
	if !n.Has(needItems) {
		return
	}
	w.key("items")
	w.begin('[')
	for i := range o.Items[:min(len(o.Items), maxInputItems)] {
		it := &o.Items[i]
		w.next()
		w.begin('{')
		w.text("sku", it.SKU)
		w.text("product_id", it.ProductID)
		w.text("variant_id", it.VariantID)
		w.number("quantity", it.Quantity)
		w.flag("digital", it.Digital)
		w.flag("gift_card", it.GiftCard)
		if n.Has(needItemNames) {
			w.text("name", it.Name)
			w.text("variant", it.Variant)
		}
		if n.Has(needItemPrices) {
			w.money("unit_price", it.Unit)
			w.money("total", it.Total)
		}
		w.end('}')
	}
	w.end(']')
}

func (w *writer) customer(o *waxwing.Order, n NeedSet) {
	if !n.Has(needCustomer) {
		return
	}
	c := &o.Customer
	w.object("customer", func() {
		for _, f := range []struct {
			need    NeedSet
			name, v string
		}{{needCustomerID, "id", c.ID}, {needFirstName, "first_name", c.FirstName}, {needLastName, "last_name", c.LastName},
			{needEmail, "email", c.Email}, {needPhone, "phone", c.Phone}, {needGroup, "group", c.Group}} {
			if n.Has(f.need) {
				w.text(f.name, f.v)
			}
		}
		if n.Has(needOrders) && c.Orders != nil {
			w.number("orders", *c.Orders)
		}
		if n.Has(needPoints) && c.Points != nil {
			w.number("points", *c.Points)
		}
	})
}

func (w *writer) shipping(o *waxwing.Order, n NeedSet) {
	if !n.Has(needShipping) || o.Shipping == nil {
		return
	}
	a := o.Shipping
	w.object("shipping", func() {
		for _, f := range []struct {
			need    NeedSet
			name, v string
		}{{needCountry, "country", a.Country}, {needRegion, "region", a.Region}, {needCity, "city", a.City},
			{needPostalCode, "postal_code", a.PostalCode}} {
			if n.Has(f.need) {
				w.text(f.name, f.v)
			}
		}
	})
}

func (w *writer) delivery(o *waxwing.Order, n NeedSet) {
	if !n.Has(needDelivery) || o.Delivery.IsZero() {
		return
	}
	d := &o.Delivery
	w.object("delivery", func() {
		if !d.From.IsZero() {
			w.text("from", d.From.Format(time.DateOnly))
		}
		if !d.To.IsZero() {
			w.text("to", d.To.Format(time.DateOnly))
		}
		w.text("method", d.Method)
		w.flag("pickup", d.Pickup)
	})
}

func (w *writer) insight(x *waxwing.Insight, n NeedSet) {
	if x == nil {
		return
	}
	if n.Has(NeedCandidates) && len(x.Candidates) > 0 {
		w.key("candidates")
		w.begin('[')
		for i := range x.Candidates {
			w.candidate(&x.Candidates[i], n)
		}
		w.end(']')
	}
	if n.Has(NeedBaskets) && len(x.Baskets) > 0 {
		w.key("baskets")
		w.begin('[')
		for _, basket := range x.Baskets {
			w.next()
			w.texts(basket)
		}
		w.end(']')
	}
	if n.Has(NeedLane) && x.Lane != nil {
		w.lane(x.Lane)
	}
}

func (w *writer) format(f *waxwing.TextFormat, n NeedSet) {
	if f == nil || !n.Has(needFormat) {
		return
	}
	w.object("format", func() {
		w.text("date", f.Date)
		w.text("weekday", f.Weekday)
		w.key("months")
		w.texts(f.Months)
		w.key("weekdays")
		w.texts(f.Weekdays)
		m := f.Money
		if m == nil {
			return
		}
		w.object("money", func() {
			w.text("currency", m.Currency)
			w.text("before", m.Before)
			w.text("after", m.After)
			w.text("before_negative", m.BeforeNegative)
			w.text("after_negative", m.AfterNegative)
			w.text("group", m.Group)
			w.text("point", m.Point)
			w.number("decimals", int64(m.Decimals))
			w.number("min_group", int64(m.MinGroup))
		})
	})
}

func (w *writer) candidate(c *waxwing.Candidate, n NeedSet) {
	w.next()
	w.begin('{')
	w.text("sku", c.SKU)
	if len(c.Tags) > 0 {
		w.key("tags")
		w.texts(c.Tags)
	}
	if n.Has(needCandidateNames) {
		w.text("name", c.Name)
	}
	if n.Has(needCandidatePrices) {
		w.money("price", c.Price)
	}
	w.end('}')
}

func (w *writer) lane(l *waxwing.Lane) {
	w.object("lane", func() {
		w.text("carrier", l.Carrier)
		w.text("service", l.Service)
		w.text("origin", l.Origin)
		if len(l.Delays) > 0 {
			w.key("delays_h")
			w.begin('[')
			for _, d := range l.Delays {
				w.next()
				w.b = strconv.AppendFloat(w.b, d, 'f', -1, 64)
			}
			w.end(']')
		}
	})
}

func (w *writer) texts(list []string) {
	w.begin('[')
	for _, s := range list {
		w.next()
		w.b = appendText(w.b, s)
	}
	w.end(']')
}

const hexDigits = "0123456789abcdef"

// appendText appends a JSON string. What is not UTF-8 becomes U+FFFD, so that
// the same order always gives the same input.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		if r, n := utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || n != 1 {
			i += n
			continue
		}
		b = append(b, s[start:i]...)
		b = append(b, "\ufffd"...)
		i++
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// InputOf is what a hook would be given of an order, for tests of plugins: the
// base and what the needs name. Needs that do not exist name nothing.
func InputOf(h waxwing.Hook, q *Question, need []string) []byte {
	var n NeedSet
	for _, name := range need {
		n.Add(name)
	}
	return AppendInput(nil, h, q, n, nil)
}

package web

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/waxwinghq/waxwing"
)

// RawBooks gives the event that a confirmation is made from.
type RawBooks interface {
	// Raw is the event that counts, with its format and topic: ErrNotFound for another
	// tenant's, and for content that was erased or is too old.
	Raw(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID) (format, topic string, raw []byte, err error)
}

// Briefs adds to listed confirmations what their events say, where no message does: the
// order's number, to whom, in which language. Order numbers and recipients lie sealed in the
// contents, so this opens one event a row; plugins are not asked for it.
type Briefs struct {
	Books   RawBooks
	Formats map[string]waxwing.Format
	// Full shows recipients whole; else they are masked.
	Full bool
	// Yield is called before each row of a list, so that an order that comes meanwhile goes
	// first; nil: nobody waits.
	Yield func()
}

// Add adds to one confirmation of a tenant's. It says how many bytes it read.
func (b Briefs) Add(ctx context.Context, v *waxwing.ConfirmationView, t waxwing.TenantID) (read int) {
	if !v.Erased {
		if format, topic, raw, err := b.Books.Raw(ctx, t, v.ID); err == nil { // else its time is over
			read = len(raw)
			number, to, locale := gist(b.Formats[format], topic, raw)
			v.Number = number
			if v.To == "" {
				v.To = to
			}
			if v.Locale == "" {
				v.Locale = locale
			}
		}
	}
	if !b.Full {
		v.To = waxwing.Masked(v.To)
	}
	return read
}

// addAll reads the events of a list up to a bound: of very large orders the last rows
// go without what their events say.
func (b Briefs) addAll(ctx context.Context, list []waxwing.ConfirmationView, t waxwing.TenantID) {
	left := briefBytes
	for i := range list {
		if b.Yield != nil {
			b.Yield()
		}
		switch {
		case left > 0:
			left -= b.Add(ctx, &list[i], t)
		case !b.Full:
			list[i].To = waxwing.Masked(list[i].To)
		}
	}
}

const briefBytes = 64 << 20

// gist reads an order's number, recipient and language from its event: with its
// format, or, where that cannot, from the names that all shops use.
func gist(f waxwing.Format, topic string, raw []byte) (number, to, locale string) {
	if f.Normalise != nil && f.NormaliseWork == nil {
		if o := safely(f, topic, raw); o != nil {
			return o.Number, o.Customer.Email, o.Locale
		}
	}
	var e struct {
		Name, Number, OrderNumber, ID any
		Email                         string
		Billing                       struct{ Email string }
	}
	var m map[string]json.RawMessage
	if json.Unmarshal(raw, &m) != nil {
		return "", "", ""
	}
	text := func(k string) string {
		s := strings.TrimSpace(strings.Trim(string(m[k]), `"`))
		if s == "null" || len(s) > 64 || strings.ContainsAny(s, "{}[]\\") {
			return ""
		}
		return s
	}
	_ = json.Unmarshal(m["email"], &e.Email)     // another shape: no address
	_ = json.Unmarshal(m["billing"], &e.Billing) // likewise
	for _, k := range []string{"name", "number", "order_number", "order_id", "id"} {
		if number == "" {
			number = text(k)
		}
	}
	if to = e.Email; to == "" {
		to = e.Billing.Email
	}
	return number, to, ""
}

// safely normalises what may be hostile: a list must show its other rows.
func safely(f waxwing.Format, topic string, raw []byte) (o *waxwing.Order) {
	defer func() {
		if recover() != nil {
			o = nil
		}
	}()
	o, err := f.Normalise(topic, raw)
	if err != nil {
		return nil
	}
	return o
}

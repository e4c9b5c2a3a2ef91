package generic

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// fields is an object of the order at its place, whose keys are read strictly. What a key
// has that it must not have is a fault, and the zero value; what is not there is the zero
// value alone.
type fields struct {
	v   payload.Value
	at  *place
	bad *faults
}

// in is the object under a key.
func (f fields) in(key string) fields { return fields{f.v.Get(key), f.at.in(key), f.bad} }

// fail notes what is wrong with a key.
func (f fields) fail(key, what string) { f.bad.add(f.at.in(key), what) }

// object reports whether there is an object, and fails for what is none and
// for keys that it does not have.
func (f fields) object(keys []string) bool {
	if !f.v.Given() && f.at != nil {
		return false
	}
	if f.v.Kind() == payload.Array && f.v.Len() == 0 && f.at != nil {
		return false // PHP's empty object
	}
	if f.v.Kind() != payload.Object {
		f.bad.add(f.at, "want an object")
		return false
	}
	for k := range f.v.Members() {
		if !slices.Contains(keys, k) {
			f.unknown(k, keys)
			return false
		}
		if f.v.Twice(k) {
			f.fail(k, "given twice")
			return false
		}
	}
	return true
}

// unknown names the key and the nearest known one. A key that does not look
// like one is not repeated: it may be data.
func (f fields) unknown(key string, keys []string) {
	if len(key) == 0 || len(key) > 40 || strings.Trim(strings.ToLower(key), "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		f.bad.add(f.at, "an unknown key; known are "+strings.Join(keys, ", "))
		return
	}
	best, least := "", 4
	for _, k := range keys {
		if n := editDistance(strings.ToLower(key), k); n < least {
			best, least = k, n
		}
	}
	if best == "" {
		f.fail(key, "unknown key; known are "+strings.Join(keys, ", "))
		return
	}
	f.fail(key, "unknown key; did you mean "+best+"?")
}

// text reads a string.
func (f fields) text(key string, limit int) string {
	w := f.v.Get(key)
	if w.Given() && w.Kind() != payload.String {
		f.fail(key, "want a string")
	}
	return shop.Clean(w.Text(), limit)
}

// lines reads a string and keeps its line breaks.
func (f fields) lines(key string, limit int) string {
	f.text(key, limit)
	return shop.CleanLines(shop.AsIs(f.v.Get(key).Text()), limit)
}

// word reads a string, or a number as it is written.
func (f fields) word(key string, limit int) string {
	w := f.v.Get(key)
	if w.Given() && w.Kind() != payload.String && w.Kind() != payload.Number {
		f.fail(key, "want a string")
	}
	return shop.Clean(w.Text(), limit)
}

func (f fields) flag(key string) bool {
	w := f.v.Get(key)
	if w.Given() && w.Kind() != payload.True && w.Kind() != payload.False {
		f.fail(key, "want true or false")
	}
	return w.Kind() == payload.True
}

func (f fields) choice(key string, choices []string) string {
	s := f.text(key, shop.MaxName)
	if f.v.Get(key).Given() && !slices.Contains(choices, f.v.Get(key).Text()) {
		f.fail(key, "want one of "+strings.Join(choices, ", "))
	}
	return s
}

// list yields the items of an array of at most so many.
func (f fields) list(key string, most int) iter.Seq[fields] {
	w := f.v.Get(key)
	if w.Kind() == payload.Object && w.Numbered() {
		// PHP's list with gaps, or its empty one
	} else if w.Given() && w.Kind() != payload.Array {
		f.fail(key, "want an array")
	}
	if n := w.Len(); n > most {
		f.fail(key, fmt.Sprintf("more than %d entries", most))
		w = payload.Value{}
	}
	return func(yield func(fields) bool) {
		at := f.at.in(key)
		for i, item := range w.Items() {
			if !yield(fields{item, at.at(i), f.bad}) {
				return
			}
		}
	}
}

// time reads a time as RFC 3339 writes it.
func (f fields) time(key string) time.Time {
	w := f.v.Get(key)
	if !w.Given() {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, w.Text())
	if w.Kind() != payload.String || err != nil || t.Year() < 1970 || strings.Contains(w.Text(), ",") {
		f.fail(key, "want a time as RFC 3339 writes it: 2026-03-01T12:00:00Z")
		return time.Time{}
	}
	return t
}

// day reads a date, or a time as RFC 3339 has it.
func (f fields) day(key string) time.Time {
	if s := f.v.Get(key).Text(); len(s) == len("2006-01-02") {
		if t, err := time.Parse("2006-01-02", s); err == nil && t.Year() >= 1970 {
			return t
		}
	}
	return f.time(key)
}

func (f fields) link(key string) string {
	s := f.v.Get(key).Text()
	l := shop.Link(s)
	if f.v.Get(key).Given() && (l == "" || !strings.HasPrefix(s, "https://")) {
		f.fail(key, "want an absolute https URL")
	}
	return l
}

func (f fields) locale(key string) string {
	s := f.v.Get(key).Text()
	l := shop.LocaleTag(s)
	if f.v.Get(key).Given() && l == "" {
		f.fail(key, "want a language tag (BCP 47), such as en or pt-BR")
	}
	return l
}

func (f fields) currency(key string) string {
	s := f.v.Get(key).Text()
	if f.v.Get(key).Given() && !waxwing.ValidCurrency(s) {
		f.fail(key, "want a code in capitals: ISO 4217's, or another of three to eight letters and digits")
	}
	return s
}

// amount reads a decimal in a currency that is not negative: a string, or a number as it is
// written. Nil where there is none.
func (f fields) amount(key, cur string) *waxwing.Money {
	m := f.signed(key, cur)
	if m != nil && m.Minor < 0 {
		f.fail(key, "negative")
	}
	return m
}

// signed reads a decimal that may be negative: a line that is taken back, a fee
// that is a deduction.
func (f fields) signed(key, cur string) *waxwing.Money {
	return f.decimal(key, cur, waxwing.ParseMoney)
}

func (f fields) decimal(key, cur string, parse func(string, string) (waxwing.Money, error)) *waxwing.Money {
	w := f.v.Get(key)
	if !w.Given() {
		return nil
	}
	s := w.Text()
	if w.Kind() == payload.String && !plainDecimal(s) || w.Kind() != payload.String && w.Kind() != payload.Number {
		f.fail(key, `want a decimal amount such as "12.50"`)
		return nil
	}
	m, err := parse(s, cur)
	switch {
	case errors.Is(err, waxwing.ErrPrecision):
		f.fail(key, fmt.Sprintf("%v: %s has %d", waxwing.ErrPrecision, cur, waxwing.Decimals(cur)))
	case err != nil:
		f.fail(key, shop.BareError(err).Error())
	default:
		return &m
	}
	return nil
}

// plainDecimal accepts what the schema's pattern does: digits with an optional
// sign and fraction.
func plainDecimal(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, frac, point := strings.Cut(s, ".")
	return whole != "" && len(whole) <= 15 && payload.Digits(whole, 0) == len(whole) &&
		(!point || frac != "" && len(frac) <= 10 && payload.Digits(frac, 0) == len(frac))
}

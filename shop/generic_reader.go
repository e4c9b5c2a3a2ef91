package shop

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
)

// genericReader reads strictly. It keeps the first error, permanent and with
// its place.
type genericReader struct {
	till till
	err  error
}

// place is a place in a document, written only when there is an error.
type place struct {
	up   *place
	name string // of a key; "" for an item of up
	item int
}

func (p *place) String() string {
	switch {
	case p == nil:
		return "the order"
	case p.name == "":
		return p.up.String() + "[" + strconv.Itoa(p.item) + "]"
	case p.up == nil:
		return p.name
	}
	return p.up.String() + "." + p.name
}

// top is the place of the order itself.
var top *place

// in returns the place of a key.
func (p *place) in(key string) *place { return &place{up: p, name: key} }

// at returns the place of an item.
func (p *place) at(i int) *place { return &place{up: p, item: i} }

func (r *genericReader) fail(at *place, what string) {
	if r.err == nil {
		r.err = waxwing.Permanent(fmt.Errorf("%s: %s", at, what))
	}
}

func (r *genericReader) failIn(at *place, key, what string) { r.fail(at.in(key), what) }

// object reports whether there is an object, and fails for what is none and
// for keys that it does not have.
func (r *genericReader) object(v value, at *place, keys []string) bool {
	if !v.given() && at != nil {
		return false
	}
	if v.kind() == kindArray && v.len() == 0 && at != nil {
		return false // PHP's empty object
	}
	if v.kind() != kindObject {
		r.fail(at, "want an object")
		return false
	}
	for k := range v.members() {
		if !slices.Contains(keys, k) {
			r.unknown(at, k, keys)
			return false
		}
		if v.twice(k) {
			r.failIn(at, k, "given twice")
			return false
		}
	}
	return true
}

// unknown names the key and the nearest known one. A key that does not look
// like one is not repeated: it may be data.
func (r *genericReader) unknown(at *place, key string, keys []string) {
	if len(key) == 0 || len(key) > 40 || strings.Trim(strings.ToLower(key), "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
		r.fail(at, "an unknown key; known are "+strings.Join(keys, ", "))
		return
	}
	best, least := "", 4
	for _, k := range keys {
		if n := editDistance(strings.ToLower(key), k); n < least {
			best, least = k, n
		}
	}
	if best == "" {
		r.failIn(at, key, "unknown key; known are "+strings.Join(keys, ", "))
		return
	}
	r.failIn(at, key, "unknown key; did you mean "+best+"?")
}

// editDistance counts the letters to change, add or take away (Levenshtein).
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		corner := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := corner
			if a[i] != b[j] {
				cost = 1 + min(corner, row[j], row[j+1])
			}
			corner, row[j+1] = row[j+1], cost
		}
	}
	return row[len(b)]
}

// text reads a string.
func (r *genericReader) text(v value, at *place, key string, limit int) string {
	w := v.get(key)
	if w.given() && w.kind() != kindString {
		r.failIn(at, key, "want a string")
	}
	return clean(w.text(), limit)
}

// lines reads a string and keeps its line breaks.
func (r *genericReader) lines(v value, at *place, key string, limit int) string {
	r.text(v, at, key, limit)
	return cleanLines(asIs(v.get(key).text()), limit)
}

// word reads a string, or a number as it is written.
func (r *genericReader) word(v value, at *place, key string, limit int) string {
	w := v.get(key)
	if w.given() && w.kind() != kindString && w.kind() != kindNumber {
		r.failIn(at, key, "want a string")
	}
	return clean(w.text(), limit)
}

func (r *genericReader) flag(v value, at *place, key string) bool {
	w := v.get(key)
	if w.given() && w.kind() != kindTrue && w.kind() != kindFalse {
		r.failIn(at, key, "want true or false")
	}
	return w.kind() == kindTrue
}

func (r *genericReader) choice(v value, at *place, key string, choices []string) string {
	s := r.text(v, at, key, capName)
	if v.get(key).given() && !slices.Contains(choices, v.get(key).text()) {
		r.failIn(at, key, "want one of "+strings.Join(choices, ", "))
	}
	return s
}

// list yields the items of an array of at most so many.
func (r *genericReader) list(v value, at *place, key string, most int) iter.Seq2[int, value] {
	w := v.get(key)
	if w.kind() == kindObject && w.numbered() {
		// PHP's list with gaps, or its empty one
	} else if w.given() && w.kind() != kindArray {
		r.failIn(at, key, "want an array")
	}
	if w.len() > most {
		r.failIn(at, key, "more than "+strconv.Itoa(most)+" entries")
		w = value{}
	}
	return w.items()
}

func (r *genericReader) moment(v value, at *place, key string) time.Time {
	w := v.get(key)
	if !w.given() {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, w.text())
	if w.kind() != kindString || err != nil || t.Year() < 1970 || strings.Contains(w.text(), ",") {
		r.failIn(at, key, "want a time as RFC 3339 writes it: 2026-03-01T12:00:00Z")
		return time.Time{}
	}
	return t
}

func (r *genericReader) link(v value, at *place, key string) string {
	s := v.get(key).text()
	l := link(s)
	if v.get(key).given() && (l == "" || !strings.HasPrefix(s, "https://")) {
		r.failIn(at, key, "want an absolute https URL")
	}
	return l
}

func (r *genericReader) locale(v value, at *place, key string) string {
	s := v.get(key).text()
	l := localeTag(s)
	if v.get(key).given() && l == "" {
		r.failIn(at, key, "want a language tag (BCP 47), such as en or pt-BR")
	}
	return l
}

func (r *genericReader) currency(v value, at *place, key string) string {
	s := v.get(key).text()
	if v.get(key).given() && !waxwing.ValidCurrency(s) {
		r.failIn(at, key, "want a code in capitals: ISO 4217's, or another of three to eight letters and digits")
	}
	return s
}

// shop and id are the key of the order: they are taken as they are or refused.
func (r *genericReader) shop(v value) string {
	s := v.get("shop").text()
	ok := v.get("shop").kind() == kindString && s != "" && len(s) <= 64
	for _, c := range []byte(s) {
		ok = ok && (c|0x20-'a' < 26 || c-'0' < 10 || c == '-' || c == '_' || c == '.')
	}
	if !ok {
		r.failIn(nil, "shop", "want the name of a shop: up to 64 letters, digits, - _ .")
	}
	return s
}

func (r *genericReader) id(v value) string {
	w := v.get("id")
	s := w.text()
	switch {
	case w.kind() == kindString && s != "" && len(s) <= 200 && clean(s, 200) == s:
	case w.kind() == kindNumber && len(s) <= 20 && digits(s, 0) == len(s):
	default:
		r.failIn(nil, "id", "want the order's id: a string of 1 to 200 characters, or a whole number")
	}
	return s
}

// amount reads a decimal that is not negative: a string, or a number as it is
// written. Nil where there is none.
func (r *genericReader) amount(v value, at *place, key string) *waxwing.Money {
	m := r.signed(v, at, key)
	if m != nil && m.Minor < 0 {
		r.failIn(at, key, "negative")
	}
	return m
}

// signed reads a decimal that may be negative: a line that is taken back, a fee
// that is a deduction.
func (r *genericReader) signed(v value, at *place, key string) *waxwing.Money {
	return r.decimal(v, at, key, waxwing.ParseMoney)
}

func (r *genericReader) decimal(v value, at *place, key string, parse func(string, string) (waxwing.Money, error)) *waxwing.Money {
	w := v.get(key)
	if !w.given() {
		return nil
	}
	s := w.text()
	if w.kind() == kindString && !plainDecimal(s) || w.kind() != kindString && w.kind() != kindNumber {
		r.failIn(at, key, `want a decimal amount such as "12.50"`)
		return nil
	}
	m, err := parse(s, r.till.cur)
	switch {
	case errors.Is(err, waxwing.ErrPrecision):
		r.failIn(at, key, fmt.Sprintf("%v: %s has %d", waxwing.ErrPrecision, r.till.cur, waxwing.Decimals(r.till.cur)))
	case err != nil:
		r.failIn(at, key, bare(err).Error())
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
	return whole != "" && len(whole) <= 15 && digits(whole, 0) == len(whole) &&
		(!point || frac != "" && len(frac) <= 10 && digits(frac, 0) == len(frac))
}

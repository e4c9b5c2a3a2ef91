package mapping

import (
	"errors"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// Found is one field that was read, for whoever tries rules out.
type Found struct {
	// Field is the generic order's, with places of items: items[0].name.
	Field string
	// At are the pointers in the event that it was read from; "=constant" of a constant.
	At []string
	// Value is what was made of it; "" where the event has nothing there.
	Value string
	// Rule is the expression that was followed.
	Rule string
}

// reading makes a generic order of one event.
type reading struct {
	*Mapping
	root  at
	money string // the currency, once it is known
	err   error
	seen  func(Found)
}

func (r *reading) fail(name, what string) {
	if r.err == nil {
		r.err = waxwing.Permanent(fmt.Errorf("%s (%s): %s", name, r.read[name], what))
	}
}

// order makes the whole one, without its shop.
func (r *reading) order() map[string]any {
	out := map[string]any{}
	if v := r.value("currency", r.root, "currency"); v != nil {
		r.money, _ = v.(string)
		put(out, "currency", v)
	}
	r.into(out, "", r.root, "")
	if cut := discounted(out); cut != nil && r.read["discounts"] == nil && r.read["discounts.amount"] == nil {
		out["discounts"] = []any{map[string]any{"amount": cut.FloatString(waxwing.Decimals(r.money))}}
	}
	if !holds(out, "delivery", "pickup") { // a place where nobody picks anything up
		if a, ok := out["addresses"].(map[string]any); ok {
			delete(a, "pickup")
		}
	}
	return out
}

// discounted is the sum of what was taken off single lines; nil where nothing was.
func discounted(out map[string]any) *big.Rat {
	items, _ := out["items"].([]any)
	sum := new(big.Rat)
	for _, it := range items {
		item, _ := it.(map[string]any)
		if s, ok := item["discount"].(string); ok {
			if x, ok := new(big.Rat).SetString(s); ok {
				sum.Add(sum, x)
			}
		}
	}
	if sum.Sign() == 0 {
		return nil
	}
	return sum
}

func holds(out map[string]any, keys ...string) bool {
	var v any = out
	for _, k := range keys {
		m, _ := v.(map[string]any)
		v = m[k]
	}
	return v == true
}

// some makes those fields alone.
func (r *reading) some(names ...string) map[string]any {
	out := map[string]any{}
	for _, name := range names {
		if r.read[name] != nil {
			if v := r.value(name, r.root, name); v != nil {
				put(out, name, v)
			}
		}
	}
	return out
}

// into reads the fields of a list's item, or of the order.
func (r *reading) into(out map[string]any, within string, here at, shown string) {
	for _, name := range r.below[within] {
		rel := strings.TrimPrefix(strings.TrimPrefix(name, within), ".")
		show := rel
		if shown != "" {
			show = shown + "." + rel
		}
		switch {
		case name == "currency":
		case fields[name].kind == list:
			if items := r.items(name, here, show); len(items) > 0 {
				put(out, rel, items)
			}
		default:
			if v := r.value(name, here, show); v != nil {
				put(out, rel, v)
			}
		}
	}
	if within == "" {
		r.singles(out)
	}
}

// singles are lists of one entry whose fields are read though the list itself is not: a shop that has one
// amount of shipping.
func (r *reading) singles(out map[string]any) {
	for _, within := range slices.Sorted(maps.Keys(r.below)) {
		if within == "" || r.read[within] != nil || parent(within) != "" {
			continue
		}
		one := map[string]any{}
		r.into(one, within, r.root, within)
		if worth(one) {
			out[within] = []any{one}
		}
	}
}

// worth says whether an entry of amounts says anything.
func worth(entry map[string]any) bool {
	s, ok := entry["amount"].(string)
	return ok && strings.Trim(s, "-0.") != ""
}

// mostEntries is how many lines an order may have, as the generic one.
const mostEntries = 1000

// items reads a list.
func (r *reading) items(name string, here at, shown string) (out []any) {
	found, from, ok := r.read[name].list(r.root, here)
	if r.seen != nil {
		f := Found{Field: shown, Rule: r.read[name].String()}
		if ok {
			f.At, f.Value = []string{from}, strconv.Itoa(len(found))
		}
		r.seen(f)
	}
	if !ok && fields[name].required {
		r.fail(name, "the event has no list there")
	}
	if len(found) > mostEntries {
		r.fail(name, fmt.Sprintf("it has more than %d entries", mostEntries))
		return nil
	}
	for i, item := range found {
		if r.err != nil && r.seen == nil {
			return nil
		}
		if *item.left < 0 {
			r.fail(name, "the event is too large for rules that choose within lists")
			return nil
		}
		entry := map[string]any{}
		r.into(entry, name, item, shown+"["+strconv.Itoa(i)+"]")
		switch {
		case name == "items":
			if entry["quantity"] == zeroCount { // a line that was taken out
				continue
			}
		case name == "items.properties":
			if entry["name"] == nil || entry["value"] == nil {
				continue
			}
		case !worth(entry):
			continue
		}
		out = append(out, entry)
	}
	return out
}

// number is a JSON number as it is written.
type number string

// MarshalJSON writes it as it is.
func (n number) MarshalJSON() ([]byte, error) { return []byte(n), nil }

const zeroCount = number("0")

func put(out map[string]any, name string, v any) {
	for {
		key, rest, more := strings.Cut(name, ".")
		if !more {
			out[key] = v
			return
		}
		next, ok := out[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			out[key] = next
		}
		out, name = next, rest
	}
}

// value reads one field; nil where the event has nothing there.
func (r *reading) value(name string, here at, shown string) any {
	f := fields[name]
	texts, from := r.texts(name, here, f.kind == rows)
	var v any
	if len(texts) > 0 {
		v = r.convert(name, f, texts)
	}
	if r.seen != nil {
		x := Found{Field: shown, At: from, Rule: r.read[name].String()}
		if v != nil {
			x.Value = fmt.Sprint(v)
		}
		r.seen(x)
	}
	if v == nil && f.required {
		r.fail(name, "the event has nothing there")
	}
	return v
}

// texts are what the first alternative that is there gives: one text for each part, or of rows all.
func (r *reading) texts(name string, here at, several bool) (out, from []string) {
	for _, alt := range r.read[name] {
		out, from = nil, nil
		for _, p := range alt {
			if p.fixed {
				out, from = append(out, p.constant), append(from, p.String())
				continue
			}
			a := p.find(r.root, here)
			if !a.Given() {
				continue
			}
			from = append(from, a.pointer)
			if name == "id" && len(p.steps) > 0 && r.twice(p) {
				r.fail(name, "the event gives it twice")
			}
			switch a.Kind() {
			case payload.Array:
				if !several {
					r.fail(name, "the event has a list there")
					continue
				}
				for _, item := range a.Items() {
					out = append(out, item.Trimmed())
				}
			case payload.Object:
				if a.Len() > 0 || !a.Numbered() { // else PHP's nothing
					r.fail(name, "the event has an object there")
				}
			case payload.True:
				out = append(out, "true")
			case payload.False:
				out = append(out, "false")
			default:
				if s := a.Trimmed(); s != "" {
					out = append(out, s)
				}
			}
		}
		if len(out) > 0 {
			return out, from
		}
	}
	return nil, from
}

// twice says whether a member on the way stands in its object more than once: a key must be of one meaning.
func (r *reading) twice(p part) bool {
	a := r.root
	for _, s := range p.steps {
		if !s.filter && a.Twice(s.key) {
			return true
		}
		a = a.enter(s)
	}
	return false
}

func (r *reading) convert(name string, f field, texts []string) any {
	s := strings.Join(texts, " ")
	if own, ok := r.words[name][strings.ToLower(s)]; ok {
		if own == "" {
			return nil
		}
		s = own
	}
	switch f.kind {
	case rows:
		return r.rows(texts)
	case flag:
		return r.flag(name, s)
	case moment, day:
		return r.moment(name, f.kind, s)
	case link:
		if l := shop.Link(s); strings.HasPrefix(l, "https://") {
			return l
		}
		return nil
	case amount, reduced, price:
		return r.decimal(name, f.kind, s)
	case share:
		return r.share(name, s)
	case count:
		return r.count(name, s)
	case choice:
		s = strings.ToLower(s)
		if !slices.Contains(f.known, s) {
			r.fail(name, "the shop's word is none of "+strings.Join(f.known, ", ")+": add it to words")
			return nil
		}
		return s
	case locale:
		return orNil(shop.LocaleTag(s))
	case country:
		return orNil(shop.CountryCode(s))
	case currency:
		return strings.ToUpper(s)
	}
	return s
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// rows parts an address into its lines.
func (r *reading) rows(texts []string) any {
	var out []any
	for _, t := range texts {
		for l := range strings.Lines(t) {
			if l = strings.TrimSpace(l); l != "" {
				out = append(out, l)
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (r *reading) flag(name, s string) any {
	switch strings.ToLower(s) {
	case "true", "yes", "1", "y", "on", "t":
		return true
	case "false", "no", "0", "n", "off", "f":
		return false
	}
	r.fail(name, "it is neither true nor false: add the shop's words to words")
	return nil
}

// Unix times between these are taken for seconds, and a thousand times as much for milliseconds.
const firstUnix, lastUnix = 100_000_000, 100_000_000_000

func (r *reading) moment(name string, k kind, s string) any {
	if n, err := strconv.ParseFloat(s, 64); err == nil && strings.Trim(s, "0123456789.") == "" && n >= firstUnix && n < 1000*lastUnix {
		if n >= lastUnix {
			n /= 1000
		}
		return time.UnixMilli(int64(n * 1000)).UTC().Format(time.RFC3339)
	}
	if k == day && len(s) == len("2006-01-02") {
		if _, err := time.Parse(time.DateOnly, s); err == nil {
			return s
		}
	}
	t := shop.ParseTimeText(s, r.zone)
	if t.IsZero() {
		if strings.HasPrefix(s, "0000-00-00") {
			return nil // MySQL's and PHP's no time
		}
		r.fail(name, "it is no time: RFC 3339, \"2026-03-01 12:00:00\" or Unix seconds")
		return nil
	}
	return t.Format(time.RFC3339)
}

// decimal reads an amount.
func (r *reading) decimal(name string, k kind, s string) any {
	x, err := r.rat(s)
	if err != nil {
		r.fail(name, err.Error())
		return nil
	}
	if k == reduced {
		x.Abs(x)
	}
	places := waxwing.Decimals(r.money)
	if k == price {
		places = max(places, 10)
	}
	out := rounded(x, places)
	if k == price {
		out = trimZeros(out, waxwing.Decimals(r.money))
	}
	return out
}

var errDecimal = errors.New("it is no decimal amount such as 12.50")

// maxDecimal is how long an amount may be written.
const maxDecimal = 40

func (r *reading) rat(s string) (*big.Rat, error) {
	if len(s) > maxDecimal || strings.ContainsAny(s, "/_xXpPbBoO") {
		return nil, errDecimal
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		if e, err := strconv.Atoi(s[i+1:]); err != nil || e > 15 || e < -30 {
			return nil, errDecimal
		}
	}
	x, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil, errDecimal
	}
	places := 0
	switch r.amounts {
	case "minor":
		places = waxwing.Decimals(r.money)
	case "hundredths":
		places = 2
	}
	for range places {
		x.Quo(x, ten)
	}
	return x, nil
}

var ten = big.NewRat(10, 1)

// rounded writes a number with so many places, half away from zero, and never as minus nothing.
func rounded(x *big.Rat, places int) string {
	s := x.FloatString(places)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	}
	return s
}

// trimZeros takes zeros off the end of a decimal, down to so many places.
func trimZeros(s string, places int) string {
	i := strings.IndexByte(s, '.')
	if i < 0 {
		return s
	}
	for len(s)-i-1 > places && s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	return strings.TrimSuffix(s, ".")
}

// share reads a rate, as a fraction or per cent.
func (r *reading) share(name, s string) any {
	x, ok := plainRat(strings.TrimSpace(strings.TrimSuffix(s, "%")))
	if !ok || x.Sign() < 0 {
		r.fail(name, "it is no rate such as 0.19 or 19")
		return nil
	}
	if strings.HasSuffix(s, "%") || x.Cmp(big.NewRat(1, 1)) >= 0 {
		x.Quo(x, big.NewRat(100, 1))
	}
	return trimZeros(x.FloatString(8), 0)
}

func (r *reading) count(name, s string) any {
	x, ok := plainRat(s)
	if !ok || !x.IsInt() || x.Sign() < 0 {
		r.fail(name, "it is no whole number")
		return nil
	}
	return number(x.Num().String())
}

// plainRat reads digits with a point perhaps, and a sign: nothing that is short to write and long to read.
func plainRat(s string) (*big.Rat, bool) {
	if len(s) > maxDecimal || strings.Trim(s, "+-0123456789.") != "" {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

package mapping

import (
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
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

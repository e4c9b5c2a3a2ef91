package shop

import (
	"encoding/json"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
)

// MaxProperties is how many choices a line shows.
const MaxProperties = 20

// checked stands for "true" in every language.
const checked = "✓"

// AddProperty adds what the customer chose for a line. A name that begins with
// an underscore is hidden from customers, in both shops.
func AddProperty(it *waxwing.Item, name, value string) {
	if name = strings.TrimSpace(name); strings.HasPrefix(name, "_") || len(it.Properties) == MaxProperties {
		return
	}
	p := waxwing.Property{Name: Clean(name, MaxName), Value: CleanLines(value, MaxValue)}
	if p.Name != "" && p.Value != "" {
		it.Properties = append(it.Properties, p)
	}
}

// Readable writes a value as a customer reads it: true is a check mark, a list
// is joined by commas, of an object each member stands behind its name. What is
// false, empty or hidden (a name with an underscore) is left out. plain is what
// the shop does to its texts.
func Readable(v payload.Value, plain func(string) string) string {
	if k := v.Kind(); k == payload.String || k == payload.Number {
		return readableText(v, plain)
	}
	var b strings.Builder
	appendReadable(&b, v, plain, 0)
	return b.String()
}

func readableText(v payload.Value, plain func(string) string) string {
	if s := plain(v.Text()); !Serialised(s) {
		return s
	}
	return ""
}

func appendReadable(b *strings.Builder, v payload.Value, plain func(string) string, depth int) {
	if depth > 4 || b.Len() > 4*MaxValue {
		return
	}
	part := func(name string, w payload.Value) {
		var inner strings.Builder
		appendReadable(&inner, w, plain, depth+1)
		if strings.TrimSpace(inner.String()) == "" {
			return
		}
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		if name != "" {
			b.WriteString(name + ": ")
		}
		b.WriteString(inner.String())
	}
	switch v.Kind() {
	case payload.True:
		b.WriteString(checked)
	case payload.String, payload.Number:
		b.WriteString(readableText(v, plain))
	case payload.Array:
		for _, w := range v.Items() {
			if b.Len() > 4*MaxValue {
				return
			}
			part("", w)
		}
	case payload.Object:
		if name := labelOf(v); name.Given() && v.Get("value").Given() { // {"label": "Size", "value": "M"}
			part(Clean(plain(name.Text()), MaxName), v.Get("value"))
			return
		}
		for key, w := range v.Members() {
			if strings.HasPrefix(key, "_") || b.Len() > 4*MaxValue {
				continue
			}
			if payload.Digits(key, 0) == len(key) {
				key = ""
			}
			part(Clean(plain(key), MaxName), w)
		}
	}
}

func labelOf(v payload.Value) payload.Value { return v.Either("label", "name", "title") }

// Serialised reports whether a text is PHP's notation of a list or an object, or
// JSON's of objects, which say nothing to a customer.
func Serialised(s string) bool {
	s = strings.TrimSpace(s)
	switch {
	case len(s) < 5:
		return false
	case (s[0] == 'a' || s[0] == 'O') && s[1] == ':' && s[2]-'0' <= 9:
		return s[len(s)-1] == '}'
	case strings.HasPrefix(s, `{"`), strings.HasPrefix(s, `[{"`), strings.HasPrefix(s, `{\"`):
		return json.Valid([]byte(s)) || len(s) >= MaxRead || s[1] == '\\'
	}
	return false
}

// AsIs is the text of shops that keep it plain, up to MaxRead bytes of it.
func AsIs(s string) string {
	if len(s) > MaxRead {
		s = strings.ToValidUTF8(s[:MaxRead], "")
	}
	return s
}

// ItemName returns the line's name, or what comes closest to one.
func ItemName(it *waxwing.Item) string {
	switch {
	case it.Name != "":
		return it.Name
	case it.SKU != "":
		return it.SKU
	case it.ProductID != "" && it.ProductID != "0":
		return "#" + it.ProductID
	}
	return "–"
}

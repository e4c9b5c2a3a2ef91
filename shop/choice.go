package shop

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
)

// maxProperties is how many choices a line shows.
const maxProperties = 20

// checked stands for "true" in every language.
const checked = "✓"

// addProperty adds what the customer chose for a line. A name that begins with
// an underscore is hidden from customers, in both shops.
func addProperty(it *waxwing.Item, name, value string) {
	if name = strings.TrimSpace(name); strings.HasPrefix(name, "_") || len(it.Properties) == maxProperties {
		return
	}
	p := waxwing.Property{Name: clean(name, capName), Value: cleanLines(value, capValue)}
	if p.Name != "" && p.Value != "" {
		it.Properties = append(it.Properties, p)
	}
}

// readable writes a value as a customer reads it: true is a check mark, a list
// is joined by commas, of an object each member stands behind its name. What is
// false, empty or hidden (a name with an underscore) is left out. plain is what
// the shop does to its texts.
func readable(v value, plain func(string) string) string {
	var b strings.Builder
	appendReadable(&b, v, plain, 0)
	return b.String()
}

func appendReadable(b *strings.Builder, v value, plain func(string) string, depth int) {
	if depth > 4 || b.Len() > 4*capValue {
		return
	}
	part := func(name string, w value) {
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
	switch v.kind() {
	case kindTrue:
		b.WriteString(checked)
	case kindString, kindNumber:
		if s := plain(v.text()); !serialised(s) {
			b.WriteString(s)
		}
	case kindArray:
		for _, w := range v.items() {
			if b.Len() > 4*capValue {
				return
			}
			part("", w)
		}
	case kindObject:
		if name := labelOf(v); name.given() && v.get("value").given() { // {"label": "Size", "value": "M"}
			part(clean(plain(name.text()), capName), v.get("value"))
			return
		}
		for key, w := range v.members() {
			if strings.HasPrefix(key, "_") || b.Len() > 4*capValue {
				continue
			}
			if digits(key, 0) == len(key) {
				key = ""
			}
			part(clean(plain(key), capName), w)
		}
	}
}

func labelOf(v value) value { return v.either("label", "name", "title") }

// serialised reports whether a text is PHP's notation of a list or an object,
// which says nothing to a customer.
func serialised(s string) bool {
	return len(s) > 4 && (s[0] == 'a' || s[0] == 'O') && s[1] == ':' && s[2]-'0' <= 9 && strings.HasSuffix(strings.TrimSpace(s), "}")
}

// asIs is the text of shops that keep it plain.
func asIs(s string) string {
	if len(s) > maxRead {
		s = strings.ToValidUTF8(s[:maxRead], "")
	}
	return s
}

// nameOf returns the line's name, or what comes closest to one.
func nameOf(it *waxwing.Item) string {
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

// attributeName makes a label of a key such as "pa_shoe-size". A key that
// somebody wrote as a label stays as it is.
func attributeName(key string) string {
	key = strings.TrimPrefix(strings.TrimPrefix(key, "attribute_"), "pa_")
	if strings.ToLower(key) == key && !strings.Contains(strings.TrimSpace(key), " ") { // E-Mail stays
		key = strings.NewReplacer("_", " ", "-", " ").Replace(key)
	}
	key = strings.TrimSpace(key)
	r, n := utf8.DecodeRuneInString(key)
	if key == "" {
		return ""
	}
	return string(unicode.ToUpper(r)) + key[n:]
}

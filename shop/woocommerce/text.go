package woocommerce

import (
	"html"
	"strings"

	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// plainText returns a field on one line as a customer reads it: WordPress keeps
// HTML entities in names and titles, and some plugins put markup there.
func plainText(v payload.Value, limit int) string { return shop.Clean(plainLines(v.Text()), limit) }

// noteOf returns the customer's own words: a tag in them is hers.
func noteOf(v payload.Value) string {
	return shop.CleanLines(html.UnescapeString(v.Text()), shop.MaxNote)
}

// plainLines takes markup away and decodes entities, in this order and once, so
// that a tag that somebody wrote as text (&lt;b&gt;) stays text. Elements that
// break a line leave a line break.
func plainLines(s string) string {
	if len(s) > shop.MaxRead {
		s = strings.ToValidUTF8(s[:shop.MaxRead], "")
	}
	if strings.IndexByte(s, '<') >= 0 {
		s = withoutMarkup(s)
	}
	if strings.IndexByte(s, '&') >= 0 {
		s = html.UnescapeString(s)
	}
	return s
}

// markup lists the elements that shops' plugins put into titles and values, and
// what stands in their place. Whatever else is in angle brackets is text.
var markup = map[string]string{
	"a": "", "abbr": "", "b": "", "bdi": "", "bdo": "", "code": "", "del": "", "em": "", "font": "", "i": "", "img": "", "ins": "",
	"label": "", "mark": "", "s": "", "small": "", "span": "", "strong": "", "sub": "", "sup": "", "time": "", "u": "", "wbr": "",
	"br": "\n", "dd": "\n", "div": "\n", "dl": "\n", "dt": "\n", "h1": "\n", "h2": "\n", "h3": "\n", "h4": "\n", "hr": "\n", "li": "\n",
	"ol": "\n", "p": "\n", "table": "\n", "tbody": "\n", "td": " ", "th": " ", "tr": "\n", "ul": "\n",
	"big": "", "button": "", "center": "", "figure": "", "input": "", "kbd": "", "nobr": "", "path": "", "picture": "", "strike": "",
	"svg": "", "iframe": "", "article": "\n", "blockquote": "\n", "caption": "\n", "fieldset": "\n", "figcaption": "\n", "form": "\n",
	"h5": "\n", "h6": "\n", "legend": "\n", "option": "\n", "pre": "\n", "section": "\n", "select": "\n", "tfoot": "\n", "thead": "\n",
}

// unread returns how long what a browser does not show at the start of s is: a
// comment, a script or a style sheet; 0: none.
func unread(s string) int {
	for _, e := range [...][2]string{{"<!--", "-->"}, {"<script", "</script>"}, {"<style", "</style>"}} {
		if len(s) < len(e[0]) || !strings.EqualFold(s[:len(e[0])], e[0]) {
			continue
		}
		for i := len(e[0]); i+len(e[1]) <= min(len(s), 4<<10); i++ {
			if s[i] == e[1][0] && strings.EqualFold(s[i:i+len(e[1])], e[1]) {
				return i + len(e[1])
			}
		}
	}
	return 0
}

func withoutMarkup(s string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			break
		}
		if n := unread(s[i:]); n > 0 {
			b.WriteString(s[:i])
			s = s[i+n:]
			continue
		}
		end := strings.IndexByte(s[i:min(i+4<<10, len(s))], '>')
		if end < 0 {
			break
		}
		tag := s[i+1 : i+end]
		name := strings.TrimPrefix(tag, "/")
		if cut := strings.IndexAny(name, " \t\r\n/"); cut >= 0 {
			name = name[:cut]
		}
		between, ok := markup[strings.ToLower(name)]
		if !ok {
			b.WriteString(s[:i+1])
			s = s[i+1:]
			continue
		}
		b.WriteString(s[:i])
		b.WriteString(between)
		if s = s[i+end+1:]; between == "\n" {
			// WordPress writes a line break behind the element that makes one.
			s = strings.TrimPrefix(strings.TrimPrefix(s, "\r"), "\n")
		}
	}
	b.WriteString(s)
	return b.String()
}

// The legacy API (wc-api v3), whose webhooks a plugin keeps alive, wraps the
// order in "order" and has other names for the same things.
func billingOf(v payload.Value) payload.Value  { return v.Either("billing", "billing_address") }
func shippingOf(v payload.Value) payload.Value { return v.Either("shipping", "shipping_address") }

// gatewayOf is the word of the payment's gateway.
func gatewayOf(v payload.Value) payload.Value {
	if m := v.Get("payment_method"); m.Given() {
		return m
	}
	return v.Get("payment_details").Get("method_id")
}

// streetOf reads the lines of a street address. Brazil's shops keep the number
// of the house and the quarter in fields of their own.
func streetOf(v payload.Value) []string {
	street, rest := plainLines(v.Get("address_1").Text()), plainLines(v.Get("address_2").Text())
	if n := plainText(v.Get("number"), shop.MaxNumber); n != "" && strings.TrimSpace(street) != "" {
		if street = strings.TrimSpace(street); !strings.HasSuffix(street, " "+n) {
			street += ", " + n
		}
	}
	return shop.StreetLines(street, rest, plainLines(v.Get("neighborhood").Text()))
}

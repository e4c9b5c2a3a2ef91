package templates

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
)

// block appends the order as schema.org's Order in a script element, as mail
// clients read it. Whatever a value holds, it can neither end the string nor
// the element.
func (v *view) block(b []byte) []byte {
	o := v.order
	b = append(b, `<script type="application/ld+json">`...)
	j := jsonWriter{b: append(b, `{"@context":"https://schema.org","@type":"Order"`...)}
	j.open("merchant", "Organization")
	j.text("name", v.brand.Name)
	j.link("url", v.brand.HomeURL)
	j.close()
	j.text("orderNumber", o.Number)
	if validDay(o.PlacedAt) {
		j.key("orderDate")
		j.b = append(j.b, '"')
		j.b = o.PlacedAt.AppendFormat(j.b, time.RFC3339)
		j.b = append(j.b, '"')
	}
	j.raw("orderStatus", v.jsonStatus())
	j.money("price", "priceCurrency", o.Total)
	if o.DiscountTotal.Minor > 0 {
		j.money("discount", "discountCurrency", o.DiscountTotal)
	}
	if name, _ := names(o, v.locale.Tag()); name != "" {
		j.open("customer", "Person")
		j.text("name", name)
		j.close()
	}
	method := o.Payment.Method
	if m, ok := offlineMessages[o.Payment.Offline]; ok && method == "" {
		method = v.locale.Text(m)
	}
	j.text("paymentMethod", method)
	j.address("billingAddress", o.Billing)
	v.jsonOffers(&j)
	v.jsonDelivery(&j)
	if u := v.root[fOrderURL]; u != nil {
		j.text("url", string(u))
		j.open("potentialAction", "ViewAction")
		j.text("target", string(u))
		j.close()
	}
	return append(j.b, "}</script>"...)
}

// jsonOffers lists the items that the mail lists.
func (v *view) jsonOffers(j *jsonWriter) {
	j.key("acceptedOffer")
	j.b = append(j.b, '[')
	for i := range v.items {
		it := &v.order.Items[i]
		if i > 0 {
			j.b = append(j.b, ',')
		}
		j.b = append(j.b, `{"@type":"Offer"`...)
		j.open("itemOffered", "Product")
		j.text("name", it.Name)
		j.text("sku", it.SKU)
		j.checked("url", it.URL, v.items[i].text[iURL])
		j.checked("image", it.ImageURL, v.items[i].text[iImage])
		j.close()
		if known(it.Unit) {
			j.money("price", "priceCurrency", *it.Unit)
		}
		if it.Quantity > 0 {
			j.open("eligibleQuantity", "QuantitativeValue")
			j.key("value")
			j.b = strconv.AppendInt(j.b, it.Quantity, 10)
			j.close()
		}
		j.b = append(j.b, '}')
	}
	j.b = append(j.b, ']')
}

// jsonStatus is the order's state in schema.org's words.
func (v *view) jsonStatus() string {
	switch s := &v.state; {
	case s.refunded:
		return "https://schema.org/OrderReturned"
	case s.handed && !s.partly:
		return "https://schema.org/OrderDelivered"
	case s.prepay:
		return "https://schema.org/OrderPaymentDue"
	case s.shipped && !s.partly && !s.digital:
		return "https://schema.org/OrderInTransit"
	}
	return "https://schema.org/OrderProcessing"
}

// jsonDelivery says no more of the parcel than the mail does.
func (v *view) jsonDelivery(j *jsonWriter) {
	d, s := &v.order.Delivery, &v.state
	dated := v.root[fWindow] != nil
	if s.pickup || s.digital || s.handed || s.refunded || v.order.Shipping == nil && !dated {
		return
	}
	j.open("orderDelivery", "ParcelDelivery")
	j.address("deliveryAddress", v.order.Shipping)
	if dated {
		j.day("expectedArrivalFrom", d.From)
		j.day("expectedArrivalUntil", d.To)
	}
	if u := v.root[fTrackingURL]; u != nil {
		j.text("trackingUrl", string(u))
	}
	j.close()
}

// jsonWriter appends members to a JSON object that has one already.
type jsonWriter struct{ b []byte }

func (j *jsonWriter) key(k string) {
	j.b = append(j.b, ',', '"')
	j.b = append(j.b, k...)
	j.b = append(j.b, '"', ':')
}

func (j *jsonWriter) open(k, typ string) {
	j.key(k)
	j.b = append(j.b, `{"@type":"`...)
	j.b = append(j.b, typ...)
	j.b = append(j.b, '"')
}

func (j *jsonWriter) close() { j.b = append(j.b, '}') }

func (j *jsonWriter) raw(k, s string) {
	j.key(k)
	j.b = append(j.b, '"')
	j.b = append(j.b, s...)
	j.b = append(j.b, '"')
}

// text writes a string member, none for "".
func (j *jsonWriter) text(k, s string) {
	if s == "" {
		return
	}
	if len(s) > maxJSON { // an address is never this long, a text is cut
		s = strings.ToValidUTF8(s[:maxJSON], "")
	}
	j.key(k)
	j.b = appendJSONString(j.b, s)
}

func (j *jsonWriter) link(k, s string) {
	if safeURL(s) {
		j.text(k, s)
	}
}

// checked writes a link that the view has judged already.
func (j *jsonWriter) checked(k, s string, ok []byte) {
	if ok != nil {
		j.text(k, s)
	}
}

func (j *jsonWriter) money(k, currency string, m waxwing.Money) {
	if !waxwing.ValidCurrency(m.Currency) {
		return
	}
	j.key(k)
	j.b = append(j.b, '"')
	j.b = m.AppendDecimal(j.b)
	j.b = append(j.b, '"')
	j.text(currency, m.Currency)
}

func (j *jsonWriter) day(k string, t time.Time) {
	if !validDay(t) {
		return
	}
	j.key(k)
	j.b = append(j.b, '"')
	j.b = t.AppendFormat(j.b, time.DateOnly)
	j.b = append(j.b, '"')
}

func (j *jsonWriter) address(k string, a *waxwing.Address) {
	if a == nil {
		return
	}
	j.open(k, "PostalAddress")
	j.text("name", a.Name)
	if len(a.Lines) > 0 {
		j.text("streetAddress", joinLines(a.Lines))
	}
	j.text("addressLocality", a.City)
	j.text("addressRegion", a.Region)
	j.text("postalCode", a.PostalCode)
	j.text("addressCountry", a.Country)
	j.close()
}

func joinLines(lines []string) string {
	if len(lines) == 1 {
		return lines[0]
	}
	s := ""
	for i, l := range lines {
		if i > 0 {
			s += ", "
		}
		s += l
	}
	return s
}

const hexDigits = "0123456789abcdef"

// maxJSON bounds a string of the block, in bytes.
const maxJSON = 400

// jsonPlain are the bytes that stand for themselves in a JSON string within
// HTML's script element.
var jsonPlain = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '<' && c != '>' && c != '&' && c != '\''
	}
	return t
}()

// appendJSONString appends a JSON string that is also safe within HTML's script
// element: <, > and & are escaped, as are line separators and direction controls.
func appendJSONString(b []byte, s string) []byte {
	b = append(b, '"')
	for i := 0; i < len(s); {
		start := i
		for i < len(s) && jsonPlain[s[i]] {
			i++
		}
		b = append(b, s[start:i]...)
		if i == len(s) {
			break
		}
		c := s[i]
		if c >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			i += size
			if r >= 0x2028 && r <= 0x202e || r >= 0x2066 && r <= 0x2069 { // lines and directions
				b = append(b, '\\', 'u', '2', '0', hexDigits[r>>4&15], hexDigits[r&15])
				continue
			}
			b = utf8.AppendRune(b, r)
			continue
		}
		i++
		if c == '"' || c == '\\' {
			b = append(b, '\\', c)
		} else {
			b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
	return append(b, '"')
}

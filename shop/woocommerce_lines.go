package shop

import (
	"errors"
	"strings"

	"github.com/waxwinghq/waxwing"
)

// items reads the lines and returns what they add up to before discounts.
func (r *wooReader) items() error {
	list := r.v.get("line_items")
	n := list.len()
	if n > 0 {
		r.o.Items = make([]waxwing.Item, 0, n)
	}
	coupons := r.v.get("coupon_lines").len() > 0
	sets := wooSets(list)
	for i, v := range list.items() {
		if v.nothing() {
			continue
		}
		it, err := r.item(v, coupons)
		if err == nil {
			err = r.till.err
		}
		if err != nil {
			return within("line_items", i, err)
		}
		if it.Quantity == 0 {
			continue // taken out of the order by an editor
		}
		it.Bundle = sets.of(v)
		r.o.Items = append(r.o.Items, it)
	}
	return nil
}

func (r *wooReader) item(v value, coupons bool) (it waxwing.Item, err error) {
	if v = v.object(); v.kind() != kindObject {
		return it, errors.New("(line): not an object")
	}
	measure := fractional(v.get("quantity"))
	if measure != "" {
		it.Quantity = 1
	} else if it.Quantity, err = quantity(v.get("quantity")); err != nil {
		return it, inField("quantity", err)
	}
	back := it.Quantity < 0
	if it.Quantity = max(it.Quantity, -it.Quantity); it.Quantity == 0 {
		if !nonzero(v.get("total").text()) && !nonzero(v.get("subtotal").text()) {
			return it, nil
		}
		it.Quantity = 1 // it costs something, so it is there
	}
	r.price(v, &it, coupons, back)
	it.SKU = wooText(v.get("sku"), capNumber)
	if id := clean(v.get("product_id").text(), capNumber); id != "0" {
		it.ProductID = id
	}
	if id := clean(v.get("variation_id").text(), capNumber); id != "0" {
		it.VariantID = id
	}
	it.Name = wooText(v.get("name"), capItem)
	it.Name = nameOf(&it)
	it.Digital = v.get("virtual").bool() || v.get("downloadable").bool() || v.get("is_virtual").bool() || v.get("is_downloadable").bool() ||
		v.get("needs_shipping").kind() == kindFalse
	it.ImageURL = link(v.get("image").get("src").text())
	told := toldByName(it.Name, wooText(v.get("parent_name"), capItem))
	if it.VariantID == "" {
		told = nil
	}
	for _, m := range v.either("meta_data", "meta").items() {
		wooChoice(m, &it, told)
	}
	if measure != "" {
		it.Name += " × " + measure
	}
	return it, nil
}

// fractional returns a quantity that is no whole number, as it is written:
// shops that sell by the metre or the kilogram have such. The line then counts
// as one piece, of that measure. Anything else is "".
func fractional(v value) string {
	s := v.trimmed()
	whole, frac, _ := strings.Cut(s, ".")
	frac = strings.TrimRight(frac, "0")
	if whole == "" || frac == "" || len(s) > 12 || digits(whole, 0) != len(whole) || digits(frac, 0) != len(frac) {
		return ""
	}
	return whole + "." + frac
}

// price reads a line's prices before discounts: subtotal is what the line
// costs, total what is left after coupons. A total above the subtotal is a
// surcharge, such as that of goods sold by weight.
func (r *wooReader) price(v value, it *waxwing.Item, coupons, back bool) {
	amount := "subtotal"
	if v.get(amount).trimmed() == "" {
		amount = "total"
	}
	price := v.get("price")
	switch {
	case v.get(amount).trimmed() != "":
		total := r.lineAmount(v, amount, it.Quantity)
		it.Total = &total
		if r.till.err == nil && total.Minor%it.Quantity == 0 {
			it.Unit = &waxwing.Money{Minor: total.Minor / it.Quantity, Currency: r.till.cur}
		}
	case price.trimmed() != "" && fractional(v.get("quantity")) == "":
		unit, total := r.till.kept(price, "price"), r.till.line("price", price, it.Quantity)
		if back {
			unit, total = unit.Neg(), total.Neg()
		}
		it.Unit, it.Total = &unit, &total
	default:
		return
	}
	if amount != "subtotal" || v.get("total").trimmed() == "" || r.till.err != nil {
		return
	}
	left := r.lineAmount(v, "total", it.Quantity)
	switch cut := it.Total.Sub(left); {
	case cut.Minor < 0:
		r.extra = r.till.sum("line_items", r.extra, cut.Neg())
	case cut.Minor > 0:
		r.cut = r.till.sum("line_items", r.cut, cut)
		if !coupons { // without a coupon it was given by hand
			it.Discount = cut
		}
	}
}

// backordered is what WooCommerce and its translations call the meta data of a
// line that has to be ordered first.
var backordered = map[string]bool{
	"backordered": true, "on backorder": true, "backorder": true, "lieferrückstand": true, "nachbestellt": true, "im rückstand": true,
	"vorbestellt": true, "en réapprovisionnement": true, "en rupture de stock": true, "en attente": true, "en commande": true,
	"reservado": true, "reservados": true, "en espera": true, "pendiente de reposición": true, "por encargo": true, "ordinato": true,
	"ordine arretrato": true, "arretrato": true, "in arretrato": true, "su ordinazione": true, "nabesteld": true, "nabestelling": true,
	"zamówione wcześniej": true, "na zamówienie": true, "zamówienie oczekujące": true, "encomendado": true, "sob encomenda": true,
	"por encomenda": true, "restnoterad": true, "restorder": true, "お取り寄せ": true, "取り寄せ": true, "入荷待ち": true, "バックオーダー": true,
	"缺货": true, "延期交货": true, "缺货订单": true, "طلب مسبق": true, "الطلب المسبق": true,
}

// wooChoice reads one entry of a line's meta data: a variation's attribute or
// what a plugin let the customer choose. An attribute that the name already
// tells is left out.
func wooChoice(m value, it *waxwing.Item, told []string) {
	key := m.get("key").text()
	switch strings.ToLower(strings.TrimLeft(key, "_")) {
	case "virtual", "downloadable", "is_virtual", "is_downloadable":
		if strings.HasPrefix(key, "_") {
			it.Digital = it.Digital || m.get("value").bool()
			return
		}
	}
	label := wooLines(m.either("display_key", "label").text())
	lower := strings.ToLower(strings.TrimSpace(wooLines(key)))
	if backordered[strings.TrimLeft(lower, "_")] || backordered[strings.ToLower(strings.TrimSpace(label))] {
		if n, ok := m.get("value").int(); ok && n > 0 || m.get("value").bool() {
			it.Stock = waxwing.StockBackorder
			return
		}
	}
	if key == "" || strings.HasPrefix(key, "_") {
		return
	}
	text := readable(m.either("display_value", "value"), wooLines)
	if strings.TrimSpace(text) == "" {
		text = readable(m.get("value"), wooLines)
	}
	if label == "" || strings.HasPrefix(label, "pa_") {
		label = attributeName(wooLines(key))
	}
	plain := strings.ToLower(clean(text, capValue))
	for _, t := range told {
		if t == plain || t == strings.ToLower(clean(label, capName))+": "+plain {
			return
		}
	}
	addProperty(it, label, text)
}

// toldByName returns the attributes that a variation's name tells: what stands
// behind the name of its product and " - ". Where the payload does not have
// that name, what stands behind the last " - ".
func toldByName(name, parent string) []string {
	rest := ""
	if parent != "" {
		rest = strings.TrimPrefix(name, parent)
		if rest == name {
			return nil
		}
	} else {
		for _, dash := range []string{" - ", " – "} {
			if i := strings.LastIndex(name, dash); i > 0 {
				rest = name[i:]
			}
		}
	}
	told, ok := strings.CutPrefix(rest, " - ")
	if !ok {
		if told, ok = strings.CutPrefix(rest, " – "); !ok {
			return nil
		}
	}
	told = strings.ToLower(told)
	return append(strings.Split(told, ", "), told)
}

package woocommerce

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

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

// items reads the lines and returns what they add up to before discounts.
func (r *reader) items() error {
	list := r.v.Get("line_items")
	n := list.Len()
	if n > 0 {
		r.o.Items = make([]waxwing.Item, 0, n)
	}
	coupons := r.v.Get("coupon_lines").Len() > 0
	sets := findSets(list)
	for i, v := range list.Items() {
		if v.Nothing() {
			continue
		}
		it, err := r.item(v, coupons)
		if err == nil {
			err = r.money.Err
		}
		if err != nil {
			return shop.InItem("line_items", i, err)
		}
		if it.Quantity == 0 {
			continue // taken out of the order by an editor
		}
		it.Bundle = sets.of(v)
		r.o.Items = append(r.o.Items, it)
	}
	return nil
}

func (r *reader) item(v payload.Value, coupons bool) (it waxwing.Item, err error) {
	if v = v.Object(); v.Kind() != payload.Object {
		return it, errors.New("(line): not an object")
	}
	measure := fractional(v.Get("quantity"))
	back := strings.HasPrefix(v.Get("quantity").Trimmed(), "-")
	if measure != "" {
		it.Quantity = 1
	} else if v.Get("quantity").Trimmed() == "" {
		it.Quantity = 1 // a line of an amount alone
	} else if it.Quantity, err = shop.Quantity(v.Get("quantity")); err != nil {
		return it, shop.InField("quantity", err)
	}
	if it.Quantity = max(it.Quantity, -it.Quantity); it.Quantity == 0 {
		if !shop.Nonzero(v.Get("total").Text()) && !shop.Nonzero(v.Get("subtotal").Text()) {
			return it, nil
		}
		it.Quantity = 1 // it costs something, so it is there
	}
	r.price(v, &it, coupons, back)
	it.SKU = plainText(v.Get("sku"), shop.MaxNumber)
	if id := shop.Clean(v.Get("product_id").Text(), shop.MaxNumber); id != "0" {
		it.ProductID = id
	}
	if id := shop.Clean(v.Get("variation_id").Text(), shop.MaxNumber); id != "0" {
		it.VariantID = id
	}
	it.Name = plainText(v.Get("name"), shop.MaxItem)
	it.Name = shop.ItemName(&it)
	it.Digital = v.Get("virtual").Bool() || v.Get("downloadable").Bool() || v.Get("is_virtual").Bool() || v.Get("is_downloadable").Bool() ||
		v.Get("needs_shipping").Kind() == payload.False
	it.ImageURL = shop.Link(v.Get("image").Get("src").Text())
	told := toldByName(it.Name, plainText(v.Get("parent_name"), shop.MaxItem))
	if it.VariantID == "" {
		told = nil
	}
	for _, m := range v.Either("meta_data", "meta").Items() {
		readChoice(m, &it, told)
	}
	if measure != "" {
		it.Name += " × " + measure
	}
	return it, nil
}

// fractional returns a quantity that is no whole number, as it is written:
// shops that sell by the metre or the kilogram have such. The line then counts
// as one piece, of that measure. Anything else is "".
func fractional(v payload.Value) string {
	s := strings.TrimPrefix(v.Trimmed(), "-")
	whole, frac, _ := strings.Cut(s, ".")
	frac = strings.TrimRight(frac, "0")
	if whole == "" || frac == "" || len(s) > 12 || payload.Digits(whole, 0) != len(whole) || payload.Digits(frac, 0) != len(frac) {
		return ""
	}
	return whole + "." + frac
}

// price reads a line's prices before discounts: subtotal is what the line
// costs, total what is left after coupons. A total above the subtotal is a
// surcharge, such as that of goods sold by weight.
func (r *reader) price(v payload.Value, it *waxwing.Item, coupons, back bool) {
	amount := "subtotal"
	if v.Get(amount).Trimmed() == "" {
		amount = "total"
	}
	price := v.Get("price")
	switch {
	case v.Get(amount).Trimmed() != "":
		total := r.tax.line(v, amount, it.Quantity)
		it.Total = &total
		if r.money.Err == nil && total.Minor%it.Quantity == 0 {
			it.Unit = &waxwing.Money{Minor: total.Minor / it.Quantity, Currency: r.money.Currency}
		}
	case price.Trimmed() != "" && fractional(v.Get("quantity")) == "":
		unit, total := r.money.Kept(price, "price"), r.money.Line("price", price, it.Quantity)
		if back {
			unit, total = unit.Neg(), total.Neg()
		}
		it.Unit, it.Total = &unit, &total
	default:
		return
	}
	if amount != "subtotal" || v.Get("total").Trimmed() == "" || r.money.Err != nil {
		return
	}
	left := r.tax.line(v, "total", it.Quantity)
	switch cut := it.Total.Sub(left); {
	case cut.Minor < 0:
		r.extra = r.money.Sum("line_items", r.extra, cut.Neg())
	case cut.Minor > 0:
		r.cut = r.money.Sum("line_items", r.cut, cut)
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

// readChoice reads one entry of a line's meta data: a variation's attribute or
// what a plugin let the customer choose. An attribute that the name already
// tells is left out.
func readChoice(m payload.Value, it *waxwing.Item, told []string) {
	key := m.Get("key").Text()
	switch strings.ToLower(strings.TrimLeft(key, "_")) {
	case "virtual", "downloadable", "is_virtual", "is_downloadable":
		if strings.HasPrefix(key, "_") {
			it.Digital = it.Digital || m.Get("value").Bool()
			return
		}
	}
	label := plainLines(m.Either("display_key", "label").Text())
	lower := strings.ToLower(strings.TrimSpace(plainLines(key)))
	if backordered[strings.TrimLeft(lower, "_")] || backordered[strings.ToLower(strings.TrimSpace(label))] {
		if n, ok := m.Get("value").Int(); ok && n > 0 || m.Get("value").Bool() {
			it.Stock = waxwing.StockBackorder
			return
		}
	}
	if key == "" || strings.HasPrefix(key, "_") {
		return
	}
	text := shop.Readable(m.Either("display_value", "value"), plainLines)
	if strings.TrimSpace(text) == "" {
		text = shop.Readable(m.Get("value"), plainLines)
	}
	if label == "" || strings.HasPrefix(label, "pa_") {
		label = attributeName(plainLines(key))
	}
	plain := strings.ToLower(shop.Clean(text, shop.MaxValue))
	for _, t := range told {
		if t == plain || t == strings.ToLower(shop.Clean(label, shop.MaxName))+": "+plain {
			return
		}
	}
	shop.AddProperty(it, label, text)
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

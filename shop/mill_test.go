package shop_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"

	"github.com/waxwinghq/waxwing"
)

// mill makes payloads as shops compute them.
type mill struct{ *rand.Rand }

var millCurrencies = []string{"USD", "USD", "EUR", "GBP", "JPY", "KRW", "KWD", "TND", "BTC", "USDT", "XTS", "CHF", "SEK", "CLF"}

func pick[T any](m *mill, list ...T) T { return list[m.IntN(len(list))] }

// one reports true once in n times.
func (m *mill) one(n int) bool { return m.IntN(n) == 0 }

// rat is n/10^places.
func rat(n int64, places int) *big.Rat {
	return new(big.Rat).SetFrac(big.NewInt(n), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil))
}

// round rounds half away from zero.
func round(r *big.Rat, places int) *big.Rat {
	out, _ := new(big.Rat).SetString(r.FloatString(places))
	return out
}

func minor(r *big.Rat, places int) int64 {
	n, err := strconv.ParseInt(new(big.Rat).Mul(r, new(big.Rat).Inv(rat(1, places))).FloatString(0), 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func add(list ...*big.Rat) *big.Rat {
	sum := new(big.Rat)
	for _, r := range list {
		sum.Add(sum, r)
	}
	return sum
}

func mul(a, b *big.Rat) *big.Rat { return new(big.Rat).Mul(a, b) }

func sub(a, b *big.Rat) *big.Rat { return new(big.Rat).Sub(a, b) }

func (m *mill) price(places int) *big.Rat {
	switch m.IntN(8) {
	case 0:
		return new(big.Rat)
	case 1:
		return rat(m.Int64N(99_999), places+2) // 0.0125
	}
	return rat(m.Int64N(99_999), places)
}

func (m *mill) quantity() int64 { return pick(m, 1, 1, 1, 2, 3, 7, 12, 250, 1+m.Int64N(1000)) }

func float(r *big.Rat) json.Number {
	f, _ := r.Float64()
	if f == 0 || math.Abs(f) < 1e-6 {
		return json.Number(r.FloatString(12))
	}
	return json.Number(strconv.FormatFloat(f, 'f', -1, 64))
}

// millWoo computes as WooCommerce does: net amounts and taxes apart, each kept
// to more places than the payload shows, the total rounded once.
func millWoo(m *mill) *made {
	cur := pick(m, millCurrencies...)
	d := waxwing.Decimals(cur)
	gross := m.one(2)
	w := &made{cur: cur, clean: true, extra: -1}
	rates := make([]*big.Rat, 0, 3)
	for range m.IntN(3) {
		rates = append(rates, pick(m, rat(20, 2), rat(7, 2), rat(19, 2), rat(8875, 5), rat(77, 3), rat(5, 2)))
	}
	perRate := make([]*big.Rat, len(rates))
	for i := range perRate {
		perRate[i] = new(big.Rat)
	}
	// taxed returns the taxes of a net amount, one a rate.
	taxed := func(net *big.Rat, count bool) (list []*big.Rat, sum *big.Rat) {
		sum = new(big.Rat)
		for i, r := range rates {
			t := round(mul(net, r), d+4)
			if count {
				perRate[i].Add(perRate[i], t)
			}
			list, sum = append(list, t), add(sum, t)
		}
		return list, sum
	}
	factor := big.NewRat(1, 1)
	for _, r := range rates {
		factor = add(factor, r)
	}
	netOf := func(price *big.Rat) *big.Rat {
		if gross {
			return round(new(big.Rat).Quo(price, factor), d+4)
		}
		return price
	}
	total, discount, discountTax, tax := new(big.Rat), new(big.Rat), new(big.Rat), new(big.Rat)
	coupon := m.one(3)
	var lines []any
	for i := range 1 + m.IntN(12) {
		q := m.quantity()
		net := mul(netOf(m.price(d)), new(big.Rat).SetInt64(q))
		if m.one(20) {
			net.Neg(net)
		}
		after := net
		switch {
		case coupon:
			after = round(mul(net, pick(m, rat(9, 1), rat(85, 2), rat(3333, 4))), d+4)
		case m.one(15) && net.Sign() > 0:
			after = round(mul(net, pick(m, rat(125, 2), rat(101, 2), rat(5, 1))), d+4) // weighed, or cut by hand
		}
		before, beforeTax := taxed(net, false)
		left, leftTax := taxed(after, true)
		total, tax = add(total, after, leftTax), add(tax, leftTax)
		discount, discountTax = add(discount, sub(net, after)), add(discountTax, sub(beforeTax, leftTax))
		var taxes []any
		for j := range rates {
			taxes = append(taxes, map[string]any{"id": j + 1, "total": left[j].FloatString(d + 4), "subtotal": before[j].FloatString(d + 4)})
		}
		line := map[string]any{"id": 100 + i, "name": "Thing", "product_id": 5 + i, "variation_id": 0, "quantity": q, "subtotal": net.FloatString(d),
			"subtotal_tax": beforeTax.FloatString(d), "total": after.FloatString(d), "total_tax": leftTax.FloatString(d), "taxes": taxes,
			"price": float(new(big.Rat).Quo(after, new(big.Rat).SetInt64(q))), "meta_data": pick[any](m, []any{}, nil, map[string]any{"0": map[string]any{"key": "_x", "value": 1}})}
		if m.one(10) {
			delete(line, "taxes")
			w.clean = false // without them a cent of each line is unknown
		}
		lines = append(lines, line)
	}
	shipping, shippingTax := new(big.Rat), new(big.Rat)
	var ship []any
	for range m.IntN(3) {
		net := netOf(rat(m.Int64N(2_000), d))
		list, t := taxed(net, true)
		shipping, shippingTax = add(shipping, net), add(shippingTax, t)
		var taxes []any
		for j := range list {
			taxes = append(taxes, map[string]any{"id": j + 1, "total": list[j].FloatString(d + 4)})
		}
		ship = append(ship, map[string]any{"method_title": "Post", "method_id": "flat_rate", "total": net.FloatString(d), "total_tax": t.FloatString(d), "taxes": taxes})
	}
	total, tax = add(total, shipping, shippingTax), add(tax, shippingTax)
	var fees []any
	for range m.IntN(3) {
		net := rat(m.Int64N(3_000)-1_000, d)
		_, t := taxed(net, true)
		total, tax = add(total, net, t), add(tax, t)
		fees = append(fees, map[string]any{"name": "Fee", "total": net.FloatString(d), "total_tax": t.FloatString(d)})
	}
	if total.Sign() < 0 { // nobody pays a negative total: a fee makes up for it
		up := add(round(new(big.Rat).Neg(total), d), rat(500, d))
		total = add(total, up)
		fees = append(fees, map[string]any{"name": "Minimum", "total": up.FloatString(d), "total_tax": "0"})
	}
	w.total = minor(round(total, d), d)
	order := map[string]any{"id": 1 + m.IntN(99999), "currency": cur, "prices_include_tax": gross, "status": pick(m, "processing", "on-hold", "completed", "refunded"),
		"discount_total": discount.FloatString(d), "discount_tax": discountTax.FloatString(d), "shipping_total": shipping.FloatString(d),
		"shipping_tax": shippingTax.FloatString(d), "total_tax": tax.FloatString(d), "line_items": lines, "shipping_lines": ship, "fee_lines": fees}
	var coupons []any
	if coupon && discount.Sign() != 0 {
		half := round(mul(discount, rat(5, 1)), d+2)
		halfTax := round(mul(discountTax, rat(5, 1)), d+2)
		coupons = append(coupons, map[string]any{"code": "A", "discount": half.FloatString(d), "discount_tax": halfTax.FloatString(d)},
			map[string]any{"code": "B", "discount": sub(discount, half).FloatString(d), "discount_tax": sub(discountTax, halfTax).FloatString(d)})
	}
	switch paid := w.total / 3; {
	case paid == 0 || !w.clean:
	case m.one(6) && !coupon && discount.Sign() == 0: // store credit, as a coupon behind the taxes
		w.total, w.credit = w.total-paid, paid
		coupons = append(coupons, map[string]any{"code": "credit", "discount": rat(paid, d).FloatString(d), "discount_tax": "0"})
	case m.one(6):
		w.total, w.cards = w.total-paid, paid
		order["gift_cards"] = []any{map[string]any{"code": "GIFT-CARD-1234", "amount": rat(paid, d).FloatString(d)}}
	}
	order["coupon_lines"], order["tax_lines"] = coupons, taxLines(rates, perRate, d)
	order["total"] = rat(w.total, d).FloatString(d + m.IntN(3))
	if m.one(4) {
		order["refunds"] = []any{map[string]any{"id": 1, "total": rat(-w.total/2, d).FloatString(d)}}
	}
	w.order, w.items = order, len(lines)
	return w
}

func taxLines(rates, sums []*big.Rat, d int) []any {
	var list []any
	for i, r := range rates {
		list = append(list, map[string]any{"rate_id": i + 1, "label": "VAT", "tax_total": sums[i].FloatString(d), "shipping_tax_total": "0",
			"rate_percent": json.Number(mul(r, rat(100, 0)).FloatString(3)), "compound": false})
	}
	return list
}

// millShopify computes as Shopify does: every amount is rounded when it is made.
func millShopify(m *mill) *made {
	cur := pick(m, millCurrencies...)
	d := waxwing.Decimals(cur)
	shopCur, shown := cur, m.one(3)
	if shown {
		shopCur = pick(m, "CAD", "AUD")
	}
	set := func(r *big.Rat) map[string]any {
		s := map[string]any{"shop_money": map[string]any{"amount": r.FloatString(d), "currency_code": shopCur}}
		if shown {
			s["shop_money"] = map[string]any{"amount": mul(r, rat(15, 1)).FloatString(2), "currency_code": shopCur}
		}
		s["presentment_money"] = map[string]any{"amount": r.FloatString(d), "currency_code": cur}
		return s
	}
	put := func(o map[string]any, key string, r *big.Rat) {
		o[key+"_set"] = set(r)
		o[key] = o[key+"_set"].(map[string]any)["shop_money"].(map[string]any)["amount"]
	}
	w := &made{cur: cur, clean: true, extra: 0}
	included := m.one(2)
	rates := []*big.Rat{}
	for range m.IntN(4) {
		rates = append(rates, pick(m, rat(20, 2), rat(7, 2), rat(8875, 5), rat(5, 2)))
	}
	apps := []any{}
	for range m.IntN(3) {
		apps = append(apps, map[string]any{"type": "discount_code", "title": "Cut", "target_type": "line_item", "target_selection": pick(m, "all", "entitled")})
	}
	sum, cut, tax := new(big.Rat), new(big.Rat), new(big.Rat)
	perRate := make([]*big.Rat, len(rates))
	for i := range perRate {
		perRate[i] = new(big.Rat)
	}
	var lines []any
	for i := range 1 + m.IntN(12) {
		q := m.quantity()
		price := round(m.price(d), d)
		line := map[string]any{"id": 100 + i, "title": "Thing", "quantity": q, "current_quantity": q, "requires_shipping": true,
			"properties": pick[any](m, []any{}, nil, map[string]any{}, []any{map[string]any{"name": "a", "value": true}})}
		if m.one(25) {
			line["quantity"], q = -q, -q
			delete(line, "current_quantity")
		}
		put(line, "price", price)
		net := mul(price, new(big.Rat).SetInt64(q))
		sum = add(sum, net)
		var allocations []any
		for j := range apps {
			part := round(mul(net, rat(m.Int64N(30), 2)), d)
			if part.Sign() > 0 {
				a := map[string]any{"discount_application_index": j}
				put(a, "amount", part)
				allocations, cut, net = append(allocations, a), add(cut, part), sub(net, part)
			}
		}
		line["discount_allocations"] = allocations
		var taxes []any
		for j, r := range rates {
			t := round(mul(net, r), d)
			l := map[string]any{"title": "VAT", "rate": json.Number(r.FloatString(5))}
			put(l, "price", t)
			taxes = append(taxes, l)
			tax, perRate[j] = add(tax, t), add(perRate[j], t)
		}
		line["tax_lines"] = taxes
		lines = append(lines, line)
	}
	order := map[string]any{"id": 1 + m.Int64N(1<<60), "name": "#1", "currency": shopCur, "presentment_currency": cur, "taxes_included": included,
		"financial_status": pick(m, "paid", "authorized", "pending", "partially_refunded", "refunded", "partially_paid"), "discount_applications": apps,
		"current_subtotal_price": "0", "confirmed": true}
	w.items = len(lines)
	shipping := rat(m.Int64N(3000), d)
	line := map[string]any{"title": "Post"}
	put(line, "price", shipping)
	order["shipping_lines"] = []any{line}
	put(order, "total_shipping_price", shipping)
	total := add(sub(sum, cut), shipping)
	if !included {
		total = add(total, tax)
	}
	if m.one(5) {
		tip := rat(m.Int64N(900), d)
		total = add(total, tip)
		if m.one(2) {
			l := map[string]any{"title": "Tip", "quantity": 1, "tip_payment_gateway": "shopify_payments"}
			put(l, "price", tip)
			lines = append(lines, l)
		} else {
			put(order, "total_tip_received", tip)
		}
	}
	if m.one(5) {
		duties := rat(m.Int64N(900), d)
		total = add(total, duties)
		put(order, "original_total_duties", duties)
	}
	off := new(big.Rat)
	switch {
	case total.Sign() < 0: // what nobody charges: the order is given away
		w.clean = false
		total = new(big.Rat)
	case m.one(12): // and what nobody can explain
		off = rat(pick[int64](m, 1, -1, 777), d)
		if total = add(total, off); total.Sign() < 0 {
			total = new(big.Rat)
		}
		w.clean = false
	}
	w.total = minor(round(total, d), d)
	put(order, "total_price", total)
	put(order, "current_total_price", total)
	put(order, "total_discounts", cut)
	put(order, "total_tax", tax)
	put(order, "total_line_items_price", sum)
	order["line_items"] = lines
	var taxes []any
	for j, r := range rates {
		l := map[string]any{"title": "VAT", "rate": json.Number(r.FloatString(5))}
		put(l, "price", perRate[j])
		taxes = append(taxes, l)
	}
	order["tax_lines"] = taxes
	if paid := w.total / 2; paid > 0 && m.one(6) {
		w.cards = paid
		order["transactions"] = []any{map[string]any{"kind": "sale", "status": "success", "gateway": "gift_card", "currency": cur, "amount": rat(paid, d).FloatString(d)}}
	}
	if m.one(6) {
		order["refunds"] = []any{map[string]any{"id": 1, "transactions": []any{map[string]any{"kind": "refund", "status": "success", "currency": cur,
			"amount": rat(w.total/2, d).FloatString(d)}}}}
	}
	if m.one(6) {
		order["total_outstanding"] = rat(w.total/3, d).FloatString(d)
	}
	w.order = order
	return w
}

// millGeneric computes as the schema says.
func millGeneric(m *mill) *made {
	cur := pick(m, millCurrencies...)
	d := waxwing.Decimals(cur)
	text := func(n int64) string { return rat(n, d).FloatString(d) }
	w := &made{cur: cur, clean: true}
	var items, discounts, shipping, fees, taxes, adjustments []any
	sum, total := int64(0), int64(0)
	for range 1 + m.IntN(12) {
		q := m.quantity()
		price := m.price(min(d, 8))
		if m.one(20) {
			price.Neg(price)
		}
		line := minor(round(mul(price, new(big.Rat).SetInt64(q)), d), d)
		item := map[string]any{"name": "Thing", "quantity": q, "unit_price": price.FloatString(min(d+2, 10)), "total": text(line)}
		switch m.IntN(4) {
		case 0:
			delete(item, "total")
		case 1:
			delete(item, "unit_price")
		}
		items, sum = append(items, item), sum+line
	}
	if sum < 0 {
		items, sum = append(items, map[string]any{"name": "Minimum", "quantity": 1, "unit_price": text(-sum)}), 0
	}
	total = sum
	if m.one(2) && total > 0 {
		cut := m.Int64N(total + 1)
		discounts, total = append(discounts, map[string]any{"title": "Cut", "amount": text(cut)}), total-cut
	}
	for range m.IntN(3) {
		n := m.Int64N(999)
		shipping, total = append(shipping, map[string]any{"title": "Post", "amount": text(n)}), total+n
	}
	for range m.IntN(3) {
		n := m.Int64N(999) - min(total, 300)
		fees, total = append(fees, map[string]any{"amount": text(n)}), total+n
		if total < 0 {
			fees, total = append(fees, map[string]any{"title": "Minimum", "amount": text(-total)}), 0
		}
	}
	included := m.one(2)
	for range m.IntN(4) {
		n := m.Int64N(total/8 + 1)
		if taxes = append(taxes, map[string]any{"title": "VAT", "rate": "0.07", "amount": text(n)}); !included {
			total += n
		}
	}
	if m.one(3) {
		n := m.Int64N(total + 1)
		w.credit, total = n, total-n
		adjustments = append(adjustments, map[string]any{"kind": "store_credit", "amount": text(-n)})
	}
	if m.one(3) {
		w.extra = 1 + m.Int64N(99)
		total += w.extra
		adjustments = append(adjustments, map[string]any{"kind": "surcharge", "title": "Cold", "amount": text(w.extra)})
	}
	if included && taxes != nil && w.credit > 0 { // a tax may not be more than the total
		taxes = nil
	}
	sums := map[string]any{"total": text(total)}
	if m.one(4) && total > 2 { // a shop that computes with more places than it shows
		total += m.Int64N(3) - 1
		sums = map[string]any{"total": text(total), "subtotal": text(sum + m.Int64N(3) - 1)}
	}
	order := map[string]any{"shop": "s", "id": fmt.Sprint(m.IntN(9999)), "currency": cur, "placed_at": "2026-03-01T12:00:00Z", "items": items,
		"discounts": discounts, "shipping": shipping, "fees": fees, "taxes": taxes, "adjustments": adjustments, "taxes_included": included,
		"payment": map[string]any{"status": pick(m, "pending", "partially_paid", "authorized", "paid", "partially_refunded", "refunded", "voided", "failed")}, "totals": sums, "customer": pick[any](m, nil, []any{}, map[string]any{})}
	if paid := total / 2; paid > 0 && m.one(5) {
		w.cards = paid
		order["gift_cards"] = []any{map[string]any{"title": "Card", "amount": text(paid)}}
	}
	if m.one(4) {
		order["payment"] = map[string]any{"status": "partially_paid", "deposit": text(total / 3)}
	}
	w.order, w.total, w.items = order, total, len(items)
	return w
}

package shop

import (
	"strings"

	"github.com/waxwinghq/waxwing"
)

// nameRest names what is left between the rows and the total: gift cards, which
// are a way to pay, and store credit, which plugins take off behind the taxes
// and keep as a coupon or in meta data.
func (r *wooReader) nameRest(coupons []waxwing.Adjustment) {
	o := r.o
	cards, paid := r.giftCards()
	rest := r.till.rows(o).Sub(o.Total)
	switch {
	case r.till.err != nil:
	case paid.Minor > 0 && r.near(rest, r.till.zero()):
		o.GiftCards = cards
	case paid.Minor > 0 && r.near(rest, paid):
		o.GiftCards, o.Total = cards, o.Total.Add(paid)
	case rest.Minor > 0 && !r.creditCoupons(coupons, rest):
		r.creditNoted(rest)
	}
}

// near reports whether two amounts are the same but for the rounding of rows.
func (r *wooReader) near(a, b waxwing.Money) bool { return r.till.isRounding(r.o, a.Sub(b)) }

// creditCoupons finds the coupons that were taken off behind the taxes: those
// that no discount of the order accounts for.
func (r *wooReader) creditCoupons(coupons []waxwing.Adjustment, rest waxwing.Money) bool {
	o := r.o
	all := r.till.zero()
	for i := range coupons {
		all = r.till.sum("coupon_lines", all, coupons[i].Amount)
	}
	var credit, discount []waxwing.Adjustment
	switch {
	case len(coupons) == 0 || r.near(rest, r.till.zero()):
		return false
	case r.near(all, rest) && o.DiscountTotal.IsZero():
		credit = coupons
	case r.near(all, rest.Add(o.DiscountTotal)):
		for i := range coupons {
			if len(credit) == 0 && r.near(coupons[i].Amount, rest) {
				credit = coupons[i : i+1]
			} else {
				discount = append(discount, coupons[i])
			}
		}
		if len(credit) == 0 {
			credit, discount = []waxwing.Adjustment{{Amount: rest}}, coupons
		}
		o.Discounts = discount
	default:
		return false
	}
	for _, c := range credit {
		title := "" // the mail's own word says it; a code only tells several apart
		if len(credit) > 1 {
			title = maskedCode(c.Title)
		}
		r.till.remain(o, waxwing.StoreCredit, title, c.Amount.Neg())
	}
	return true
}

// creditNoted looks for the amount in what plugins note on the order.
func (r *wooReader) creditNoted(rest waxwing.Money) {
	o := r.o
	for _, m := range r.v.get("meta_data").items() {
		key := strings.ToLower(m.get("key").text())
		gift := strings.Contains(key, "gift")
		if !gift && !strings.Contains(key, "credit") && !strings.Contains(key, "wallet") && !strings.Contains(key, "funds") &&
			!strings.Contains(key, "points") && !strings.Contains(key, "smart_coupons") && !strings.Contains(key, "loyalty") {
			continue
		}
		noted := r.noted(m.get("value"))
		if noted.Minor <= 0 || r.near(rest, r.till.zero()) || !r.near(noted, rest) {
			continue
		}
		if gift {
			o.GiftCards, o.Total = []waxwing.Adjustment{{Amount: noted}}, o.Total.Add(noted)
		} else {
			r.till.remain(o, waxwing.StoreCredit, "", noted.Neg())
		}
		return
	}
}

// noted returns the amount of a value: a number, an object's amount, or what
// the members of an object add up to ({"CODE": 20}).
func (r *wooReader) noted(v value) waxwing.Money {
	sum := r.till.zero()
	add := func(w value) {
		if m, err := waxwing.RoundMoney(w.trimmed(), r.till.cur); err == nil {
			if m.Minor = max(m.Minor, -m.Minor); m.Minor <= maxSum && sum.Minor <= maxSum {
				sum = sum.Add(m)
			}
		}
	}
	if v.kind() != kindObject && v.kind() != kindArray {
		add(v)
		return sum
	}
	if w := v.get("amount"); w.given() {
		add(w)
		return sum
	}
	for _, w := range v.items() {
		if inner := w.either("amount", "used", "value"); inner.given() {
			add(inner)
		}
	}
	if sum.IsZero() {
		for _, w := range v.members() {
			add(w)
		}
	}
	return sum
}

// giftCards reads what WooCommerce's Gift Cards took off the total.
func (r *wooReader) giftCards() (list []waxwing.Adjustment, paid waxwing.Money) {
	paid = r.till.zero()
	for _, v := range r.v.get("gift_cards").items() {
		m := r.till.kept(v.get("amount"), "gift_cards")
		if m.Minor <= 0 {
			continue
		}
		paid = r.till.sum("gift_cards", paid, m)
		list = append(list, waxwing.Adjustment{Title: maskedCode(clean(v.get("code").text(), capNumber)), Amount: m})
	}
	return list, paid
}

// maskedCode shows the end of a code alone: who has the code has the money.
func maskedCode(code string) string {
	if n := len(code); n > 4 && tidy(code) {
		return "•••• " + code[n-4:]
	}
	return code
}

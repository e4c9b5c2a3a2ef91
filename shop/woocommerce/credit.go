package woocommerce

import (
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// nameRest names what is left between the rows and the total: gift cards, which
// are a way to pay, and store credit, which plugins take off behind the taxes
// and keep as a coupon or in meta data.
func (r *reader) nameRest(coupons []waxwing.Adjustment) {
	o := r.o
	cards, paid := r.giftCards()
	rest := r.money.Rows(o).Sub(o.Total)
	switch {
	case r.money.Err != nil:
	case paid.Minor > 0 && r.near(rest, r.money.Zero()):
		o.GiftCards = cards
	case paid.Minor > 0 && r.near(rest, paid):
		o.GiftCards, o.Total = cards, o.Total.Add(paid)
	case rest.Minor > 0 && !r.creditCoupons(coupons, rest):
		r.creditNoted(rest)
	}
}

// near reports whether two amounts are the same but for the rounding of rows.
func (r *reader) near(a, b waxwing.Money) bool { return r.money.IsRounding(r.o, a.Sub(b)) }

// creditCoupons finds the coupons that were taken off behind the taxes: those
// that no discount of the order accounts for.
func (r *reader) creditCoupons(coupons []waxwing.Adjustment, rest waxwing.Money) bool {
	o := r.o
	all := r.money.Zero()
	for i := range coupons {
		all = r.money.Sum("coupon_lines", all, coupons[i].Amount)
	}
	var credit, discount []waxwing.Adjustment
	switch {
	case len(coupons) == 0 || r.near(rest, r.money.Zero()):
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
		r.money.Remain(o, waxwing.StoreCredit, title, c.Amount.Neg())
	}
	return true
}

// creditNoted looks for the amount in what plugins note on the order.
func (r *reader) creditNoted(rest waxwing.Money) {
	o := r.o
	for _, m := range r.v.Get("meta_data").Items() {
		key := strings.ToLower(m.Get("key").Text())
		gift := strings.Contains(key, "gift")
		if !gift && !strings.Contains(key, "credit") && !strings.Contains(key, "wallet") && !strings.Contains(key, "funds") &&
			!strings.Contains(key, "points") && !strings.Contains(key, "smart_coupons") && !strings.Contains(key, "loyalty") {
			continue
		}
		noted := r.noted(m.Get("value"))
		if noted.Minor <= 0 || r.near(rest, r.money.Zero()) || !r.near(noted, rest) {
			continue
		}
		if gift {
			o.GiftCards, o.Total = []waxwing.Adjustment{{Amount: noted}}, o.Total.Add(noted)
		} else {
			r.money.Remain(o, waxwing.StoreCredit, "", noted.Neg())
		}
		return
	}
}

// noted returns the amount of a value: a number, an object's amount, or what
// the members of an object add up to ({"CODE": 20}).
func (r *reader) noted(v payload.Value) waxwing.Money {
	sum := r.money.Zero()
	add := func(w payload.Value) {
		if m, err := waxwing.RoundMoney(w.Trimmed(), r.money.Currency); err == nil {
			if m.Minor = max(m.Minor, -m.Minor); m.Minor <= shop.MaxSum && sum.Minor <= shop.MaxSum {
				sum = sum.Add(m)
			}
		}
	}
	if v.Kind() != payload.Object && v.Kind() != payload.Array {
		add(v)
		return sum
	}
	if w := v.Get("amount"); w.Given() {
		add(w)
		return sum
	}
	for _, w := range v.Items() {
		if inner := w.Either("amount", "used", "value"); inner.Given() {
			add(inner)
		}
	}
	if sum.IsZero() {
		for _, w := range v.Members() {
			add(w)
		}
	}
	return sum
}

// giftCards reads what gift cards took off the total: WooCommerce's own, PW's.
func (r *reader) giftCards() (list []waxwing.Adjustment, paid waxwing.Money) {
	paid = r.money.Zero()
	for _, v := range r.v.Either("gift_cards", "pw_gift_card_lines", "pw_gift_cards", "gift_card_lines").Items() {
		m := r.money.Kept(v.Get("amount"), "gift_cards")
		if m.Minor <= 0 {
			continue
		}
		paid = r.money.Sum("gift_cards", paid, m)
		list = append(list, waxwing.Adjustment{Title: maskedCode(shop.Clean(v.First("code", "card_number", "number"), shop.MaxNumber)), Amount: m})
	}
	return list, paid
}

// maskedCode shows the end of a code alone: who has the code has the money.
func maskedCode(code string) string {
	if n := len(code); n > 4 && shop.Tidy(code) {
		return "•••• " + code[n-4:]
	}
	return code
}

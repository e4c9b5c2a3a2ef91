package shop

import (
	"math/big"

	"github.com/waxwinghq/waxwing"
)

// lineAmount reads what a line costs the customer: net, or with the tax where
// prices include it. Of the fields that say the same that with the most places
// counts, rounded once. quantity is 0 where a line has no price of one.
func (r *wooReader) lineAmount(v value, amount string, quantity int64) waxwing.Money {
	tax := amount + "_tax"
	if !r.gross {
		return r.till.kept(v.get(amount), amount)
	}
	rounded := r.till.keptSum(amount, v.get(amount), v.get(tax))
	if r.till.err != nil {
		return rounded
	}
	net, on := decimal(v.get(amount)), r.lineTax(v, amount)
	if given := decimal(v.get(tax)); on == nil || given != nil && !r.close(on, given) {
		on = given
	}
	if net == nil {
		return rounded
	}
	if on == nil {
		on = new(big.Rat)
	}
	if finer := r.fineNet(v, amount, quantity, net); finer != nil {
		net = finer
	}
	sum := new(big.Rat).Add(net, on)
	// Prices are kept as floats: what is off at the fourth place behind the
	// currency's is not meant.
	sum.SetString(sum.FloatString(waxwing.Decimals(r.till.cur) + 4))
	return r.till.rounded(amount, sum)
}

// close reports whether two amounts differ by less than one and a half minor units.
func (r *wooReader) close(a, b *big.Rat) bool {
	off := new(big.Rat).Sub(a, b)
	unit := new(big.Rat).SetFrac64(3, 2)
	for range waxwing.Decimals(r.till.cur) {
		unit.Mul(unit, big.NewRat(1, 10))
	}
	return off.Abs(off).Cmp(unit) < 0
}

// lineTax adds up the taxes of a line as they were computed.
func (r *wooReader) lineTax(v value, amount string) *big.Rat {
	var sum *big.Rat
	r.eachTax(v, amount, func(_ string, t *big.Rat) {
		if sum == nil {
			sum = new(big.Rat)
		}
		sum.Add(sum, t)
	})
	return sum
}

// eachTax yields the taxes of a line by rate, in both forms that they have: a
// list of rates, or PHP's {"total": {"1": "1.66"}}.
func (r *wooReader) eachTax(v value, amount string, f func(rate string, t *big.Rat)) {
	taxes := v.get("taxes")
	if by := taxes.get(amount); by.kind() == kindObject {
		for rate, w := range by.members() {
			if t := decimal(w); t != nil {
				f(rate, t)
			}
		}
		return
	}
	for _, w := range taxes.items() {
		if t := decimal(w.get(amount)); t != nil {
			f(w.first("id", "rate_id"), t)
		}
	}
}

// fineNet returns a line's net amount to more places than the line has it: from
// the price of one, or from a tax and its rate. Nil where neither agrees with
// the line.
func (r *wooReader) fineNet(v value, amount string, quantity int64, net *big.Rat) *big.Rat {
	if price := decimal(v.get("price")); price != nil && quantity > 0 && fractional(v.get("quantity")) == "" {
		// The price is that after discounts.
		undiscounted := v.get("subtotal").trimmed() == v.get("total").trimmed()
		if fine := price.Mul(price, new(big.Rat).SetInt64(quantity)); (amount == "total" || undiscounted) && r.close(fine, net) {
			return fine
		}
	}
	var best, top *big.Rat
	r.eachTax(v, amount, func(id string, t *big.Rat) {
		rate := r.rates[id]
		if rate == nil && len(r.rates) == 1 {
			for _, only := range r.rates {
				rate = only
			}
		}
		if rate != nil && t.Sign() != 0 && (top == nil || rate.Cmp(top) > 0) {
			top, best = rate, new(big.Rat).Quo(t, rate)
		}
	})
	if best != nil && r.close(best, net) {
		return best
	}
	return nil
}

// taxRates returns the rates as fractions by their ids; none where one is
// computed on top of others.
func (r *wooReader) taxRates() map[string]*big.Rat {
	rates := map[string]*big.Rat{}
	for _, t := range r.v.get("tax_lines").items() {
		if t.get("compound").bool() {
			return nil
		}
		if rate := decimal(t.get("rate_percent")); rate != nil && rate.Sign() > 0 {
			rates[t.first("rate_id", "id")] = rate.Quo(rate, big.NewRat(100, 1))
		}
	}
	return rates
}

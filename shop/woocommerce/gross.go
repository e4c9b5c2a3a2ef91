package woocommerce

import (
	"math/big"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// taxed reads amounts that WooCommerce always keeps net, with the tax apart: where the
// shop's prices include the tax, it is put back.
type taxed struct {
	money *shop.MoneyReader
	gross bool
	rates map[string]*big.Rat // as fractions, by their ids
}

// line reads what a line costs the customer: net, or with the tax where
// prices include it. Of the fields that say the same that with the most places
// counts, rounded once. quantity is 0 where a line has no price of one.
func (x *taxed) line(v payload.Value, amount string, quantity int64) waxwing.Money {
	tax := amount + "_tax"
	if !x.gross {
		return x.money.Kept(v.Get(amount), amount)
	}
	rounded := x.money.KeptSum(amount, v.Get(amount), v.Get(tax))
	if x.money.Err != nil {
		return rounded
	}
	net, on := shop.Decimal(v.Get(amount)), x.sum(v, amount)
	if given := shop.Decimal(v.Get(tax)); on == nil || given != nil && !x.close(on, given) {
		on = given
	}
	if net == nil {
		return rounded
	}
	if on == nil {
		on = new(big.Rat)
	}
	if finer := x.fineNet(v, amount, quantity, net); finer != nil {
		net = finer
	}
	sum := new(big.Rat).Add(net, on)
	// Prices are kept as floats: what is off at the fourth place behind the
	// currency's is not meant.
	sum.SetString(sum.FloatString(waxwing.Decimals(x.money.Currency) + 4))
	return x.money.Rounded(amount, sum)
}

// close reports whether two amounts differ by less than one and a half minor units.
func (x *taxed) close(a, b *big.Rat) bool {
	off := new(big.Rat).Sub(a, b)
	unit := new(big.Rat).SetFrac64(3, 2)
	for range waxwing.Decimals(x.money.Currency) {
		unit.Mul(unit, big.NewRat(1, 10))
	}
	return off.Abs(off).Cmp(unit) < 0
}

// sum adds up the taxes of a line as they were computed.
func (x *taxed) sum(v payload.Value, amount string) *big.Rat {
	var sum *big.Rat
	eachTax(v, amount, func(_ string, t *big.Rat) {
		if sum == nil {
			sum = new(big.Rat)
		}
		sum.Add(sum, t)
	})
	return sum
}

// eachTax yields the taxes of a line by rate, in both forms that they have: a
// list of rates, or PHP's {"total": {"1": "1.66"}}.
func eachTax(v payload.Value, amount string, f func(rate string, t *big.Rat)) {
	taxes := v.Get("taxes")
	if by := taxes.Get(amount); by.Kind() == payload.Object {
		for rate, w := range by.Members() {
			if t := shop.Decimal(w); t != nil {
				f(rate, t)
			}
		}
		return
	}
	for _, w := range taxes.Items() {
		if t := shop.Decimal(w.Get(amount)); t != nil {
			f(w.First("id", "rate_id"), t)
		}
	}
}

// fineNet returns a line's net amount to more places than the line has it: from
// the price of one, or from a tax and its rate. Nil where neither agrees with
// the line.
func (x *taxed) fineNet(v payload.Value, amount string, quantity int64, net *big.Rat) *big.Rat {
	if price := shop.Decimal(v.Get("price")); price != nil && quantity > 0 && fractional(v.Get("quantity")) == "" {
		// The price is that after discounts.
		undiscounted := v.Get("subtotal").Trimmed() == v.Get("total").Trimmed()
		if fine := price.Mul(price, new(big.Rat).SetInt64(quantity)); (amount == "total" || undiscounted) && x.close(fine, net) {
			return fine
		}
	}
	var best, top *big.Rat
	eachTax(v, amount, func(id string, t *big.Rat) {
		rate := x.rates[id]
		if rate == nil && len(x.rates) == 1 {
			for _, only := range x.rates {
				rate = only
			}
		}
		if rate != nil && t.Sign() != 0 && (top == nil || rate.Cmp(top) > 0) {
			top, best = rate, new(big.Rat).Quo(t, rate)
		}
	})
	if best != nil && x.close(best, net) {
		return best
	}
	return nil
}

// taxRates returns the rates as fractions by their ids; none where one is
// computed on top of others.
func taxRates(order payload.Value) map[string]*big.Rat {
	rates := map[string]*big.Rat{}
	for _, t := range order.Get("tax_lines").Items() {
		if t.Get("compound").Bool() {
			return nil
		}
		if rate := shop.Decimal(t.Get("rate_percent")); rate != nil && rate.Sign() > 0 {
			rates[t.First("rate_id", "id")] = rate.Quo(rate, big.NewRat(100, 1))
		}
	}
	return rates
}

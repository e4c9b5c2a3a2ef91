package stripe

import (
	"math/big"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
	"github.com/waxwinghq/waxwing/shop"
)

// places is how many decimals Stripe's whole numbers hold, where that is not two. It is not ISO
// 4217's: the króna and Uganda's shilling are sent with two that are nought, the ariary with none.
var places = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "JPY": 0, "KMF": 0, "KRW": 0, "MGA": 0, "PYG": 0, "RWF": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "JOD": 3, "KWD": 3, "OMR": 3, "TND": 3,
}

// unit is how much of its smallest unit Stripe counts for one of the currency.
func unit(currency string) *big.Rat {
	n, ok := places[currency]
	if !ok {
		n = 2
	}
	p := big.NewInt(1)
	for range n {
		p.Mul(p, big.NewInt(10))
	}
	return new(big.Rat).SetInt(p)
}

// amount reads a whole number of the smallest unit, or a decimal of it (unit_amount_decimal);
// absent is nought, at is the place that an error names.
func (r *reader) amount(v payload.Value, at string) waxwing.Money {
	if !v.Given() || v.Trimmed() == "" {
		return r.money.Zero()
	}
	n := shop.Decimal(v)
	if n == nil {
		r.money.Spoil(at, waxwing.ErrAmount)
		return r.money.Zero()
	}
	return r.money.Rounded(at, n.Quo(n, unit(r.money.Currency)))
}

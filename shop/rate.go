package shop

import (
	"strings"

	"github.com/waxwinghq/waxwing/payload"
)

// Fraction returns a tax rate as a plain decimal fraction, with the point moved
// left by places (2 where the shop gives per cent): "19.00" by 2 is "0.19". It
// returns "" for what is no plain decimal, or nought.
func Fraction(s string, places int) string {
	if len(s) > 20 || !Nonzero(s) {
		return ""
	}
	whole, frac, _ := strings.Cut(s, ".")
	if whole == "" || payload.Digits(whole, 0) != len(whole) || payload.Digits(frac, 0) != len(frac) {
		return ""
	}
	for len(whole) <= places {
		whole = "0" + whole
	}
	whole, frac = whole[:len(whole)-places], whole[len(whole)-places:]+frac
	if whole = strings.TrimLeft(whole, "0"); whole == "" {
		whole = "0"
	}
	if frac = strings.TrimRight(frac, "0"); frac == "" {
		return whole
	}
	return whole + "." + frac
}

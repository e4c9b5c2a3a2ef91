package mapping

import (
	"errors"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/shop"
)

// convert makes a field's value of its texts, in the form of the generic order; nil where there is none.
func (r *reading) convert(name string, f field, texts []string) any {
	s := strings.Join(texts, " ")
	if own, ok := r.words[name][strings.ToLower(s)]; ok {
		if own == "" {
			return nil
		}
		s = own
	}
	switch f.kind {
	case rows:
		return r.rows(texts)
	case flag:
		return r.flag(name, s)
	case moment, day:
		return r.moment(name, f.kind, s)
	case link:
		if l := shop.Link(s); strings.HasPrefix(l, "https://") {
			return l
		}
		return nil
	case amount, reduced, price:
		return r.decimal(name, f.kind, s)
	case share:
		return r.share(name, s)
	case count:
		return r.count(name, s)
	case choice:
		s = strings.ToLower(s)
		if !slices.Contains(f.known, s) {
			r.fail(name, "the shop's word is none of "+strings.Join(f.known, ", ")+": add it to words")
			return nil
		}
		return s
	case locale:
		return orNil(shop.LocaleTag(s))
	case country:
		return orNil(shop.CountryCode(s))
	case currency:
		return strings.ToUpper(s)
	}
	return s
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// rows parts an address into its lines.
func (r *reading) rows(texts []string) any {
	var out []any
	for _, t := range texts {
		for l := range strings.Lines(t) {
			if l = strings.TrimSpace(l); l != "" {
				out = append(out, l)
			}
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}

func (r *reading) flag(name, s string) any {
	switch strings.ToLower(s) {
	case "true", "yes", "1", "y", "on", "t":
		return true
	case "false", "no", "0", "n", "off", "f":
		return false
	}
	r.fail(name, "it is neither true nor false: add the shop's words to words")
	return nil
}

// Unix times between these are taken for seconds, and a thousand times as much for milliseconds.
const firstUnix, lastUnix = 100_000_000, 100_000_000_000

func (r *reading) moment(name string, k kind, s string) any {
	if n, err := strconv.ParseFloat(s, 64); err == nil && strings.Trim(s, "0123456789.") == "" && n >= firstUnix && n < 1000*lastUnix {
		if n >= lastUnix {
			n /= 1000
		}
		return time.UnixMilli(int64(n * 1000)).UTC().Format(time.RFC3339)
	}
	if k == day && len(s) == len("2006-01-02") {
		if _, err := time.Parse(time.DateOnly, s); err == nil {
			return s
		}
	}
	t := shop.ParseTimeText(s, r.zone)
	if t.IsZero() {
		if strings.HasPrefix(s, "0000-00-00") {
			return nil // MySQL's and PHP's no time
		}
		r.fail(name, "it is no time: RFC 3339, \"2026-03-01 12:00:00\" or Unix seconds")
		return nil
	}
	return t.Format(time.RFC3339)
}

// decimal reads an amount.
func (r *reading) decimal(name string, k kind, s string) any {
	x, err := r.rat(s)
	if err != nil {
		r.fail(name, err.Error())
		return nil
	}
	if k == reduced {
		x.Abs(x)
	}
	places := waxwing.Decimals(r.money)
	if k == price {
		places = max(places, 10)
	}
	out := rounded(x, places)
	if k == price {
		out = trimZeros(out, waxwing.Decimals(r.money))
	}
	return out
}

var errDecimal = errors.New("it is no decimal amount such as 12.50")

// maxDecimal is how long an amount may be written.
const maxDecimal = 40

func (r *reading) rat(s string) (*big.Rat, error) {
	if len(s) > maxDecimal || strings.ContainsAny(s, "/_xXpPbBoO") {
		return nil, errDecimal
	}
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		if e, err := strconv.Atoi(s[i+1:]); err != nil || e > 15 || e < -30 {
			return nil, errDecimal
		}
	}
	x, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil, errDecimal
	}
	places := 0
	switch r.amounts {
	case "minor":
		places = waxwing.Decimals(r.money)
	case "hundredths":
		places = 2
	}
	for range places {
		x.Quo(x, ten)
	}
	return x, nil
}

var ten = big.NewRat(10, 1)

// rounded writes a number with so many places, half away from zero, and never as minus nothing.
func rounded(x *big.Rat, places int) string {
	s := x.FloatString(places)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	}
	return s
}

// trimZeros takes zeros off the end of a decimal, down to so many places.
func trimZeros(s string, places int) string {
	i := strings.IndexByte(s, '.')
	if i < 0 {
		return s
	}
	for len(s)-i-1 > places && s[len(s)-1] == '0' {
		s = s[:len(s)-1]
	}
	return strings.TrimSuffix(s, ".")
}

// share reads a rate, as a fraction or per cent.
func (r *reading) share(name, s string) any {
	x, ok := plainRat(strings.TrimSpace(strings.TrimSuffix(s, "%")))
	if !ok || x.Sign() < 0 {
		r.fail(name, "it is no rate such as 0.19 or 19")
		return nil
	}
	if strings.HasSuffix(s, "%") || x.Cmp(big.NewRat(1, 1)) >= 0 {
		x.Quo(x, big.NewRat(100, 1))
	}
	return trimZeros(x.FloatString(8), 0)
}

func (r *reading) count(name, s string) any {
	x, ok := plainRat(s)
	if !ok || !x.IsInt() || x.Sign() < 0 {
		r.fail(name, "it is no whole number")
		return nil
	}
	return number(x.Num().String())
}

// plainRat reads digits with a point perhaps, and a sign: nothing that is short to write and long to read.
func plainRat(s string) (*big.Rat, bool) {
	if len(s) > maxDecimal || strings.Trim(s, "+-0123456789.") != "" {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

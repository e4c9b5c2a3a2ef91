package shop

import (
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"strings"

	"github.com/waxwinghq/waxwing"
)

// maxSum bounds every sum and product of amounts, in minor units.
const maxSum = int64(1) << 53

// maxQuantity is the most of one thing that an order may hold.
const maxQuantity = 1_000_000

var errAmount = errors.New("amount too large")

// till reads the amounts of one order, all in one currency. It keeps the first
// error; amounts after it are worthless.
type till struct {
	cur string
	err error
	// step is what the shop rounds to, in minor units, where it keeps fewer
	// decimals than the currency has; 0: it does not.
	step int64
}

// roundsTo notes that a shop writes its amounts with so many decimals.
func (t *till) roundsTo(written value) {
	_, frac, _ := strings.Cut(written.trimmed(), ".")
	t.step = 1
	for range max(waxwing.Decimals(t.cur)-len(frac), 0) {
		t.step *= 10
	}
}

// spoil notes the first error.
func (t *till) spoil(at string, err error) {
	if t.err == nil {
		t.err = fmt.Errorf("%s: %w", at, err)
	}
}

// zero is nought in the till's currency.
func (t *till) zero() waxwing.Money { return waxwing.Money{Currency: t.cur} }

// kept reads an amount that shops keep to more places than they charge, such
// as a unit price or a tax, and rounds it half away from zero.
func (t *till) kept(v value, at string) waxwing.Money {
	return t.read(v, at, waxwing.RoundMoney)
}

func (t *till) read(v value, at string, parse func(s, cur string) (waxwing.Money, error)) waxwing.Money {
	s := v.trimmed()
	if s == "" {
		return t.zero()
	}
	m, err := parse(s, t.cur)
	if err != nil {
		t.spoil(at, bare(err))
		return t.zero()
	}
	return m
}

// sum adds amounts up.
func (t *till) sum(at string, a, b waxwing.Money) waxwing.Money {
	m := a.Add(b)
	if m.Minor > maxSum || m.Minor < -maxSum {
		t.spoil(at, errAmount)
		return t.zero()
	}
	return m
}

// times returns n times an amount.
func (t *till) times(at string, m waxwing.Money, n int64) waxwing.Money {
	hi, lo := bits.Mul64(uint64(max(m.Minor, -m.Minor)), uint64(n))
	if n < 0 || hi != 0 || lo > uint64(maxSum) {
		t.spoil(at, errAmount)
		return t.zero()
	}
	return m.Times(n)
}

// line returns a unit price n times, rounded once where the price is kept to
// more places than the currency has.
func (t *till) line(at string, unit value, n int64) waxwing.Money {
	s := unit.trimmed()
	m, err := waxwing.ParseMoney(s, t.cur)
	if err == nil {
		return t.times(at, m, n)
	}
	if r, ok := new(big.Rat).SetString(s); ok && errors.Is(err, waxwing.ErrPrecision) {
		t.times(at, t.kept(unit, at), n) // for its bounds
		return t.rounded(at, r.Mul(r, new(big.Rat).SetInt64(n)))
	}
	t.spoil(at, bare(err))
	return t.zero()
}

// keptSum adds the amounts before it rounds, for shops that keep a net price
// and its tax apart, each to more places than they show.
func (t *till) keptSum(at string, vs ...value) waxwing.Money {
	sum, exact := t.zero(), true
	for _, v := range vs {
		if s := v.trimmed(); s != "" {
			m, err := waxwing.ParseMoney(s, t.cur)
			switch {
			case errors.Is(err, waxwing.ErrPrecision):
				exact = false
			case err != nil:
				t.spoil(at, bare(err))
				return t.zero()
			}
			sum = t.sum(at, sum, m)
		}
	}
	if exact {
		return sum
	}
	total := new(big.Rat)
	for _, v := range vs {
		if r, ok := new(big.Rat).SetString(v.trimmed()); ok {
			total.Add(total, r)
		}
	}
	return t.rounded(at, total)
}

// rounded turns a decimal into money, half away from zero.
func (t *till) rounded(at string, r *big.Rat) waxwing.Money {
	m, err := waxwing.RoundMoney(r.FloatString(waxwing.Decimals(t.cur)), t.cur)
	if err != nil {
		t.spoil(at, bare(err))
		return t.zero()
	}
	return m
}

// bare strips an error of ParseMoney down to its sentinel.
func bare(err error) error {
	for _, e := range []error{waxwing.ErrAmount, waxwing.ErrPrecision, waxwing.ErrOverflow} {
		if errors.Is(err, e) {
			return e
		}
	}
	return err
}

// decimal reads a number as it is written, or nil: also one that no amount of
// the order's currency can be.
func decimal(v value) *big.Rat {
	s := v.trimmed()
	if s == "" || len(s) > 64 || s[0]-'0' > 9 && s[0] != '-' && s[0] != '.' || strings.ContainsAny(s, "/_xXpP") {
		return nil
	}
	if _, err := waxwing.RoundMoney(s, "XXX"); err != nil && !errors.Is(err, waxwing.ErrOverflow) {
		return nil // among others an exponent that would cost a minute
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		return nil
	}
	return r
}

// currency reads a currency code, also one in small letters.
func currency(v value) (string, bool) {
	s := strings.ToUpper(v.trimmed())
	return s, waxwing.ValidCurrency(s)
}

// nonzero reports whether a decimal has a digit other than 0 before its exponent.
func nonzero(s string) bool {
	for _, c := range []byte(s) {
		if c == 'e' || c == 'E' {
			return false
		}
		if c >= '1' && c <= '9' {
			return true
		}
	}
	return false
}

// quantity reads how many of a thing were ordered: a whole number. It is
// negative where something is taken back.
func quantity(v value) (int64, error) {
	q, ok := v.int()
	switch {
	case !ok:
		return 0, errors.New("not a whole number")
	case q > maxQuantity || q < -maxQuantity:
		return 0, errors.New("more than a million")
	}
	return q, nil
}

package shop

import (
	"errors"
	"fmt"
	"math/big"
	"math/bits"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/payload"
)

// MaxSum bounds every sum and product of amounts, in minor units.
const MaxSum = int64(1) << 53

// maxQuantity is the most of one thing that an order may hold.
// Leaflets and tokens are bought by the million.
const maxQuantity = 1_000_000_000

var errAmount = errors.New("amount too large")

// MoneyReader reads the amounts of one order, all in one currency. It keeps the first
// error; amounts after it are worthless.
type MoneyReader struct {
	// Currency is the order's, a code that waxwing.ValidCurrency takes.
	Currency string
	// Err is the first error, with the place in the payload before it; it is not permanent yet.
	Err error
	// step is what the shop rounds to, in minor units, where it keeps fewer
	// decimals than the currency has; 0: it does not.
	step int64
}

// RoundsTo notes that a shop writes its amounts with so many decimals.
func (t *MoneyReader) RoundsTo(written payload.Value) {
	_, frac, _ := strings.Cut(written.Trimmed(), ".")
	t.step = 1
	for range max(waxwing.Decimals(t.Currency)-len(frac), 0) {
		t.step *= 10
	}
}

// Spoil notes an error that was met at a place of the payload, if it is the first.
func (t *MoneyReader) Spoil(at string, err error) {
	if t.Err == nil {
		t.Err = fmt.Errorf("%s: %w", at, err)
	}
}

// Zero is nought in the order's currency.
func (t *MoneyReader) Zero() waxwing.Money { return waxwing.Money{Currency: t.Currency} }

// Kept reads an amount that shops keep to more places than they charge, such
// as a unit price or a tax, and rounds it half away from zero. What is absent or empty is
// nought; at is the place that an error names.
func (t *MoneyReader) Kept(v payload.Value, at string) waxwing.Money {
	return t.read(v, at, waxwing.RoundMoney)
}

func (t *MoneyReader) read(v payload.Value, at string, parse func(s, cur string) (waxwing.Money, error)) waxwing.Money {
	s := v.Trimmed()
	if s == "" {
		return t.Zero()
	}
	m, err := parse(s, t.Currency)
	if err != nil {
		t.Spoil(at, BareError(err))
		return t.Zero()
	}
	return m
}

// Sum adds two amounts up. A sum beyond MaxSum is an error at the place.
func (t *MoneyReader) Sum(at string, a, b waxwing.Money) waxwing.Money {
	m := a.Add(b)
	if m.Minor > MaxSum || m.Minor < -MaxSum {
		t.Spoil(at, errAmount)
		return t.Zero()
	}
	return m
}

// Times returns n times an amount; beyond MaxSum it is an error at the place.
func (t *MoneyReader) Times(at string, m waxwing.Money, n int64) waxwing.Money {
	hi, lo := bits.Mul64(uint64(max(m.Minor, -m.Minor)), uint64(n))
	if n < 0 || hi != 0 || lo > uint64(MaxSum) {
		t.Spoil(at, errAmount)
		return t.Zero()
	}
	return m.Times(n)
}

// Line returns a unit price n times, rounded once where the price is kept to
// more places than the currency has.
func (t *MoneyReader) Line(at string, unit payload.Value, n int64) waxwing.Money {
	s := unit.Trimmed()
	m, err := waxwing.ParseMoney(s, t.Currency)
	if err == nil {
		return t.Times(at, m, n)
	}
	if r, ok := new(big.Rat).SetString(s); ok && errors.Is(err, waxwing.ErrPrecision) {
		t.Times(at, t.Kept(unit, at), n) // for its bounds
		return t.Rounded(at, r.Mul(r, new(big.Rat).SetInt64(n)))
	}
	t.Spoil(at, BareError(err))
	return t.Zero()
}

// KeptSum adds the amounts before it rounds, for shops that keep a net price
// and its tax apart, each to more places than they show.
func (t *MoneyReader) KeptSum(at string, vs ...payload.Value) waxwing.Money {
	sum, exact := t.Zero(), true
	for _, v := range vs {
		if s := v.Trimmed(); s != "" {
			m, err := waxwing.ParseMoney(s, t.Currency)
			switch {
			case errors.Is(err, waxwing.ErrPrecision):
				exact = false
			case err != nil:
				t.Spoil(at, BareError(err))
				return t.Zero()
			}
			sum = t.Sum(at, sum, m)
		}
	}
	if exact {
		return sum
	}
	total := new(big.Rat)
	for _, v := range vs {
		if r, ok := new(big.Rat).SetString(v.Trimmed()); ok {
			total.Add(total, r)
		}
	}
	return t.Rounded(at, total)
}

// Rounded turns a decimal into money, half away from zero; at is the place of an error.
func (t *MoneyReader) Rounded(at string, r *big.Rat) waxwing.Money {
	m, err := waxwing.RoundMoney(r.FloatString(waxwing.Decimals(t.Currency)), t.Currency)
	if err != nil {
		t.Spoil(at, BareError(err))
		return t.Zero()
	}
	return m
}

// BareError strips an error of waxwing.ParseMoney down to its sentinel, so that nothing of the
// payload stands in it.
func BareError(err error) error {
	for _, e := range []error{waxwing.ErrAmount, waxwing.ErrPrecision, waxwing.ErrOverflow} {
		if errors.Is(err, e) {
			return e
		}
	}
	return err
}

// Decimal reads a number as it is written, or nil: also one that no amount of
// the order's currency can be.
func Decimal(v payload.Value) *big.Rat {
	s := v.Trimmed()
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

// Currency reads a currency code, also one in small letters, and says whether it is one.
func Currency(v payload.Value) (string, bool) {
	s := strings.ToUpper(v.Trimmed())
	return s, waxwing.ValidCurrency(s)
}

// Nonzero reports whether a decimal has a digit other than 0 before its exponent.
func Nonzero(s string) bool {
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

// Quantity reads how many of a thing were ordered: a whole number. It is
// negative where something is taken back.
func Quantity(v payload.Value) (int64, error) {
	q, ok := v.Int()
	switch {
	case !ok:
		return 0, errors.New("not a whole number")
	case q > maxQuantity || q < -maxQuantity:
		return 0, errors.New("more than a thousand million")
	}
	return q, nil
}

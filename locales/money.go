package locales

import (
	"strings"

	"github.com/waxwinghq/waxwing"
)

// moneyFormat is how one locale writes one currency.
type moneyFormat struct {
	affixes [4]string // prefix and suffix, then both of negative amounts
	digits  int       // decimals that ICU shows of whole amounts
}

func newMoneyFormat(affixes [4]string, symbol string, digits int) *moneyFormat {
	f := &moneyFormat{affixes, digits}
	for i, a := range affixes {
		f.affixes[i] = strings.Replace(a, "¤", symbol, 1)
	}
	return f
}

// AppendMoney appends an amount as ICU writes it, byte for byte: its spaces,
// its direction marks and its own number of decimals. Where that is fewer than
// ISO 4217's (HUF, IDR) and would round the amount, all decimals are shown: what
// a mail lists must add up. A code that ICU does not know is its own symbol.
// Money without a valid currency code appends nothing.
func (l *Locale) AppendMoney(b []byte, m waxwing.Money) []byte {
	f, ok := l.formats.money[m.Currency]
	if !ok && !waxwing.ValidCurrency(m.Currency) {
		return b
	}
	if !ok {
		f = l.formats.coded(m.Currency)
	}
	v, prefix, suffix := uint64(m.Minor), f.affixes[0], f.affixes[1]
	if m.Minor < 0 {
		v, prefix, suffix = -v, f.affixes[2], f.affixes[3]
	}
	iso, shown := waxwing.Decimals(m.Currency), f.digits
	for ; iso < shown; iso++ {
		v *= 10
	}
	if unit := powerOfTen(iso - shown); v%unit == 0 {
		v /= unit
	} else {
		shown = iso
	}
	b = append(b, prefix...)
	b = l.formats.appendDigits(b, v, shown, &l.formats.amount)
	return append(b, suffix...)
}

// coded returns the format of a currency that the locale has no sign for: its code
// is its symbol. Those that CLDR knows are made once; codes that it does not know
// come from outside and are without number. Bitcoin is written to eight decimals;
// tokens (USDT) to two, as prices are, unless they have more.
func (f *formats) coded(code string) *moneyFormat {
	if v, ok := f.byCode.Load(code); ok {
		return v.(*moneyFormat)
	}
	digits := waxwing.Decimals(code)
	if len(code) > 3 {
		digits = min(digits, 2)
	}
	m := newMoneyFormat(f.affixes[f.plain], code, digits)
	if len(code) == 3 && strings.Contains(icuCodes, code) {
		f.byCode.Store(code, m)
	}
	return m
}

func powerOfTen(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}

// appendDigits appends v with grouped whole digits and the given decimals.
func (f *formats) appendDigits(b []byte, v uint64, decimals int, sep *separators) []byte {
	var digits [24]byte
	i := len(digits)
	for n := 0; v > 0 || n <= decimals; n++ {
		i--
		digits[i] = byte('0' + v%10)
		v /= 10
	}
	whole := digits[i : len(digits)-decimals]
	grouped := len(whole) >= 3+f.minGroup
	for n := range whole {
		if left := len(whole) - n; grouped && n > 0 && left%3 == 0 {
			b = append(b, sep.group...)
		}
		b = append(b, whole[n])
	}
	if decimals > 0 {
		b = append(b, sep.decimal...)
		b = append(b, digits[len(digits)-decimals:]...)
	}
	return b
}

// AppendNumber appends a whole number with the locale's grouping.
func (l *Locale) AppendNumber(b []byte, n int64) []byte {
	v := uint64(n)
	if n < 0 {
		v = -v
		b = append(b, l.formats.minus...)
	}
	return l.formats.appendDigits(b, v, 0, &l.formats.number)
}

// AppendPercent appends a rate such as "0.0775" as a percentage with up to
// three decimals ("7.75%"). A rate that is not a decimal fraction appends
// nothing and returns false.
func (l *Locale) AppendPercent(b []byte, rate string) ([]byte, bool) {
	s := strings.TrimPrefix(rate, "-")
	neg := len(s) < len(rate)
	whole, frac, _ := strings.Cut(s, ".")
	if len(whole)+len(frac) == 0 || len(whole) > 6 || len(frac) > 32 {
		return b, false
	}
	var v uint64 // thousandths of a per cent: five decimals of the rate
	for i := range len(whole) + max(len(frac), 5) {
		d := byte(0)
		switch {
		case i < len(whole):
			d = whole[i] - '0'
		case i-len(whole) < len(frac):
			d = frac[i-len(whole)] - '0'
		}
		if d > 9 {
			return b, false
		}
		switch place := i - len(whole); {
		case place < 5:
			v = v*10 + uint64(d)
		case place == 5 && d >= 5:
			v++
		}
	}
	decimals := 3
	for decimals > 0 && v%10 == 0 {
		v /= 10
		decimals--
	}
	a := l.formats.percent[:2]
	if neg {
		a = l.formats.percent[2:]
	}
	b = append(b, a[0]...)
	b = l.formats.appendDigits(b, v, decimals, &l.formats.number)
	return append(b, a[1]...), true
}

package waxwing

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Money is an exact amount in the minor unit of its currency (cents of USD,
// whole yen, fils of KWD, hundred-millionths of BTC). Currency is the ISO 4217
// code in capitals, or the code of what shops take beside it.
type Money struct {
	Minor    int64
	Currency string
}

// decimals lists the currencies whose minor unit is not a hundredth
// (ISO 4217, list one, of 2025). All others have two decimals.
var decimals = map[string]int{
	"BIF": 0, "CLP": 0, "DJF": 0, "GNF": 0, "ISK": 0, "JPY": 0, "KMF": 0, "KRW": 0, "PYG": 0,
	"RWF": 0, "UGX": 0, "UYI": 0, "VND": 0, "VUV": 0, "XAF": 0, "XOF": 0, "XPF": 0,
	"BHD": 3, "IQD": 3, "JOD": 3, "KWD": 3, "LYD": 3, "OMR": 3, "TND": 3,
	"CLF": 4, "UYW": 4,
}

// coins lists the digital currencies whose codes look like ISO 4217's. Shops
// charge them to eight decimals, as Bitcoin counts.
var coins = map[string]bool{
	"ADA": true, "BCH": true, "BNB": true, "BSV": true, "BTC": true, "DAI": true, "DOT": true, "ETC": true, "ETH": true,
	"LTC": true, "SOL": true, "TON": true, "TRX": true, "UNI": true, "XBT": true, "XLM": true, "XMR": true, "XNO": true,
	"XRP": true, "XTZ": true, "ZEC": true,
}

// names are words for currencies that stand where a code should. They are no
// codes: an amount in EURO would be shown, and rounded, as one in a token.
var names = map[string]bool{
	"DINAR": true, "DIRHAM": true, "DOLLAR": true, "DOLLARS": true, "EURO": true, "EUROS": true, "FRANC": true, "FRANCS": true,
	"KORUNA": true, "KRONA": true, "KRONE": true, "KRONER": true, "KRONOR": true, "LIRA": true, "PESO": true, "PESOS": true,
	"POUND": true, "POUNDS": true, "REAIS": true, "REAL": true, "RIYAL": true, "RUBLE": true, "RUPEE": true, "RUPEES": true,
	"RUPIAH": true, "SHEKEL": true, "STERLING": true, "YUAN": true, "ZLOTY": true,
}

// Decimals returns the number of decimals of a currency's minor unit: ISO
// 4217's, eight for digital currencies (USDT and DOGE too: a code that is not
// three letters is none of ISO's), and two for three letters that nobody knows.
func Decimals(currency string) int {
	if d, ok := decimals[currency]; ok {
		return d
	}
	if coins[currency] || ValidCurrency(currency) && !isoForm(currency) {
		return 8
	}
	return 2
}

// ValidCurrency reports whether s has the form of a currency's code: three to
// eight capitals and digits, the first a capital. ISO 4217's have three
// capitals; shops take other things too, and show their code as the symbol.
func ValidCurrency(s string) bool {
	if len(s) < 3 || len(s) > 8 || !upper(s[0]) {
		return false
	}
	for i := 1; i < len(s); i++ {
		if !upper(s[i]) && s[i]-'0' > 9 {
			return false
		}
	}
	return len(s) == 3 || !names[s]
}

func isoForm(s string) bool { return len(s) == 3 && upper(s[1]) && upper(s[2]) }

func upper(c byte) bool { return c >= 'A' && c <= 'Z' }

// Errors of ParseMoney.
var (
	ErrAmount    = errors.New("not a decimal amount")
	ErrPrecision = errors.New("more decimals than the currency has")
	ErrOverflow  = errors.New("amount too large")
)

// ParseMoney reads a decimal such as "1234.50", "-3" or "5.000". It is exact:
// digits that are not zero beyond the currency's decimals are ErrPrecision.
func ParseMoney(s, currency string) (Money, error) {
	m, exact, err := parseDecimal(s, currency)
	if err == nil && !exact {
		err = fmt.Errorf("%w: %s has %d", ErrPrecision, currency, Decimals(currency))
	}
	return m, err
}

// RoundMoney reads like ParseMoney and rounds half away from zero, as shops do
// with unit prices and taxes that they keep to more places than they charge.
func RoundMoney(s, currency string) (Money, error) {
	m, _, err := parseDecimal(s, currency)
	return m, err
}

// maxMinor bounds amounts so that a thousand lines cannot overflow a sum.
const maxMinor = int64(1) << 52

func parseDecimal(s, currency string) (m Money, exact bool, err error) {
	m.Currency = currency
	s, exp, err := splitExponent(s)
	if err != nil {
		return m, false, err
	}
	s, neg := strings.CutPrefix(s, "-")
	if !neg {
		s = strings.TrimPrefix(s, "+") // one sign: "-+0" is no number
	}
	whole, frac, _ := strings.Cut(s, ".")
	if whole == "" && frac == "" {
		return m, false, ErrAmount
	}
	keep := len(whole) + exp + Decimals(currency) // digits that count
	digits := whole + frac
	exact = true
	var v int64
	for i := range max(len(digits), keep) {
		d := byte(0)
		if i < len(digits) {
			if d = digits[i] - '0'; d > 9 {
				return m, false, ErrAmount
			}
		}
		switch {
		case i < keep:
			if v = v*10 + int64(d); v > maxMinor {
				return m, false, ErrOverflow
			}
		case d != 0:
			exact = false
			if i == keep && d >= 5 {
				v++
			}
		}
	}
	if neg {
		v = -v
	}
	m.Minor = v
	return m, exact, nil
}

// splitExponent takes a trailing e±n off, which JSON numbers may carry.
func splitExponent(s string) (string, int, error) {
	if len(s) > 64 {
		return s, 0, ErrAmount
	}
	i := 0
	for i < len(s) && s[i]|0x20 != 'e' {
		i++
	}
	if i == len(s) {
		return s, 0, nil
	}
	e, err := strconv.Atoi(s[i+1:])
	if err != nil || e < -40 || e > 40 {
		return s, 0, ErrAmount
	}
	return s[:i], e, nil
}

// IsZero reports whether the amount is nought.
func (m Money) IsZero() bool { return m.Minor == 0 }

// Neg returns the amount with the other sign.
func (m Money) Neg() Money { return Money{-m.Minor, m.Currency} }

// Add returns the sum of two amounts of one currency. Where one side has no
// currency yet (the zero Money) it takes the other's.
func (m Money) Add(o Money) Money {
	if m.Currency == "" {
		m.Currency = o.Currency
	}
	return Money{m.Minor + o.Minor, m.Currency}
}

// Sub returns m less o.
func (m Money) Sub(o Money) Money { return m.Add(o.Neg()) }

// Times returns the amount n times.
func (m Money) Times(n int64) Money { return Money{m.Minor * n, m.Currency} }

// Decimal writes the amount with a full stop and the currency's decimals:
// "-1234.50". It is the form of the API and of schema.org, not of a mail.
func (m Money) Decimal() string { return string(m.AppendDecimal(nil)) }

// AppendDecimal appends what Decimal returns.
func (m Money) AppendDecimal(b []byte) []byte {
	v, d := m.Minor, Decimals(m.Currency)
	if v < 0 {
		b, v = append(b, '-'), -v
	}
	s := strconv.FormatInt(v, 10)
	if d == 0 {
		return append(b, s...)
	}
	for len(s) <= d {
		s = "0" + s
	}
	b = append(b, s[:len(s)-d]...)
	b = append(b, '.')
	return append(b, s[len(s)-d:]...)
}

// String writes amount and code, for logs and tests: "409.94 USD".
func (m Money) String() string { return m.Decimal() + " " + m.Currency }

type moneyJSON struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

// MarshalJSON writes {"amount": "409.94", "currency": "USD"}.
func (m Money) MarshalJSON() ([]byte, error) {
	return json.Marshal(moneyJSON{m.Decimal(), m.Currency})
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (m *Money) UnmarshalJSON(b []byte) error {
	var j moneyJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return err
	}
	if j.Amount == "" && j.Currency == "" {
		*m = Money{}
		return nil
	}
	if !ValidCurrency(j.Currency) {
		return fmt.Errorf("currency %.8q: want three to eight capitals or digits", j.Currency)
	}
	v, err := ParseMoney(j.Amount, j.Currency)
	*m = v
	return err
}

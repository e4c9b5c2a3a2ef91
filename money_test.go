package waxwing

import (
	"encoding/json"
	"errors"
	"math/big"
	"testing"
)

func TestParseMoney(t *testing.T) {
	for _, c := range []struct {
		in, currency string
		want         string
		err          error
	}{
		{"409.94", "USD", "409.94 USD", nil},
		{"-3", "EUR", "-3.00 EUR", nil},
		{"+0.5", "EUR", "0.50 EUR", nil},
		{"5.000", "JPY", "5 JPY", nil},
		{"1000", "JPY", "1000 JPY", nil},
		{"1.234", "KWD", "1.234 KWD", nil},
		{"1.2340", "KWD", "1.234 KWD", nil},
		{"0.00012345", "BTC", "0.00012345 BTC", nil},
		{"12.5", "USDT", "12.50000000 USDT", nil},
		{"0.000000001", "ETH", "", ErrPrecision},
		{"7.25", "XTS", "7.25 XTS", nil},
		{".5", "USD", "0.50 USD", nil},
		{"1e3", "JPY", "1000 JPY", nil},
		{"12e-1", "EUR", "1.20 EUR", nil},
		{"0.00", "USD", "0.00 USD", nil},
		{"-0.01", "USD", "-0.01 USD", nil},
		{"1.001", "USD", "", ErrPrecision},
		{"0.5", "JPY", "", ErrPrecision},
		{"", "USD", "", ErrAmount},
		{".", "USD", "", ErrAmount},
		{"1,5", "USD", "", ErrAmount},
		{"1.2.3", "USD", "", ErrAmount},
		{"--1", "USD", "", ErrAmount},
		{"NaN", "USD", "", ErrAmount},
		{"1e99", "USD", "", ErrAmount},
		{"99999999999999999999", "USD", "", ErrOverflow},
	} {
		m, err := ParseMoney(c.in, c.currency)
		if !errors.Is(err, c.err) || err == nil && m.String() != c.want {
			t.Errorf("ParseMoney(%q, %s) = %s, %v; want %s, %v", c.in, c.currency, m, err, c.want, c.err)
		}
	}
}

func TestRoundMoney(t *testing.T) {
	for in, want := range map[string]string{"0.005": "0.01 EUR", "0.0049": "0.00 EUR", "-1.005": "-1.01 EUR", "3": "3.00 EUR", "2.674999": "2.67 EUR"} {
		if m, err := RoundMoney(in, "EUR"); err != nil || m.String() != want {
			t.Errorf("RoundMoney(%s) = %s, %v; want %s", in, m, err, want)
		}
	}
}

// FuzzMoney compares with exact rational arithmetic.
func FuzzMoney(f *testing.F) {
	for _, s := range []string{"1.005", "-0.5", "1e2", "12.", "007.10", "1e-3", "-+0", "+-1", "--2", "+3"} {
		f.Add(s, "EUR")
		f.Add(s, "JPY")
		f.Add(s, "KWD")
	}
	f.Fuzz(func(t *testing.T, s, currency string) {
		if !ValidCurrency(currency) {
			return
		}
		m, err := ParseMoney(s, currency)
		if err != nil {
			return
		}
		want, ok := new(big.Rat).SetString(s)
		got, _ := new(big.Rat).SetString(m.Decimal())
		if !ok || want.Cmp(got) != 0 {
			t.Fatalf("ParseMoney(%q, %s) = %s", s, currency, m)
		}
		b, err := json.Marshal(m)
		var back Money
		if err != nil || json.Unmarshal(b, &back) != nil || back != m {
			t.Fatalf("%s does not come back: %v", b, back)
		}
	})
}

func TestCurrencyCodes(t *testing.T) {
	for code, want := range map[string]int{"USD": 2, "JPY": 0, "KWD": 3, "CLF": 4, "BTC": 8, "USDT": 8, "DOGE": 8, "XTS": 2, "LP1": 8, "CREDITS": 8} {
		if !ValidCurrency(code) || Decimals(code) != want {
			t.Errorf("%s: %v, %d decimals; want %d", code, ValidCurrency(code), Decimals(code), want)
		}
	}
	for _, code := range []string{"", "US", "usd", "1US", "US$", "€", "U D", "EURO", "POUNDS", "CURRENCYX", "USD\n", "ＵＳＤ"} {
		if ValidCurrency(code) {
			t.Errorf("%q is taken for a currency", code)
		}
	}
}

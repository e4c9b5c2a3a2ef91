package locales

import (
	"strings"

	"github.com/waxwinghq/waxwing"
)

// Format returns how the locale writes dates and amounts in a currency, for
// plugins. Months and weekdays are shared and must not be changed. Money is nil
// where the currency has no valid code.
func (l *Locale) Format(currency string) *waxwing.TextFormat {
	f := l.formats
	out := &waxwing.TextFormat{Date: textPattern(f.date[Long]), Weekday: textPattern(f.date[Weekday]), Months: f.months[Long], Weekdays: f.weekdays}
	if !waxwing.ValidCurrency(currency) {
		return out
	}
	m, ok := f.money[currency]
	if !ok {
		m = f.coded(currency)
	}
	out.Money = &waxwing.MoneyFormat{Currency: currency, Before: m.affixes[0], After: m.affixes[1],
		BeforeNegative: strings.Replace(m.affixes[2], "-", "\u2212", 1), AfterNegative: m.affixes[3],
		Group: f.amount.group, Point: f.amount.decimal, Decimals: m.digits, MinGroup: f.minGroup}
	return out
}

// textPattern writes a compiled pattern with names in braces. No CLDR date of our
// locales has braces or fields of two digits in its long form.
func textPattern(steps []dateStep) string {
	var b strings.Builder
	for _, s := range steps {
		switch s.field {
		case dateText:
			b.WriteString(s.text)
		case dateDay, dateDay2:
			b.WriteString("{day}")
		case dateMonth, dateMonth2, dateMonthMedium, dateMonthLong:
			b.WriteString("{month}")
		case dateYear:
			b.WriteString("{year}")
		case dateWeekday:
			b.WriteString("{weekday}")
		}
	}
	return b.String()
}

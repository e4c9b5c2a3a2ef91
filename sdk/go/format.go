package waxwing

import "strings"

// FormatDate writes a day ("2026-11-28", or a time of RFC 3339) as the
// confirmation's language does: "November 28, 2026". f is in.Format; where it is
// nil, or day is none, day comes back as it is.
func FormatDate(f *TextFormat, day string) string {
	if f == nil {
		return day
	}
	return formatDay(f, f.Date, day)
}

// FormatWeekday is FormatDate with the weekday: "Sat, November 28, 2026".
func FormatWeekday(f *TextFormat, day string) string {
	if f == nil {
		return day
	}
	return formatDay(f, f.Weekday, day)
}

func formatDay(f *TextFormat, pattern, day string) string {
	y, ok1 := figures(day, 0, 4)
	m, ok2 := figures(day, 5, 2)
	d, ok3 := figures(day, 8, 2)
	if !ok1 || !ok2 || !ok3 || day[4] != '-' || day[7] != '-' || m < 1 || m > 12 || d < 1 || d > 31 || len(f.Months) != 12 || len(f.Weekdays) != 7 {
		return day
	}
	plain := func(n int) string { return strings.TrimLeft(string([]byte{'0' + byte(n/10), '0' + byte(n%10)}), "0") }
	return strings.NewReplacer("{year}", strings.TrimLeft(day[:4], "0"), "{month}", f.Months[m-1], "{day}", plain(d),
		"{weekday}", f.Weekdays[weekday(y, m, d)]).Replace(pattern)
}

func figures(s string, at, n int) (v int, ok bool) {
	if len(s) < at+n || len(s) < len("2026-11-28") {
		return 0, false
	}
	for _, c := range []byte(s[at : at+n]) {
		if c < '0' || c > '9' {
			return 0, false
		}
		v = v*10 + int(c-'0')
	}
	return v, true
}

// weekday is that of a day, Sunday 0 (Sakamoto's method).
func weekday(y, m, d int) int {
	if m < 3 {
		y--
	}
	return (y + y/4 - y/100 + y/400 + [...]int{0, 3, 2, 5, 0, 3, 5, 1, 4, 6, 2, 4}[m-1] + d) % 7
}

// FormatMoney writes an amount as the confirmation's language does: "12,50 €".
// f is in.Format. Where it is nil, or the amount is of another currency than the
// order, it is amount and code: "12.50 USD".
func FormatMoney(f *TextFormat, m *Money) string {
	if m == nil {
		return ""
	}
	amount, negative := strings.CutPrefix(m.Amount, "-")
	whole, decimals, _ := strings.Cut(amount, ".")
	if f == nil || f.Money == nil || f.Money.Currency != m.Currency || whole == "" || strings.Trim(whole+decimals, "0123456789") != "" {
		return m.Amount + " " + m.Currency
	}
	x := f.Money
	if strings.Trim(decimals, "0") == "" {
		decimals = ""
	}
	for int64(len(decimals)) < x.Decimals {
		decimals += "0"
	}
	var b strings.Builder
	grouped := int64(len(whole)) >= 3+x.MinGroup
	for i := range len(whole) {
		if grouped && i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString(x.Group)
		}
		b.WriteByte(whole[i])
	}
	if decimals != "" {
		b.WriteString(x.Point + decimals)
	}
	if negative {
		return x.BeforeNegative + b.String() + x.AfterNegative
	}
	return x.Before + b.String() + x.After
}

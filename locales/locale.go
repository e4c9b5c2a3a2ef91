package locales

import (
	"strings"
	"sync"
)

// Locale writes messages, money, numbers and dates in one language. It is
// immutable and safe for use by many goroutines.
type Locale struct {
	tag      string
	base     string // the tag of the locale whose variant it is, or tag
	rtl      bool
	formats  *formats
	plurals  *plurals
	regions  map[string]string
	messages []message // by Message; those of a catalogue's own follow the built-in ones
}

// Tag returns the BCP 47 tag: "pt-BR".
func (l *Locale) Tag() string { return l.tag }

// Base returns the tag of the locale whose texts a variant shares: "en" for
// "en-GB". Of all others it is Tag.
func (l *Locale) Base() string { return l.base }

// RTL reports whether the script runs from right to left.
func (l *Locale) RTL() bool { return l.rtl }

// Dir returns "rtl" or "ltr", as HTML's dir attribute wants it.
func (l *Locale) Dir() string {
	if l.rtl {
		return "rtl"
	}
	return "ltr"
}

// icuTable is what gen/cldr.mjs writes for one locale.
type icuTable struct {
	tag, base                string // base: of a variant, whose texts it shares; "" for others
	minGroup                 int    // digits that the first group needs
	group, decimal, minus    string
	moneyGroup, moneyDecimal string    // of amounts: Austria groups them by dots, other numbers by spaces
	percent                  [4]string // prefix and suffix, then both of negatives
	affixes                  [][4]string
	plain                    int    // affixes of currencies shown as their code
	symbols                  string // tab separated: code, index of affixes, symbol
	longMonths, mediumMonths string
	weekdays                 string // short, from Sunday
	long, medium, weekday    string
	longRange, mediumRange   [3]string // same month, same year, other years
	weekdayRange             [3]string
}

// separators stand between the digits of a number.
type separators struct{ group, decimal string }

// formats is an icuTable made ready for use.
type formats struct {
	minGroup       int
	minus          string
	number, amount separators
	percent        [4]string
	money          map[string]*moneyFormat
	byCode         sync.Map // of string, *moneyFormat: see coded
	affixes        [][4]string
	plain          int
	months         [2][]string // long, medium
	weekdays       []string
	date           [numStyles][]dateStep
	ranges         [numStyles][3][2][]dateStep
}

// allFormats prepares the tables once for the whole program.
var allFormats = sync.OnceValue(func() map[string]*formats {
	digits := map[string]int{}
	for _, d := range strings.Fields(icuDigits) {
		digits[d[:3]] = int(d[3] - '0')
	}
	all := make(map[string]*formats, len(icuTables))
	for i := range icuTables {
		all[icuTables[i].tag] = newFormats(&icuTables[i], digits)
	}
	return all
})

func newFormats(t *icuTable, digits map[string]int) *formats {
	f := &formats{
		minGroup: t.minGroup, minus: t.minus, percent: t.percent,
		number: separators{t.group, t.decimal}, amount: separators{t.moneyGroup, t.moneyDecimal},
		affixes: t.affixes, plain: t.plain, money: map[string]*moneyFormat{},
	}
	for code, n := range digits {
		f.money[code] = newMoneyFormat(t.affixes[t.plain], code, n)
	}
	for _, s := range strings.Split(t.symbols, "\t") {
		n, ok := digits[s[:3]]
		if !ok {
			n = 2
		}
		f.money[s[:3]] = newMoneyFormat(t.affixes[s[3]-'0'], s[4:], n)
	}
	f.months[Long] = strings.Split(t.longMonths, "\t")
	f.months[Medium] = strings.Split(t.mediumMonths, "\t")
	f.weekdays = strings.Split(t.weekdays, "\t")
	f.date[Long], f.date[Medium], f.date[Weekday] = dateSteps(t.long), dateSteps(t.medium), dateSteps(t.weekday)
	for i := range 3 {
		f.ranges[Long][i] = rangeSteps(t.longRange[i])
		f.ranges[Medium][i] = rangeSteps(t.mediumRange[i])
		f.ranges[Weekday][i] = rangeSteps(t.weekdayRange[i])
	}
	return f
}

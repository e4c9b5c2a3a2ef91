package locales

import (
	"strings"
	"sync"
)

// Locale writes messages, money, numbers and dates in one language. It is
// immutable and safe for use by many goroutines.
type Locale struct {
	tag      string
	rtl      bool
	formats  *formats
	plurals  *plurals
	regions  map[string]string
	messages []message // by Message; those of a catalogue's own follow the built-in ones
}

// Tag returns the BCP 47 tag: "pt-BR".
func (l *Locale) Tag() string { return l.tag }

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
	tag                      string
	minGroup                 int // digits that the first group needs
	group, decimal, minus    string
	percent                  [4]string // prefix and suffix, then both of negatives
	affixes                  [][4]string
	plain                    int    // affixes of currencies shown as their code
	symbols                  string // tab separated: code, index of affixes, symbol
	longMonths, mediumMonths string
	long, medium             string
	longRange, mediumRange   [3]string // same month, same year, other years
}

// formats is an icuTable made ready for use.
type formats struct {
	minGroup              int
	group, decimal, minus string
	percent               [4]string
	money                 map[string]*moneyFormat
	affixes               [][4]string
	plain                 int
	months                [2][]string // long, medium
	date                  [2][]dateStep
	ranges                [2][3][2][]dateStep
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
		minGroup: t.minGroup, group: t.group, decimal: t.decimal, minus: t.minus, percent: t.percent,
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
	f.date[Long], f.date[Medium] = dateSteps(t.long), dateSteps(t.medium)
	for i := range 3 {
		f.ranges[Long][i] = rangeSteps(t.longRange[i])
		f.ranges[Medium][i] = rangeSteps(t.mediumRange[i])
	}
	return f
}

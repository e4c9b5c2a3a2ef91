package locales

import (
	"strings"
	"time"
)

// DateStyle is a length of ICU's dates.
type DateStyle int

// The date styles.
const (
	Long    DateStyle = iota // 12 March 2026
	Medium                   // 12 Mar 2026
	Weekday                  // Thu, 12 March 2026
	numStyles
)

// dateStep is one part of a compiled date pattern: a field, or text.
type dateStep struct {
	field dateField
	text  string
}

type dateField uint8

const (
	dateText dateField = iota
	dateDay
	dateDay2
	dateMonth
	dateMonth2
	dateMonthMedium
	dateMonthLong
	dateYear
	dateWeekday
)

// dateSteps compiles a CLDR pattern of d, dd, M, MM, MMM, MMMM, y, EEE and quoted text.
func dateSteps(p string) []dateStep {
	var steps []dateStep
	text := func(s string) {
		if n := len(steps); n > 0 && steps[n-1].field == dateText {
			steps[n-1].text += s
			return
		}
		steps = append(steps, dateStep{dateText, s})
	}
	for p != "" {
		switch c := p[0]; c {
		case '\'':
			end := strings.IndexByte(p[1:], '\'') + 1
			text(p[1:end])
			p = p[end+1:]
		case 'd', 'M', 'y', 'E':
			n := len(p) - len(strings.TrimLeft(p, string(c)))
			field := map[string]dateField{
				"d": dateDay, "dd": dateDay2, "M": dateMonth, "MM": dateMonth2,
				"MMM": dateMonthMedium, "MMMM": dateMonthLong, "y": dateYear, "EEE": dateWeekday,
			}[p[:n]]
			steps = append(steps, dateStep{field: field})
			p = p[n:]
		default:
			text(p[:1])
			p = p[1:]
		}
	}
	return steps
}

// rangeSteps compiles the two halves of a range's pattern.
func rangeSteps(p string) [2][]dateStep {
	from, to, _ := strings.Cut(p, "|")
	return [2][]dateStep{dateSteps(from), dateSteps(to)}
}

// AppendDate appends the day of t, in t's own offset. A zero time appends nothing.
func (l *Locale) AppendDate(b []byte, t time.Time, style DateStyle) []byte {
	if t.IsZero() {
		return b
	}
	y, m, d := t.Date()
	return l.formats.appendDate(b, l.formats.date[style], y, int(m), d)
}

// AppendRange appends the days from to to as one phrase ("12.–15. März 2026").
// One day, or an end before its beginning, appends the first day alone; where
// only one of the two is known, that one.
func (l *Locale) AppendRange(b []byte, from, to time.Time, style DateStyle) []byte {
	if from.IsZero() {
		return l.AppendDate(b, to, style)
	}
	y1, m1, d1 := from.Date()
	y2, m2, d2 := to.Date()
	if to.IsZero() || y2 < y1 || y1 == y2 && (m2 < m1 || m1 == m2 && d2 <= d1) {
		return l.AppendDate(b, from, style)
	}
	kind := 2
	switch {
	case y1 == y2 && m1 == m2:
		kind = 0
	case y1 == y2:
		kind = 1
	}
	steps := &l.formats.ranges[style][kind]
	b = l.formats.appendDate(b, steps[0], y1, int(m1), d1)
	return l.formats.appendDate(b, steps[1], y2, int(m2), d2)
}

func (f *formats) appendDate(b []byte, steps []dateStep, y, m, d int) []byte {
	for i := range steps {
		switch s := &steps[i]; s.field {
		case dateText:
			b = append(b, s.text...)
		case dateDay:
			b = appendInt(b, d, 1)
		case dateDay2:
			b = appendInt(b, d, 2)
		case dateMonth:
			b = appendInt(b, m, 1)
		case dateMonth2:
			b = appendInt(b, m, 2)
		case dateMonthMedium:
			b = append(b, f.months[Medium][m-1]...)
		case dateMonthLong:
			b = append(b, f.months[Long][m-1]...)
		case dateYear:
			b = appendInt(b, y, 1)
		case dateWeekday:
			b = append(b, f.weekdays[time.Date(y, time.Month(m), d, 12, 0, 0, 0, time.UTC).Weekday()]...)
		}
	}
	return b
}

func appendInt(b []byte, n, width int) []byte {
	if n < 0 {
		return b
	}
	var digits [20]byte
	i := len(digits)
	for w := 0; n > 0 || w < width; w++ {
		i--
		digits[i] = byte('0' + n%10)
		n /= 10
	}
	return append(b, digits[i:]...)
}

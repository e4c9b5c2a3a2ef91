package templates

import (
	"bytes"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/locales"
)

// The values' makers. All return slices of the arena, nil for nothing.

// own keeps a text that is ours.
func (v *view) own(s string) []byte {
	if s == "" {
		return nil
	}
	start := len(v.arena)
	v.arena = append(v.arena, s...)
	return v.arena[start:len(v.arena):len(v.arena)]
}

// since keeps what f appends.
func (v *view) since(f func(b []byte) []byte) []byte {
	start := len(v.arena)
	v.arena = f(v.arena)
	if len(v.arena) == start {
		return nil
	}
	return v.arena[start:len(v.arena):len(v.arena)]
}

const (
	isolate    = "\u2068" // FIRST STRONG ISOLATE
	endIsolate = "\u2069" // POP DIRECTIONAL ISOLATE
)

// outside keeps a value from outside: cleaned, and isolated where its letters
// may run against those around it.
func (v *view) outside(s string, limit int) []byte {
	if s == "" {
		return nil
	}
	start, isolated := len(v.arena), v.locale.RTL() || hasRTL(s)
	if isolated {
		v.arena = append(v.arena, isolate...)
	}
	begin := len(v.arena)
	v.arena = appendClean(v.arena, s, limit)
	if len(v.arena) == begin {
		v.arena = v.arena[:start]
		return nil
	}
	if isolated {
		v.arena = append(v.arena, endIsolate...)
	}
	return v.arena[start:len(v.arena):len(v.arena)]
}

// maxTextLines bounds a value of several lines.
const maxTextLines = 60

// outsideLines keeps a value of several lines, each cleaned and isolated like
// one of outside, with \n between them. Empty lines are left out at the ends,
// and no more than one stands in a row.
func (v *view) outsideLines(s string, limit int) []byte {
	if !strings.ContainsAny(s, "\n\r") {
		return v.outside(s, limit)
	}
	start := len(v.arena)
	lines, gap := 0, false
	for line := range strings.Lines(strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")) {
		if limit <= 0 || lines == maxTextLines {
			break
		}
		at := len(v.arena)
		if lines > 0 {
			v.arena = append(v.arena, '\n')
			if gap {
				v.arena = append(v.arena, '\n')
			}
		}
		text := v.outside(line, limit) // appended right behind
		if text == nil {
			v.arena, gap = v.arena[:at], lines > 0
			continue
		}
		limit -= utf8.RuneCount(text)
		lines, gap = lines+1, false
	}
	if len(v.arena) == start {
		return nil
	}
	return v.arena[start:len(v.arena):len(v.arena)]
}

// url keeps an address that may become a link, nil what may not.
func (v *view) url(s string) []byte {
	if !safeURL(s) {
		return nil
	}
	return v.own(s)
}

// pattern keeps a tenant's address with the order's number in it, nil where
// there is no number or no address comes out.
func (v *view) pattern(s string) []byte {
	if s == "" || v.order.Number == "" {
		return nil
	}
	start := len(v.arena)
	v.arena = appendTracking(v.arena, s, v.order.Number)
	if u := v.arena[start:len(v.arena):len(v.arena)]; safeURL(string(u)) {
		return u
	}
	return nil
}

// longAmount is up to how many characters an amount has room beside its label
// on a phone.
const longAmount = 13

// money keeps an amount, nil where its currency is none. Negative ones have a
// true minus sign (U+2212), which CLDR leaves to typography.
func (v *view) money(m waxwing.Money) []byte {
	start := len(v.arena)
	if v.locale.RTL() {
		v.arena = append(v.arena, isolate...)
	}
	begin := len(v.arena)
	v.arena = v.locale.AppendMoney(v.arena, m)
	if len(v.arena) == begin {
		v.arena = v.arena[:start]
		return nil
	}
	if m.Minor < 0 {
		if i := bytes.IndexByte(v.arena[begin:], '-'); i >= 0 {
			v.arena = append(v.arena, "\u2212"[1:]...) // room for two bytes more
			copy(v.arena[begin+i+3:], v.arena[begin+i+1:])
			copy(v.arena[begin+i:], "\u2212")
		}
	}
	if len(v.arena)-begin > longAmount {
		v.flags.wide = v.flags.wide || utf8.RuneCount(v.arena[begin:])-bytes.Count(v.arena[begin:], []byte(leftMark))-
			bytes.Count(v.arena[begin:], []byte(rightMark)) > longAmount
	}
	if v.locale.RTL() {
		v.arena = append(v.arena, endIsolate...)
	}
	return v.arena[start:len(v.arena):len(v.arena)]
}

func (v *view) number(n int64) []byte {
	start := len(v.arena)
	v.arena = v.locale.AppendNumber(v.arena, n)
	return v.arena[start:len(v.arena):len(v.arena)]
}

// compose fills a message's placeholders from args; n is its count.
func (v *view) compose(m locales.Message, n int64) []byte {
	parts := v.locale.Parts(m, n)
	for _, p := range parts {
		if p.Arg == locales.ArgCount {
			v.args[locales.ArgCount] = v.number(n)
		}
	}
	start := len(v.arena)
	for _, p := range parts {
		v.arena = append(v.arena, p.Text...)
		v.arena = append(v.arena, v.args[p.Arg]...)
	}
	return v.arena[start:len(v.arena):len(v.arena)]
}

// initial is the letter on the tile of an item without a picture.
func (v *view) initial(name string) []byte {
	for _, r := range name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			start := len(v.arena)
			v.arena = utf8.AppendRune(v.arena, unicode.ToUpper(r))
			return v.arena[start:len(v.arena):len(v.arena)]
		}
	}
	return v.own("•")
}

// addLines keeps lines of an address.
func (v *view) addLines(lines []string) indexes {
	from := len(v.lines)
	for _, s := range lines {
		if line := v.outside(s, maxValue); len(line) > 0 && len(v.lines)-from < maxLines {
			v.lines = append(v.lines, line)
		}
	}
	return indexes{from, len(v.lines)}
}

// validDay reports whether a time can be shown.
func validDay(t time.Time) bool { return !t.IsZero() && t.Year() >= 1970 && t.Year() < 10000 }

package templates

import (
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

// money keeps an amount, nil where its currency is none.
func (v *view) money(m waxwing.Money) []byte {
	start := len(v.arena)
	if !v.locale.RTL() {
		if v.arena = v.locale.AppendMoney(v.arena, m); len(v.arena) == start {
			return nil
		}
		return v.arena[start:len(v.arena):len(v.arena)]
	}
	v.arena = append(v.arena, isolate...)
	begin := len(v.arena)
	if v.arena = v.locale.AppendMoney(v.arena, m); len(v.arena) == begin {
		v.arena = v.arena[:start]
		return nil
	}
	v.arena = append(v.arena, endIsolate...)
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

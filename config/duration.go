package config

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"time"
)

// Duration is a time span that the file writes as "90s", "24h" or "90d".
type Duration time.Duration

// D returns the span.
func (d Duration) D() time.Duration { return time.Duration(d) }

// units go from the longest to the shortest. A day has 24 hours and a year 365
// days: retention is no calendar.
var units = []struct {
	name string
	span time.Duration
}{
	{"y", 365 * 24 * time.Hour}, {"d", 24 * time.Hour}, {"h", time.Hour}, {"m", time.Minute}, {"s", time.Second}, {"ms", time.Millisecond},
}

// durationPattern is ParseDuration's grammar for the JSON Schema.
const durationPattern = `^([0-9]+(ms|s|m|h|d|y))+$|^0$`

var (
	errNoUnit  = errors.New("has no unit")
	errNotSpan = errors.New("is not a duration")
	errTooLong = errors.New("is too long")
)

// ParseDuration reads whole numbers with the units ms, s, m, h, d and y, also
// in a row: "1h30m". Only zero needs no unit.
func ParseDuration(s string) (Duration, error) {
	if s == "0" {
		return 0, nil
	}
	var sum time.Duration
	rest := s
	for first := true; first || rest != ""; first = false {
		n, digits := int64(0), 0
		for digits < len(rest) && rest[digits] >= '0' && rest[digits] <= '9' {
			if n > math.MaxInt64/10-1 {
				return 0, errTooLong
			}
			n = n*10 + int64(rest[digits]-'0')
			digits++
		}
		if digits == 0 {
			return 0, errNotSpan
		}
		rest = rest[digits:]
		letters := len(rest) - len(strings.TrimLeft(rest, "abcdefghijklmnopqrstuvwxyz"))
		span, ok := unit(rest[:letters])
		switch {
		case rest == "":
			return 0, errNoUnit
		case !ok:
			return 0, errNotSpan
		case n > int64((math.MaxInt64-sum)/span):
			return 0, errTooLong
		}
		sum += time.Duration(n) * span
		rest = rest[letters:]
	}
	return Duration(sum), nil
}

func unit(name string) (time.Duration, bool) {
	for _, u := range units {
		if u.name == name {
			return u.span, true
		}
	}
	return 0, false
}

// String writes the span as the file does, in the longest unit that fits it
// exactly: "24h" is "1d".
func (d Duration) String() string {
	for _, u := range units {
		if d != 0 && d.D()%u.span == 0 {
			return fmt.Sprintf("%d%s", d.D()/u.span, u.name)
		}
	}
	if d == 0 {
		return "0s"
	}
	return d.D().String()
}

// clock reads a time of day, "07:00", as minutes after midnight.
func clock(s string) (minutes int, ok bool) {
	t, err := time.Parse("15:04", s)
	return t.Hour()*60 + t.Minute(), err == nil && len(s) == len("15:04")
}

// Until is when the quiet hours end that a moment lies in; zero: in none, or there are none.
func (q *Quiet) Until(now time.Time) time.Time {
	if q == nil {
		return time.Time{}
	}
	zone, err := time.LoadLocation(q.TimeZone)
	from, ok := clock(q.From)
	to, ok2 := clock(q.To)
	if err != nil || !ok || !ok2 {
		return time.Time{} // the loader refuses it
	}
	here := now.In(zone)
	at := here.Hour()*60 + here.Minute()
	day := here.Day()
	switch {
	case from < to && from <= at && at < to, from > to && at < to:
	case from > to && at >= from:
		day++
	default:
		return time.Time{}
	}
	return time.Date(here.Year(), here.Month(), day, to/60, to%60, 0, 0, zone)
}

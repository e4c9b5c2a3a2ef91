package shop

import (
	"errors"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing/payload"
)

// ParseTime reads a time as shops write it: RFC 3339, or ISO 8601 without an
// offset, which is then taken as being in zone. What is no time, such as PHP's
// 0000-00-00, or lies before 1970, is the zero time.
func ParseTime(v payload.Value, zone *time.Location) time.Time {
	return ParseTimeText(v.Trimmed(), zone)
}

// ParseTimeText is ParseTime of a text without spaces around it.
func ParseTimeText(s string, zone *time.Location) time.Time {
	if len(s) < len("2006-01-02") || len(s) > 40 {
		return time.Time{}
	}
	t, err := time.Time{}, errBare
	if !bare(s) {
		t, err = time.Parse(time.RFC3339, s)
	}
	if err != nil {
		if len(s) > 10 && s[10] == ' ' {
			s = s[:10] + "T" + s[11:]
		}
		s = strings.Replace(s, " ", "", 1)
		for _, layout := range [...]string{"2006-01-02T15:04:05", "2006-01-02T15:04:05Z07:00",
			"2006-01-02T15:04:05-0700", "2006-01-02T15:04", "2006-01-02"} {
			if t, err = time.ParseInLocation(layout, s, zone); err == nil {
				break
			}
		}
	}
	if err != nil || t.Year() < 1970 {
		return time.Time{}
	}
	return t
}

var errBare = errors.New("no offset")

// bare reports whether a time is too short to have an offset and seconds, be its hour of
// one digit, and does not end in Z: WooCommerce writes its times so. The attempt to read
// it as RFC 3339 would be refused, with three allocations.
func bare(s string) bool {
	return len(s) <= len("2006-01-02T15:04:05") && s[len(s)-1]-'0' <= 9
}

// LocalTime returns the moment of a local and a UTC time that mean the same
// instant, with the offset that lies between them.
func LocalTime(local, utc payload.Value) time.Time {
	t := ParseTime(utc, time.UTC)
	l := ParseTime(local, time.UTC)
	if t.IsZero() {
		return l
	}
	offset := l.Sub(t).Round(15 * time.Minute)
	if l.IsZero() || offset == 0 || offset.Abs() > 15*time.Hour {
		return t
	}
	return t.In(time.FixedZone("", int(offset/time.Second)))
}

package config

import (
	"testing"
	"time"
)

func TestQuietUntil(t *testing.T) {
	night, noon := &Quiet{"22:00", "07:00", "Europe/Berlin"}, &Quiet{"12:00", "13:30", "Asia/Tokyo"}
	for _, c := range []struct {
		q         *Quiet
		now, want string
	}{
		{night, "2026-11-28T20:59:59Z", ""}, {night, "2026-11-28T21:00:00Z", "2026-11-29T06:00:00Z"}, {night, "2026-11-29T05:59:59Z", "2026-11-29T06:00:00Z"},
		{night, "2026-11-29T06:00:00Z", ""}, {night, "2026-12-31T22:30:00Z", "2027-01-01T06:00:00Z"},
		{night, "2026-10-24T21:00:00Z", "2026-10-25T06:00:00Z"}, // the clocks go back that night
		{night, "2026-03-28T22:00:00Z", "2026-03-29T05:00:00Z"}, // and forward in this one
		{noon, "2026-11-28T02:59:59Z", ""}, {noon, "2026-11-28T03:00:00Z", "2026-11-28T04:30:00Z"}, {noon, "2026-11-28T04:30:00Z", ""},
		{nil, "2026-11-28T21:00:00Z", ""},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if until := c.q.Until(now); !until.IsZero() {
			got = until.UTC().Format(time.RFC3339)
		}
		if got != c.want {
			t.Errorf("%+v at %s: %s, want %s", c.q, c.now, got, c.want)
		}
	}
}

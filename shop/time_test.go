package shop

import (
	"testing"
	"time"
)

// What is taken for a time without an offset is nothing that RFC 3339 has.
func TestBareTimes(t *testing.T) {
	digits := "0123456789"
	for _, s := range []string{"2026-03-01T12:00:00", "2026-03-01 12:00:00", "2026-03-01T12:00", "2026-03-01", "2026-03-01T1:00:00"} {
		if !bare(s) {
			t.Errorf("%s is not bare", s)
		}
		for i := range s { // and nothing that is one character off
			for _, c := range digits + "Zz+-:.T " {
				if other := s[:i] + string(c) + s[i+1:]; bare(other) {
					if _, err := time.Parse(time.RFC3339, other); err == nil {
						t.Errorf("%s is RFC 3339", other)
					}
				}
			}
		}
	}
	for _, s := range []string{"2026-03-01T1:00:00Z", "2026-03-01T12:00:00Z", "2026-03-01T12:00:00+01:00", "2026-03-01T1:00:00.5Z", "2026-03-01T1:00:00-00:00"} {
		if _, err := time.Parse(time.RFC3339, s); err != nil || bare(s) {
			t.Errorf("%s: bare, or %v", s, err)
		}
	}
}

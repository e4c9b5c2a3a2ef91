package poll

import (
	"testing"
	"time"
)

// TestLocalSince: PrestaShop writes its times by its own clock; in the hour before that is put back, all that follows is read.
func TestLocalSince(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Skip("this machine knows no time zones")
	}
	for at, want := range map[string]string{
		"2026-07-01T10:00:00Z": "2026-07-01 12:00:00", "2026-01-01T10:00:00Z": "2026-01-01 11:00:00",
		"2026-10-24T23:30:00Z": "2026-10-25 01:30:00", // more than an hour before it is put back, at 01:00 UTC
		"2026-10-25T00:40:00Z": "2026-10-25 01:40:00", // 02:40, but 02:00 comes again
		"2026-10-25T01:10:00Z": "2026-10-25 02:10:00",
		"2026-03-29T00:30:00Z": "2026-03-29 01:30:00",
	} {
		since, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		if got := localSince(since, paris); got != want {
			t.Errorf("%s: %s, want %s", at, got, want)
		}
	}
}

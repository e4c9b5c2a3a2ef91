package waxwing_test

import (
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
)

func TestMasked(t *testing.T) {
	for in, want := range map[string]string{"": "", "ida@mail.example": "i•••@mail.example", "i@mail.example": "i•••@mail.example", `"ida b"@mail.example`: "i•••@mail.example",
		"żaba@mail.example": "ż•••@mail.example", "\x1b[2J@mail.example": "•••@mail.example",
		"\u202eevil@mail.example": "•••@mail.example", "\xff@mail.example": "•••@mail.example", "ida@a.example, bo@b.example": "i•••@b.example", "+4915112345678": "+49•••78", "123": "•••", "+49": "•••", "@mail.example": "•••", "nonsense at all": "•••"} {
		if got := waxwing.Masked(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestCheckReason: the trail is kept for years and holds nobody's data.
func TestCheckReason(t *testing.T) {
	for _, good := range []string{"", "a typo, by telephone", "ticket 4711-22", "im Laden bezahlt", "order #1042 of 2026-11-26", "in place of 1042, 1043 and 1044"} {
		if err := waxwing.CheckReason(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range []string{"jana@example.com", "+49 151 1234567", "(030) 901820-00", "4111 1111 1111 1111", "a\nb", "a\x00b",
		"0151–2345–6789", "0151_2345_6789", "0151\u00a02345\u20116789", "٠١٥١٢٣٤٥٦٧٨٩", "jana＠example.com", "\u202eevil", "a\u2028b", "\xff", strings.Repeat("ä", 201)} {
		if waxwing.CheckReason(bad) == nil {
			t.Errorf("%q may stand in the trail", bad)
		}
	}
}

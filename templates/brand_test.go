package templates

import (
	"strings"
	"testing"
)

func TestNewBrand(t *testing.T) {
	for want, b := range map[string]Brand{
		"name: it signs every mail":              {},
		`color "red": want #rrggbb`:              {Name: "A", Color: "red"},
		`color "#12345g": want #rrggbb`:          {Name: "A", Color: "#12345g"},
		`logo "http://x.example/a.png": want an`: {Name: "A", LogoURL: "http://x.example/a.png"},
		`support_url "javascript:x": want an`:    {Name: "A", SupportURL: "javascript:x"},
		`tracking_url "/track/1": want`:          {Name: "A", TrackingURL: "/track/{order}"},
		"the only placeholder is {order}":        {Name: "A", TrackingURL: "https://x.example/{number}"},
	} {
		if _, err := NewBrand(b); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q: %v", want, err)
		}
	}
	if _, err := NewBrand(Brand{Name: "A", SupportURL: "mailto:help@acme.example"}); err != nil {
		t.Error(err)
	}
}

// Whatever colour a brand has, text in it and on it can be read.
func TestPaletteIsLegible(t *testing.T) {
	white, card := rgb{1, 1, 1}, rgb{0x1a / 255.0, 0x1c / 255.0, 0x20 / 255.0}
	for _, color := range []string{"", "#000000", "#ffffff", "#ffe600", "#ff0000", "#00ff00", "#0000ff", "#0f6b5c", "#f5f5dc", "#7f7f7f", "#1a1c20", "#ff69b4"} {
		p := newPalette(color)
		get := func(w word) rgb {
			c, ok := parseColor(p.words[w])
			if !ok {
				t.Fatalf("%s: word %d is %q", color, w, p.words[w])
			}
			return c
		}
		for what, ratio := range map[string]float64{
			"ink on white": contrast(get(wordInk), white), "glow on the dark card": contrast(get(wordGlow), card),
			"dark text on glow": contrast(get(wordGlow), rgb{0x14 / 255.0, 0x16 / 255.0, 0x1a / 255.0}),
		} {
			if ratio < 4.5 {
				t.Errorf("%q: %s has contrast %.2f", color, what, ratio)
			}
		}
		if r := contrast(get(wordColor), get(wordOnColor)); r < 3.5 {
			t.Errorf("%q: the button's text has contrast %.2f", color, r)
		}
	}
}

func TestTracking(t *testing.T) {
	for number, want := range map[string]string{
		"1042": "https://x.example/t/1042?n=1042", "#1042": "https://x.example/t/1042?n=1042",
		"../a b&\"<": "https://x.example/t/..%2Fa%20b%26%22%3C?n=..%2Fa%20b%26%22%3C", "é": "https://x.example/t/%C3%A9?n=%C3%A9",
	} {
		if got := string(appendTracking(nil, "https://x.example/t/{order}?n={order}", number)); got != want {
			t.Errorf("%q: %s", number, got)
		}
	}
}

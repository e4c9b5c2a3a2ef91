package templates

import (
	"errors"
	"fmt"
	"math"
	"net/url"
	"strings"
	"unicode/utf8"
)

// Brand is how a merchant shows herself. The zero Brand works: neutral colours
// and no logo.
type Brand struct {
	// Name signs the mail and opens the SMS.
	Name string
	// FromName is what the mail's From shows, where it is not Name.
	FromName string
	// LogoURL is an https address, shown 44 px high.
	LogoURL string
	// HomeURL is the shop's own page; the logo leads there.
	HomeURL string
	// Color is the brand's colour, "#rrggbb"; "" a near-black. What stands on
	// it, and its shades for text on light and dark grounds, follow from it.
	Color string
	// SupportURL is used where the order brings no link of its own: https or mailto.
	SupportURL string
	// TrackingURL likewise; {order} in it stands for the order's number.
	TrackingURL string
	// Footer is a line of small print; Address the merchant's postal address, a
	// line each.
	Footer  string
	Address []string
	// ReturnsURL and InvoiceURL are used where the order brings no link of its
	// own; {order} in them stands for the order's number.
	ReturnsURL, InvoiceURL string
	// Deliveries are offered beside a notice of delay.
	Deliveries []Delivery
	// Instructions say how to pay, by the offline method (waxwing.BankTransfer),
	// where the order does not: {order} in them stands for its number, {total}
	// for what is to be paid. Line breaks are kept.
	Instructions map[string]Text
	// Legal is shown in the footer; nil: nothing.
	Legal *Legal

	palette *palette
}

// Delivery is another way to get an order.
type Delivery struct {
	Name  string
	Names map[string]string // translations by locale
	// URL is an https address or empty; {order} in it stands for the order's number.
	URL string
}

// NewBrand checks a brand and prepares its colours. The error lists each fault.
func NewBrand(b Brand) (*Brand, error) {
	var faults []error
	if strings.TrimSpace(b.Name) == "" {
		faults = append(faults, errors.New("name: it signs every mail; give the shop's name"))
	}
	if _, ok := parseColor(b.Color); b.Color != "" && !ok {
		faults = append(faults, fmt.Errorf("color %.20q: want #rrggbb", b.Color))
	}
	for _, u := range []struct {
		key, url string
		mail     bool
	}{
		{"logo", b.LogoURL, false}, {"home_url", b.HomeURL, false}, {"support_url", b.SupportURL, true},
		{"tracking_url", strings.ReplaceAll(b.TrackingURL, "{order}", "1"), false},
		{"returns_url", strings.ReplaceAll(b.ReturnsURL, "{order}", "1"), false},
		{"invoice_url", strings.ReplaceAll(b.InvoiceURL, "{order}", "1"), false},
	} {
		if u.url != "" && !safeURL(u.url) && !(u.mail && safeMailto(u.url)) {
			faults = append(faults, fmt.Errorf("%s %.80q: want an absolute https address", u.key, u.url))
		}
	}
	for i, d := range b.Deliveries {
		if u := strings.ReplaceAll(d.URL, "{order}", "1"); u != "" && !safeURL(u) {
			faults = append(faults, fmt.Errorf("deliveries[%d].url %.80q: want an absolute https address", i, d.URL))
		}
	}
	if strings.ContainsAny(strings.ReplaceAll(b.TrackingURL, "{order}", ""), "{}") {
		faults = append(faults, fmt.Errorf("tracking_url %.80q: the only placeholder is {order}", b.TrackingURL))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	b.palette = newPalette(b.Color)
	return &b, nil
}

// safeURL reports whether a value may become a link or a picture: absolute
// https with a host, no user, no character that could end an attribute, a
// line or a word.
func safeURL(s string) bool {
	if len(s) < 9 || len(s) > 2000 || !strings.EqualFold(s[:8], "https://") {
		return false
	}
	ascii := true
	for i := range len(s) {
		switch urlBytes[s[i]] {
		case urlNever:
			return false
		case urlForeign:
			ascii = false
		}
	}
	if !ascii && (!utf8.ValidString(s) || hasRTL(s) || strings.ContainsFunc(s, invisible)) {
		return false
	}
	host, _, _ := strings.Cut(s[8:], "/")
	host, _, _ = strings.Cut(host, "?")
	host, _, _ = strings.Cut(host, "#")
	if host == "" || strings.Contains(host, "@") || host[0] == ':' || host[0] == '.' {
		return false
	}
	return true
}

// What a byte may do in an address.
const (
	urlPlain byte = iota
	urlNever
	urlForeign // part of a letter beyond ASCII
)

var urlBytes = func() (t [256]byte) {
	for c := range t {
		switch {
		case c <= ' ' || c == 0x7f || strings.IndexByte("\"'<>\\^`{|}", byte(c)) >= 0:
			t[c] = urlNever
		case c >= 0x80:
			t[c] = urlForeign
		}
	}
	return t
}()

// invisible finds spaces and marks that would hide what an address is.
func invisible(r rune) bool {
	return r >= 0x80 && r <= 0xa0 || r >= 0x2000 && r <= 0x206f || r == 0x3000 || r == 0xfeff || r == utf8.RuneError
}

func safeMailto(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "mailto" && strings.Contains(u.Opaque, "@") && !strings.ContainsAny(s, " \"'<>\r\n\t?&")
}

// appendTracking appends the tracking address with the number percent-encoded.
func appendTracking(b []byte, pattern, number string) []byte {
	before, after, found := strings.Cut(pattern, "{order}")
	b = append(b, before...)
	if !found {
		return b
	}
	// Shopify writes #1001 and means 1001: no shop's page is found under %231001.
	number = strings.TrimPrefix(number, "#")
	for i := range len(number) {
		c := number[i]
		if c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '_' || c == '.' || c == '~' {
			b = append(b, c)
			continue
		}
		b = append(b, '%', "0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15])
	}
	return appendTracking(b, after, number)
}

// word is a design word: what a template writes where a value may not stand.
type word int

// The design words.
const (
	wordColor   word = iota // the brand's colour, as a ground
	wordOnColor             // text on it
	wordInk                 // its shade for text on white
	wordGlow                // its shade for text on black
	wordTint                // a breath of it, as a ground
	wordFont                // the fonts of the locale
	numWords
)

var wordNames = [numWords]string{"brand-color", "brand-on-color", "brand-ink", "brand-glow", "brand-tint", "locale-font"}

// cutWord finds the first design word.
func cutWord(s string) (before string, w word, after string, found bool) {
	best := len(s)
	for i, name := range wordNames {
		if at := strings.Index(s, name); at >= 0 && at < best {
			best, w, found = at, word(i), true
		}
	}
	if !found {
		return s, 0, "", false
	}
	return s[:best], w, s[best+len(wordNames[w]):], true
}

// palette holds a brand's colours as CSS writes them.
type palette struct{ words [wordFont]string }

type rgb [3]float64

// legibleRatio is the least contrast of text (WCAG 2.2, 1.4.3).
const legibleRatio = 4.5

// noticeGround is the ground of a notice of delay, #fbf4e4: the darkest that
// links stand on by day.
var noticeGround = rgb{0xfb / 255.0, 0xf4 / 255.0, 0xe4 / 255.0}

// neutral is the palette of brands without a colour.
const neutral = "#1f2937"

func newPalette(color string) *palette {
	c, ok := parseColor(color)
	if !ok {
		c, _ = parseColor(neutral)
	}
	white, black := rgb{1, 1, 1}, rgb{0.07, 0.08, 0.1}
	on := white
	if contrast(c, white) < legibleRatio {
		on = black
	}
	if contrast(c, on) < legibleRatio {
		on = rgb{} // between white and a near-black nothing else can be read
	}
	tint := white.mix(c, 0.06)
	p := &palette{}
	p.words[wordColor] = c.String()
	p.words[wordOnColor] = on.String()
	p.words[wordInk] = c.until(black, tint, legibleRatio+0.1).until(black, noticeGround, legibleRatio+0.1).String()
	p.words[wordGlow] = c.until(white, rgb{0.1, 0.11, 0.13}, 5.5).String()
	p.words[wordTint] = tint.String()
	return p
}

func parseColor(s string) (c rgb, ok bool) {
	if len(s) != 7 || s[0] != '#' {
		return c, false
	}
	for i := range 3 {
		v := 0
		for _, d := range []byte(s[1+2*i : 3+2*i]) {
			n := strings.IndexByte("0123456789abcdef", d|0x20)
			if n < 0 {
				return c, false
			}
			v = v*16 + n
		}
		c[i] = float64(v) / 255
	}
	return c, true
}

// String writes #rrggbb.
func (c rgb) String() string {
	return fmt.Sprintf("#%02x%02x%02x", int(math.Round(c[0]*255)), int(math.Round(c[1]*255)), int(math.Round(c[2]*255)))
}

func (c rgb) mix(o rgb, share float64) rgb {
	for i := range c {
		c[i] += (o[i] - c[i]) * share
	}
	return c
}

// until makes a colour lighter or darker, keeping its hue, until it is legible
// on a ground.
func (c rgb) until(towards, ground rgb, want float64) rgb {
	h, sat, light := c.hsl()
	step, under := 0.01, ground.luminance()
	if towards.luminance() < under {
		step = -step
	}
	for ; light >= 0 && light <= 1; light += step {
		if m := fromHSL(h, sat, light); contrastOf(m.luminance(), under) >= want {
			return m
		}
	}
	return towards
}

// hsl returns hue (0 to 6), saturation and lightness.
func (c rgb) hsl() (h, s, l float64) {
	high, low := max(c[0], c[1], c[2]), min(c[0], c[1], c[2])
	l = (high + low) / 2
	d := high - low
	if d == 0 {
		return 0, 0, l
	}
	switch s = d / (1 - math.Abs(2*l-1)); high {
	case c[0]:
		h = math.Mod((c[1]-c[2])/d+6, 6)
	case c[1]:
		h = (c[2]-c[0])/d + 2
	default:
		h = (c[0]-c[1])/d + 4
	}
	return h, s, l
}

func fromHSL(h, s, l float64) rgb {
	a := s * min(l, 1-l)
	channel := func(n float64) float64 {
		k := math.Mod(n+h*2, 12)
		return l - a*max(-1, min(k-3, 9-k, 1))
	}
	return rgb{channel(0), channel(8), channel(4)}
}

// contrast is the ratio of WCAG 2.2, 1 to 21.
func contrast(a, b rgb) float64 { return contrastOf(a.luminance(), b.luminance()) }

func contrastOf(x, y float64) float64 { return (max(x, y) + 0.05) / (min(x, y) + 0.05) }

func (c rgb) luminance() float64 {
	for i, v := range c {
		if v <= 0.04045 {
			c[i] = v / 12.92
		} else {
			c[i] = math.Pow((v+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*c[0] + 0.7152*c[1] + 0.0722*c[2]
}

// fonts are the system fonts of each script, most used clients first.
func fonts(tag string) string {
	switch tag {
	case "ja":
		return "-apple-system,BlinkMacSystemFont,'Hiragino Sans','Hiragino Kaku Gothic ProN','Yu Gothic UI','Yu Gothic',Meiryo,'Noto Sans JP','Noto Sans CJK JP',sans-serif"
	case "zh-Hans":
		return "-apple-system,BlinkMacSystemFont,'PingFang SC','Hiragino Sans GB','Microsoft YaHei','Noto Sans SC','Noto Sans CJK SC',sans-serif"
	case "zh-Hant":
		return "-apple-system,BlinkMacSystemFont,'PingFang TC','Hiragino Sans TC','Microsoft JhengHei','Noto Sans TC','Noto Sans CJK TC',sans-serif"
	case "ar":
		return "-apple-system,BlinkMacSystemFont,'Segoe UI','Geeza Pro','Noto Sans Arabic',Tahoma,Arial,sans-serif"
	}
	return "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,'Helvetica Neue',Helvetica,Arial,sans-serif"
}

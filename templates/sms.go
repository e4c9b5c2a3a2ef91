package templates

import (
	"strings"
	"unicode/utf16"

	"github.com/waxwinghq/waxwing/locales"
)

// Encoding is how an SMS is coded on the air (3GPP TS 23.038).
type Encoding string

// The encodings.
const (
	GSM7 Encoding = "gsm-7"
	UCS2 Encoding = "ucs-2"
)

// gsmBasic are the characters of one septet, gsmExtended those of two
// (3GPP TS 23.038, 6.2.1).
const (
	gsmBasic    = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtended = "\f^{}\\[~]|€"
)

// Segments returns how a text is coded and in how many segments it goes: up to
// 160 septets or 70 UTF-16 units in one, 153 or 67 in each of several. An
// escape pair or a surrogate pair is not torn apart.
func Segments(text string) (Encoding, int) {
	var units []int
	for _, r := range text {
		switch {
		case strings.ContainsRune(gsmBasic, r):
			units = append(units, 1)
		case strings.ContainsRune(gsmExtended, r):
			units = append(units, 2)
		default:
			return UCS2, segments(utf16Units(text), 70, 67)
		}
	}
	return GSM7, segments(units, 160, 153)
}

func utf16Units(text string) []int {
	var units []int
	for _, r := range text {
		units = append(units, max(utf16.RuneLen(r), 1))
	}
	return units
}

// segments packs characters into segments greedily, as phones do.
func segments(units []int, single, each int) int {
	total := 0
	for _, u := range units {
		total += u
	}
	if total <= single {
		return 1
	}
	n, free := 1, each
	for _, u := range units {
		if u > free {
			n, free = n+1, each
		}
		free -= u
	}
	return n
}

// maxSegments is what an SMS may cost.
const maxSegments = 2

// SMS makes the short text that replaces a mail: who, which order, what is to
// be done, and the link where there is one. It fits two segments: what does not
// is said shorter, then without accents in Latin script, then with the second
// link, then without one, and at last cut.
func (s *Set) SMS(in *Input) string {
	v := view{}
	v.fill(in, 0)
	var texts []string
	// Shops' links to an order carry long keys; the tenant's to its tracking is
	// short.
	for _, l := range []string{string(v.root[fButtonURL]), string(v.root[fSecondURL]), ""} {
		for _, text := range v.smsTexts(l) {
			texts = append(texts, plainPunctuation.Replace(text), withoutAccents(text))
		}
	}
	for _, text := range texts {
		if _, n := Segments(text); n <= maxSegments {
			return text
		}
	}
	runes := []rune(texts[len(texts)-1])
	return string(runes[:min(len(runes), 67*maxSegments/2)])
}

// Note is the short text of SMS as a push message shows it: who sends it, which order and what is to
// be done, and where a tap leads. Without a brand's name the text is the title. url: "" nowhere.
func (s *Set) Note(in *Input) (title, body, url string) {
	v := view{}
	v.fill(in, 0)
	if url = string(v.root[fButtonURL]); url == "" {
		url = string(v.root[fSecondURL])
	}
	texts := v.smsTexts("")
	body = texts[len(texts)-1] // what stands after the name
	if title = smsValue(v.brand.Name, 60); title == "" {
		title, body = body, ""
	}
	return title, body, url
}

// smsTexts are what may be said with a link, the best first.
func (v *view) smsTexts(link string) []string {
	args := &locales.Args{locales.ArgMerchant: smsValue(v.brand.Name, 30), locales.ArgNumber: smsValue(v.order.Number, 24), locales.ArgLink: link}
	say := func(m locales.Message) string {
		return oneLine(string(v.locale.Append(nil, m, 0, args)), v.locale.RTL())
	}
	signed := strings.TrimSpace(v.brand.Name) != ""
	m := locales.MsgSmsRefunded
	if !v.state.refunded {
		if m = locales.MsgSmsPrepay; !v.state.prepay || v.state.due.Currency == "" {
			if signed {
				return []string{say(locales.MsgSms), say(locales.MsgSmsShort)}
			}
			return []string{say(locales.MsgSmsShort)}
		}
		args[locales.ArgTotal] = v.plainMoney(v.state.due)
	}
	if short := say(m); signed {
		args[locales.ArgTitle] = short
		return []string{say(locales.MsgSmsFrom), short}
	} else {
		return []string{short}
	}
}

// smsValue cleans a value for an SMS: one line, no link, no isolates, since old
// phones show them as boxes.
func smsValue(s string, limit int) string {
	return string(appendPlain(nil, appendClean(nil, s, limit)))
}

// plainPunctuation turns typographic signs into those that GSM-7 has.
var plainPunctuation = strings.NewReplacer("’", "'", "‘", "'", "“", `"`, "”", `"`, "–", "-", "—", "-", "…", "...", "\u00a0", " ", "\u202f", " ", "\u2009", " ")

// withoutAccents writes Latin letters that GSM-7 lacks without their marks, as
// people do who write SMS; other scripts stay.
func withoutAccents(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(gsmBasic, r) {
			return r
		}
		if i := strings.IndexRune(accented, r); i >= 0 {
			return rune(bare[len([]rune(accented[:i]))])
		}
		return r
	}, plainPunctuation.Replace(s))
}

const (
	accented = "ąćęłńóśźżĄĆĘŁŃÓŚŹŻáâãçêëíîïôõúûÿÁÀÂÃÈÊËÍÌÎÏÔÕÚÙÛ"
	bare     = "acelnoszzACELNOSZZaaaceeiiioouuyAAAAEEEIIIIOOUUU"
)

package abi

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/waxwinghq/waxwing"
)

// manifestKeys are those of a plugin.json.
var manifestKeys = []string{"name", "version", "lang", "hooks", "needs", "reasons", "config", "description"}

const maxManifestList = 64 // elements of one list, before they are looked at

// read fills m from JSON, each key by its exact bytes. encoding/json would take
// "Needs" for "needs" and the last of two.
func (m *Manifest) read(b []byte) error {
	r := &reader{b: b, depth: 8}
	text := func(path string) string { return r.shown(path) }
	list := func(path string) (out []string) {
		r.list(func(i int) {
			if i >= maxManifestList {
				r.fail("%s has more than %d elements", path, maxManifestList)
			}
			out = append(out, text(fmt.Sprintf("%s[%d]", path, i)))
		})
		return out
	}
	r.object(func(k string) {
		switch k {
		case "name":
			m.Name = text(k)
		case "version":
			m.Version = text(k)
		case "lang":
			m.Lang = text(k)
		case "description":
			m.Description = text(k)
		case "hooks":
			for _, h := range list(k) {
				m.Hooks = append(m.Hooks, waxwing.Hook(h))
			}
		case "needs":
			m.Needs = list(k)
		case "reasons":
			m.Reasons = list(k)
		case "config":
			m.Config = map[string]string{}
			r.object(func(k string) { m.Config[k] = text(fmt.Sprintf("config.%.40q", k)) })
		default:
			r.unknown(k, manifestKeys)
		}
	})
	return r.end()
}

// unknown refuses a key, and says which one it may have been meant for.
func (r *reader) unknown(key string, known []string) {
	hint := ""
	if i := slices.IndexFunc(known, func(k string) bool { return strings.EqualFold(strings.TrimSpace(key), k) || lookAlike(key) == k }); i >= 0 {
		hint = fmt.Sprintf(", which looks like %q and is not it", known[i])
	}
	r.fail("the key %+.60q is not known%s; the keys are %s", key, hint, strings.Join(known, ", "))
}

// lookAlike takes letters of other scripts for the Latin ones that they look like, as far as keys have them, and drops what
// nobody sees.
func lookAlike(s string) string {
	return strings.Map(func(c rune) rune {
		if i := strings.IndexRune(likeFrom, c); i >= 0 {
			return rune(likeTo[len([]rune(likeFrom[:i]))])
		}
		if c >= 0xff01 && c <= 0xff5e { // full width
			c -= 0xfee0
		}
		if unseen(c) {
			return -1
		}
		return unicode.ToLower(c)
	}, s)
}

const (
	likeFrom = "\u0430\u0441\u0435\u0456\u043e\u0440\u0455\u0443\u0445\u0501\u04bb\u043a\u0433\u03bf\u03bd\u03b1\u03b5\u03b9\u03c1\u03ba\u0131\u0261\u217c\u0578\u057d"
	likeTo   = "aceiopsyxdhkrovaeipkiglnu"
)

// shown reads a text of which all can be seen.
func (r *reader) shown(path string) string {
	r.space()
	at := r.i
	s := r.text()
	for _, c := range s {
		if r.err == nil && (unicode.IsControl(c) || unseen(c) || unicode.Is(unicode.Co, c) || unicode.Is(unicode.Zl, c) || unicode.Is(unicode.Zp, c) ||
			c == unicode.ReplacementChar) {
			r.i = at
			r.fail("%s holds the character %U, which nobody sees: take it out", path, c)
		}
	}
	return s
}

// unseen reports whether a character shows nothing by itself, or changes how
// others are shown: of the formats, direction marks, joiners, fillers, variation
// selectors and tags.
func unseen(c rune) bool {
	return unicode.Is(unicode.Cf, c) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, c) || unicode.Is(unicode.Variation_Selector, c) ||
		c == '\u2800' // the braille cell without a dot
}

// visible reports whether a reader would see anything of a text.
func visible(s string) bool {
	return strings.ContainsFunc(s, func(c rune) bool {
		return unicode.IsGraphic(c) && !unicode.IsSpace(c) && !unicode.Is(unicode.Zs, c) && !unicode.Is(unicode.M, c) && !unseen(c)
	})
}

// What a filter may say in the trail.
const (
	maxReasons    = 16
	maxReasonWord = 40
)

func (m *Manifest) checkReasons(add func(string, ...any)) {
	if len(m.Reasons) > maxReasons {
		add("reasons has %d words, at most %d are allowed", len(m.Reasons), maxReasons)
	}
	if len(m.Reasons) > 0 && !m.Fills(waxwing.HookFilter) {
		add("reasons are of the hook filter, which hooks does not name: take them out")
	}
	for i, w := range m.Reasons {
		switch {
		case !reasonForm.MatchString(w) || len(w) > maxReasonWord:
			add("reasons[%d] %.60q: use up to %d of A-Z a-z 0-9, with single spaces, - or _ between", i, w, maxReasonWord)
		case slices.Contains(m.Reasons[:i], w):
			add("reasons[%d] %.60q stands there twice", i, w)
		}
	}
}

// Reason is the word of the manifest's list that a filter's reason is or begins
// with, as in "large order: 60 pieces"; "" where it is none of them. Only that
// word may reach the trail, which no erasure reaches: it was there before the order.
func (m *Manifest) Reason(said string) string {
	if word, _, _ := strings.Cut(said, ":"); slices.Contains(m.Reasons, word) {
		return word
	}
	return ""
}

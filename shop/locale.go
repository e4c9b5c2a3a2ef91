package shop

import (
	"strings"

	"github.com/waxwinghq/waxwing/payload"
)

// scripts are the scripts that tell variants of a language apart, and how
// glibc's modifiers write two of them (sr_RS@latin).
var scripts = map[string]string{
	"arab": "Arab", "cyrl": "Cyrl", "deva": "Deva", "guru": "Guru", "hans": "Hans", "hant": "Hant", "hebr": "Hebr",
	"jpan": "Jpan", "kore": "Kore", "latn": "Latn", "mong": "Mong", "tfng": "Tfng", "latin": "Latn", "cyrillic": "Cyrl",
}

// LocaleTag returns a language tag as language[-Script][-REGION], or "". Shops
// and their plugins write it in many ways, and whatever else it holds says
// nothing of language and region: de_CH_informal, pt_PT_ao90, sr_RS@latin,
// en_GB.UTF-8, zh-Hans-CN-x-shop, "fr-CA,fr;q=0.8".
func LocaleTag(s string) string {
	s = strings.TrimSpace(s)
	if i := strings.IndexAny(s, ",; "); i >= 0 {
		if s[i] == ' ' {
			return ""
		}
		s = s[:i]
	}
	s, modifier, _ := strings.Cut(s, "@")
	s, _, _ = strings.Cut(s, ".")
	if len(s) == 4 && letters(s) && s[2] < 'a' && s[1] >= 'a' { // enGB
		s = s[:2] + "-" + s[2:]
	}
	parts := strings.FieldsFunc(s, func(r rune) bool { return r == '-' || r == '_' })
	if len(parts) == 0 || len(s) > 64 || !strings.HasPrefix(s, parts[0]) {
		return ""
	}
	language := strings.ToLower(parts[0])
	if len(language) < 2 || len(language) > 3 || !letters(language) {
		return ""
	}
	script, region := scripts[strings.ToLower(modifier)], ""
	for _, p := range parts[1:] {
		lower := strings.ToLower(p)
		switch {
		case len(p) == 1: // an extension or private use: nothing of these follows
			return joinTag(language, script, region)
		case len(p) == 4 && scripts[lower] != "" && script == "":
			script = scripts[lower]
		case region == "" && (len(p) == 2 && letters(p) || len(p) == 3 && payload.Digits(p, 0) == 3):
			region = strings.ToUpper(p)
		}
	}
	return joinTag(language, script, region)
}

func joinTag(language, script, region string) string {
	if script != "" {
		language += "-" + script
	}
	if region != "" {
		language += "-" + region
	}
	return language
}

// letters reports whether s is of ASCII letters alone.
func letters(s string) bool {
	for i := range len(s) {
		if s[i]|0x20-'a' > 25 {
			return false
		}
	}
	return true
}

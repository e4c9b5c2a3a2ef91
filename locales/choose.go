package locales

import (
	"cmp"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// variants are the locales that share the texts of another, their base, but for
// spelling and some words. Whoever offers the base offers its variants: the
// customer in Leeds reads "26 November" without anybody having asked for it.
var variants = basesOf()

// BaseOf is the tag of the locale whose texts one has: of a variant its base, else its own.
func BaseOf(tag string) string { return cmp.Or(variants[tag], tag) }

func basesOf() map[string]string {
	bases := map[string]string{}
	for i := range icuTables {
		if t := &icuTables[i]; t.base != "" {
			bases[t.tag] = t.base
		}
	}
	return bases
}

// Choose returns the locale for the first want that one of the offered locales,
// or a variant of one, speaks; else the first offered, else "en". Wants are
// language tags as shops give them ("en-GB", "de_CH_informal", "pt"): language,
// script and region count, whatever else they hold does not; what has no
// language is passed over.
func Choose(offered []string, wants ...string) string {
	for _, want := range wants {
		if tag := match(offered, want); tag != "" {
			return tag
		}
	}
	if len(offered) == 0 {
		return "en"
	}
	return offered[0]
}

// InCountry returns a want that names no region with the customer's country
// (ISO 3166-1 alpha-2) as its region: shops often say "en" to Britons too. A
// language that is not spoken there stays as it is: a German in Spain reads
// German as Germans do.
func InCountry(want, country string) string {
	w, ok := parseTag(want)
	if !ok || w.regionGiven || w.scriptGiven && w.base.String() == "zh" || len(country) != 2 {
		return want
	}
	r, err := language.ParseRegion(country)
	if err != nil {
		return want
	}
	for tag := range variants {
		if v := spoken()[tag]; v.base == w.base && (v.region == r || v.family(r)) {
			return w.base.String() + "-" + r.String()
		}
	}
	return want
}

// match finds the offered locale, or the variant of one, that speaks the want
// best: the same region first, then a region that writes alike (CLDR's parent:
// en-NZ as en-GB, es-CO as es-MX), then the language alone.
func match(offered []string, want string) string {
	for _, tag := range offered {
		if tag == want {
			return tag
		}
	}
	w, ok := parseTag(want)
	if !ok {
		return ""
	}
	best, rank := "", 0
	try := func(tag string) {
		o, ok := spoken()[tag]
		if !ok || o.base != w.base || o.script != w.script {
			return
		}
		r := 1
		switch {
		case o.region == w.region:
			r = 3
		case o.family(w.region):
			r = 2
		case variants[tag] != "" && tag != "zh-Hant":
			return // of a third region: its base speaks for it
		}
		if r > rank {
			best, rank = tag, r
		}
	}
	for _, tag := range offered {
		try(tag)
	}
	for _, tag := range offered {
		for _, v := range variantsOf()[tag] {
			try(v)
		}
	}
	if best == "" { // a tenant may offer a variant and not its base
		for _, tag := range offered {
			if o, ok := spoken()[tag]; ok && o.base == w.base && o.script == w.script {
				return tag
			}
		}
	}
	return best
}

// variantsOf lists the variants of each base, in the order of the tables.
var variantsOf = sync.OnceValue(func() map[string][]string {
	all := map[string][]string{}
	for _, tag := range Tags() {
		if base := variants[tag]; base != "" {
			all[base] = append(all[base], tag)
		}
	}
	return all
})

// tagParts is what a tag means, with its likely script and region filled in.
type tagParts struct {
	base                     language.Base
	script                   language.Script
	region                   language.Region
	group                    string // of a variant: whom else it speaks for
	scriptGiven, regionGiven bool
}

// families are CLDR's parents that variants stand for.
var families = map[string]string{"en-GB": "en-001", "es-MX": "es-419", "pt-PT": "pt-PT"}

// family reports whether a region's way to write the language is that of the
// variant rather than the base's: CLDR gives both one parent.
func (p *tagParts) family(r language.Region) bool {
	switch {
	case p.group == "":
		return false
	case p.group == "de-CH":
		return r.String() == "LI" // Liechtenstein writes no ß either
	}
	t, err := language.Compose(p.base, r)
	for err == nil && t != language.Und && t.String() != p.base.String() {
		if t.String() == p.group {
			return true
		}
		t = t.Parent()
	}
	return false
}

// parseTag reads language, script and region of a tag, with hyphens or
// underscores, and passes over what else it holds: variants that nobody
// registered ("de_CH_informal"), encodings ("en_GB.UTF-8"), modifiers ("sr@latin").
func parseTag(s string) (p tagParts, ok bool) {
	s = strings.TrimSpace(s)
	if i := strings.IndexAny(s, ".@;, "); i >= 0 {
		s = s[:i]
	}
	if len(s) > 100 {
		return p, false
	}
	sub := strings.Split(strings.ReplaceAll(s, "_", "-"), "-")
	base, err := language.ParseBase(sub[0])
	if err != nil || len(sub[0]) < 2 || len(sub[0]) > 3 {
		return p, false
	}
	tags := []any{base}
	for _, part := range sub[1:] {
		if len(part) == 1 {
			break // an extension or private use: nothing behind it is a region
		}
		if script, err := language.ParseScript(part); len(part) == 4 && err == nil && !p.scriptGiven {
			p.scriptGiven, tags = true, append(tags, script)
		} else if region, err := language.ParseRegion(part); len(part) < 4 && err == nil && !p.regionGiven {
			p.regionGiven, tags = true, append(tags, region)
		}
	}
	t, err := language.Compose(tags...)
	if err != nil {
		return p, false
	}
	var sure language.Confidence
	if p.base, sure = t.Base(); sure == language.No {
		return p, false
	}
	p.script, _ = t.Script()
	p.region, _ = t.Region()
	return p, true
}

// spoken holds the built-in locales; no others can be offered.
var spoken = sync.OnceValue(func() map[string]tagParts {
	all := map[string]tagParts{}
	for _, tag := range Tags() {
		p, _ := parseTag(tag)
		if p.group = families[tag]; tag == "de-CH" {
			p.group = tag
		}
		all[tag] = p
	}
	return all
})

// countries lists where one language is what shops speak to everyone.
// Countries of several languages (CH, BE, CA, LU, HK) are left out: guessing
// there is worse than the tenant's default.
var countries = map[string]string{
	"US": "en", "GB": "en-GB", "IE": "en-GB", "AU": "en-AU", "NZ": "en-GB", "MT": "en-GB",
	"DE": "de", "AT": "de-AT", "LI": "de-CH",
	"FR": "fr", "MC": "fr",
	"ES": "es", "MX": "es-MX", "AR": "es-MX", "CL": "es-MX", "CO": "es-MX", "PE": "es-MX", "EC": "es-MX", "UY": "es-MX",
	"CR": "es-MX", "PA": "es-MX", "GT": "es-MX", "DO": "es-MX", "VE": "es-MX", "BO": "es-MX", "HN": "es-MX", "NI": "es-MX",
	"SV": "es-MX", "CU": "es-MX",
	"IT": "it", "SM": "it", "VA": "it",
	"BR": "pt-BR", "PT": "pt-PT",
	"NL": "nl", "SR": "nl",
	"PL": "pl",
	"SE": "sv",
	"JP": "ja",
	"CN": "zh-Hans", "TW": "zh-Hant",
	"SA": "ar", "AE": "ar", "EG": "ar", "KW": "ar", "QA": "ar", "BH": "ar", "OM": "ar", "JO": "ar",
	"IQ": "ar", "LY": "ar", "YE": "ar", "SY": "ar", "PS": "ar", "SD": "ar",
}

// ForCountry returns the locale of a country (ISO 3166-1 alpha-2) where one is
// certain, else "". Choose takes its base where the variant is not offered.
func ForCountry(country string) string { return countries[strings.ToUpper(country)] }

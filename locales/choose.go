package locales

import (
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// Choose returns the first of the offered locales that speaks a wanted
// language, in the order of the wants; else the first offered, else "en".
// Wants are BCP 47 tags as shops give them ("en-GB", "de_DE", "pt"); what is
// not a tag is passed over. A language written in another script is another
// language here: zh-TW never becomes zh-Hans.
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

func match(offered []string, want string) string {
	if want == "" || len(want) > 35 {
		return ""
	}
	for _, tag := range offered {
		if tag == want {
			return tag
		}
	}
	w, err := language.Parse(strings.ReplaceAll(strings.TrimSpace(want), "_", "-"))
	if err != nil || w == language.Und {
		return ""
	}
	base, conf := w.Base()
	if conf == language.No {
		return ""
	}
	script, _ := w.Script()
	region, _ := w.Region()
	best := ""
	for _, tag := range offered {
		o, ok := tongues()[tag]
		if !ok || o.base != base || o.script != script {
			continue
		}
		// A locale of the same region wins over one that merely speaks the language.
		if o.region == region {
			return tag
		}
		if best == "" {
			best = tag
		}
	}
	return best
}

// tongue is what a tag means, with its likely script and region filled in.
type tongue struct {
	base   language.Base
	script language.Script
	region language.Region
}

// tongues holds the built-in locales; no others can be offered.
var tongues = sync.OnceValue(func() map[string]tongue {
	all := map[string]tongue{}
	for _, tag := range Tags() {
		t := language.Make(tag)
		base, _ := t.Base()
		script, _ := t.Script()
		region, _ := t.Region()
		all[tag] = tongue{base, script, region}
	}
	return all
})

// countries lists where one of the twelve languages is what shops speak to
// everyone. Countries of several languages (CH, BE, CA, LU) are left out:
// guessing there is worse than the tenant's default.
var countries = map[string]string{
	"US": "en", "GB": "en", "IE": "en", "AU": "en", "NZ": "en", "MT": "en",
	"DE": "de", "AT": "de", "LI": "de",
	"FR": "fr", "MC": "fr",
	"ES": "es", "MX": "es", "AR": "es", "CL": "es", "CO": "es", "PE": "es", "EC": "es", "UY": "es",
	"CR": "es", "PA": "es", "GT": "es", "DO": "es", "VE": "es", "BO": "es", "HN": "es", "NI": "es", "SV": "es", "CU": "es",
	"IT": "it", "SM": "it", "VA": "it",
	"BR": "pt-BR", "PT": "pt-BR",
	"NL": "nl", "SR": "nl",
	"PL": "pl",
	"SE": "sv",
	"JP": "ja",
	"CN": "zh-Hans",
	"SA": "ar", "AE": "ar", "EG": "ar", "KW": "ar", "QA": "ar", "BH": "ar", "OM": "ar", "JO": "ar",
	"IQ": "ar", "LY": "ar", "YE": "ar", "SY": "ar", "PS": "ar", "SD": "ar",
}

// ForCountry returns the locale of a country (ISO 3166-1 alpha-2) where one is
// certain, else "".
func ForCountry(country string) string { return countries[strings.ToUpper(country)] }

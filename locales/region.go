package locales

import (
	_ "embed" // the table of region names
	"strings"
	"sync"
)

//go:embed regions.tsv
var regionNames string

// allRegions cuts the table of gen/cldr.mjs: a line of codes, then a line of
// names for each locale, behind its tag.
var allRegions = sync.OnceValue(func() map[string]map[string]string {
	lines := strings.Split(strings.TrimSuffix(regionNames, "\n"), "\n")
	codes := strings.Split(lines[0], "\t")[1:]
	all := map[string]map[string]string{}
	for _, line := range lines[1:] {
		names := strings.Split(line, "\t")
		m := make(map[string]string, len(codes))
		for i, code := range codes {
			m[code] = names[i+1]
		}
		all[names[0]] = m
	}
	return all
})

// Country returns the name of a country (ISO 3166-1 alpha-2, in capitals) in
// the locale's language, "" if it is not known.
func (l *Locale) Country(code string) string { return l.regions[code] }

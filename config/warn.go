package config

import (
	"fmt"
	"unicode/utf8"
)

// shortestKey is what a bearer key should have at least: fewer characters can be
// guessed by whoever may ask often.
const shortestKey = 16

// Warnings are what is allowed and unwise, a sentence each, without secrets.
func (c *Config) Warnings() []string {
	var out []string
	keys := func(path string, list []BearerKey) {
		for i, k := range list {
			if n := utf8.RuneCountInString(k.Key.Reveal()); n < shortestKey {
				out = append(out, fmt.Sprintf("%s[%d] has %d characters: a key can be guessed unless it has %d or more; make one with: openssl rand -hex 24",
					path, i, n, shortestKey))
			}
		}
	}
	keys("http.admin_keys", c.HTTP.AdminKeys)
	for _, name := range sorted(c.Tenants) {
		keys("tenants."+name+".keys", c.Tenants[name].Keys)
	}
	return out
}

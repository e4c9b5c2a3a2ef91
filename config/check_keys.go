package config

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// goodKey is what a bearer key or a webhook's secret should have at least: fewer
	// characters can be guessed by whoever may ask often. Where the listener is reached
	// from other machines it is insisted on.
	goodKey = 16
	// leastKey is insisted on everywhere: less is no key, and a trial on one machine
	// needs none better.
	leastKey = 4
)

// local reports whether only this machine reaches the listener.
func (c *Config) local() bool {
	host, _, err := net.SplitHostPort(c.HTTP.Listen)
	return err != nil || IsLoopback(host) // a listener that is no host:port is reported as such
}

// hard refuses a key or secret of ours that can be guessed, or that can never match.
// what says which it is. Its characters are not shown.
func (x *checker) hard(path string, s Secret, what string) {
	v := s.Reveal()
	if v == "" {
		return // reported where it was read, or where it is missing
	}
	n, least := utf8.RuneCountInString(v), goodKey
	if x.c.local() {
		least = leastKey
	}
	bearer := what == "key"
	switch {
	case strings.TrimSpace(v) != v:
		x.fail(path, path+" begins or ends in a space or line end", "Take it out: nobody sends it")
	case bearer && strings.ContainsFunc(v, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		x.fail(path, path+" holds a space or control character", "Make another one: openssl rand -hex 32")
	case n < least:
		where := ""
		if least == goodKey {
			where = " where http.listen is reached from other machines"
		}
		x.fail(path, fmt.Sprintf("%s has %s: a %s can be guessed unless it has %d or more%s", path, characters(n), what, least, where),
			fmt.Sprintf("Use %d or more: openssl rand -hex 32 makes one", goodKey))
	}
}

func characters(n int) string {
	if n == 1 {
		return "1 character"
	}
	return fmt.Sprintf("%d characters", n)
}

// signers checks the public keys that sign a tenant's plugins (RFC 8032).
func (x *tenantRules) signers(path string, keys map[string]string) {
	for _, name := range sorted(keys) {
		s := strings.TrimSpace(keys[name])
		b, err := hex.DecodeString(s)
		if err != nil {
			b, err = base64.StdEncoding.DecodeString(s)
		}
		if err != nil || len(b) != 32 {
			x.fail(path+"."+name, path+"."+name+" is no ed25519 public key", "Write its 32 bytes in hex or base64; waxwing plugin sign --new prints one")
		}
	}
}

// Sandboxed are the tenants in sandbox, by name.
func (c *Config) Sandboxed() (out []string) {
	for _, name := range sorted(c.Tenants) {
		if t := c.Tenants[name]; t.InSandbox() {
			out = append(out, name)
		}
	}
	return out
}

// Warnings are what is allowed and unwise, a sentence each, without secrets.
func (c *Config) Warnings() []string {
	var out []string
	look := func(path string, s Secret, what string) {
		if n := utf8.RuneCountInString(s.Reveal()); n > 0 && n < goodKey {
			out = append(out, fmt.Sprintf("%s has %s: a %s can be guessed unless it has %d or more; make one with: openssl rand -hex 32", path, characters(n), what, goodKey))
		}
	}
	keys := func(path string, list []BearerKey) {
		for i, k := range list {
			look(fmt.Sprintf("%s[%d]", path, i), k.Key, "key")
		}
	}
	keys("http.admin_keys", c.HTTP.AdminKeys)
	for _, name := range sorted(c.Tenants) {
		keys("tenants."+name+".keys", c.Tenants[name].Keys)
		for _, shop := range sorted(c.Tenants[name].Shops) {
			path, s := "tenants."+name+".shops."+shop, c.Tenants[name].Shops[shop]
			look(path+".secret", s.Secret, "secret")
			for i, v := range s.Secrets {
				look(fmt.Sprintf("%s.secrets[%d]", path, i), v, "secret")
			}
		}
	}
	if caught := c.Sandboxed(); len(caught) > 0 {
		out = append(out, fmt.Sprintf("in sandbox, so that nothing of theirs is sent: %s; take mode: sandbox out once their customers may have mail", strings.Join(caught, ", ")))
	}
	if c.TenantsDir != "" {
		for _, name := range c.unusedPipelines() {
			out = append(out, fmt.Sprintf("no tenant has chosen the pipeline %q: write pipeline: %s at one, or take it out", name, name))
		}
	}
	for _, name := range sorted(c.Ledgers) {
		if !slices.ContainsFunc(sorted(c.Tenants), func(t string) bool { return c.Tenants[t].Ledger == name }) {
			out = append(out, fmt.Sprintf("no tenant has chosen the ledger %q: keep it while something waits in it, and then take it out", name))
		}
	}
	return out
}

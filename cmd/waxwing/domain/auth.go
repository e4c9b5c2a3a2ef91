package domain

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
)

// keys holds the record of each key against the key.
func (l *looker) keys(ctx context.Context, x *sending) (all []Finding) {
	for _, k := range x.keys {
		all = append(all, l.key(ctx, k))
	}
	switch {
	case len(x.tenants) == 0:
		all = append(all, Finding{Kind: "DKIM", State: Warn, Said: "which keys sign is not known without the configuration: give it with -c"})
	case len(x.unsigned) > 0:
		all = append(all, Finding{Kind: "DKIM", State: Missing, Said: "mails of " + strings.Join(x.unsigned, ", ") + " are not signed, unless the mail server does it",
			Publish: []string{"; waxwing domain keys " + x.domain}})
	}
	return all
}

func (l *looker) key(ctx context.Context, k signs) Finding {
	name := k.selector + "._domainkey." + k.domain
	f := Finding{Kind: "DKIM " + k.selector + " (" + k.domain + ")", State: OK, Publish: []string{zoneLine(name, k.record)}}
	fail := func(state State, said string) Finding {
		f.State, f.Fatal, f.Said = state, true, said
		return f
	}
	c, cancel := context.WithTimeout(ctx, oneTime)
	defer cancel()
	found, err := l.dns.LookupTXT(c, name+".")
	switch {
	case notFound(err) || err == nil && len(found) == 0:
		return fail(Missing, "there is no record at "+name)
	case err != nil:
		return unasked(f.Kind, asked(name, err))
	case len(found) > 1:
		return fail(Wrong, fmt.Sprintf("there are %d records at %s, and receivers may take any: leave one", len(found), name))
	}
	have, want := tags(found[0]), tags(k.record)
	p := strings.Join(strings.Fields(have["p"]), "")
	kind := have["k"]
	if kind == "" {
		kind = "rsa"
	}
	_, hasP := have["p"]
	switch {
	case have["v"] != "" && have["v"] != "DKIM1" || !hasP:
		return fail(Wrong, "what stands at "+name+" is no DKIM record")
	case p == "":
		return fail(Wrong, "the key is revoked (p= is empty)")
	case kind != want["k"]:
		return fail(Wrong, fmt.Sprintf("the record says k=%s, and the key is %s", kind, want["k"]))
	case p != want["p"]:
		if n := bits(p); n > 0 && n < 1024 {
			return fail(Wrong, fmt.Sprintf("the record is another key's, of %d bits, which receivers do not accept", n))
		}
		return fail(Wrong, "the record is another key's")
	case have["h"] != "" && !hasWord(have["h"], "sha256"):
		return fail(Wrong, "the record's h= does not allow sha256")
	case have["s"] != "" && !hasWord(have["s"], "email") && !hasWord(have["s"], "*"):
		return fail(Wrong, "the record's s= is not for e-mail")
	case hasWord(have["t"], "y"):
		f.State, f.Said = Warn, "the record says that it is a test (t=y): some receivers then ignore the signature"
		return f
	}
	f.Publish = nil
	f.Said = "the record is the public half of the key"
	if n := bits(p); kind == "rsa" {
		f.Said += fmt.Sprintf(", RSA of %d bits", n)
	} else {
		f.Said += ", Ed25519, which some receivers do not know yet: sign by RSA, too"
	}
	return f
}

func hasWord(list, word string) bool {
	for w := range strings.SplitSeq(list, ":") {
		if strings.TrimSpace(w) == word {
			return true
		}
	}
	return false
}

// bits is how long an RSA key is, 0 of anything else.
func bits(p string) int {
	der, err := base64.StdEncoding.DecodeString(p)
	if err != nil {
		return 0
	}
	if k, err := x509.ParsePKIXPublicKey(der); err == nil {
		if r, ok := k.(*rsa.PublicKey); ok {
			return r.N.BitLen()
		}
	}
	return 0
}

// dmarc looks at the policy for From's domain, and whether what is signed and where mails return to stand for it.
func (l *looker) dmarc(ctx context.Context, x *sending, keys, spf []Finding) []Finding {
	f := Finding{Kind: "DMARC", State: OK}
	want := zoneLine("_dmarc."+x.domain, "v=DMARC1; p=quarantine; rua=mailto:dmarc@"+x.domain)
	at := x.domain
	found, err := l.txt(ctx, "_dmarc."+at, "v=dmarc1")
	if err == nil && len(found) == 0 && organisation(at) != at {
		at = organisation(at)
		found, err = l.txt(ctx, "_dmarc."+at, "v=dmarc1")
	}
	switch {
	case err != nil:
		return []Finding{unasked(f.Kind, err)}
	case len(found) == 0:
		f.State, f.Said, f.Publish = Missing, "there is no policy, which Gmail, Yahoo and Outlook want of who sends much", []string{want}
		return append([]Finding{f}, l.alignment(x, tags(""), keys, spf)...)
	case len(found) > 1:
		f.State, f.Said, f.Publish = Wrong, fmt.Sprintf("there are %d policies at _dmarc.%s, and receivers go by none", len(found), at), []string{want}
		return append([]Finding{f}, l.alignment(x, tags(""), keys, spf)...)
	}
	t := tags(found[0])
	policy, which := t["p"], "p="
	if at != x.domain && t["sp"] != "" {
		policy, which = t["sp"], "sp="
	}
	policy = strings.ToLower(policy)
	t["policy"] = policy
	said := []string{fmt.Sprintf("%s%s at _dmarc.%s", which, policy, at)}
	warn := func(s string) { f.State, said, f.Publish = Warn, append(said, s), []string{want} }
	switch policy {
	case "reject", "quarantine":
	case "none":
		warn("nothing is done about who sends in this name: once the reports are clean, write quarantine")
	default:
		f.State, f.Publish = Wrong, []string{want}
		said = append(said, "that is none of none, quarantine, reject")
	}
	if pct, err := strconv.Atoi(t["pct"]); t["pct"] != "" && (err != nil || pct < 100) {
		warn("pct=" + t["pct"] + " lets the rest pass")
	}
	if f.State != Wrong {
		for _, s := range l.reports(ctx, x.domain, t["rua"]) {
			warn(s)
		}
	}
	f.Said = strings.Join(said, "; ")
	return append([]Finding{f}, l.alignment(x, t, keys, spf)...)
}

// maxReports is how many addresses of reports are looked at.
const maxReports = 5

// reports says what is wrong with where reports go (RFC 7489, 7.1).
func (l *looker) reports(ctx context.Context, name, rua string) (out []string) {
	if rua == "" {
		return []string{"no reports are asked for (rua=)"}
	}
	for i, u := range strings.Split(rua, ",") {
		u, _, _ = strings.Cut(strings.TrimSpace(u), "!")
		box, ok := strings.CutPrefix(u, "mailto:")
		to := domainOf(box)
		switch {
		case i >= maxReports:
			return out
		case !ok || to == "":
			out = append(out, fmt.Sprintf("rua=%.80s is no mailto: address", u))
		case organisation(to) != organisation(name):
			found, err := l.txt(ctx, name+"._report._dmarc."+to, "v=dmarc1")
			if err == nil && len(found) == 0 {
				found, err = l.txt(ctx, "*._report._dmarc."+to, "v=dmarc1")
			}
			if err != nil {
				out = append(out, err.Error())
			} else if len(found) == 0 {
				out = append(out, fmt.Sprintf("%s does not say that it takes reports for %s: it publishes %s._report._dmarc.%s TXT \"v=DMARC1\"", to, name, name, to))
			}
		}
	}
	return out
}

// alignment says whether a mail passes DMARC: by a signature, or by its return path, of the same organisation.
func (l *looker) alignment(x *sending, t map[string]string, keys, spf []Finding) []Finding {
	if len(x.tenants) == 0 {
		return nil
	}
	f := Finding{Kind: "DMARC alignment", State: OK}
	signed, other := false, ""
	for i, k := range x.keys {
		if !aligned(x.domain, k.domain, strings.EqualFold(t["adkim"], "s")) {
			other = k.domain
		} else if keys[i].State == OK || keys[i].State == Warn {
			signed = true
		}
	}
	returned := ""
	for i, r := range x.returns {
		if aligned(x.domain, r, strings.EqualFold(t["aspf"], "s")) && (spf[i].State == OK || spf[i].State == Warn) {
			returned = r
		}
	}
	enforced := t["policy"] == "quarantine" || t["policy"] == "reject"
	switch {
	case signed && returned != "":
		f.Said = "a signature and the return path stand for " + x.domain
	case signed:
		f.Said = "a signature stands for " + x.domain
	case returned != "":
		f.State, f.Said = Warn, "only the return path stands for "+x.domain+": a mail that is forwarded fails"
	default:
		f.State, f.Fatal, f.Said = Wrong, enforced, "neither a signature nor the return path stands for "+x.domain
	}
	if other != "" && !signed {
		f.Said += "; mails are signed by " + other
		f.Publish = []string{"; sign as dkim.domain: " + x.domain}
	}
	return []Finding{f}
}

package domain

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Limits of a policy (RFC 7208, 4.6.4), and how far and wide this look goes.
const (
	maxLookups = 10
	maxVoid    = 2
	maxAsked   = 40 // of all policies that are read, so that the count can be told
)

// includes are what providers want to be included by, where mails return to a domain of the merchant's.
var includes = map[string]string{"mailgun": "mailgun.org", "sendgrid": "sendgrid.net", "postmark": "spf.mtasv.net", "ses": "amazonses.com"}

// policy is what of an SPF policy is read, with what it includes.
type policy struct {
	l        *looker
	lookups  int
	void     int
	asked    int
	all      string // the qualifier of the end: + - ~ ?, "" none
	prefixes []netip.Prefix
	included []string
	open     bool // something depends on the mail (macros, exists, ptr), so that no answer is whole
}

// errSPF is a policy that cannot be evaluated (permerror).
type errSPF struct{ said string }

func (e errSPF) Error() string { return e.said }

// read reads the policy of a name and all that it takes in. pass says that what it names is allowed.
func (p *policy) read(ctx context.Context, name string, depth int) error {
	if p.asked++; p.asked > maxAsked || depth > maxLookups {
		return errSPF{"it includes more than can be followed"}
	}
	found, err := p.l.txt(ctx, name, "v=spf1")
	switch {
	case err != nil:
		return err
	case len(found) == 0:
		return errSPF{"there is no policy at " + name}
	case len(found) > 1:
		return errSPF{fmt.Sprintf("there are %d policies at %s, and receivers then go by none", len(found), name)}
	}
	redirect := ""
	for _, term := range strings.Fields(found[0])[1:] {
		if k, v, ok := strings.Cut(term, "="); ok && !strings.ContainsAny(k, ":/") {
			if strings.EqualFold(k, "redirect") {
				redirect = v
			}
			continue
		}
		q := "+"
		if strings.ContainsRune("+-~?", rune(term[0])) {
			q, term = term[:1], term[1:]
		}
		if strings.EqualFold(term, "all") {
			if depth == 0 {
				p.all = q
			}
			return nil // what follows is not read (5.1)
		}
		if err := p.mechanism(ctx, name, q == "+", term, depth); err != nil {
			return err
		}
	}
	if redirect == "" {
		return nil
	}
	p.lookups++
	if strings.Contains(redirect, "%") {
		p.open = true
		return nil
	}
	p.included = append(p.included, strings.ToLower(redirect))
	return p.read(ctx, redirect, depth) // its end counts as this one's
}

func (p *policy) mechanism(ctx context.Context, name string, pass bool, term string, depth int) error {
	kind, arg := term, ""
	if i := strings.IndexAny(term, ":/"); i >= 0 {
		kind, arg = term[:i], strings.TrimPrefix(term[i:], ":")
	}
	switch strings.ToLower(kind) {
	case "ip4", "ip6":
		if !strings.Contains(arg, "/") {
			if a, err := netip.ParseAddr(arg); err == nil {
				arg += fmt.Sprintf("/%d", a.BitLen())
			}
		}
		n, err := netip.ParsePrefix(arg)
		if err != nil || n.Addr().Is4() != strings.EqualFold(kind, "ip4") {
			return errSPF{fmt.Sprintf("%q at %s is no network", term, name)}
		}
		if pass {
			p.prefixes = append(p.prefixes, n)
		}
		return nil
	case "exists", "ptr":
		p.lookups++
		p.open = true
		return nil
	case "include":
		p.lookups++
		if strings.Contains(arg, "%") {
			p.open = true
			return nil
		}
		if arg == "" {
			return errSPF{fmt.Sprintf("%q at %s names nothing", term, name)}
		}
		if !pass {
			sub := policy{l: p.l, asked: p.asked}
			err := sub.read(ctx, arg, depth+1)
			p.lookups, p.void, p.asked = p.lookups+sub.lookups, p.void+sub.void, sub.asked
			return err
		}
		p.included = append(p.included, strings.ToLower(strings.TrimSuffix(arg, ".")))
		return p.read(ctx, arg, depth+1)
	case "a", "mx":
		p.lookups++
		return p.hosts(ctx, strings.ToLower(kind), name, pass, arg)
	}
	return errSPF{fmt.Sprintf("%q at %s is no mechanism", term, name)}
}

// hosts are the addresses of a and mx, [:NAME][/LEN][//LEN].
func (p *policy) hosts(ctx context.Context, kind, name string, pass bool, arg string) error {
	host, length, _ := strings.Cut(arg, "/")
	if host == "" {
		host = name
	}
	if strings.Contains(host, "%") {
		p.open = true
		return nil
	}
	four, six := 32, 128
	v4, v6, _ := strings.Cut(length, "/")
	v6 = strings.TrimPrefix(v6, "/")
	for s, to := range map[string]*int{v4: &four, v6: &six} {
		if s == "" {
			continue
		}
		if _, err := fmt.Sscanf(s, "%d", to); err != nil || *to < 0 || *to > 128 {
			return errSPF{fmt.Sprintf("%q at %s is no length", length, name)}
		}
	}
	names := []string{host}
	if kind == "mx" {
		all, err := p.l.mx(ctx, host)
		if err != nil {
			return err
		}
		names = nil
		for _, m := range all[:min(len(all), maxLookups)] {
			if m.Host != "." {
				names = append(names, strings.TrimSuffix(m.Host, "."))
			}
		}
	}
	some := false
	for _, n := range names {
		all, err := p.l.addresses(ctx, n)
		if err != nil {
			return err
		}
		for _, a := range all {
			some = true
			bits := four
			if a.Is6() {
				bits = six
			}
			if n, err := a.Prefix(bits); err == nil && pass {
				p.prefixes = append(p.prefixes, n)
			}
		}
	}
	if !some {
		p.void++
	}
	return nil
}

func (p *policy) allows(a netip.Addr) bool {
	return slices.ContainsFunc(p.prefixes, func(n netip.Prefix) bool { return n.Contains(a) })
}

// suggested is a policy that lets in what is known to send.
func suggested(x *sending) string {
	terms := []string{"v=spf1"}
	if x.sender.IsValid() {
		terms = append(terms, fmt.Sprintf("ip%d:%s", map[bool]int{true: 4, false: 6}[x.sender.Is4()], x.sender))
	}
	for _, h := range x.hosts {
		if a, err := netip.ParseAddr(h); err == nil {
			terms = append(terms, fmt.Sprintf("ip%d:%s", map[bool]int{true: 4, false: 6}[a.Is4()], a))
		} else if h != "localhost" {
			terms = append(terms, "a:"+h)
		}
	}
	for _, p := range x.providers {
		if i := includes[p]; i != "" {
			terms = append(terms, "include:"+i)
		}
	}
	if len(terms) == 1 {
		terms = append(terms, "mx")
	}
	return strings.Join(append(terms, "~all"), " ")
}

// spf looks at the policies of the domains that mails return to: those are what SPF goes by.
func (l *looker) spf(ctx context.Context, x *sending) (all []Finding) {
	names := x.returns
	if len(names) == 0 {
		names = []string{x.domain}
	}
	for _, n := range names {
		all = append(all, l.policyOf(ctx, x, n))
	}
	return all
}

func (l *looker) policyOf(ctx context.Context, x *sending, name string) Finding {
	f := Finding{Kind: "SPF " + name, State: OK}
	want := zoneLine(name, suggested(x))
	p := policy{l: l}
	err := p.read(ctx, name, 0)
	var bad errSPF
	switch {
	case errors.As(err, &bad) && p.asked == 1 && strings.HasPrefix(bad.said, "there is no policy"):
		f.State, f.Said, f.Publish = Missing, "nothing says who may send with this domain as its return path", []string{want}
		return f
	case errors.As(err, &bad):
		f.State, f.Fatal, f.Said, f.Publish = Wrong, true, bad.said+" (permerror)", []string{"; one policy, such as", want}
		return f
	case err != nil:
		return unasked(f.Kind, err)
	}
	said := []string{fmt.Sprintf("%d of %d look-ups", p.lookups, maxLookups)}
	warn := func(s string) { f.State, said = Warn, append(said, s) }
	switch p.all {
	case "+":
		f.State, f.Fatal = Wrong, true
		said = append(said, "+all lets everybody send in this name")
		f.Publish = []string{want}
	case "":
		warn("it has no end: add ~all")
	case "?":
		warn("?all says nothing of anybody else: write ~all")
	}
	if p.void > maxVoid {
		f.State, f.Fatal = Wrong, true
		said = append(said, fmt.Sprintf("%d names in it have no address, two at most may (permerror)", p.void))
	}
	if p.lookups > maxLookups {
		f.State, f.Fatal = Wrong, true
		said = append(said, "receivers stop after ten, and go by none of it (permerror): take includes out, or write their networks as ip4: and ip6:")
	}
	if f.State != Wrong {
		for _, s := range l.left(ctx, x, &p) {
			warn(s)
			f.Publish = []string{want}
		}
	}
	f.Said = strings.Join(said, "; ")
	return f
}

// left are senders that a policy does not let in.
func (l *looker) left(ctx context.Context, x *sending, p *policy) (out []string) {
	if p.open {
		return nil // it depends on the mail
	}
	if x.sender.IsValid() && !p.allows(x.sender) {
		out = append(out, x.sender.String()+" is not allowed to send")
	}
	for _, h := range x.hosts {
		all, err := l.addresses(ctx, h)
		if err != nil {
			out = append(out, err.Error())
			continue
		}
		inside := true
		for _, a := range all {
			inside = inside && (!a.IsGlobalUnicast() || a.IsPrivate() || p.allows(a))
		}
		if len(all) > 0 && !inside && !x.sender.IsValid() {
			out = append(out, h+" is not among those allowed; where it sends by other addresses, name one with --sender-ip")
		}
	}
	for _, t := range x.providers {
		if i := includes[t]; i != "" && !slices.Contains(p.included, i) {
			out = append(out, fmt.Sprintf("%s is not included (%s), which matters unless it has a return path of its own", t, i))
		}
	}
	return out
}

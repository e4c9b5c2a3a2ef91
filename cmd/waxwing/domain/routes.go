package domain

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing/channel/mx/mtasts"
)

// exchangers looks whether the domains that mails name take mail: From, answers and what comes back.
func (l *looker) exchangers(ctx context.Context, x *sending) (all []Finding) {
	names := []string{x.domain}
	for _, n := range slices.Concat(x.replies, x.returns) {
		if !slices.Contains(names, n) {
			names = append(names, n)
		}
	}
	for _, n := range names {
		all = append(all, l.exchanger(ctx, n))
	}
	return all
}

func (l *looker) exchanger(ctx context.Context, name string) Finding {
	f := Finding{Kind: "MX " + name, State: OK}
	publish := []string{"; the server that takes its mail, such as", name + ". 3600 IN MX 10 mail." + name + "."}
	found, err := l.mx(ctx, name)
	if err != nil {
		return unasked(f.Kind, err)
	}
	if len(found) == 0 {
		a, err := l.addresses(ctx, name)
		switch {
		case err != nil:
			return unasked(f.Kind, err)
		case len(a) == 0:
			f.State, f.Fatal, f.Said = Missing, true, "it has neither MX nor address: receivers refuse mails from where none can go"
		default:
			f.State, f.Said = Warn, "it has no MX, and its address is taken instead"
		}
		f.Publish = publish
		return f
	}
	var hosts, dead []string
	for _, m := range found {
		if m.Host == "." || m.Host == "" {
			if f.State, f.Fatal, f.Publish = Wrong, true, publish; len(found) > 1 {
				f.Said = "a null MX stands beside others (RFC 7505, 3)"
			} else {
				f.Said = "a null MX says that it takes no mail: receivers refuse mails from it (RFC 7505, 4.2), and no answer or bounce arrives"
			}
			return f
		}
		h := strings.TrimSuffix(m.Host, ".")
		hosts = append(hosts, h)
		_, literal := netip.ParseAddr(h)
		a, err := l.addresses(ctx, h)
		if literal == nil || err == nil && len(a) == 0 {
			dead = append(dead, h)
		}
		if len(hosts) == maxLookups {
			break
		}
	}
	f.Said = strings.Join(hosts, ", ")
	if len(dead) > 0 {
		f.State, f.Said, f.Publish = Warn, strings.Join(dead, ", ")+": no address, or an address instead of a name", publish
		if len(dead) == len(hosts) {
			f.State, f.Fatal = Wrong, true
		}
	}
	return f
}

// pointers looks at the reverse names of what sends, where that is the domain's own.
func (l *looker) pointers(ctx context.Context, x *sending) (all []Finding) {
	var ours []netip.Addr
	if x.sender.IsValid() {
		ours = append(ours, x.sender)
	} else {
		for _, h := range x.hosts {
			if organisation(h) != organisation(x.domain) {
				continue
			}
			a, _ := l.addresses(ctx, h) // SPF has told of it
			for _, a := range a {
				if a.IsGlobalUnicast() && !a.IsPrivate() && !slices.Contains(ours, a) && len(ours) < maxLookups {
					ours = append(ours, a)
				}
			}
		}
	}
	if len(ours) == 0 {
		return []Finding{{Kind: "PTR", State: OK, Said: "not looked at: who sends is not a host of " + x.domain + " (--sender-ip names one)"}}
	}
	for _, a := range ours {
		all = append(all, l.pointer(ctx, x.domain, a))
	}
	return all
}

func (l *looker) pointer(ctx context.Context, name string, a netip.Addr) Finding {
	f := Finding{Kind: "PTR " + a.String(), State: OK}
	c, cancel := context.WithTimeout(ctx, oneTime)
	defer cancel()
	names, err := l.dns.LookupAddr(c, a.String())
	f.Publish = []string{"; at whoever gave the address", reverse(a) + " 3600 IN PTR mail." + name + "."}
	switch {
	case notFound(err) || err == nil && len(names) == 0:
		f.State, f.Fatal, f.Said = Missing, true, "it has no name: Gmail and others refuse mail from such an address"
		return f
	case err != nil:
		return unasked(f.Kind, asked(a.String(), err))
	}
	for _, n := range names[:min(len(names), maxLookups)] {
		back, err := l.addresses(ctx, strings.TrimSuffix(n, "."))
		if err == nil && slices.Contains(back, a) {
			f.Said, f.Publish = n+" has that address", nil
			return f
		}
	}
	f.State, f.Fatal, f.Said = Wrong, true, fmt.Sprintf("it is called %s, which does not have that address", strings.TrimSuffix(names[0], "."))
	return f
}

// reverse is an address' name in DNS.
func reverse(a netip.Addr) string {
	b := a.AsSlice()
	var s strings.Builder
	for i := len(b) - 1; i >= 0; i-- {
		if a.Is4() {
			fmt.Fprintf(&s, "%d.", b[i])
		} else {
			fmt.Fprintf(&s, "%x.%x.", b[i]&15, b[i]>>4)
		}
	}
	if a.Is4() {
		return s.String() + "in-addr.arpa."
	}
	return s.String() + "ip6.arpa."
}

// transport looks at what protects mail on its way to the domain, and shows its logo: nothing of it makes mail fail.
func (l *looker) transport(ctx context.Context, name string) []Finding {
	return []Finding{l.sts(ctx, name), l.reporting(ctx, name), l.logo(ctx, name)}
}

func (l *looker) sts(ctx context.Context, name string) Finding {
	f := Finding{Kind: "MTA-STS", State: OK}
	found, err := l.txt(ctx, "_mta-sts."+name, "v=stsv1")
	switch {
	case err != nil:
		return unasked(f.Kind, err)
	case len(found) == 0:
		f.State, f.Said = Missing, "answers and bounces may come without TLS; this is optional"
		f.Publish = []string{zoneLine("_mta-sts."+name, "v=STSv1; id="+stamp()), "; and at https://mta-sts." + name + "/.well-known/mta-sts.txt, with mode: testing first",
			"version: STSv1", "mode: testing", "mx: mail." + name, "max_age: 604800"}
		return f
	case len(found) > 1 || tags(found[0])["id"] == "":
		f.State, f.Said, f.Publish = Wrong, "one record with an id= is wanted", []string{zoneLine("_mta-sts."+name, "v=STSv1; id="+stamp())}
		return f
	}
	policy, err := l.stsPolicy(ctx, name)
	if err != nil {
		f.State, f.Said = Wrong, "the policy at https://mta-sts."+name+"/.well-known/mta-sts.txt: "+err.Error()
		return f
	}
	f.Said = "mode " + string(policy.Mode)
	if policy.Mode != mtasts.Enforce {
		f.State = Warn
		return f
	}
	all, err := l.mx(ctx, name)
	if err != nil {
		return unasked(f.Kind, err)
	}
	for _, m := range all {
		h := strings.ToLower(strings.TrimSuffix(m.Host, "."))
		if !policy.Allows(h) {
			f.State, f.Said = Wrong, "the policy does not name the mail server "+h+": nothing is delivered to it"
			f.Publish = []string{"mx: " + h}
		}
	}
	return f
}

// stsPolicy fetches the policy (RFC 8461, 3.2 and 3.3).
func (l *looker) stsPolicy(ctx context.Context, name string) (mtasts.Policy, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://mta-sts."+name+"/.well-known/mta-sts.txt", nil)
	if err != nil {
		return mtasts.Policy{}, err
	}
	a, err := l.web.Do(r)
	if err != nil {
		return mtasts.Policy{}, err
	}
	defer func() { _ = a.Body.Close() }() // only read
	if a.StatusCode != http.StatusOK {
		return mtasts.Policy{}, fmt.Errorf("it answers %d", a.StatusCode)
	}
	b, err := io.ReadAll(io.LimitReader(a.Body, mtasts.MaxBytes+1))
	if err != nil {
		return mtasts.Policy{}, err
	}
	return mtasts.Parse(b)
}

func (l *looker) reporting(ctx context.Context, name string) Finding {
	f := Finding{Kind: "TLS-RPT", State: OK, Said: "reports are asked for"}
	found, err := l.txt(ctx, "_smtp._tls."+name, "v=tlsrptv1")
	want := []string{zoneLine("_smtp._tls."+name, "v=TLSRPTv1; rua=mailto:tlsrpt@"+name)}
	switch {
	case err != nil:
		return unasked(f.Kind, err)
	case len(found) == 0:
		f.State, f.Said, f.Publish = Missing, "nobody reports where TLS to the domain fails; this is optional", want
	case len(found) > 1 || !strings.HasPrefix(tags(found[0])["rua"], "mailto:") && !strings.HasPrefix(tags(found[0])["rua"], "https:"):
		f.State, f.Said, f.Publish = Wrong, "one record with rua=mailto: or https: is wanted", want
	}
	return f
}

func (l *looker) logo(ctx context.Context, name string) Finding {
	f := Finding{Kind: "BIMI", State: OK}
	found, err := l.txt(ctx, "default._bimi."+name, "v=bimi1")
	want := []string{zoneLine("default._bimi."+name, "v=BIMI1; l=https://"+name+"/logo.svg; a=https://"+name+"/logo.pem")}
	switch {
	case err != nil:
		return unasked(f.Kind, err)
	case len(found) == 0:
		f.State, f.Said, f.Publish = Missing, "no logo beside mails; optional, it needs DMARC with quarantine or reject, and for most a certificate (a=)", want
	case len(found) > 1 || !strings.HasPrefix(tags(found[0])["l"], "https://"):
		f.State, f.Said, f.Publish = Wrong, "one record with l=https:// is wanted", want
	case tags(found[0])["a"] == "":
		f.State, f.Said = Warn, "without a certificate (a=) Gmail and Apple do not show the logo"
	default:
		f.Said = "the logo is at " + tags(found[0])["l"]
	}
	return f
}

// stamp is an id of a policy, by the second.
func stamp() string { return time.Now().UTC().Format("20060102150405") }

package mx

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/mx/lookup"
)

var (
	errNullMX  = errors.New("the domain takes no mail (null MX)")
	errNoHost  = errors.New("the domain has neither a mail server nor an address")
	errLoop    = errors.New("the domain's best mail server is this machine, which does not take its mail")
	errUnknown = errors.New("the domain's mail server has no address")
)

// route gives a domain's servers in the order in which they are to be tried, or what is wrong with it.
func (s *Sender) route(ctx context.Context, domain string) ([]string, *waxwing.Attempt) {
	all, err := s.cfg.Resolver.MX(ctx, domain)
	if err != nil {
		return nil, unasked(ctx, err)
	}
	switch {
	case len(all) == 0: // the implicit MX (RFC 5321, 5.1)
		ips, err := s.cfg.Resolver.Addresses(ctx, domain)
		switch {
		case err != nil:
			return nil, unasked(ctx, err)
		case len(ips) == 0:
			a := put(waxwing.Rejected, waxwing.AddressFault, "5.1.2", errNoHost)
			return nil, &a
		}
		all = []lookup.MX{{Host: domain}}
	case len(all) == 1 && all[0].Host == "": // RFC 7505
		a := put(waxwing.Rejected, waxwing.AddressFault, "5.1.10", errNullMX)
		return nil, &a
	}
	hosts := order(all, strings.ToLower(strings.TrimSuffix(s.cfg.Hostname, ".")), rand.Shuffle)
	if len(hosts) == 0 {
		a := put(waxwing.Rejected, waxwing.PolicyFault, "5.4.6", errLoop)
		return nil, &a
	}
	return hosts, nil
}

// unasked is what an error of the resolver's comes to.
func unasked(ctx context.Context, err error) *waxwing.Attempt {
	var a waxwing.Attempt
	switch {
	case ctx.Err() != nil:
		a = put(waxwing.Deferred, waxwing.TransportFault, "", context.Cause(ctx))
	case errors.Is(err, lookup.ErrNoDomain):
		a = put(waxwing.Rejected, waxwing.AddressFault, "5.1.2", err)
	case errors.Is(err, lookup.ErrResolver):
		a = put(waxwing.Deferred, waxwing.ProviderFault, "", err)
		a.Bad = true
	case waxwing.ShortOfResources(err):
		a = put(waxwing.Deferred, waxwing.OwnFault, "", err)
	default:
		a = put(waxwing.Deferred, waxwing.RecipientFault, "4.4.3", err)
	}
	return &a
}

// order sorts servers by preference, and equals at random, so that each has its share. Where one of them is this machine,
// those that are no better than it are left out, or the mail would go round (RFC 5321, 5.1). Of a name that
// stands twice the better one counts.
func order(all []lookup.MX, self string, shuffle func(n int, swap func(i, j int))) []string {
	all = slices.Clone(all)
	shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	slices.SortStableFunc(all, func(a, b lookup.MX) int { return cmp.Compare(a.Preference, b.Preference) })
	if i := slices.IndexFunc(all, func(m lookup.MX) bool { return m.Host == self && self != "" }); i >= 0 {
		ours := all[i].Preference
		all = slices.DeleteFunc(all, func(m lookup.MX) bool { return m.Preference >= ours })
	}
	var hosts []string
	for _, m := range all {
		if m.Host != "" && !slices.Contains(hosts, m.Host) {
			hosts = append(hosts, m.Host)
		}
	}
	return hosts
}

// required reports whether the operator wants TLS for a domain.
func (c *Config) required(domain string) bool {
	return c.TLS == Required || slices.ContainsFunc(c.TLSRequired, func(d string) bool {
		below, wild := strings.CutPrefix(d, "*")
		return d == domain || wild && strings.HasSuffix(domain, below)
	})
}

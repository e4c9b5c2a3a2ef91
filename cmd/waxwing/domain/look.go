package domain

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing/channel/address"
	"github.com/waxwinghq/waxwing/channel/dkim"
	"github.com/waxwinghq/waxwing/channel/smtp"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/reach"
)

// What a look may take: all of it, and one question.
const (
	wholeTime = time.Minute
	oneTime   = 8 * time.Second
)

// signs is a key that mails are signed by.
type signs struct {
	domain, selector, record string
}

// sending is what mails from a domain are like.
type sending struct {
	domain    string
	tenants   []string // none: nothing is known of them
	keys      []signs
	returns   []string // domains of return paths
	replies   []string // and of reply_to
	hosts     []string // mail servers that mails go by
	providers []string // types of the others
	sender    netip.Addr
	unsigned  []string // tenants that sign nothing
}

func (x *sending) address(ip string) (err error) {
	if ip == "" {
		return nil
	}
	if x.sender, err = netip.ParseAddr(ip); err != nil {
		return fmt.Errorf("--sender-ip: %q is no IP address", ip)
	}
	x.sender = x.sender.Unmap()
	return nil
}

func domainOf(mailbox string) string {
	a, err := address.Parse(mailbox)
	if err != nil {
		return ""
	}
	return strings.ToLower(a.Domain)
}

// configured takes over what the tenants of the domain do.
func (x *sending) configured(c *config.Config) error {
	add := func(to *[]string, s string) {
		if s != "" && !slices.Contains(*to, s) {
			*to = append(*to, s)
		}
	}
	providers := func(all map[string]config.Provider) {
		for _, name := range slices.Sorted(maps.Keys(all)) {
			if s, ok := all[name].Settings.(*smtp.Settings); ok {
				host, _, _ := net.SplitHostPort(s.Addr) // the configuration was checked
				add(&x.hosts, strings.ToLower(host))
			} else {
				add(&x.providers, all[name].Type)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Tenants)) {
		t := c.Tenants[name]
		if domainOf(t.From) != x.domain {
			continue
		}
		x.tenants = append(x.tenants, name)
		add(&x.returns, cmp.Or(domainOf(t.ReturnPath), x.domain))
		add(&x.replies, domainOf(t.ReplyTo))
		providers(t.Providers)
		if !t.OwnProvidersOnly {
			providers(c.Providers)
		}
		if t.DKIM == nil {
			x.unsigned = append(x.unsigned, name)
			continue
		}
		for _, k := range t.DKIM.Keys() {
			key, err := dkim.ParseKey(k.Key)
			if err != nil {
				return fmt.Errorf("tenants.%s.dkim: %w", name, err)
			}
			if s := (signs{strings.ToLower(t.DKIM.Domain), k.Selector, key.Record()}); !slices.Contains(x.keys, s) {
				x.keys = append(x.keys, s)
			}
		}
	}
	if len(x.tenants) == 0 {
		return fmt.Errorf("no tenant's from is an address of %s", x.domain)
	}
	return nil
}

// resolver is what of DNS is asked; net.Resolver is one.
type resolver interface {
	// LookupTXT gives the texts of a name, each with its strings joined.
	LookupTXT(ctx context.Context, name string) ([]string, error)
	// LookupMX gives its mail servers; a null MX is ".".
	LookupMX(ctx context.Context, name string) ([]*net.MX, error)
	// LookupNetIP gives a host's addresses.
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
	// LookupAddr gives an address' names.
	LookupAddr(ctx context.Context, addr string) ([]string, error)
}

// looker looks a domain's records up.
type looker struct {
	dns resolver
	web *http.Client
}

// newLooker asks one server, or the system's. What a domain names on the web is fetched from the public internet alone.
func newLooker(server string) (*looker, error) {
	dns := net.DefaultResolver
	if server != "" {
		if bad := config.BadHostPort(server, false); bad != "" {
			return nil, fmt.Errorf("--dns: %q %s", server, bad)
		}
		dns = &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: oneTime}).DialContext(ctx, network, server)
		}}
	}
	dial := &net.Dialer{Timeout: oneTime, Resolver: dns, Control: reach.Guard{}.Control}
	return &looker{dns: dns, web: &http.Client{Timeout: 2 * oneTime,
		Transport:     &http.Transport{DialContext: dial.DialContext, TLSHandshakeTimeout: oneTime, MaxResponseHeaderBytes: 16 << 10, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // RFC 8461, 3.3
	}}, nil
}

// notAsked begins what is said where nothing is known, since DNS gave no answer.
const notAsked = "DNS could not be asked"

// txt are the texts of a name that begin with a version; none and no error: there is nothing of it.
func (l *looker) txt(ctx context.Context, name, version string) (found []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, oneTime)
	defer cancel()
	all, err := l.dns.LookupTXT(ctx, name+".")
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, asked(name, err)
	}
	for _, s := range all {
		rest, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(s)), version)
		if ok && (rest == "" || strings.ContainsRune(" ;\t", rune(rest[0]))) {
			found = append(found, s)
		}
	}
	return found, nil
}

func notFound(err error) bool {
	var e *net.DNSError
	return errors.As(err, &e) && e.IsNotFound
}

// asked is the failure of a question, told without the server's address, which is the user's own.
func asked(name string, err error) error {
	var e *net.DNSError
	if errors.As(err, &e) {
		return fmt.Errorf(notAsked+" for %s: %s", name, e.Err)
	}
	return fmt.Errorf(notAsked+" for %s: %w", name, err)
}

func (l *looker) addresses(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap()}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, oneTime)
	defer cancel()
	all, err := l.dns.LookupNetIP(ctx, "ip", host+".")
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, asked(host, err)
	}
	for i := range all {
		all[i] = all[i].Unmap()
	}
	return all, nil
}

func (l *looker) mx(ctx context.Context, name string) ([]*net.MX, error) {
	ctx, cancel := context.WithTimeout(ctx, oneTime)
	defer cancel()
	all, err := l.dns.LookupMX(ctx, name+".")
	if notFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, asked(name, err)
	}
	return all, nil
}

// look asks for everything, one kind after the other.
func (l *looker) look(ctx context.Context, x *sending) []Finding {
	spf := l.spf(ctx, x)
	keys := l.keys(ctx, x)
	for _, k := range keys { // a receiver needs one signature that holds: a new key may be on its way
		if k.State == OK {
			for i := range keys {
				keys[i].Fatal = false
			}
		}
	}
	all := append(slices.Clone(spf), keys...)
	all = append(all, l.dmarc(ctx, x, keys, spf)...)
	all = append(all, l.exchangers(ctx, x)...)
	all = append(all, l.pointers(ctx, x)...)
	return append(all, l.transport(ctx, x.domain)...)
}

// tags reads a list of name=value; (RFC 6376, 3.2), names in small letters. Of a name that is there twice the first counts.
func tags(s string) map[string]string {
	out := map[string]string{}
	for part := range strings.SplitSeq(s, ";") {
		k, v, ok := strings.Cut(part, "=")
		k = strings.ToLower(strings.TrimSpace(k))
		if _, twice := out[k]; ok && !twice {
			out[k] = strings.TrimSpace(v)
		}
	}
	return out
}

// unasked is the finding where DNS did not answer: mail may be well.
func unasked(kind string, err error) Finding {
	return Finding{Kind: kind, State: Warn, Said: err.Error() + "; try again"}
}

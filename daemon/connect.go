package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/address"
	"github.com/waxwinghq/waxwing/channel/dkim"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/enrich"
	"github.com/waxwinghq/waxwing/pipeline"
)

// TXTResolver looks up a name's texts in DNS; tests have their own.
type TXTResolver interface {
	// LookupTXT gives the texts of a name, each with its strings joined.
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// perTry is how long each connection is waited for.
const perTry = 15 * time.Second

// Tried is what came of one connection: a line, and what to do where it failed. Said
// and Remedy may quote a server.
type Tried struct {
	What, Said, Remedy string
	Failed             bool
}

// Connector tries what a configuration names: mail servers up to the log-in, the DKIM
// records of the tenants, the databases. Nothing is sent and nothing written.
type Connector struct {
	Resolver TXTResolver   // nil: the system's
	Patience time.Duration // for each connection; 0: 15 s
}

// Connect tries everything, the providers, the tenants, the lookups and the brokers by name.
func (x Connector) Connect(ctx context.Context, c *config.Config) (all []Tried, err error) {
	ps, err := OpenProviders(c, nil)
	defer func() {
		for _, p := range ps {
			CloseNow(p)
		}
	}()
	if err != nil {
		return nil, err
	}
	for _, name := range sortedNames(c.Providers) {
		all = append(all, x.tryProvider(ctx, "providers."+name, c.Providers[name], ps[name]))
	}
	theirs, err := openOwn(c.Tenants, nil, nil)
	defer func() {
		for _, p := range theirs {
			CloseNow(p)
		}
	}()
	if err != nil {
		return nil, err
	}
	for _, tenant := range sortedNames(c.Tenants) {
		for _, name := range sortedNames(c.Tenants[tenant].Providers) {
			p := theirs[pipeline.OwnName(tenant, name)]
			all = append(all, x.tryProvider(ctx, "tenants."+tenant+".providers."+name, p.settings, p.Provider))
		}
	}
	for _, name := range sortedNames(c.Tenants) {
		all = append(all, x.tryDKIM(ctx, "tenants."+name, c.Tenants[name])...)
	}
	lookups, err := enrich.Open(c.Enrich)
	if err != nil {
		return nil, err
	}
	defer func() { _ = lookups.Close() }() // only asked
	for _, name := range sortedNames(c.Enrich) {
		all = append(all, tryDatabase(ctx, "enrich."+name, lookups.All()[name]))
	}
	brokers, err := openBrokers(c, brokerTypes, nil)
	if err != nil {
		return nil, err
	}
	for _, name := range sortedNames(c.Brokers) {
		all = append(all, x.tryBroker(ctx, "brokers."+name, brokers[name]))
	}
	return all, nil
}

// prober is a provider that can be tried without sending anything.
type prober interface {
	// Probe goes as far as a provider lets one go without a message; Accepted: a message may come.
	Probe(ctx context.Context) waxwing.Attempt
}

// explainer is a provider's settings that know what an attempt at their server means.
type explainer interface {
	// Explain says what came of a Probe, and what to do where it failed; both may quote the server.
	Explain(a waxwing.Attempt) (said, remedy string)
}

func (x Connector) tryProvider(ctx context.Context, what string, c config.Provider, p Provider) Tried {
	t := Tried{What: what}
	asked, ok := p.(prober)
	if !ok {
		t.Said = "not tried: a " + c.Type + " provider is asked when there is something to send"
		return t
	}
	wait := cmp.Or(x.Patience, perTry)
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	a := asked.Probe(ctx)
	t.Failed = a.Verdict != waxwing.Accepted
	if x, ok := c.Settings.(explainer); ok {
		t.Said, t.Remedy = x.Explain(a)
	} else if t.Said = "answers"; t.Failed {
		t.Said = "fails at " + string(a.Phase)
	}
	if !t.Failed {
		return t
	}
	if why := strings.TrimSpace(a.Reply.Reveal()); ctx.Err() != nil {
		t.Said += fmt.Sprintf(": no answer within %s", wait)
	} else if why != "" {
		t.Said += ": " + why
	} else if a.Err != nil {
		t.Said += ": " + a.Err.Error()
	}
	return t
}

// tryDKIM holds each key against what the domain publishes.
func (x Connector) tryDKIM(ctx context.Context, what string, t config.Tenant) (all []Tried) {
	what += ".dkim"
	if t.DKIM == nil {
		return []Tried{{What: what, Said: "not set: the tenant's mails are not signed, unless the mail server does it"}}
	}
	for i, k := range t.DKIM.Keys() {
		at := what
		if i > 0 {
			at = fmt.Sprintf("%s.also[%d]", what, i-1)
		}
		all = append(all, x.tryKey(ctx, at, t, k))
	}
	return all
}

// tryKey holds one key against its record.
func (x Connector) tryKey(ctx context.Context, what string, t config.Tenant, k config.DKIMKey) Tried {
	out := Tried{What: what}
	name := k.Selector + "._domainkey." + strings.TrimSuffix(t.DKIM.Domain, ".")
	key, err := dkim.ParseKey(k.Key)
	if err != nil {
		out.Failed, out.Said = true, err.Error()
		return out
	}
	want := key.Record()
	var r TXTResolver = net.DefaultResolver
	if x.Resolver != nil {
		r = x.Resolver
	}
	ctx, cancel := context.WithTimeout(ctx, perTry)
	defer cancel()
	found, err := r.LookupTXT(ctx, name)
	var dns *net.DNSError
	publish := fmt.Sprintf("Publish at %s, as TXT: %s", name, want)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound, err == nil && len(found) == 0:
		out.Failed, out.Said, out.Remedy = true, "there is no record at "+name, publish
		return out
	case err != nil:
		out.Failed, out.Said, out.Remedy = true, "DNS could not be asked for "+name+": "+err.Error(), "Try again, or from a machine whose resolver works"
		return out
	}
	for _, have := range found {
		switch p, ok := dkimTag(have, "p"); {
		case ok && p == "":
			out.Failed, out.Said, out.Remedy = true, "the key at "+name+" is revoked (p= is empty)", publish
		case ok && p == mustTag(want):
			out.Failed, out.Remedy = false, ""
			out.Said = name + " has the public half of the key"
			if d := t.From[strings.LastIndexByte(t.From, '@')+1:]; !aligned(d, t.DKIM.Domain) {
				out.Said += ", but mails come from " + d + ": receivers that go by DMARC want one domain"
			}
			return out
		case ok:
			out.Failed, out.Said, out.Remedy = true, "the record at "+name+" is another key's", publish
		}
	}
	if out.Said == "" {
		out.Failed, out.Said, out.Remedy = true, "what stands at "+name+" is no DKIM record", publish
	}
	return out
}

// aligned reports whether a signing domain stands for the sender's (RFC 7489,
// relaxed; the organisational domain is taken to be the longer one's end).
func aligned(from, signs string) bool {
	from, signs = strings.ToLower(from), strings.ToLower(strings.TrimSuffix(signs, "."))
	if i := strings.LastIndexByte(from, '@'); i >= 0 {
		from = from[i+1:]
	}
	if a, err := address.Parse("x@" + from); err == nil {
		from = strings.ToLower(a.Domain)
	}
	return from == signs || strings.HasSuffix(from, "."+signs) || strings.HasSuffix(signs, "."+from)
}

// dkimTag reads a tag of a record (RFC 6376, 3.6.1), without the spaces in it.
func dkimTag(record, tag string) (value string, ok bool) {
	for part := range strings.SplitSeq(record, ";") {
		k, v, found := strings.Cut(part, "=")
		if found && strings.TrimSpace(k) == tag {
			return strings.Join(strings.Fields(v), ""), true
		}
	}
	return "", false
}

func mustTag(record string) string {
	p, _ := dkimTag(record, "p") // our own record has one
	return p
}

// pinger is a lookup whose database can be tried.
type pinger interface {
	// Ping asks the database for nothing, and says why it cannot, without a password.
	Ping(ctx context.Context) error
}

func tryDatabase(ctx context.Context, what string, l enrich.Lookup) Tried {
	t := Tried{What: what}
	x, ok := l.(pinger)
	if !ok {
		t.Said = "not tried"
		return t
	}
	ctx, cancel := context.WithTimeout(ctx, perTry)
	defer cancel()
	if err := x.Ping(ctx); err != nil {
		t.Failed, t.Said = true, "the database does not answer: "+err.Error()
		t.Remedy = "Mend dsn, and let the daemon's user in; until then mails go without what it knows"
		return t
	}
	t.Said = "the database answers"
	return t
}

package main

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
	"github.com/waxwinghq/waxwing/channel/smtp"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/enrich"
)

// txtResolver looks up a name's texts in DNS; tests have their own.
type txtResolver interface {
	// LookupTXT gives the texts of a name, each with its strings joined.
	LookupTXT(ctx context.Context, name string) ([]string, error)
}

// perTry is how long each connection is waited for.
const perTry = 15 * time.Second

// tried is what came of one connection: a line, and what to do where it failed.
type tried struct {
	what, said, remedy string
	failed             bool
}

// connect tries what the configuration names: mail servers up to the log-in, the
// DKIM records of the tenants, the databases. Nothing is sent and nothing written.
func (c checkCmd) connect(cfg *config.Config, ps map[string]provider, s streams) error {
	var all []tried
	for _, name := range sortedNames(cfg.Providers) {
		all = append(all, c.tryProvider("providers."+name, cfg.Providers[name], ps[name]))
	}
	for _, name := range sortedNames(cfg.Tenants) {
		all = append(all, c.tryDKIM("tenants."+name, cfg.Tenants[name]))
	}
	lookups, err := enrich.Open(cfg.Enrich)
	if err != nil {
		return err
	}
	defer func() { _ = lookups.Close() }() // only asked
	for _, name := range sortedNames(cfg.Enrich) {
		all = append(all, tryDatabase("enrich."+name, cfg.Enrich[name], lookups.All()[name]))
	}
	failed := 0
	for _, t := range all {
		mark := "ok  "
		if t.failed {
			mark = "FAIL"
			failed++
		}
		_, _ = fmt.Fprintf(s.out, "%s  %s: %s.\n", mark, t.what, strings.TrimSuffix(t.said, "."))
		if t.remedy != "" {
			end := "."
			if strings.HasSuffix(t.remedy, "?") {
				end = ""
			}
			_, _ = fmt.Fprintf(s.out, "      %s%s\n", strings.TrimSuffix(t.remedy, "."), end)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d did not connect", failed, len(all))
	}
	return nil
}

// prober is a provider that can be tried without sending anything.
type prober interface {
	// Probe goes as far as a provider lets one go without a message; Accepted: a message may come.
	Probe(ctx context.Context) waxwing.Attempt
}

func (x checkCmd) tryProvider(what string, c config.Provider, p provider) tried {
	t := tried{what: what}
	asked, ok := p.(prober)
	if !ok {
		t.said = "not tried: a " + c.Type + " provider is asked when there is something to send"
		return t
	}
	wait := cmp.Or(x.patience, perTry)
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	a := asked.Probe(ctx)
	if a.Verdict == waxwing.Accepted {
		t.said = c.Addr + " answers, tls: " + orElse(c.TLS, "starttls")
		if c.Auth != nil {
			t.said += ", and takes the log-in"
		}
		return t
	}
	t.failed = true
	t.said = fmt.Sprintf("%s fails at %s", c.Addr, a.Phase)
	if why := strings.TrimSpace(a.Reply.Reveal()); ctx.Err() != nil {
		t.said += fmt.Sprintf(": no answer within %s", wait)
	} else if why != "" {
		t.said += ": " + printable(why)
	} else if a.Err != nil {
		t.said += ": " + a.Err.Error()
	}
	if t.remedy = smtpRemedy(c, a.Phase); errors.Is(a.Err, smtp.ErrNoAuth) {
		t.remedy = "Take auth out if this server knows the machine by its address; else name its port for submission (587, 465), or set tls, without which many offer no log-in"
	}
	return t
}

func smtpRemedy(c config.Provider, p waxwing.Phase) string {
	host, port, _ := net.SplitHostPort(c.Addr)
	switch p {
	case waxwing.PhaseConnect:
		return "Mend addr, or let this machine out to " + host + ", port " + port
	case waxwing.PhaseBanner, waxwing.PhaseEHLO:
		if c.TLS != "implicit" && port == "465" {
			return "Port 465 speaks TLS from the first byte: set tls: implicit"
		}
		return "Is it a mail server, and does it take mails from this machine?"
	case waxwing.PhaseSTARTTLS:
		return "Set tls: implicit if this port speaks TLS from the first byte (465); tls: none is for a relay on the same host or network only"
	case waxwing.PhaseHandshake:
		if c.TLS == "implicit" && port != "465" {
			return "Set tls: starttls if this port begins without TLS (587, 25); or its certificate is not for " + host + ": name a ca_file"
		}
		return "Its certificate must be good for " + host + "; name a ca_file if it is signed by an authority of your own"
	case waxwing.PhaseAuth:
		return "Mend auth.user and auth.password: they are the mail provider's own, often an API key"
	}
	return "See what the server's own log says"
}

// tryDKIM holds the key against what the domain publishes.
func (c checkCmd) tryDKIM(what string, t config.Tenant) tried {
	out := tried{what: what + ".dkim"}
	if t.DKIM == nil {
		out.said = "not set: the tenant's mails are not signed, unless the mail server does it"
		return out
	}
	name := t.DKIM.Selector + "._domainkey." + strings.TrimSuffix(t.DKIM.Domain, ".")
	key, err := dkim.ParseKey(t.DKIM.Key)
	if err != nil {
		out.failed, out.said = true, err.Error()
		return out
	}
	want := key.Record()
	var r txtResolver = net.DefaultResolver
	if c.resolver != nil {
		r = c.resolver
	}
	ctx, cancel := context.WithTimeout(context.Background(), perTry)
	defer cancel()
	found, err := r.LookupTXT(ctx, name)
	var dns *net.DNSError
	publish := fmt.Sprintf("Publish at %s, as TXT: %s", name, want)
	switch {
	case errors.As(err, &dns) && dns.IsNotFound, err == nil && len(found) == 0:
		out.failed, out.said, out.remedy = true, "there is no record at "+name, publish
		return out
	case err != nil:
		out.failed, out.said, out.remedy = true, "DNS could not be asked for "+name+": "+err.Error(), "Try again, or from a machine whose resolver works"
		return out
	}
	for _, have := range found {
		switch p, ok := dkimTag(have, "p"); {
		case ok && p == "":
			out.failed, out.said, out.remedy = true, "the key at "+name+" is revoked (p= is empty)", publish
		case ok && p == mustTag(want):
			out.failed, out.remedy = false, ""
			out.said = name + " has the public half of the key"
			if d := t.From[strings.LastIndexByte(t.From, '@')+1:]; !aligned(d, t.DKIM.Domain) {
				out.said += ", but mails come from " + d + ": receivers that go by DMARC want one domain"
			}
			return out
		case ok:
			out.failed, out.said, out.remedy = true, "the record at "+name+" is another key's", publish
		}
	}
	if out.said == "" {
		out.failed, out.said, out.remedy = true, "what stands at "+name+" is no DKIM record", publish
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
	// Ping asks the database for nothing, and says why it cannot.
	Ping(ctx context.Context) error
}

func tryDatabase(what string, c config.Lookup, l enrich.Lookup) tried {
	t := tried{what: what}
	x, ok := l.(pinger)
	if !ok {
		t.said = "not tried"
		return t
	}
	ctx, cancel := context.WithTimeout(context.Background(), perTry)
	defer cancel()
	if err := x.Ping(ctx); err != nil {
		t.failed, t.said = true, "the database does not answer: "+withoutPassword(err, c.DSN)
		t.remedy = "Mend dsn, and let the daemon's user in; until then mails go without what it knows"
		return t
	}
	t.said = "the database answers"
	return t
}

// withoutPassword is a driver's error without what it may quote of the DSN.
func withoutPassword(err error, dsn config.Secret) string {
	s := strings.ReplaceAll(err.Error(), dsn.Reveal(), "(dsn)")
	if _, rest, ok := strings.Cut(dsn.Reveal(), "://"); ok {
		if user, _, ok := strings.Cut(rest, "@"); ok {
			if _, password, ok := strings.Cut(user, ":"); ok && password != "" {
				s = strings.ReplaceAll(s, password, "****")
			}
		}
	}
	return strings.Join(strings.Fields(s), " ")
}

package mx

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/mx/mtasts"
	"github.com/waxwinghq/waxwing/channel/smtp"
	"github.com/waxwinghq/waxwing/config/reach"
)

// delivery is one message on its way to a domain.
type delivery struct {
	out    *waxwing.Outgoing
	commit func() error
	domain string

	committed atomic.Bool
}

var (
	errNotNamed = errors.New("the domain's MTA-STS policy does not name its mail server")
	errAllNamed = errors.New("no mail server of the domain could be tried in time")
)

// deliver finds the domain's servers and offers the message to one after the other, until one of them has said something
// that counts for all.
func (s *Sender) deliver(ctx context.Context, d *delivery) waxwing.Attempt {
	until := time.Now().Add(searchFor)
	if d.out.Patience > 0 {
		until = time.Now().Add(min(searchFor, hurries*d.out.Patience))
	}
	hosts, policy, no := s.look(ctx, d.domain)
	if no != nil {
		return *no
	}
	last := put(waxwing.Deferred, waxwing.RecipientFault, "4.4.1", errAllNamed)
	tried, inside := 0, 0
	for _, host := range s.pools.wellFirst(hosts) {
		if tried == mostHosts || tried > 0 && !time.Now().Before(until) {
			break
		}
		mode := s.mode(d.domain, policy)
		if policy.Mode == mtasts.Enforce && !policy.Allows(host) {
			if tried == 0 {
				last = put(waxwing.Deferred, waxwing.RecipientFault, "4.7.5", errNotNamed)
			}
			continue
		}
		tried++
		a := s.try(ctx, d, host, mode)
		if mode == smtp.Opportunistic && !d.committed.Load() && ctx.Err() == nil && untold(a.Phase) && a.Verdict == waxwing.Deferred {
			// It offers TLS and cannot do it: without is what it would have got where it had not offered it (RFC 7435).
			a = s.try(ctx, d, host, smtp.NoTLS)
		}
		last = a
		if d.committed.Load() || !another(&a) || ctx.Err() != nil {
			return s.destined(ctx, a)
		}
		if errors.Is(a.Err, reach.ErrInside) {
			inside++
		}
		s.pools.fell(host, &a)
	}
	if inside == len(hosts) {
		last.Verdict, last.Fault, last.Enhanced, last.Bad = waxwing.Rejected, waxwing.PolicyFault, "5.4.4", false
		return last
	}
	if last.Enhanced == "4.7.5" && policy.Mode == mtasts.Enforce {
		s.cfg.Log.Warn("a domain's MTA-STS policy names none of its mail servers; its messages wait", "provider", s.cfg.Name, "message", d.out.Message)
	}
	return s.destined(ctx, last)
}

// look asks where a domain's mail goes and what it wants for it.
func (s *Sender) look(ctx context.Context, domain string) (hosts []string, p mtasts.Policy, no *waxwing.Attempt) {
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	defer context.AfterFunc(s.closing, func() { end(waxwing.ErrStopping) })()
	if hosts, no = s.route(ctx, domain); no == nil {
		p = s.sts.Get(ctx, domain)
	}
	return hosts, p, no
}

// mode is how a connection for a domain is encrypted.
func (s *Sender) mode(domain string, p mtasts.Policy) smtp.TLSMode {
	if p.Mode == mtasts.Enforce || s.cfg.required(domain) {
		return smtp.StartTLS
	}
	return smtp.Opportunistic
}

// untold reports a phase at which TLS came to nothing, and nothing of the message was told.
func untold(p waxwing.Phase) bool {
	return p == waxwing.PhaseSTARTTLS || p == waxwing.PhaseHandshake || p == waxwing.PhaseEHLO2
}

// try offers the message to one server.
func (s *Sender) try(ctx context.Context, d *delivery, host string, mode smtp.TLSMode) waxwing.Attempt {
	p, err := s.pools.get(key{host, mode})
	if err != nil {
		return put(waxwing.Deferred, waxwing.TransportFault, "", err)
	}
	defer s.pools.release(p)
	out := *d.out
	out.Stay = nil // it is asked of the provider: one server's connections are not all there are
	return p.sender.Offer(ctx, &out, func() error {
		d.committed.Store(true)
		return d.commit()
	})
}

// another reports whether a domain's next server may do better with a message that was not committed: it may, where this one was
// not to be had or is unwell, and where it cannot take what the message is. What a server says of the recipient or
// of us holds for all of them.
func another(a *waxwing.Attempt) bool {
	switch {
	case a.Verdict == waxwing.Rejected:
		return a.Code == 0 && a.Phase == waxwing.PhaseMail // it lacks an extension
	case a.Verdict != waxwing.Deferred, a.Fault == waxwing.LedgerFault, a.Fault == waxwing.OwnFault, errors.Is(a.Err, waxwing.ErrStopping):
		return false
	}
	return a.Fault == waxwing.ProviderFault || a.Fault == waxwing.TransportFault || a.Code == 421 ||
		strings.HasPrefix(a.Enhanced, "4.3.") || strings.HasPrefix(a.Enhanced, "4.4.")
}

// destined has an attempt speak of its destination alone: package smtp takes a server for a provider that everything goes by, and here
// it is one domain's.
func (s *Sender) destined(ctx context.Context, a waxwing.Attempt) waxwing.Attempt {
	a.Bad, a.Busy = false, false
	if a.Verdict != waxwing.Deferred || ctx.Err() != nil || errors.Is(a.Err, waxwing.ErrStopping) {
		return a
	}
	if a.Fault == waxwing.ProviderFault || a.Fault == waxwing.TransportFault {
		a.Fault = waxwing.RecipientFault
	}
	return a
}

package pipeline

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/delivery"
)

// Resend sends a confirmation once more because a person asked for it, as a new
// message of it. What was sent is sent again, to the corrected address if one is
// given, so that the customer reads what the first mail said; it is rendered anew
// where that is asked for or where there is nothing to send again. rendered says
// which it was.
func (x *Pipeline) Resend(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID, ask waxwing.Resend) (msg waxwing.ID, rendered bool, err error) {
	w, err := x.p.Ledger.ReworkOf(ctx, tenant, id)
	if err != nil {
		return 0, false, err
	}
	var d waxwing.Draft
	set := x.settings.Load()
	m := set.members[tenant]
	if m == nil {
		return 0, false, waxwing.ErrNotFound
	}
	if !ask.Render {
		d, err = x.runner.again(ctx, set, m, w, ask.To)
	}
	if ask.Render || errors.Is(err, waxwing.ErrNotFound) {
		rendered = true
		d, w, err = x.runner.anew(set, m, w, ask.To)
	}
	if err != nil {
		return 0, false, err
	}
	d.State, d.Resend, d.Act, d.Pipeline = waxwing.Queued, true, ask.Act, m.flow.label
	if msg, err = x.p.Ledger.Add(ctx, w, &d, m.config.TTL.D()); err != nil {
		return 0, false, err
	}
	if x.journal.debug {
		x.journal.Step("queued", id, "message", msg, "by", ask.Act.By, "rendered", rendered)
	}
	x.out.wake(m.flow, d.Channel, msg, w.Tenant)
	return msg, rendered, nil
}

// bouncesFor is how long after its order a mail that comes back starts the fallback: later it would only puzzle.
const bouncesFor = 72 * time.Hour

// Bounced sends what is sent instead of a mail that was accepted and came back for good, where the tenant's pipeline has
// a fallback for that and the order an address for it. It does nothing where anything else was sent already: said twice it
// sends once.
func (x *Pipeline) Bounced(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID) error {
	m := x.settings.Load().members[tenant]
	if m == nil || m.flow.fallback == nil || !slices.Contains(m.flow.fallback.After, delivery.AfterBounced) {
		return nil
	}
	w, err := x.p.Ledger.ReworkOf(ctx, tenant, id)
	if err != nil || w.Next > 2 || x.p.Clock().Sub(w.Created) > bouncesFor {
		return err
	}
	d, err := x.runner.instead(m.flow, &waxwing.Claim{Out: waxwing.Outgoing{Tenant: tenant}, Confirmation: id})
	if errors.Is(err, waxwing.ErrNotFound) {
		x.p.Log.Info("a mail came back, and its order names no other way to its customer", "confirmation", id)
		return nil
	}
	if err != nil {
		return err
	}
	d.State = waxwing.Queued
	msg, err := x.p.Ledger.Add(ctx, w, &d, m.config.TTL.D())
	if errors.Is(err, waxwing.ErrState) { // somebody was faster: a person, or the same bounce
		return nil
	}
	if err == nil {
		x.out.wake(m.flow, d.Channel, msg, tenant)
	}
	return err
}

// again takes the newest e-mail as it is.
func (x *runner) again(ctx context.Context, set *Settings, m *member, w *waxwing.Work, to string) (waxwing.Draft, error) {
	sent, err := x.p.Ledger.Bytes(ctx, w.Tenant, w.ID, 0)
	if err != nil {
		return waxwing.Draft{}, err
	}
	if len(sent.Data) == 0 {
		return waxwing.Draft{}, waxwing.ErrNotFound
	}
	d, err := m.flow.render.guarded(w.ID, func() (waxwing.Draft, error) {
		return set.Composer.Again(w, sent, strings.TrimSpace(to), x.p.Clock())
	})
	if err != nil && !errors.Is(err, waxwing.ErrNotFound) {
		err = waxwing.Permanent(err)
	}
	return d, err
}

// anew runs the order through its stages. A person has decided that it goes out: neither the
// gate nor a filter is asked, and nothing holds it.
func (x *runner) anew(set *Settings, m *member, w *waxwing.Work, to string) (waxwing.Draft, *waxwing.Work, error) {
	own := *w
	own.Asked = true
	j := &Job{Work: &own, Settings: set, For: Again, To: to}
	if err := x.whole(j, m, unreadable); err != nil {
		return waxwing.Draft{}, w, err
	}
	return j.Drafts[0], j.Work, nil
}

// whole takes a job through all stages of its pipeline, as if no queue stood between them.
// decide is asked as through asks it.
func (x *runner) whole(j *Job, m *member, decide func(*Job, Decision) (ended bool, err error)) error {
	if m == nil {
		return waxwing.Permanent(errors.New("the tenant is not in the configuration any more"))
	}
	if j.Tenant = m.config; j.flow == nil {
		j.flow = m.flow
	}
	for _, r := range j.flow.runs {
		if ended, err := x.through(j, r.stages, decide); ended || err != nil {
			return err
		}
	}
	return nil
}

// unreadable holds nothing: but an order that cannot be read is a permanent error.
func unreadable(_ *Job, d Decision) (bool, error) {
	if d.To == waxwing.Quarantined {
		return true, waxwing.Permanent(errors.New(d.Reason))
	}
	return false, nil
}

// errNotNow: an order could not be read for its fallback, now or ever.
var errNotNow = errors.New("the order cannot be read")

// instead renders what is sent instead of a message of a pipeline, by the first channel that
// its order has an address for: the event runs through the stages again, and is rendered anew.
func (x *runner) instead(f *flow, c *waxwing.Claim) (waxwing.Draft, error) {
	w, err := x.p.Ledger.ReworkOf(x.stop.Context(), c.Out.Tenant, c.Confirmation)
	if err != nil {
		return waxwing.Draft{}, notNow(err)
	}
	set := x.settings.Load()
	j := &Job{Work: w, Settings: set, For: Instead, Failed: c.Out.Channel, flow: f}
	switch err := x.whole(j, set.members[w.Tenant], unreadable); {
	case errors.Is(err, waxwing.ErrNotFound):
		return waxwing.Draft{}, waxwing.ErrNotFound
	case err != nil:
		return waxwing.Draft{}, notNow(err)
	}
	d := j.Drafts[0]
	d.Pipeline = f.label
	return d, nil
}

// notNow hides what an error is: ErrNotFound would say that there is no address.
func notNow(err error) error { return errors.Join(errNotNow, errors.New(err.Error())) }

// Preview takes an event through the stages of its tenant's pipeline, as a confirmation is,
// and has it composed: by says what becomes of it. Nobody outside is asked and nothing kept,
// and neither gate nor filter holds it. Where the event cannot be read the decision says why.
func Preview(c *config.Config, formats map[string]waxwing.Format, by Composer, w *waxwing.Work) (Decision, error) {
	p := Parts{Config: c, Clock: waxwing.SystemClock, Log: slog.New(slog.DiscardHandler)}
	all := &flows{p: &p, hops: newHops()}
	if err := all.open(c); err != nil {
		return Decision{}, err
	}
	s := &Settings{Tenants: c.Tenants, Formats: formats, Composer: by}
	if err := all.members(s); err != nil {
		return Decision{}, err
	}
	x := &runner{p: &p, stop: delivery.NewStop(), journal: newJournal(p.Log)}
	var said Decision
	j := &Job{Work: w, Settings: s, For: Show}
	err := x.whole(j, s.members[w.Tenant], func(_ *Job, d Decision) (bool, error) {
		if d.To == waxwing.Quarantined {
			said = d
		}
		return said.To != "", nil
	})
	return said, err
}

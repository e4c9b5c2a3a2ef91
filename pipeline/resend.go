package pipeline

import (
	"context"
	"errors"
	"strings"

	"github.com/waxwinghq/waxwing"
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
	set := x.now()
	if !ask.Render {
		d, err = x.again(ctx, set, w, ask.To)
	}
	if ask.Render || errors.Is(err, waxwing.ErrNotFound) {
		rendered = true
		d, w, err = x.anew(set, w, ask.To)
	}
	if err != nil {
		return 0, false, err
	}
	t := set.Tenants[string(tenant)]
	d.State, d.Resend, d.Act = waxwing.Queued, true, ask.Act
	if msg, err = x.p.Ledger.Add(ctx, w, &d, ttl(&t)); err != nil {
		return 0, false, err
	}
	if x.journal.debug {
		x.journal.Step("queued", id, "message", msg, "by", ask.Act.By, "rendered", rendered)
	}
	x.wake(d.Channel, msg)
	return msg, rendered, nil
}

// again takes the newest e-mail as it is.
func (x *Pipeline) again(ctx context.Context, set *Settings, w *waxwing.Work, to string) (waxwing.Draft, error) {
	sent, err := x.p.Ledger.Bytes(ctx, w.Tenant, w.ID, 0)
	if err != nil {
		return waxwing.Draft{}, err
	}
	if len(sent.Data) == 0 {
		return waxwing.Draft{}, waxwing.ErrNotFound
	}
	d, err := x.render.guarded(w.ID, func() (waxwing.Draft, error) {
		return set.Composer.Again(w, sent, strings.TrimSpace(to), x.p.Clock())
	})
	if err != nil && !errors.Is(err, waxwing.ErrNotFound) {
		err = waxwing.Permanent(err)
	}
	return d, err
}

// anew runs the order through its stages up to the render. A person has decided that it
// goes out: neither the gate nor a filter is asked, and nothing holds it.
func (x *Pipeline) anew(set *Settings, w *waxwing.Work, to string) (waxwing.Draft, *waxwing.Work, error) {
	own := *w
	own.Asked = true
	t := set.Tenants[string(w.Tenant)]
	j := &Job{Work: &own, Tenant: &t, Settings: set}
	for _, s := range x.stages {
		if s == Stage(gate{}) || s == Stage(x.render) {
			continue
		}
		d, err := s.Run(x.stop.Context(), j)
		if d.To == waxwing.Quarantined {
			err = waxwing.Permanent(errors.New(d.Reason))
		}
		if err != nil {
			return waxwing.Draft{}, w, err
		}
		if s == Stage(x.normalise) && to != "" {
			j.Order.Customer.Email = to
		}
	}
	d, err := x.render.compose(set.Composer, x.plan.channel, j.Work, j.Order)
	if errors.Is(err, waxwing.ErrNotFound) {
		err = errors.New("the order has no e-mail address: say where to send it with \"to\"")
	}
	if err != nil {
		return d, w, waxwing.Permanent(err)
	}
	d.Notes = append(append(d.Notes, j.Notes...), j.Order.Notices...)
	return d, j.Work, nil
}

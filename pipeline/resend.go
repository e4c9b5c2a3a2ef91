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
	m := set.members[tenant]
	if m == nil {
		return 0, false, waxwing.ErrNotFound
	}
	if !ask.Render {
		d, err = x.again(ctx, set, m, w, ask.To)
	}
	if ask.Render || errors.Is(err, waxwing.ErrNotFound) {
		rendered = true
		d, w, err = x.anew(set, m, w, ask.To)
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
	x.wake(m.flow, d.Channel, msg)
	return msg, rendered, nil
}

// again takes the newest e-mail as it is.
func (x *Pipeline) again(ctx context.Context, set *Settings, m *member, w *waxwing.Work, to string) (waxwing.Draft, error) {
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
func (x *Pipeline) anew(set *Settings, m *member, w *waxwing.Work, to string) (waxwing.Draft, *waxwing.Work, error) {
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
func (x *Pipeline) whole(j *Job, m *member, decide func(*Job, Decision) (ended bool, err error)) error {
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

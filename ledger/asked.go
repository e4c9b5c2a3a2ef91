package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/pack"
	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/view"
)

// asking is for how long a message in doubt is left to whoever asks about it: a question, and the
// commit of its answer.
const asking = waxwing.AskFor + 5*time.Second

// Doubts gives up to limit messages in doubt whose providers are to be asked about them now. Nobody
// else is given them for a while. Those whose time to live is over end instead.
func (c *Claims) Doubts(ctx context.Context, limit int) ([]*waxwing.Doubt, error) {
	if !c.p.Rule.Ask {
		return nil, nil
	}
	keys := &store.Keys{Over: &store.OverMessages{At: c.p.Clock().UnixMilli(), Doubt: true, Limit: limit}}
	var ids []waxwing.ID
	err := c.p.Store.View(ctx, store.AnyTenant, func(r store.Rows) error {
		s, err := r.Load(ctx, keys)
		if err == nil {
			ids = s.Over
		}
		return err
	})
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	var got []doubted
	err = c.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error {
		got = got[:0]
		for _, id := range ids {
			s, err := g.Load(ctx, &store.Keys{Messages: []waxwing.ID{id}, Attempts: []waxwing.ID{id}})
			if err != nil {
				return err
			}
			ch, ended := s.End(id)
			if ended {
				c.tellEnded(g, &ch)
			} else {
				var until int64
				var asked bool
				if ch, until, asked = machine.Ask(s, id, asking); asked {
					got = append(got, doubtedOf(s, id, until))
				}
			}
			if err := g.Apply(ctx, &ch); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	out := make([]*waxwing.Doubt, 0, len(got))
	for i := range got {
		d, err := c.fillDoubt(context.WithoutCancel(ctx), &got[i])
		if err != nil { // it is asked about later
			c.p.Log.Error("a message in doubt cannot be read; tried again", "message", d.Message, "err", err)
			continue
		}
		out = append(out, d)
	}
	return out, nil
}

// doubted is a message that is asked about, with the attempts whose answers were lost.
type doubted struct {
	store.Message
	until int64
	lost  int
	last  store.Attempt
	began int64 // the first lost attempt at its provider, in ms
	found bool  // that there is one
}

func doubtedOf(s *machine.Set, id waxwing.ID, until int64) doubted {
	d := doubted{Message: s.Messages[id], until: until, lost: s.Doubts[id]}
	for _, a := range s.Attempts[id] {
		if a.Verdict == waxwing.UncertainVerdict {
			d.last, d.found = a, true
		}
	}
	for _, a := range s.Attempts[id] {
		if a.Verdict == waxwing.UncertainVerdict && a.Provider == d.last.Provider && (d.began == 0 || a.Began < d.began) {
			d.began = a.Began
		}
	}
	return d
}

// fillDoubt adds what its provider is asked with. Content that can never be read again leaves
// nothing to ask by.
func (c *Claims) fillDoubt(ctx context.Context, m *doubted) (*waxwing.Doubt, error) {
	d := &waxwing.Doubt{Question: waxwing.Question{Message: m.ID, Began: time.UnixMilli(m.began), Ended: time.UnixMilli(m.last.Ended)}, Confirmation: store.ConfirmationOf(m.ID), Channel: m.Channel,
		Provider: m.last.Provider, Lost: m.lost, Expires: time.UnixMilli(m.Expires), Attempts: m.Attempts,
		Until: time.UnixMilli(m.until), Blind: !m.found}
	out, _, err := c.p.reader.Offered(ctx, &m.Message)
	if errors.Is(err, pack.ErrDictionary) && c.p.learn(ctx) == nil {
		out, _, err = c.p.reader.Offered(ctx, &m.Message)
	}
	switch {
	case err == nil:
		d.Tenant, d.Pipeline, d.To, d.Reference, d.IdempotencyKey = out.Tenant, out.Pipeline, out.To, out.Reference(), out.IdempotencyKey
	case errors.Is(err, view.ErrErased), view.Unreadable(err):
		d.Blind = true
	default:
		return d, err
	}
	return d, nil
}

// Answered records what asking about a message came to; held: it goes out no more by itself.
// ErrState: something else was done to it meanwhile, and nothing has happened.
func (c *Claims) Answered(ctx context.Context, d *waxwing.Doubt, r *waxwing.Reply) (held bool, err error) {
	a := &machine.Answer{Message: d.Message, Attempts: d.Attempts, Until: d.Until.UnixMilli(), Provider: d.Provider, Reply: *r}
	keys := &store.Keys{Messages: []waxwing.ID{d.Message}}
	err = c.p.Writer.DoFor(ctx, keys, func(ctx context.Context, g *Group) error {
		s, err := g.Load(ctx, keys)
		if err != nil {
			return err
		}
		ch, is, err := machine.Answered(s, a)
		if err != nil {
			return err
		}
		held = is
		c.tellEnded(g, &ch)
		return g.Apply(ctx, &ch)
	})
	if err != nil {
		return false, fmt.Errorf("answer: %w", err)
	}
	return held, nil
}

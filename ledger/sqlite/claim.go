package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Claim takes one message for this instance: a compare-and-set in the group
// commit. ErrState says that there is nothing to take: claimed already, sent,
// not yet due, or over.
func (l *Ledger) Claim(ctx context.Context, id waxwing.ID) (*waxwing.Claim, error) {
	var m *claimed
	err := l.do(ctx, func(ctx context.Context, t *tx) (err error) {
		s, err := t.load(ctx, &store.Keys{Messages: []waxwing.ID{id}})
		if err != nil {
			return err
		}
		m, err = t.claim(ctx, s, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, fmt.Errorf("message %s: nothing to claim: %w", id, waxwing.ErrState)
	}
	return l.fillClaim(context.WithoutCancel(ctx), m) // it is taken: what cannot be read goes back
}

// claimed is a message that was taken, and how often its answer was lost before.
type claimed struct {
	store.Message
	doubts int
}

// claim takes a message, or ends it. Nil: there is nothing to take.
//
// Loaded: the message.
func (t *tx) claim(ctx context.Context, s *machine.Set, id waxwing.ID) (*claimed, error) {
	c, taken := s.Claim(id)
	m := claimed{s.Messages[id], s.Doubts[id]}
	t.tellEnded(&c)
	if err := t.apply(ctx, &c); err != nil || !taken {
		return nil, err
	}
	return &m, nil
}

// tellEnded logs what ended, and forgets its content, when it is on disk.
func (t *tx) tellEnded(c *machine.Changes) {
	for _, e := range c.Entries {
		if !e.To.Terminal() || e.Message == 0 {
			continue
		}
		t.after = append(t.after, func() {
			t.l.hot.Drop(e.Confirmation)
			if e.Cause == machine.CauseExpired {
				t.l.o.Log.Info("message failed: its time to live is over", "confirmation", e.Confirmation, "message", e.Message, "reason", e.Detail[0][1])
			}
		})
	}
}

// ClaimDue takes up to limit messages of a channel whose time has come, oldest first. It
// is the sweeper's way: it needs no hint from anyone.
func (l *Ledger) ClaimDue(ctx context.Context, ch waxwing.Channel, limit int) ([]*waxwing.Claim, error) {
	var got []*claimed
	err := l.do(ctx, func(ctx context.Context, t *tx) error {
		got = got[:0]
		s, err := t.load(ctx, &store.Keys{Due: &store.DueMessages{Channel: ch, At: t.now.Add(-sweepGrace).UnixMilli(), Limit: limit}})
		if err != nil {
			return err
		}
		for _, id := range s.Due {
			m, err := t.claim(ctx, s, id)
			if err != nil {
				return err
			}
			if m != nil {
				got = append(got, m)
			}
		}
		return nil
	})
	out, ctx := make([]*waxwing.Claim, 0, len(got)), context.WithoutCancel(ctx) // they are taken
	for i := range got {
		c, e := l.fillClaim(ctx, got[i])
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		out = append(out, c)
	}
	return out, err
}

// endBatch is how many messages an op of the writer ends: a few milliseconds' worth.
const endBatch = 128

// EndDue ends messages that no provider is needed for: whose time to live is over, and,
// where the policy assumes so, uncertain ones as sent. It ends some a call, and says
// whether there may be more. Those that are claimed end with their claim.
func (l *Ledger) EndDue(ctx context.Context) (more bool, err error) {
	now := l.o.Clock().UnixMilli()
	where, args := "expires<=?", []any{nil, now, now}
	if l.o.Policy == waxwing.AssumeDoubt {
		where = "(expires<=? OR state='uncertain')"
	}
	var ids []waxwing.ID
	for _, ch := range waxwing.Channels {
		args[0] = string(ch)
		err := l.db.read(ctx, func(c *conn) error {
			return c.query("SELECT id FROM messages WHERE channel=? AND next_at<=? AND "+where+" AND id NOT IN (SELECT message FROM claims) LIMIT ?",
				func(v []driver.Value) error {
					ids = append(ids, waxwing.ID(num(v[0])))
					return nil
				}, append(args, endBatch-len(ids))...)
		})
		if err != nil {
			return false, err
		}
	}
	if len(ids) == 0 {
		return false, nil
	}
	return len(ids) == endBatch, l.do(ctx, func(ctx context.Context, t *tx) error {
		for _, id := range ids {
			s, err := t.load(ctx, &store.Keys{Messages: []waxwing.ID{id}})
			if err != nil {
				return err
			}
			c, _ := s.End(id)
			t.tellEnded(&c)
			if err := t.apply(ctx, &c); err != nil {
				return err
			}
		}
		return nil
	})
}

// sweepGrace is how long the sweeper keeps off messages that somebody is about to take:
// whoever is woken for a new one, or tried one and may go on at once elsewhere. It is
// short: a retry that is due in a second must not come a second late for that, and what
// the sweeper takes from a backlog must not run out while there is any.
const sweepGrace = 100 * time.Millisecond

// fillClaim adds the content. Content that cannot be read ends the message
// with its reason rather than going round for ever.
func (l *Ledger) fillClaim(ctx context.Context, m *claimed) (*waxwing.Claim, error) {
	conf := store.ConfirmationOf(m.ID)
	c := &waxwing.Claim{Confirmation: conf, Tries: int(m.Tries), Faults: int(m.Faults), Attempt: int(m.Attempts) + 1, Doubts: m.doubts,
		Accepted: conf.Time(), Released: time.UnixMilli(m.Released), Expires: time.UnixMilli(m.Expires), Resend: m.Resend}
	if m.DownSince != 0 {
		c.DownSince = time.UnixMilli(m.DownSince)
	}
	out, shop, err := l.Offered(ctx, &m.Message)
	if err != nil {
		return nil, l.unfilled(ctx, m, c.Attempt, err)
	}
	c.Out, c.Shop = *out, shop
	return c, nil
}

// readAgain is how long a message waits whose content could not be read just now.
const readAgain = 5 * time.Second

// unfilled settles a claim whose content was not read. Only what can never be read
// again ends the message: a broken seal, content that is missing, an erasure. One
// fault of reading (EIO, BUSY, NOMEM, no descriptors) is no verdict: the claim goes back.
func (l *Ledger) unfilled(ctx context.Context, m *claimed, attempt int, err error) error {
	now := l.o.Clock()
	r := &waxwing.Resolution{To: waxwing.Queued, Reason: "content not read; tried again", NextAt: now.Add(readAgain)}
	if m.DownSince != 0 {
		r.DownSince = time.UnixMilli(m.DownSince)
	}
	switch {
	case errors.Is(err, ledger.ErrErased):
		r.To, r.Reason, r.NextAt = waxwing.Cancelled, machine.CauseErased, time.Time{}
	case ledger.Unreadable(err):
		r.To, r.Reason, r.NextAt = waxwing.Failed, "content_unreadable", time.Time{}
	}
	e := l.Resolve(ctx, &waxwing.Claim{Out: waxwing.Outgoing{Message: m.ID}, Confirmation: store.ConfirmationOf(m.ID), Attempt: attempt}, r)
	return errors.Join(fmt.Errorf("message %s: %w", m.ID, err), e)
}

// doubts counts the attempts at a message whose answer was lost.
func doubts(c *conn, id waxwing.ID) (int, error) {
	var v [1]driver.Value
	_, err := c.row("SELECT count(*) FROM attempts WHERE message=? AND verdict='uncertain'", v[:], int64(id))
	return int(num(v[0])), err
}

// CommitDot is the commit point: after it the dot may be written. It succeeds
// once for a claim of this instance that was not cancelled, erased, suppressed
// or taken over, and only before the message expires.
func (l *Ledger) CommitDot(ctx context.Context, c *waxwing.Claim, provider string) error {
	barred := false
	err := l.do(ctx, func(ctx context.Context, t *tx) error {
		id, keys := c.Out.Message, &store.Keys{Messages: []waxwing.ID{c.Out.Message}}
		var person ledger.Hash
		if tn, err := t.l.keys.Tenant(c.Out.Tenant); err == nil {
			person = tn.Key.Index("person", ledger.NormalisePerson(c.Out.To))
			keys.People = []ledger.Hash{person}
		}
		s, err := t.load(ctx, keys)
		if err != nil {
			return err
		}
		ch, over, err := s.CommitPoint(id, person, provider)
		if err != nil {
			return err
		}
		barred = over
		t.tellEnded(&ch)
		return t.apply(ctx, &ch)
	})
	if err == nil && barred {
		err = fmt.Errorf("message %s may not be sent any more: %w", c.Out.Message, waxwing.ErrState)
	}
	return err
}

package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/pack"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/view"
)

// Claims are messages that this instance holds, from the queue to their verdict.
type Claims struct{ p *shared }

// Claim takes one message for this instance: a compare-and-set in the group
// commit. ErrState says that there is nothing to take: claimed already, sent,
// not yet due, or over.
func (c *Claims) Claim(ctx context.Context, id waxwing.ID) (*waxwing.Claim, error) {
	var m *claimed
	keys := &store.Keys{Messages: []waxwing.ID{id}}
	err := c.p.Writer.DoFor(ctx, keys, func(ctx context.Context, g *Group) (err error) {
		s, err := g.Load(ctx, keys)
		if err != nil {
			return err
		}
		m, err = c.take(ctx, g, s, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, fmt.Errorf("message %s: nothing to claim: %w", id, waxwing.ErrState)
	}
	return c.fill(context.WithoutCancel(ctx), m) // it is taken: what cannot be read goes back
}

// ClaimCarried is Claim for a message whose sealed content came with the hint that it is there,
// by a queue that anybody may have written to. The ledger decides whether it is to be had, as
// ever, and gives the content's key in the same commit: nothing is read besides. Content that is
// not what the ledger has under its digest, or that does not open, is left aside for the ledger's.
func (c *Claims) ClaimCarried(ctx context.Context, id waxwing.ID, sealed []byte) (*waxwing.Claim, error) {
	var m *claimed
	var conf store.Confirmation
	keys := &store.Keys{Confirmations: []waxwing.ID{store.ConfirmationOf(id)}, Messages: []waxwing.ID{id}}
	err := c.p.Writer.DoFor(ctx, keys, func(ctx context.Context, g *Group) (err error) {
		s, err := g.Load(ctx, keys)
		if err != nil {
			return err
		}
		conf = s.Confirmations[store.ConfirmationOf(id)]
		m, err = c.take(ctx, g, s, id)
		return err
	})
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, fmt.Errorf("message %s: nothing to claim: %w", id, waxwing.ErrState)
	}
	out, err := c.open(ctx, m, &conf, sealed)
	if err != nil {
		c.p.Log.Warn("content that came by a queue is not the ledger's; the ledger's own is sent", "message", id, "err", err)
		return c.fill(context.WithoutCancel(ctx), m)
	}
	k := c.claim(m)
	k.Out, k.Shop, k.Digest = *out, conf.Shop, m.Digest
	return k, nil
}

// errForeign: the ledger has other content under this number.
var errForeign = errors.New("its digest is another one")

// open opens a taken message's content that came by a queue, and keeps what its verdict needs.
func (c *Claims) open(ctx context.Context, m *claimed, conf *store.Confirmation, sealed []byte) (*waxwing.Outgoing, error) {
	if !bytes.Equal(seal.Digest(sealed), m.Digest) {
		return nil, errForeign
	}
	t, err := c.p.tenant(ctx, conf.Tenant)
	if err != nil {
		return nil, err
	}
	dek, err := seal.UnwrapDEK(t, conf.DEK, conf.Key)
	if err != nil {
		return nil, err
	}
	out, _, err := c.p.Contents.OpenMessage(t, &dek, &m.Message, sealed)
	if errors.Is(err, pack.ErrDictionary) && c.p.learn(ctx) == nil {
		out, _, err = c.p.Contents.OpenMessage(t, &dek, &m.Message, sealed)
	}
	if err == nil {
		c.p.Cache.Put(conf.ID, &seal.Entry{Tenant: t, DEK: dek, Shop: conf.Shop, Out: out})
	}
	return out, err
}

// claimed is a message that was taken, and how often its answer was lost before.
type claimed struct {
	store.Message
	doubts int
	epoch  int64 // the instance's
}

// take takes a message, or ends it. Nil: there is nothing to take.
//
// Loaded: the message.
func (c *Claims) take(ctx context.Context, g *Group, s *machine.Set, id waxwing.ID) (*claimed, error) {
	ch, taken := s.Claim(id)
	m := claimed{s.Messages[id], s.Doubts[id], s.Epoch}
	c.tellEnded(g, &ch)
	if err := g.Apply(ctx, &ch); err != nil || !taken {
		return nil, err
	}
	return &m, nil
}

// tellEnded logs what ended, and forgets its content, when it is on disk.
func (c *Claims) tellEnded(g *Group, ch *machine.Changes) {
	for _, e := range ch.Entries {
		if !e.To.Terminal() || e.Message == 0 {
			continue
		}
		g.After(func() {
			c.p.Cache.Drop(e.Confirmation)
			if e.Cause == machine.CauseExpired {
				c.p.Log.Info("message failed: its time to live is over", "confirmation", e.Confirmation, "message", e.Message, "reason", e.Detail[0][1])
			}
		})
	}
}

// ClaimDue takes up to limit messages of a channel whose time has come, oldest first. It
// is the sweeper's way: it needs no hint from anyone.
func (c *Claims) ClaimDue(ctx context.Context, ch waxwing.Channel, limit int) ([]*waxwing.Claim, error) {
	var got []*claimed
	share := c.p.reader.Share(ctx)
	err := c.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error {
		got = got[:0]
		due := &store.DueMessages{Channel: ch, At: g.Now.Add(-sweepGrace).UnixMilli(), Limit: limit, Queued: c.p.Rule.Ask, Share: share}
		s, err := g.Load(ctx, &store.Keys{Due: due})
		if err == nil && len(s.Due) == 0 && share != nil { // another instance has more than it can do, perhaps
			due.At, due.Share = g.Now.Add(-view.StaleAfter).UnixMilli(), view.Stale()
			s, err = g.Load(ctx, &store.Keys{Due: due})
		}
		if err != nil {
			return err
		}
		for _, id := range s.Due {
			m, err := c.take(ctx, g, s, id)
			if err != nil {
				return err
			}
			if m != nil {
				got = append(got, m)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err // nothing is taken, whatever the group had come to
	}
	out, ctx := make([]*waxwing.Claim, 0, len(got)), context.WithoutCancel(ctx) // they are taken
	for i := range got {
		one, e := c.fill(ctx, got[i])
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		out = append(out, one)
	}
	return out, err
}

// endBatch is how many messages an op of the writer ends: a few milliseconds' worth.
const endBatch = 128

// EndDue ends messages that no provider is needed for: whose time to live is over, and,
// where the policy assumes so, uncertain ones as sent. It ends some a call, and says
// whether there may be more. Those that are claimed end with their claim.
func (c *Claims) EndDue(ctx context.Context) (more bool, err error) {
	keys := &store.Keys{Over: &store.OverMessages{At: c.p.Clock().UnixMilli(), Doubt: c.p.Rule.Policy == waxwing.AssumeDoubt && !c.p.Rule.Ask, Limit: endBatch}}
	var ids []waxwing.ID
	err = c.p.Store.View(ctx, store.AnyTenant, func(r store.Rows) error {
		s, err := r.Load(ctx, keys)
		if err == nil {
			ids = s.Over
		}
		return err
	})
	if err != nil || len(ids) == 0 {
		return false, err
	}
	return len(ids) == endBatch, c.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error {
		for _, id := range ids {
			s, err := g.Load(ctx, &store.Keys{Messages: []waxwing.ID{id}})
			if err != nil {
				return err
			}
			ch, _ := s.End(id)
			c.tellEnded(g, &ch)
			if err := g.Apply(ctx, &ch); err != nil {
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

// fill adds the content. Content that cannot be read ends the message
// with its reason rather than going round for ever.
func (c *Claims) fill(ctx context.Context, m *claimed) (*waxwing.Claim, error) {
	k := c.claim(m)
	out, shop, err := c.p.reader.Offered(ctx, &m.Message)
	if errors.Is(err, pack.ErrDictionary) && c.p.learn(ctx) == nil {
		out, shop, err = c.p.reader.Offered(ctx, &m.Message)
	}
	if err != nil {
		return nil, c.unfilled(ctx, m, k.Attempt, err)
	}
	k.Out, k.Shop = *out, shop
	return k, nil
}

// claim is a taken message without its content.
func (c *Claims) claim(m *claimed) *waxwing.Claim {
	conf := store.ConfirmationOf(m.ID)
	k := &waxwing.Claim{Confirmation: conf, Tries: int(m.Tries), Faults: int(m.Faults), Attempt: int(m.Attempts) + 1, Doubts: m.doubts, Epoch: m.epoch,
		Accepted: conf.Time(), Released: time.UnixMilli(m.Released), Expires: time.UnixMilli(m.Expires), Resend: m.Resend}
	if m.DownSince != 0 {
		k.DownSince = time.UnixMilli(m.DownSince)
	}
	return k
}

// readAgain is how long a message waits whose content could not be read just now.
const readAgain = 5 * time.Second

// unfilled settles a claim whose content was not read. Only what can never be read
// again ends the message: a broken seal, content that is missing, an erasure. One
// fault of reading (EIO, BUSY, NOMEM, no descriptors) is no verdict: the claim goes back.
func (c *Claims) unfilled(ctx context.Context, m *claimed, attempt int, err error) error {
	now := c.p.Clock()
	r := &waxwing.Resolution{To: waxwing.Queued, Reason: "content not read; tried again", NextAt: now.Add(readAgain)}
	if m.DownSince != 0 {
		r.DownSince = time.UnixMilli(m.DownSince)
	}
	switch {
	case errors.Is(err, view.ErrErased):
		r.To, r.Reason, r.NextAt = waxwing.Cancelled, machine.CauseErased, time.Time{}
	case view.Unreadable(err):
		r.To, r.Reason, r.NextAt = waxwing.Failed, "content_unreadable", time.Time{}
	}
	k := &waxwing.Claim{Out: waxwing.Outgoing{Message: m.ID}, Confirmation: store.ConfirmationOf(m.ID), Attempt: attempt, Epoch: m.epoch}
	e := c.Resolve(ctx, k, r)
	if awaited(e) { // often what kept the content from being read: nobody else knows of the claim
		go c.settleLater(ctx, k, r)
	}
	return errors.Join(fmt.Errorf("message %s: %w", m.ID, err), e)
}

// awaited reports whether a change may yet be made, when the store is back.
func awaited(err error) bool {
	return errors.Is(err, waxwing.ErrUnavailable) && !errors.Is(err, waxwing.ErrStopping)
}

// settleLater settles a claim that nobody works on, when the store is back: it would stay
// with this instance for as long as that lives. It ends with the ledger.
func (c *Claims) settleLater(ctx context.Context, k *waxwing.Claim, r *waxwing.Resolution) {
	for wait := 10 * time.Millisecond; awaited(c.Resolve(ctx, k, r)); wait = min(2*wait, 5*time.Second) {
		<-time.After(wait)
	}
}

// CommitDot is the commit point: after it the dot may be written. It succeeds
// once for a claim of this instance that was not cancelled, erased, suppressed
// or taken over, and only before the message expires.
func (c *Claims) CommitDot(ctx context.Context, k *waxwing.Claim, provider string) error {
	barred, do := false, c.p.Writer.DoFor
	if k.Hurry {
		do = c.p.Writer.DoNow
	}
	id, keys := k.Out.Message, &store.Keys{Messages: []waxwing.ID{k.Out.Message}}
	var person seal.Hash
	if t, err := c.p.Keys.Tenant(k.Out.Tenant); err == nil {
		person = t.Key.Index("person", seal.NormalisePerson(k.Out.To))
		keys.People = []seal.Hash{person}
	}
	err := do(ctx, keys, func(ctx context.Context, g *Group) error {
		s, err := g.Load(ctx, keys)
		if err != nil {
			return err
		}
		if k.Digest != nil && !bytes.Equal(k.Digest, s.Messages[id].Digest) {
			return fmt.Errorf("message %s: what came by a queue is not what the ledger has: %w", id, waxwing.ErrState)
		}
		ch, over, err := s.CommitPoint(id, k.Epoch, person, provider)
		if err != nil {
			return err
		}
		barred = over
		c.tellEnded(g, &ch)
		return g.Apply(ctx, &ch)
	})
	if err == nil && barred {
		err = fmt.Errorf("message %s may not be sent any more: %w", k.Out.Message, waxwing.ErrState)
	}
	return err
}

// Resolve records what an attempt came to and what follows from it.
func (c *Claims) Resolve(ctx context.Context, k *waxwing.Claim, r *waxwing.Resolution) error {
	v := &machine.Verdict{Message: k.Out.Message, Epoch: k.Epoch, Attempt: r.Attempt, Number: k.Attempt, To: r.To, Reason: r.Reason, NextAt: r.NextAt,
		Counts: r.Counts, DownSince: r.DownSince}
	if r.Attempt.Reply != "" || r.Attempt.Ref != "" || len(r.Fallback) > 0 {
		t, dek, err := c.p.reader.KeysFor(ctx, k.Confirmation)
		if err == nil { // erased meanwhile: nothing of it is kept
			v.Sealed = seal.SealReply(&dek, k.Out.Message, &r.Attempt)
			v.Hashes = c.p.Lookups.Index(t, r.Lookup)
			for i := range r.Fallback {
				s, err := c.p.Contents.SealDraft(t, &dek, k.Out.Message+waxwing.ID(1+i), &r.Fallback[i])
				if err != nil {
					return err
				}
				v.Fallback = append(v.Fallback, s)
			}
		} else if len(r.Fallback) > 0 && !view.Unreadable(err) {
			// A fault of reading, not an erasure: without the key the fallback would be lost.
			return fmt.Errorf("%w: %w", waxwing.ErrUnavailable, err)
		}
	}
	err := c.resolve(ctx, v)
	if errors.Is(err, machine.ErrNoFallback) { // a person's resend came in between: it goes its own way
		v.Fallback, v.Hashes = nil, nil
		err = c.resolve(ctx, v)
	}
	if errors.Is(err, machine.ErrNotHeld) {
		err = errors.Join(err, c.late(ctx, v))
	}
	return err
}

// late records a verdict that came after its message was taken over from this instance.
func (c *Claims) late(ctx context.Context, v *machine.Verdict) error {
	return c.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error {
		s, err := g.Load(ctx, &store.Keys{Messages: []waxwing.ID{v.Message}, Attempts: []waxwing.ID{v.Message}})
		if err != nil {
			return err
		}
		ch, noted := s.Late(v)
		if !noted {
			return nil
		}
		c.tellEnded(g, &ch)
		return g.Apply(ctx, &ch)
	})
}

func (c *Claims) resolve(ctx context.Context, v *machine.Verdict) error {
	keys := &store.Keys{Messages: []waxwing.ID{v.Message}, Confirmations: []waxwing.ID{store.ConfirmationOf(v.Message)}}
	for i := range v.Fallback {
		keys.People = append(keys.People, v.Fallback[i].People...)
	}
	return c.p.Writer.DoFor(ctx, keys, func(ctx context.Context, g *Group) error {
		s, err := g.Load(ctx, keys)
		if err != nil {
			return err
		}
		ch, err := s.Resolve(v)
		if err != nil {
			return err
		}
		if len(v.Fallback) == 0 {
			c.tellEnded(g, &ch)
		}
		return g.Apply(ctx, &ch)
	})
}

package ledger

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Suppressions are the addresses that are not to be mailed, of each tenant. They are kept as keyed
// hashes alone.
type Suppressions struct{ p *shared }

// personHash is what an address is known by.
func personHash(t *seal.Tenant, address string) store.Hash {
	return t.Key.Index("person", seal.NormalisePerson(address))
}

// Suppress keeps an address from being mailed because a person asked for it, and stops what is queued for it.
func (x *Suppressions) Suppress(ctx context.Context, tid waxwing.TenantID, address string, act waxwing.Act) error {
	return x.SuppressAs(ctx, tid, &waxwing.Suppress{Address: address, Class: waxwing.SuppressedPerson, Act: act})
}

// SuppressAs is Suppress for a reason of any class. What feedback tells of an address that is
// suppressed changes nothing.
func (x *Suppressions) SuppressAs(ctx context.Context, tid waxwing.TenantID, o *waxwing.Suppress) error {
	t, err := x.p.Keys.Tenant(tid)
	if err != nil {
		return err
	}
	return x.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error {
		_, err := x.suppress(ctx, g, t, o, o.Act.By == waxwing.ByFeedback)
		return err
	})
}

// suppressBatch is how many addresses an op of the writer suppresses.
const suppressBatch = 32

// SuppressAll suppresses several, and says how many were not suppressed before: what was stays as it
// is, so that the same again changes nothing. It ends where it fails, with those done before.
func (x *Suppressions) SuppressAll(ctx context.Context, tid waxwing.TenantID, all []waxwing.Suppress) (added int, err error) {
	t, err := x.p.Keys.Tenant(tid)
	if err != nil {
		return 0, err
	}
	for some := range slices.Chunk(all, suppressBatch) {
		err := x.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error {
			n := 0
			for i := range some {
				fresh, err := x.suppress(ctx, g, t, &some[i], true)
				if err != nil {
					return err
				}
				if fresh {
					n++
				}
			}
			g.After(func() { added += n })
			return nil
		})
		if err != nil {
			return added, err
		}
	}
	return added, nil
}

// suppress bars an address within a group; once: not where it is barred.
func (x *Suppressions) suppress(ctx context.Context, g *Group, t *seal.Tenant, o *waxwing.Suppress, once bool) (fresh bool, err error) {
	b := &machine.Bar{Tenant: t.No, Name: t.Name, Hash: hashOf(t, o), Class: o.Class, Act: o.Act}
	s, err := g.Load(ctx, &store.Keys{Lookups: []seal.Hash{b.Hash}, People: []seal.Hash{b.Hash}})
	if err != nil {
		return false, err
	}
	fresh = !s.Suppressed[b.Hash]
	if !fresh && once {
		return false, nil
	}
	ids := slices.Clone(s.Found[b.Hash])
	if s, err = g.Load(ctx, &store.Keys{Whole: ids, People: []seal.Hash{b.Hash}}); err != nil {
		return false, err
	}
	for _, id := range ids {
		x.p.drop(g, id)
	}
	c := b.Suppress(s, ids)
	return fresh, g.Apply(ctx, &c)
}

// hashOf is that of the address, or the id itself.
func hashOf(t *seal.Tenant, o *waxwing.Suppress) store.Hash {
	if o.Address == "" {
		return store.Hash(o.ID)
	}
	return personHash(t, o.Address)
}

// Lift has an address be mailed again from now on, and says whether it was suppressed. What was not
// sent meanwhile is not sent by that. ErrNotFound: there is no such tenant.
func (x *Suppressions) Lift(ctx context.Context, tid waxwing.TenantID, o *waxwing.Suppress) (lifted bool, err error) {
	t, err := x.p.Keys.Tenant(tid)
	if err != nil {
		return false, err
	}
	h := hashOf(t, o)
	if own, err := x.own(ctx, t, h); err != nil || !own {
		return false, err // an id may be another tenant's
	}
	err = x.p.Writer.Do(ctx, func(ctx context.Context, g *Group) error {
		s, err := g.Load(ctx, &store.Keys{Lookups: []seal.Hash{h}})
		if err != nil {
			return err
		}
		ids := slices.Clone(s.Found[h])
		if s, err = g.Load(ctx, &store.Keys{Confirmations: ids, People: []seal.Hash{h}}); err != nil {
			return err
		}
		c := (&machine.Bar{Tenant: t.No, Name: t.Name, Hash: h, Act: o.Act}).Lift(s, ids)
		was := len(c.Lifted) > 0
		g.After(func() { lifted = was })
		return g.Apply(ctx, &c)
	})
	return lifted, err
}

func (x *Suppressions) own(ctx context.Context, t *seal.Tenant, h store.Hash) (own bool, err error) {
	err = x.p.Store.View(ctx, t.No, func(rows store.Rows) error {
		found, err := rows.Suppressions(ctx, &store.SuppressionQuery{Tenant: t.No, First: h, Last: h, Limit: 1})
		own = len(found) > 0
		return err
	})
	return own, err
}

// Suppressed gives a tenant's suppressions, the newest first.
func (x *Suppressions) Suppressed(ctx context.Context, q *waxwing.SuppressionQuery) ([]waxwing.Suppression, error) {
	t, err := x.p.Keys.Tenant(q.Tenant)
	if err != nil {
		return nil, err
	}
	find := &store.SuppressionQuery{Tenant: t.No, Limit: q.Limit}
	if find.Limit <= 0 || find.Limit > 500 {
		find.Limit = 50
	}
	if find.First, find.Last, err = within(q.Prefix); err != nil {
		return nil, err
	}
	if q.Address != "" {
		find.First = personHash(t, q.Address)
		find.Last = find.First
	}
	if q.Before != nil {
		find.Before = &store.Suppression{At: q.Before.At.UnixMilli(), Hash: store.Hash(q.Before.ID)}
	}
	out := []waxwing.Suppression{}
	err = x.p.Store.Browse(ctx, t.No, func(rows store.Rows) error {
		found, err := rows.Suppressions(ctx, find)
		for i := range found {
			out = append(out, shown(&found[i]))
		}
		return err
	})
	return out, err
}

// shown is a row as people see it.
func shown(r *store.Suppression) waxwing.Suppression {
	s := waxwing.Suppression{ID: waxwing.SuppressionID(r.Hash), Class: r.Class, Reason: r.Act.Reason, By: r.Act.By, At: time.UnixMilli(r.At).UTC()}
	if s.Class == "" {
		s.Class = waxwing.SuppressedPerson
	}
	return s
}

// errPrefix is what no id begins with.
var errPrefix = errors.New("an id has up to 32 hexadecimal digits")

// within are the least and the greatest id that begins so.
func within(prefix string) (first, last store.Hash, err error) {
	for i := range last {
		last[i] = 0xff
	}
	whole, half := prefix, ""
	if len(prefix)%2 == 1 {
		whole, half = prefix[:len(prefix)-1], prefix[len(prefix)-1:]
	}
	b, err := hex.DecodeString(whole + half + half)
	if err != nil || len(b) > len(first) {
		return first, last, waxwing.Permanent(fmt.Errorf("%.40q: %w", prefix, errPrefix))
	}
	copy(first[:], b)
	copy(last[:], b)
	if half != "" {
		first[len(b)-1] &= 0xf0
		last[len(b)-1] |= 0x0f
	}
	return first, last, nil
}

// SuppressionKey tells ledgers' ids of suppressions apart: an address has the same id in two ledgers
// only where this is the same in both. A ledger that was moved, or restored, keeps it.
func (x *Suppressions) SuppressionKey(tid waxwing.TenantID) (string, error) {
	t, err := x.p.Keys.Tenant(tid)
	if err != nil {
		return "", err
	}
	h := t.Key.Index("key of suppressions")
	return hex.EncodeToString(h[:8]), nil
}

// softClasses are the bounces that may pass, and count together.
var softClasses = []string{"soft", "full"}

// softLooked bounds how many of an address's newest confirmations are looked at, and softAge how much
// older than a bounce its order may be.
const (
	softLooked = 256
	softAge    = 14 * 24 * time.Hour
)

// Softs tells how many mails to an address came back since then, each for a while: of its newest 256
// confirmations, and of those that are not more than 14 days older.
func (x *Suppressions) Softs(ctx context.Context, tid waxwing.TenantID, address string, since time.Time) (n int, err error) {
	t, err := x.p.Keys.Tenant(tid)
	if err != nil {
		return 0, err
	}
	q := &store.Query{Tenant: t.No, Lookups: []store.Hash{personHash(t, address)}, From: waxwing.FirstID(since.Add(-softAge)), Below: store.Newest}
	err = x.p.Store.Browse(ctx, t.No, func(rows store.Rows) error {
		for looked := 0; looked < softLooked; {
			ids, err := rows.Find(ctx, q)
			if err != nil || len(ids) == 0 {
				return err
			}
			ids = ids[:min(len(ids), softLooked-looked)]
			looked, q.Below = looked+len(ids), ids[len(ids)-1]
			some, err := softsOf(ctx, rows, ids, since)
			if err != nil {
				return err
			}
			n += some
		}
		return nil
	})
	return n, err
}

// softsOf counts those of some confirmations.
func softsOf(ctx context.Context, rows store.Rows, ids []waxwing.ID, since time.Time) (n int, err error) {
	s, err := rows.Load(ctx, &store.Keys{Confirmations: ids, Shown: true})
	if err != nil {
		return 0, err
	}
	var messages []waxwing.ID
	for _, id := range ids {
		for i := waxwing.ID(1); i <= waxwing.ID(s.Confirmations[id].Messages); i++ {
			messages = append(messages, id|i)
		}
	}
	if s, err = rows.Load(ctx, &store.Keys{Annotations: messages}); err != nil {
		return 0, err
	}
	for _, of := range s.Annotations {
		for i := range of {
			if a := &of[i]; a.Kind == waxwing.Bounced && a.At >= since.UnixMilli() && slices.Contains(softClasses, a.Class) {
				n++
			}
		}
	}
	return n, nil
}

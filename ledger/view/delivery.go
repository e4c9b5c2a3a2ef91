package view

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// The times by which a delivery is judged.
const (
	deliveredWithin = 24 * time.Hour
	bouncedWithin   = 72 * time.Hour
)

// deliveryPage is how many confirmations one look goes through, at most.
const deliveryPage = 1000

// Judge tells how well orders were confirmed. It is safe for concurrent use.
type Judge struct {
	Rows store.Viewer
	Keys *seal.Keyring
}

// Deliveries judges a piece of a tenant's confirmations in a span of time, from q.Before on downwards: see
// waxwing.Deliveries. Next is where the next piece begins.
func (j *Judge) Deliveries(ctx context.Context, q waxwing.Query) (*waxwing.Deliveries, error) {
	t, err := j.Keys.Tenant(q.Tenant)
	if err != nil {
		return nil, err
	}
	find := query(t, &waxwing.Query{Since: q.Since, Until: q.Until, Before: q.Before})
	d := &waxwing.Deliveries{}
	err = j.Rows.Browse(ctx, t.No, func(rows store.Rows) error {
		for seen := 0; seen < deliveryPage; {
			ids, err := rows.Find(ctx, find)
			if err != nil || len(ids) == 0 {
				d.Next = 0
				return err
			}
			for some := range slices.Chunk(ids, listPiece) {
				if err := judgeSome(ctx, rows, some, d); err != nil {
					return err
				}
			}
			seen += len(ids)
			find.Below = ids[len(ids)-1]
			d.Next = find.Below
		}
		return nil
	})
	return d, err
}

func judgeSome(ctx context.Context, rows store.Rows, ids []waxwing.ID, d *waxwing.Deliveries) error {
	s, err := rows.Load(ctx, &store.Keys{Whole: ids, Shown: true})
	if err != nil {
		return err
	}
	var messages []waxwing.ID
	for id := range s.Messages {
		messages = append(messages, id)
	}
	known, err := rows.Load(ctx, &store.Keys{Attempts: messages, Annotations: messages})
	if err != nil {
		return err
	}
	s.Attempts, s.Annotations = known.Attempts, known.Annotations
	for _, id := range ids {
		if c, there := s.Confirmations[id]; there && c.State != waxwing.Ignored && (c.Kind == "" || c.Kind == waxwing.KindOrder) {
			judge(s, &c, d)
		}
	}
	return nil
}

// judge adds what became of one order.
func judge(s *store.Set, c *store.Confirmation, d *waxwing.Deliveries) {
	d.Orders++
	x := waxwing.Undelivered{ID: c.ID, Shop: c.Shop, State: outcomeOf(s, c), Reason: c.Reason}
	addressed, accepted, delivered, kept := c.State != waxwing.Ready, false, false, false
	for _, m := range s.Of(c.ID) {
		if m.Attempts > 0 || m.State != waxwing.Failed || m.Reason != waxwing.NoAddress {
			addressed = true
		}
		if m.Reason != "" && x.Reason == "" {
			x.Reason = m.Reason
		}
		took, ok := acceptedAt(s, &m, &x)
		if !ok {
			continue
		}
		if took.Sub(c.ID.Time()) > deliveredWithin {
			x.Late = true
			continue
		}
		accepted = true
		back := false
		for _, a := range s.Annotations[m.ID] {
			switch at := time.UnixMilli(a.At); {
			case a.Kind == waxwing.Delivered && at.Sub(c.ID.Time()) <= deliveredWithin:
				delivered = true
			case a.Kind == waxwing.Bounced && at.Sub(took) <= bouncedWithin:
				back, x.Bounce = true, a.Class
				if x.Bounce == "" {
					x.Bounce = "unknown" // an older program noted it
				}
			}
		}
		kept = kept || !back
	}
	// An order that its shop took back, or that waits at the gate to be paid, is owed no mail yet.
	if x.State == waxwing.Cancelled || c.State == waxwing.Held && c.Reason != machine.CauseStale && c.Reason != machine.CauseLoss {
		d.NotDue++
		return
	}
	if !addressed {
		d.NoAddress++
		return
	}
	d.Addressed++
	if accepted {
		d.Accepted++
	}
	if delivered {
		d.Delivered++
	}
	if kept {
		d.Kept++
		return
	}
	d.Rest = append(d.Rest, x)
}

// acceptedAt is when a provider took a message first; ok is false where none did, and x has what one
// said last.
func acceptedAt(s *store.Set, m *store.Message, x *waxwing.Undelivered) (at time.Time, ok bool) {
	for _, a := range s.Attempts[m.ID] {
		x.Message, x.Provider, x.Reply = m.ID, a.Provider, replyOf(&a)
		if a.Verdict == waxwing.Accepted {
			return time.UnixMilli(a.Ended), true
		}
	}
	return at, false
}

// replyOf is the class of a provider's answer, without its words.
func replyOf(a *store.Attempt) string {
	out := string(a.Verdict)
	if a.Fault != "" {
		out += " by " + string(a.Fault)
	}
	if a.Code != 0 {
		out += " " + strconv.Itoa(a.Code)
	}
	if a.Enhanced != "" {
		out = fmt.Sprintf("%s %s", out, a.Enhanced)
	}
	return out
}

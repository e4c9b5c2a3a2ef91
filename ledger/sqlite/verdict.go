package sqlite

import (
	"context"
	"errors"
	"fmt"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Resolve records what an attempt came to and what follows from it.
func (l *Ledger) Resolve(ctx context.Context, c *waxwing.Claim, r *waxwing.Resolution) error {
	v := &machine.Verdict{Message: c.Out.Message, Attempt: r.Attempt, Number: c.Attempt, To: r.To, Reason: r.Reason, NextAt: r.NextAt,
		Counts: r.Counts, DownSince: r.DownSince}
	if r.Attempt.Reply != "" || r.Attempt.Ref != "" || len(r.Fallback) > 0 {
		t, dek, err := l.KeysFor(ctx, c.Confirmation)
		if err == nil { // erased meanwhile: nothing of it is kept
			v.Sealed = ledger.SealReply(&dek, c.Out.Message, &r.Attempt)
			v.Hashes = l.lookups.Index(t, r.Lookup)
			for i := range r.Fallback {
				s, err := l.contents.SealDraft(t, &dek, c.Out.Message+waxwing.ID(1+i), &r.Fallback[i])
				if err != nil {
					return err
				}
				v.Fallback = append(v.Fallback, s)
			}
		} else if len(r.Fallback) > 0 && !ledger.Unreadable(err) {
			// A fault of reading, not an erasure: without the key the fallback would be lost.
			return fmt.Errorf("%w: %w", waxwing.ErrUnavailable, err)
		}
	}
	err := l.do(ctx, func(ctx context.Context, t *tx) error { return t.resolve(ctx, v) })
	if errors.Is(err, machine.ErrNoFallback) { // a person's resend came in between: it goes its own way
		v.Fallback, v.Hashes = nil, nil
		return l.do(ctx, func(ctx context.Context, t *tx) error { return t.resolve(ctx, v) })
	}
	return err
}

func (t *tx) resolve(ctx context.Context, v *machine.Verdict) error {
	keys := &store.Keys{Messages: []waxwing.ID{v.Message}, Confirmations: []waxwing.ID{store.ConfirmationOf(v.Message)}}
	for i := range v.Fallback {
		keys.People = append(keys.People, v.Fallback[i].People...)
	}
	s, err := t.load(ctx, keys)
	if err != nil {
		return err
	}
	c, err := s.Resolve(v)
	if err != nil {
		return err
	}
	if len(v.Fallback) == 0 {
		t.tellEnded(&c)
	}
	return t.apply(ctx, &c)
}

package sqlite

import (
	"context"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// takeOver frees what a dead instance held: claimed goes back to the queue, dot becomes
// uncertain.
func (l *Ledger) takeOver(ctx context.Context, t *tx) error {
	if err := t.loadClaims(); err != nil {
		return fault{err}
	}
	var all []store.Claim
	for _, k := range l.rows.claims {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b store.Claim) int { return int(int64(a.Message) - int64(b.Message)) })
	for _, k := range all {
		s, err := t.load(ctx, &store.Keys{Messages: []waxwing.ID{k.Message}})
		if err != nil {
			return err
		}
		c, held := s.TakeOver(k.Message)
		if held {
			l.o.Log.Error("a message is held in doubt: the answer to it was lost too often; send it again or cancel it",
				"confirmation", store.ConfirmationOf(k.Message), "message", k.Message, "provider", k.Provider, "lost", s.Doubts[k.Message]+1)
		}
		if err := t.apply(ctx, &c); err != nil {
			return err
		}
		l.taken++
	}
	return nil
}

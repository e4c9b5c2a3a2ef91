package view

import (
	"context"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// outcomes are all that a confirmation can come to but Sent, which is what is left: there are
// far more of those than of all others, and they are counted without a look at each.
var outcomes = []waxwing.State{waxwing.Received, waxwing.Held, waxwing.Quarantined, waxwing.Ignored, waxwing.Cancelled, waxwing.Ready,
	waxwing.Queued, waxwing.Claimed, waxwing.Dot, waxwing.Uncertain, waxwing.Failed, waxwing.Suppressed}

// Count tells exactly how many of a tenant's confirmations came to each outcome, of the
// query's shop and span of time: one look, however long it takes. A shop's test deliveries
// count as ignored. The query's other conditions are passed over.
func (r *Reader) Count(ctx context.Context, q waxwing.Query) (map[waxwing.State]int64, error) {
	t, err := r.p.Keys.Tenant(q.Tenant)
	if err != nil {
		return nil, err
	}
	find := query(t, &waxwing.Query{Shop: q.Shop, Since: q.Since, Until: q.Until})
	out := map[waxwing.State]int64{}
	err = r.p.Rows.Survey(ctx, t.No, func(rows store.Rows) error {
		clear(out)
		sent, err := rows.Count(ctx, find)
		if err != nil {
			return err
		}
		for _, s := range outcomes {
			n, err := countOf(ctx, rows, *find, s)
			if err != nil {
				return err
			}
			if n > 0 {
				out[s] = n
			}
			sent -= n
		}
		if sent > 0 {
			out[waxwing.Sent] = sent
		}
		return nil
	})
	return out, err
}

// countOf counts the confirmations that came to an outcome.
func countOf(ctx context.Context, rows store.Rows, q store.Query, outcome waxwing.State) (n int64, err error) {
	q.State = outcome
	for {
		if err := context.Cause(ctx); err != nil {
			return 0, err
		}
		ids, err := rows.Find(ctx, &q)
		if err != nil || len(ids) == 0 {
			return n, err
		}
		q.Below = ids[len(ids)-1]
		for some := range slices.Chunk(ids, listPiece) {
			s, err := rows.Load(ctx, &store.Keys{Whole: some, Shown: true})
			if err != nil {
				return 0, err
			}
			for _, id := range some {
				c, ok := s.Confirmations[id]
				if ok && (q.Shop == "" || c.Shop == q.Shop) && outcomeOf(s, &c) == outcome {
					n++
				}
			}
		}
	}
}

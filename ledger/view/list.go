package view

import (
	"context"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// listPiece is how many candidates of a list are loaded at once, at most.
const listPiece = 64

// List gives a tenant's confirmations, newest first, without orders and trail. A list by
// state is exact, however far apart its confirmations stand.
func (r *Reader) List(ctx context.Context, q waxwing.Query) ([]waxwing.ConfirmationView, error) {
	t, err := r.p.Keys.Tenant(q.Tenant)
	if err != nil {
		return nil, err
	}
	if q.Limit <= 0 || q.Limit > 500 {
		q.Limit = 50
	}
	find := query(t, &q)
	out := []waxwing.ConfirmationView{}
	err = r.p.Rows.Browse(ctx, t.No, func(rows store.Rows) error {
		for len(out) < q.Limit {
			ids, err := rows.Find(ctx, find)
			if err != nil || len(ids) == 0 {
				return err
			}
			find.Below = ids[len(ids)-1]
			for some := range slices.Chunk(ids, min(listPiece, q.Limit)) {
				if out, err = r.listSome(ctx, rows, some, &q, out); err != nil || len(out) == q.Limit {
					return err
				}
			}
		}
		return nil
	})
	return out, err
}

// query is a question to the ledger in the form of its rows.
func query(t *seal.Tenant, q *waxwing.Query) *store.Query {
	find := &store.Query{Tenant: t.No, State: q.State, Shop: q.Shop, Below: store.Newest}
	if q.Before != 0 {
		find.Below = q.Before
	}
	if !q.Until.IsZero() {
		find.Below = min(find.Below, waxwing.FirstID(q.Until))
	}
	if !q.Since.IsZero() {
		find.From = waxwing.FirstID(q.Since)
	}
	if q.Order != "" {
		find.Lookups = append(find.Lookups, t.Key.Index("number", seal.NormaliseOrder(q.Order)))
	}
	if q.Email != "" {
		find.Lookups = append(find.Lookups, t.Key.Index("person", seal.NormalisePerson(q.Email)))
	}
	return find
}

// ping is a shop's test delivery, which is no order.
func ping(c *store.Confirmation) bool { return c.State == waxwing.Ignored && c.Reason == "ping" }

// listSome adds those of some candidates that are what the query asks for, up to its limit.
func (r *Reader) listSome(ctx context.Context, rows store.Rows, ids []waxwing.ID, q *waxwing.Query, out []waxwing.ConfirmationView) ([]waxwing.ConfirmationView, error) {
	s, err := rows.Load(ctx, &store.Keys{Whole: ids, Shown: true})
	if err != nil {
		return out, err
	}
	for _, id := range ids {
		c, ok := s.Confirmations[id]
		if !ok || q.State == "" && ping(&c) || q.Shop != "" && c.Shop != q.Shop {
			continue
		}
		f, err := r.openRow(&c)
		if err != nil {
			return out, err
		}
		v := show(f, s)
		if q.State != "" && v.State != q.State {
			continue
		}
		if q.Brief {
			if err := r.brief(ctx, rows, f, s, v); err != nil {
				return out, err
			}
		}
		if out = append(out, *v); len(out) == q.Limit {
			break
		}
	}
	return out, nil
}

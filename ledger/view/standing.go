package view

import (
	"context"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Known gives the confirmations of a tenant's orders, with messages and attempts and without orders and trail, each in
// its order's place; nil where there is none.
func (r *Reader) Known(ctx context.Context, tid waxwing.TenantID, orders []waxwing.OrderRef) ([]*waxwing.ConfirmationView, error) {
	t, err := r.p.Keys.Tenant(tid)
	if err != nil {
		return nil, err
	}
	out := make([]*waxwing.ConfirmationView, len(orders))
	at := 0
	for some := range slices.Chunk(orders, listPiece) {
		err := r.p.Rows.Browse(ctx, t.No, func(rows store.Rows) error { return standing{r, t}.known(ctx, rows, some, out[at:at+len(some)]) })
		if err != nil {
			return nil, err
		}
		at += len(some)
	}
	return out, nil
}

// standing looks for orders of one tenant.
type standing struct {
	*Reader
	t *seal.Tenant
}

func (r standing) known(ctx context.Context, rows store.Rows, orders []waxwing.OrderRef, out []*waxwing.ConfirmationView) error {
	var keys []store.Hash
	for _, o := range orders {
		k := &waxwing.EventKey{OrderID: o.ID}
		keys = append(keys, seal.OrderKey(r.t, o.Shop, k), seal.FormerOrderKey(r.t, o.Shop, k))
	}
	s, err := rows.Load(ctx, &store.Keys{Keys: keys})
	if err != nil {
		return err
	}
	var ids []waxwing.ID
	of := make([]waxwing.ID, len(orders))
	for i := range orders {
		for _, k := range keys[2*i : 2*i+2] {
			if id, ok := s.Keys[k]; ok {
				of[i] = id
				ids = append(ids, id)
				break
			}
		}
	}
	if len(ids) == 0 {
		return nil
	}
	if s, err = rows.Load(ctx, &store.Keys{Whole: ids, Shown: true}); err != nil {
		return err
	}
	for i, id := range of {
		c, ok := s.Confirmations[id]
		if !ok {
			continue
		}
		f, err := r.openRow(&c)
		if err != nil {
			return err
		}
		v := show(f, s)
		for j := range v.Messages {
			m := s.Messages[v.Messages[j].ID]
			if err := r.details(ctx, rows, f, &m, &v.Messages[j]); err != nil {
				return err
			}
			v.To = v.Messages[j].To
		}
		out[i] = v
	}
	return nil
}

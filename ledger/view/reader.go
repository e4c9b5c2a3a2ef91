package view

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Reader gives what the ledger holds, and changes nothing. It is safe for concurrent use.
type Reader struct {
	opener
	p       ReaderParts
	sharing sharing
}

// ReaderParts are what a Reader reads by.
type ReaderParts struct {
	Rows     store.Viewer
	Keys     *seal.Keyring
	Contents *seal.Contents
	Lookups  *Lookups
	// Cache is asked first for what is under way.
	Cache *seal.Cache
	Clock waxwing.Clock
	// Instance is who reads, where others may write the ledger, too; 0: nobody else does.
	Instance int64
}

// NewReader returns a reader of a database.
func NewReader(p ReaderParts) *Reader { return &Reader{opener: opener{p.Keys, p.Contents}, p: p} }

// ErrErased says that there is no content, since its person was erased.
var ErrErased = fmt.Errorf("its person was erased: %w", waxwing.ErrState)

// Unreadable reports whether an error of reading content will be the same for ever: a
// broken seal, or content that is missing.
func Unreadable(err error) bool {
	return errors.Is(err, seal.ErrSeal) || errors.Is(err, seal.ErrPacked) || errors.Is(err, waxwing.ErrNotFound)
}

// Offered reads a message as it is offered, with its shop. ErrErased: there is none.
func (r *Reader) Offered(ctx context.Context, m *store.Message) (out *waxwing.Outgoing, shop waxwing.ShopID, err error) {
	conf := store.ConfirmationOf(m.ID)
	if h := r.p.Cache.Get(conf); h != nil && h.Out != nil && h.Out.Message == m.ID {
		return h.Out, h.Shop, nil
	}
	err = r.p.Rows.View(ctx, store.AnyTenant, func(rows store.Rows) error {
		f, err := r.openOne(ctx, rows, conf)
		if err != nil {
			return err
		}
		if f.Erased() {
			return ErrErased
		}
		out, _, err = r.openMessage(ctx, rows, f, m)
		shop = f.Shop
		return err
	})
	return out, shop, err
}

// OpenWork gives what is to be normalised and rendered. A confirmation that needs no work
// is ErrState. spoiled is the row of one whose event can never be read again; nil: it can.
func (r *Reader) OpenWork(ctx context.Context, id waxwing.ID) (w *waxwing.Work, spoiled *store.Confirmation, err error) {
	if w := r.kept(id); w != nil {
		return w, nil, nil
	}
	err = r.p.Rows.View(ctx, store.AnyTenant, func(rows store.Rows) error {
		f, err := r.openOne(ctx, rows, id)
		if err == nil {
			w, err = r.workOf(ctx, rows, f)
		}
		if err != nil {
			if f != nil && !f.Erased() && Unreadable(err) {
				spoiled = &f.Confirmation
			}
			return err
		}
		if f.State != waxwing.Received && f.State != waxwing.Held {
			return fmt.Errorf("confirmation %s is %s: %w", id, f.State, waxwing.ErrState)
		}
		r.p.Cache.Put(id, &seal.Entry{Tenant: f.t, DEK: f.dek, Shop: f.Shop, Work: w})
		return nil
	})
	if err != nil {
		w = nil
	}
	return w, spoiled, err
}

// kept is what the cache has of a confirmation's work; nil: nothing that can be opened.
func (r *Reader) kept(id waxwing.ID) *waxwing.Work {
	h := r.p.Cache.Get(id)
	switch {
	case h == nil || h.Work == nil:
		return nil
	case h.Event == nil:
		return h.Work
	}
	raw, err := r.contents.OpenEvent(&h.DEK, h.Event.Key, h.Event.Body)
	if err != nil {
		return nil // what the database has counts
	}
	w := *h.Work
	w.Raw = raw
	return &w
}

// ReworkOf gives what a person's resend renders from: a confirmation in any
// state whose event can still be read.
func (r *Reader) ReworkOf(ctx context.Context, tid waxwing.TenantID, id waxwing.ID) (w *waxwing.Work, err error) {
	err = r.p.Rows.View(ctx, r.numberOf(tid), func(rows store.Rows) error {
		f, err := r.own(ctx, rows, tid, id)
		if err != nil {
			return err
		}
		if f.Erased() {
			return ErrErased
		}
		w, err = r.workOf(ctx, rows, f)
		return err
	})
	return w, err
}

// KeysFor gives the tenant and data key of a confirmation. ErrNotFound: it was erased.
func (r *Reader) KeysFor(ctx context.Context, id waxwing.ID) (*seal.Tenant, seal.Key, error) {
	if h := r.p.Cache.Get(id); h != nil {
		return h.Tenant, h.DEK, nil
	}
	var f *opened
	err := r.p.Rows.View(ctx, store.AnyTenant, func(rows store.Rows) (err error) { f, err = r.openOne(ctx, rows, id); return err })
	if err == nil && f.Erased() {
		err = fmt.Errorf("content: %w", waxwing.ErrNotFound)
	}
	if err != nil {
		return nil, seal.Key{}, err
	}
	return f.t, f.dek, nil
}

// DueWork lists confirmations that wait for normalise..render, oldest first, from those on
// that are due since then to those that will be within ahead: a new one is soon, and until then
// whoever accepted it works on it, unless he had to turn it away. last is when the last of
// them became due: whoever goes on from there meets it again, with those of the same millisecond.
// Beside other instances it lists this one's share, and where that is nothing some of theirs
// that are due for long; last is zero then.
func (r *Reader) DueWork(ctx context.Context, since time.Time, ahead time.Duration, limit int) (ids []waxwing.ID, last time.Time, err error) {
	return r.due(ctx, waxwing.Received, since, ahead, limit)
}

// DueHolds lists confirmations whose time at the gate is over, oldest first.
func (r *Reader) DueHolds(ctx context.Context, limit int) ([]waxwing.ID, error) {
	ids, _, err := r.due(ctx, waxwing.Held, time.Time{}, 0, limit)
	return ids, err
}

func (r *Reader) due(ctx context.Context, state waxwing.State, since time.Time, ahead time.Duration, limit int) (ids []waxwing.ID, last time.Time, err error) {
	d := &store.Due{State: state, At: r.p.Clock().Add(ahead).UnixMilli(), Limit: limit, Share: r.Share(ctx)}
	if !since.IsZero() {
		d.Since = since.UnixMilli()
	}
	err = r.p.Rows.View(ctx, store.AnyTenant, func(rows store.Rows) error {
		ids, last, err = rows.Due(ctx, d)
		if err != nil || len(ids) > 0 || d.Share == nil || d.Since != 0 {
			return err
		}
		part := *d.Share // so that those who help do not all help with the same
		part.Stale = true
		d.At = r.p.Clock().Add(-StaleAfter).UnixMilli()
		for _, d.Share = range []*store.Share{&part, Stale()} {
			if ids, _, err = rows.Due(ctx, d); err != nil || len(ids) > 0 {
				return err
			}
		}
		return nil
	})
	return ids, last, err
}

// Depth counts what waits, up to store.MaxDepth of each.
func (r *Reader) Depth(ctx context.Context) (d store.Depth, err error) {
	err = r.p.Rows.View(ctx, store.AnyTenant, func(rows store.Rows) error {
		d, err = rows.Depth(ctx, r.p.Clock())
		return err
	})
	return d, err
}

func timeOf(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

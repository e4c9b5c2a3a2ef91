package view

import (
	"context"
	"fmt"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// opener opens what is sealed in rows.
type opener struct {
	keys     *seal.Keyring
	contents *seal.Contents
}

// opened is a confirmation's row with its data key, which an erased one has not.
type opened struct {
	store.Confirmation
	t   *seal.Tenant
	dek seal.Key
}

// numberOf is a tenant's number; 0: there is no such tenant, which has no rows.
func (o opener) numberOf(tid waxwing.TenantID) int64 {
	t, err := o.keys.Tenant(tid)
	if err != nil {
		return 0
	}
	return t.No
}

// openRow opens the data key of a row.
func (o opener) openRow(c *store.Confirmation) (*opened, error) {
	f := &opened{Confirmation: *c, t: o.keys.Number(c.Tenant)}
	if f.t == nil {
		return nil, fmt.Errorf("confirmation %s: its tenant's key is missing", c.ID)
	}
	if f.Erased() {
		return f, nil
	}
	var err error
	f.dek, err = seal.UnwrapDEK(f.t, f.DEK, f.Key)
	return f, err
}

// openOne reads a confirmation, by any id of it. An error of its key comes with it.
func (o opener) openOne(ctx context.Context, rows store.Rows, id waxwing.ID) (*opened, error) {
	id = store.ConfirmationOf(id)
	s, err := rows.Load(ctx, &store.Keys{Confirmations: []waxwing.ID{id}})
	if err != nil {
		return nil, err
	}
	c, ok := s.Confirmations[id]
	if !ok {
		return nil, fmt.Errorf("confirmation: %w", waxwing.ErrNotFound)
	}
	return o.openRow(&c)
}

// own opens a confirmation of a tenant; another tenant's looks like none.
func (o opener) own(ctx context.Context, rows store.Rows, tid waxwing.TenantID, id waxwing.ID) (*opened, error) {
	f, err := o.openOne(ctx, rows, id)
	if err == nil && (f.t.Name != tid || f.ID != id) {
		return nil, fmt.Errorf("confirmation: %w", waxwing.ErrNotFound)
	}
	return f, err
}

// openEvent reads one of a confirmation's events.
func (o opener) openEvent(ctx context.Context, rows store.Rows, f *opened, n int64) (raw []byte, topic string, err error) {
	id := f.ID | waxwing.ID(n)
	s, err := rows.Load(ctx, &store.Keys{Events: []waxwing.ID{id}})
	if err != nil {
		return nil, "", err
	}
	e, ok := s.Events[id]
	if !ok || f.Erased() {
		return nil, "", fmt.Errorf("event: %w", waxwing.ErrNotFound)
	}
	raw, err = o.contents.OpenEvent(&f.dek, f.Key, e.Body)
	return raw, e.Topic, err
}

// openMessage reads a message's content.
func (o opener) openMessage(ctx context.Context, rows store.Rows, f *opened, m *store.Message) (*waxwing.Outgoing, *seal.Envelope, error) {
	s, err := rows.Load(ctx, &store.Keys{Contents: []waxwing.ID{m.ID}})
	if err != nil {
		return nil, nil, err
	}
	c, ok := s.Contents[m.ID]
	if !ok || f.Erased() {
		return nil, nil, fmt.Errorf("content: %w", waxwing.ErrNotFound)
	}
	return o.contents.OpenMessage(f.t, &f.dek, m, c.Body)
}

func (o opener) workOf(ctx context.Context, rows store.Rows, f *opened) (*waxwing.Work, error) {
	raw, topic, err := o.openEvent(ctx, rows, f, f.Event)
	if err != nil {
		return nil, err
	}
	n := int(f.Messages) + 1
	return &waxwing.Work{ID: f.ID, Tenant: f.t.Name, Shop: f.Shop, Format: f.Format, Topic: topic, Raw: raw,
		State: f.State, Version: f.Event, Created: f.ID.Time(), Asked: f.Asked, Next: n,
		Token: f.t.Key.Token(f.ID | waxwing.ID(n))}, nil
}

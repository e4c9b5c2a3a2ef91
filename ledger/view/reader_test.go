package view

import (
	"context"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// memory is a database of the rows in a set.
type memory struct{ set store.Set }

func (m *memory) View(_ context.Context, _ int64, f func(store.Rows) error) error { return f(m) }
func (m *memory) Browse(_ context.Context, _ int64, f func(store.Rows) error) error {
	return f(m)
}
func (m *memory) Survey(_ context.Context, _ int64, f func(store.Rows) error) error {
	return f(m)
}
func (m *memory) Count(context.Context, *store.Query) (int64, error) {
	return int64(len(m.set.Confirmations)), nil
}
func (m *memory) Load(context.Context, *store.Keys) (*store.Set, error) { return &m.set, nil }
func (m *memory) Find(_ context.Context, q *store.Query) (ids []waxwing.ID, err error) {
	for id, c := range m.set.Confirmations {
		if id < q.Below && c.Tenant == q.Tenant && (q.State == "" || q.State == c.State) && len(q.Lookups) == 0 && !q.Unread {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
func (m *memory) Suppressions(context.Context, *store.SuppressionQuery) ([]store.Suppression, error) {
	return nil, nil
}
func (m *memory) Due(context.Context, *store.Due) (ids []waxwing.ID, last time.Time, err error) {
	return nil, time.Time{}, nil
}
func (m *memory) Depth(context.Context, time.Time) (store.Depth, error)       { return store.Depth{}, nil }
func (m *memory) Runs(context.Context, *store.RunQuery) ([]store.Run, error)  { return nil, nil }
func (m *memory) Last(context.Context) (store.Batch, error)                   { return store.Batch{}, nil }
func (m *memory) Walk(context.Context, int64, func(*store.Batch) error) error { return nil }

// readerOf gives a reader over one confirmation of acme, whose event is raw.
func readerOf(t *testing.T, raw string) (*Reader, *memory, waxwing.ID) {
	t.Helper()
	keys := seal.NewKeyring(seal.NewKey(), ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	for no, name := range []waxwing.TenantID{"acme", "bolt"} {
		if err := keys.Add(int64(no), name, keys.NewTenant(name)); err != nil {
			t.Fatal(err)
		}
	}
	tn, err := keys.Tenant("acme")
	if err != nil {
		t.Fatal(err)
	}
	contents, dek, key := &seal.Contents{}, seal.NewKey(), tn.Key.Index("order", "s", "1")
	id := store.NextID(time.Now(), 0, 1)
	m := &memory{*store.NewSet()}
	m.set.Confirmations[id] = store.Confirmation{ID: id, Tenant: tn.No, Key: key, Shop: "s", State: waxwing.Received, DEK: seal.WrapDEK(tn, &dek, key), Trail: "1,"}
	m.set.Events[id] = store.Event{ID: id, Topic: "paid", Body: contents.SealEvent(&dek, key, []byte(raw))}
	return NewReader(ReaderParts{Rows: m, Keys: keys, Contents: contents, Lookups: NewLookups(nil, nil), Cache: seal.NewCache(1 << 20), Clock: time.Now}), m, id
}

func TestReaderOpensWhatWasSealed(t *testing.T) {
	r, _, id := readerOf(t, `{"a":1}`)
	w, spoiled, err := r.OpenWork(t.Context(), id)
	if err != nil || spoiled != nil || string(w.Raw) != `{"a":1}` || w.Topic != "paid" || w.Next != 1 {
		t.Fatalf("%+v, spoiled %v, %v: want the event as it came", w, spoiled, err)
	}
	if h := r.p.Cache.Get(id); h == nil || h.Work != w {
		t.Error("what was read is not remembered")
	}
	if _, _, _, err := r.Raw(t.Context(), "bolt", id); !errors.Is(err, waxwing.ErrNotFound) {
		t.Errorf("another tenant reads it: %v", err)
	}
}

// TestReaderOpensWhatTheCacheKeepsSealed, and asks the database where that cannot be opened.
func TestReaderOpensWhatTheCacheKeepsSealed(t *testing.T) {
	r, m, id := readerOf(t, `{"a":1}`)
	w, _, err := r.OpenWork(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	kept, row := *w, m.set.Confirmations[id]
	kept.Raw, kept.Topic = nil, "kept"
	h := *r.p.Cache.Get(id)
	body := r.contents.SealEvent(&h.DEK, row.Key, []byte(`{"a":2}`))
	for _, c := range []struct {
		body       []byte
		raw, topic string
	}{{body, `{"a":2}`, "kept"}, {body[1:], `{"a":1}`, "paid"}} {
		e := h
		e.Work, e.Event = &kept, &seal.Event{Key: row.Key, Body: c.body}
		r.p.Cache.Put(id, &e)
		if w, _, err := r.OpenWork(t.Context(), id); err != nil || string(w.Raw) != c.raw || w.Topic != c.topic || kept.Raw != nil {
			t.Errorf("%+v %v, want %s", w, err, c.raw)
		}
	}
}

// TestReaderTellsWhatCanNeverBeRead from what cannot be read now.
func TestReaderTellsWhatCanNeverBeRead(t *testing.T) {
	for name, c := range map[string]struct {
		spoil   func(*memory, waxwing.ID)
		spoiled bool
		is      error
	}{
		"its seal is broken": {func(m *memory, id waxwing.ID) {
			e := m.set.Events[id]
			e.Body[len(e.Body)-1] ^= 1
		}, true, seal.ErrSeal},
		"it is gone": {func(m *memory, id waxwing.ID) { delete(m.set.Events, id) }, true, waxwing.ErrNotFound},
		"its person was erased": {func(m *memory, id waxwing.ID) {
			row := m.set.Confirmations[id]
			row.DEK = nil
			m.set.Confirmations[id] = row
		}, false, waxwing.ErrNotFound},
		"its row is gone": {func(m *memory, id waxwing.ID) { delete(m.set.Confirmations, id) }, false, waxwing.ErrNotFound},
	} {
		r, m, id := readerOf(t, "{}")
		c.spoil(m, id)
		w, spoiled, err := r.OpenWork(t.Context(), id)
		if w != nil || (spoiled != nil) != c.spoiled || !errors.Is(err, c.is) {
			t.Errorf("%s: %+v, spoiled %v, %v: want %v", name, w, spoiled, err, c.is)
		}
	}
}

// TestViewWithoutItsBatch: a trail that lacks what the row points to is not shown as whole.
func TestViewWithoutItsBatch(t *testing.T) {
	r, m, id := readerOf(t, "{}")
	if _, err := r.Get(t.Context(), "acme", id); err == nil {
		t.Error("a view without its batch of the trail")
	}
	m.set.Batches[1] = store.Batch{N: 1, Entries: []byte(`{"seq":1,"at":0,"c":"` + id.String() + `","to":"received","cause":"accepted"}` + "\n")}
	v, err := r.Get(t.Context(), "acme", id)
	if err != nil || len(v.Trail) != 1 || v.State != waxwing.Received {
		t.Errorf("%+v %v: want one entry, and received", v, err)
	}
}

// TestTracerFindsByBytes: where no format can read an event, its whole values tell whom it
// names, and a part of an address is nobody.
func TestTracerFindsByBytes(t *testing.T) {
	r, m, _ := readerOf(t, `{"email":"Ana@example.com"}`)
	x := NewTracer(m, r.p.Keys, r.p.Contents, r.p.Lookups)
	tn, _ := r.p.Keys.Tenant("acme")
	for who, want := range map[string]int{"ana@example.com": 1, "jana@example.com": 0} {
		got, err := x.Trace(t.Context(), tn, who)
		if err != nil || len(got.Found) != want || got.People != want {
			t.Errorf("%s: %+v %v, want %d", who, got, err, want)
		}
	}
	if _, err := x.Trace(t.Context(), tn, "ana"); !waxwing.IsPermanent(err) {
		t.Errorf("a part of an address: %v, want a permanent error", err)
	}
}

package view

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// tracePiece is how many confirmations a read connection is kept for.
const tracePiece = 200

// Traced is what is found of a person before it is erased.
type Traced struct {
	// Found are the confirmations that name her, oldest first.
	Found []waxwing.ID
	// People is of how many people these are.
	People int
}

// Tracer finds what the ledger has of a person. It is safe for concurrent use.
type Tracer struct {
	opener
	rows    store.Viewer
	lookups *Lookups
}

// NewTracer returns a tracer in a database.
func NewTracer(rows store.Viewer, keys *seal.Keyring, contents *seal.Contents, lookups *Lookups) *Tracer {
	return &Tracer{opener{keys, contents}, rows, lookups}
}

// Trace finds the confirmations of a tenant that name a person by a whole address or
// number. An address that is none by the strict grammar is a Permanent error.
func (x *Tracer) Trace(ctx context.Context, tn *seal.Tenant, address string) (t Traced, err error) {
	p, err := x.lookups.newPerson(address)
	if err != nil {
		return t, err
	}
	if t.Found, err = x.trace(ctx, tn, p); err != nil {
		return t, err
	}
	t.People, err = x.countPeople(ctx, tn, p, t.Found)
	return t, err
}

// trace finds the confirmations that name a person: those without lookups before the
// others, so that none can be missed that has them meanwhile.
func (x *Tracer) trace(ctx context.Context, tn *seal.Tenant, p person) ([]waxwing.ID, error) {
	ids, err := x.unindexed(ctx, tn, p)
	if err != nil {
		return nil, err
	}
	keys := &store.Keys{}
	for _, form := range p.forms() {
		keys.Lookups = append(keys.Lookups, tn.Key.Index("person", form))
	}
	err = x.rows.Browse(ctx, tn.No, func(rows store.Rows) error {
		s, err := rows.Load(ctx, keys)
		if err != nil {
			return err
		}
		for _, found := range s.Found {
			ids = append(ids, found...)
		}
		return nil
	})
	slices.Sort(ids)
	return slices.Compact(ids), err
}

// unindexed finds the confirmations of a tenant that name a person and have no lookup
// for it: received ones, what nobody could read, and what an older program left.
func (x *Tracer) unindexed(ctx context.Context, tn *seal.Tenant, p person) (found []waxwing.ID, err error) {
	var ids []waxwing.ID
	err = x.rows.Browse(ctx, tn.No, func(rows store.Rows) error {
		for _, q := range []store.Query{{State: waxwing.Received}, {Lookups: []seal.Hash{tn.Key.Index(Unread)}}, {Unread: true}} {
			q.Tenant, q.Below = tn.No, store.Newest
			for {
				some, err := rows.Find(ctx, &q)
				if err != nil {
					return err
				}
				if len(some) == 0 {
					break
				}
				q.Below = some[len(some)-1]
				ids = append(ids, some...)
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	for some := range slices.Chunk(ids, tracePiece) {
		err := x.rows.Browse(ctx, tn.No, func(rows store.Rows) error {
			for _, id := range some {
				f, err := x.openOne(ctx, rows, id)
				if err != nil {
					return err
				}
				named, err := x.named(ctx, rows, f, p)
				if err != nil {
					return err
				}
				if named {
					found = append(found, id)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

// named reports whether any event of a confirmation names a person.
func (x *Tracer) named(ctx context.Context, rows store.Rows, f *opened, p person) (bool, error) {
	for n := range int64(machine.MaxEvents) {
		raw, topic, err := x.openEvent(ctx, rows, f, n)
		if errors.Is(err, waxwing.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		who, ok := x.lookups.people(f.Format, topic, raw)
		if p.among(who.Named) || !ok && p.in(raw) {
			return true, nil
		}
	}
	return false, nil
}

// countPeople counts the people of confirmations: the e-mail addresses that their
// events name, and the names of customers who gave none and have none elsewhere.
func (x *Tracer) countPeople(ctx context.Context, tn *seal.Tenant, p person, ids []waxwing.ID) (int, error) {
	mails, named, mailed := map[string]bool{}, map[string]bool{}, map[string]bool{}
	if p.email != "" && len(ids) > 0 {
		mails[p.email] = true
	}
	add := func(format, topic string, raw []byte) {
		who, _ := x.lookups.people(format, topic, raw) // what it could not read may name her yet
		name, mail := strings.ToLower(strings.Join(strings.Fields(who.Name), " ")), false
		for _, n := range who.Named {
			if strings.Contains(n, "@") {
				mails[x.lookups.mailbox(n)], mail = true, true
			}
		}
		if mail {
			mailed[name] = true
		} else if name != "" {
			named[name] = true
		}
	}
	for some := range slices.Chunk(ids, tracePiece) {
		err := x.rows.Browse(ctx, tn.No, func(rows store.Rows) error {
			for _, id := range some {
				f, err := x.openOne(ctx, rows, id)
				if err != nil {
					return err
				}
				if f.Erased() {
					continue
				}
				raw, topic, err := x.openEvent(ctx, rows, f, f.Event)
				if err == nil {
					add(f.Format, topic, raw)
				} else if !errors.Is(err, waxwing.ErrNotFound) { // else its time is over
					return err
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	n := len(mails)
	for name := range named {
		if !mailed[name] {
			n++
		}
	}
	return max(n, min(len(ids), 1)), nil
}

// Replaced gives whom the event that counts of a confirmation names, before another
// takes its place: nobody may have read it yet, and a person is found in each of them.
func (x *Tracer) Replaced(ctx context.Context, tn *seal.Tenant, id waxwing.ID) (out []seal.Hash, err error) {
	err = x.rows.View(ctx, tn.No, func(rows store.Rows) error {
		f, err := x.openOne(ctx, rows, id)
		if err != nil || f.Erased() {
			return err
		}
		raw, topic, err := x.openEvent(ctx, rows, f, f.Event)
		if err == nil {
			out = x.lookups.Whose(tn, f.Format, topic, raw)
		}
		return err
	})
	if errors.Is(err, waxwing.ErrNotFound) {
		err = nil
	}
	return out, err
}

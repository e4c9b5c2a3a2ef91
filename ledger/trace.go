package ledger

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
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

// Trace finds the confirmations of a tenant that name a person by a whole address or
// number. An address that is none by the strict grammar is a Permanent error.
func (r *Reader) Trace(ctx context.Context, tn *Tenant, address string) (x Traced, err error) {
	p, err := r.p.Lookups.newPerson(address)
	if err != nil {
		return x, err
	}
	if x.Found, err = r.trace(ctx, tn, p); err != nil {
		return x, err
	}
	x.People, err = r.countPeople(ctx, tn, p, x.Found)
	return x, err
}

// trace finds the confirmations that name a person: those without lookups before the
// others, so that none can be missed that has them meanwhile.
func (r *Reader) trace(ctx context.Context, tn *Tenant, p person) ([]waxwing.ID, error) {
	ids, err := r.unindexed(ctx, tn, p)
	if err != nil {
		return nil, err
	}
	keys := &store.Keys{}
	for _, form := range p.forms() {
		keys.Lookups = append(keys.Lookups, tn.Key.Index("person", form))
	}
	err = r.p.Rows.Browse(ctx, tn.No, func(rows store.Rows) error {
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
func (r *Reader) unindexed(ctx context.Context, tn *Tenant, p person) (found []waxwing.ID, err error) {
	var ids []waxwing.ID
	err = r.p.Rows.Browse(ctx, tn.No, func(rows store.Rows) error {
		for _, q := range []store.Query{{State: waxwing.Received}, {Lookups: []Hash{tn.Key.Index(Unread)}}, {Unread: true}} {
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
		err := r.p.Rows.Browse(ctx, tn.No, func(rows store.Rows) error {
			for _, id := range some {
				f, err := r.openOne(ctx, rows, id)
				if err != nil {
					return err
				}
				named, err := r.named(ctx, rows, f, p)
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
func (r *Reader) named(ctx context.Context, rows store.Rows, f *opened, p person) (bool, error) {
	for n := range int64(machine.MaxEvents) {
		raw, topic, err := r.openEvent(ctx, rows, f, n)
		if errors.Is(err, waxwing.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		who, ok := r.p.Lookups.people(f.Format, topic, raw)
		if p.among(who.Named) || !ok && p.in(raw) {
			return true, nil
		}
	}
	return false, nil
}

// countPeople counts the people of confirmations: the e-mail addresses that their
// events name, and the names of customers who gave none and have none elsewhere.
func (r *Reader) countPeople(ctx context.Context, tn *Tenant, p person, ids []waxwing.ID) (int, error) {
	mails, named, mailed := map[string]bool{}, map[string]bool{}, map[string]bool{}
	if p.email != "" && len(ids) > 0 {
		mails[p.email] = true
	}
	add := func(format, topic string, raw []byte) {
		who, _ := r.p.Lookups.people(format, topic, raw) // what it could not read may name her yet
		name, mail := strings.ToLower(strings.Join(strings.Fields(who.Name), " ")), false
		for _, n := range who.Named {
			if strings.Contains(n, "@") {
				mails[r.p.Lookups.mailbox(n)], mail = true, true
			}
		}
		if mail {
			mailed[name] = true
		} else if name != "" {
			named[name] = true
		}
	}
	for some := range slices.Chunk(ids, tracePiece) {
		err := r.p.Rows.Browse(ctx, tn.No, func(rows store.Rows) error {
			for _, id := range some {
				f, err := r.openOne(ctx, rows, id)
				if err != nil {
					return err
				}
				if f.Erased() {
					continue
				}
				raw, topic, err := r.openEvent(ctx, rows, f, f.Event)
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
func (r *Reader) Replaced(ctx context.Context, tn *Tenant, id waxwing.ID) (out []Hash, err error) {
	err = r.p.Rows.View(ctx, func(rows store.Rows) error {
		f, err := r.openOne(ctx, rows, id)
		if err != nil || f.Erased() {
			return err
		}
		raw, topic, err := r.openEvent(ctx, rows, f, f.Event)
		if err == nil {
			out = r.p.Lookups.Whose(tn, f.Format, topic, raw)
		}
		return err
	})
	if errors.Is(err, waxwing.ErrNotFound) {
		err = nil
	}
	return out, err
}

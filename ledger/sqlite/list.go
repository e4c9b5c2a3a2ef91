package sqlite

import (
	"context"
	"database/sql/driver"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// listPiece is how many rows a list looks at between two looks at how many it has.
const listPiece = 500

// newest is an id above all others.
const newest = 1<<63 - 1

// List gives a tenant's confirmations, newest first, without orders and trail. A list by
// state is exact, however far apart its confirmations stand: see candidates.
func (l *Ledger) List(ctx context.Context, q waxwing.Query) ([]waxwing.ConfirmationView, error) {
	t, err := l.tenant(q.Tenant)
	if err != nil {
		return nil, err
	}
	if q.Limit <= 0 || q.Limit > 500 {
		q.Limit = 50
	}
	if q.Before == 0 {
		q.Before = newest
	}
	out := []waxwing.ConfirmationView{}
	err = l.browse(ctx, t, func(c *conn) error {
		for before := q.Before; len(out) < q.Limit; {
			ids, err := l.candidates(c, t, &q, before)
			if err != nil || len(ids) == 0 {
				return err
			}
			before = ids[len(ids)-1]
			for _, id := range ids {
				v, err := l.listOne(c, id, &q)
				if err != nil {
					return err
				}
				if v != nil {
					out = append(out, *v)
				}
				if len(out) == q.Limit {
					break
				}
			}
		}
		return nil
	})
	return out, err
}

// listOne gives a candidate's view if it is what the query asks for.
func (l *Ledger) listOne(c *conn, id waxwing.ID, q *waxwing.Query) (*waxwing.ConfirmationView, error) {
	f, err := l.openFile(c, id)
	if err != nil {
		return nil, err
	}
	if q.State == "" && f.state == waxwing.Ignored && f.reason == "ping" {
		return nil, nil // a shop's test deliveries are no orders
	}
	v, err := l.view(c, f)
	if err != nil || q.State != "" && v.State != q.State {
		return nil, err
	}
	if q.Brief {
		err = l.brief(c, f, v)
	}
	return v, err
}

// candidates gives some confirmations below an id that may be what the query asks for,
// newest first; none: there are no more. Where it asks for a state that few have they come
// from an index of those, and not from a walk over all others.
func (l *Ledger) candidates(c *conn, t *tenant, q *waxwing.Query, before waxwing.ID) ([]waxwing.ID, error) {
	if q.Order != "" || q.Email != "" {
		return l.foundBy(c, t, q, before)
	}
	const ofTenant = "SELECT id FROM confirmations INDEXED BY confirmations_tenant WHERE tenant=? AND id<? "
	switch s := q.State; s {
	case "":
		return idsBelow(c, t, before, ofTenant)
	case waxwing.Received:
		return idsBelow(c, t, before, "SELECT id FROM confirmations INDEXED BY confirmations_due WHERE due IS NOT NULL AND state='received' AND tenant=? AND id<? ")
	case waxwing.Held, waxwing.Quarantined, waxwing.Ignored:
		return idsBelow(c, t, before, stateOfConfirmation(s))
	case waxwing.Failed, waxwing.Suppressed, waxwing.Uncertain:
		return idsBelow(c, t, before, stateOfMessage(s))
	case waxwing.Cancelled: // before its mail was rendered, or behind it
		return idsBelow(c, t, before, stateOfConfirmation(s), stateOfMessage(s))
	case waxwing.Claimed, waxwing.Dot:
		return idsBelow(c, t, before, "SELECT m.id FROM claims c JOIN messages m ON m.id=c.message WHERE m.tenant=? AND m.id<? ")
	case waxwing.Queued:
		return idsBelow(c, t, before, "SELECT id FROM messages INDEXED BY messages_due WHERE next_at IS NOT NULL AND tenant=? AND id<? ")
	}
	return idsBelow(c, t, before, ofTenant+"AND state='ready' ")
}

// A partial index is used only where its own condition stands in the statement.
const (
	rareOfMessages      = "state IN ('failed','suppressed','cancelled','uncertain')"
	rareOfConfirmations = "state IN ('held','quarantined','ignored','cancelled')"
)

func stateOfConfirmation(s waxwing.State) string {
	return "SELECT id FROM confirmations INDEXED BY confirmations_state WHERE " + rareOfConfirmations + " AND tenant=? AND state='" + string(s) + "' AND id<? "
}

func stateOfMessage(s waxwing.State) string {
	return "SELECT id FROM messages INDEXED BY messages_state WHERE " + rareOfMessages + " AND tenant=? AND state='" + string(s) + "' AND id<? "
}

// idsBelow merges what queries give, as confirmations, each once. A query takes the tenant
// and an id below which it looks.
func idsBelow(c *conn, t *tenant, before waxwing.ID, queries ...string) ([]waxwing.ID, error) {
	var ids []waxwing.ID
	// Of two queries each goes as far as the other: what lies lower comes with the next piece.
	floor := waxwing.ID(0)
	for _, q := range queries {
		n, last := 0, waxwing.ID(0)
		err := c.query(q+"ORDER BY id DESC LIMIT ?", func(v []driver.Value) error {
			n, last = n+1, store.ConfirmationOf(waxwing.ID(num(v[0])))
			ids = append(ids, last)
			return nil
		}, t.no, int64(before), listPiece)
		if err != nil {
			return nil, err
		}
		if n == listPiece {
			floor = max(floor, last)
		}
	}
	slices.SortFunc(ids, func(a, b waxwing.ID) int { return int(int64(b) - int64(a)) })
	ids = slices.Compact(ids)
	return slices.DeleteFunc(ids, func(id waxwing.ID) bool { return id < floor || id >= before }), nil
}

// foundBy gives the confirmations below an id that the query's number and address find.
func (l *Ledger) foundBy(c *conn, t *tenant, q *waxwing.Query, before waxwing.ID) ([]waxwing.ID, error) {
	where, args := "tenant=? AND id<?", []any{t.no, int64(before)}
	add := func(kind, v string) {
		h := t.key.Index(kind, v)
		where += " AND id IN (SELECT confirmation FROM lookups WHERE hash=?)"
		args = append(args, h[:])
	}
	if q.Order != "" {
		add("number", ledger.NormaliseOrder(q.Order))
	}
	if q.Email != "" {
		add("person", ledger.NormalisePerson(q.Email))
	}
	var ids []waxwing.ID
	err := c.query("SELECT id FROM confirmations WHERE "+where+" ORDER BY id DESC LIMIT ?", func(v []driver.Value) error {
		ids = append(ids, waxwing.ID(num(v[0])))
		return nil
	}, append(args, listPiece)...)
	return ids, err
}

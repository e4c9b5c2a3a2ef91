package sqlite

import (
	"context"
	"database/sql/driver"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// findPiece is how many rows a query gives at once.
const findPiece = 500

// Find gives some confirmations that may be what a query asks for. Where it asks for a state
// that few have they come from an index of those, and not from a walk over all others.
func (r rows) Find(_ context.Context, q *store.Query) ([]waxwing.ID, error) {
	const ofTenant = "SELECT id FROM confirmations INDEXED BY confirmations_tenant WHERE tenant=? AND id<? "
	switch s := q.State; {
	case len(q.Lookups) > 0:
		return r.foundBy(q)
	case q.Unread:
		return r.below(q, "SELECT id FROM confirmations WHERE tenant=? AND id<? AND id<=coalesce((SELECT v FROM meta WHERE k='"+metaIndexed+
			"'),0) AND state<>'ready' AND dek IS NOT NULL ")
	case s == "":
		return r.below(q, ofTenant)
	case s == waxwing.Received:
		return r.below(q, "SELECT id FROM confirmations INDEXED BY confirmations_due WHERE due IS NOT NULL AND state='received' AND tenant=? AND id<? ")
	case s == waxwing.Held, s == waxwing.Quarantined, s == waxwing.Ignored:
		return r.below(q, stateOfConfirmation(s))
	case s == waxwing.Failed, s == waxwing.Suppressed, s == waxwing.Uncertain:
		return r.below(q, stateOfMessage(s))
	case s == waxwing.Cancelled: // before its mail was rendered, or behind it
		return r.below(q, stateOfConfirmation(s), stateOfMessage(s))
	case s == waxwing.Claimed, s == waxwing.Dot:
		return r.below(q, "SELECT m.id FROM claims c JOIN messages m ON m.id=c.message WHERE m.tenant=? AND m.id<? ")
	case s == waxwing.Queued:
		return r.below(q, "SELECT id FROM messages INDEXED BY messages_due WHERE next_at IS NOT NULL AND tenant=? AND id<? ")
	}
	return r.below(q, ofTenant+"AND state='ready' ")
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

// below merges what statements give, as confirmations, each once. A statement takes the
// tenant and an id below which it looks.
func (r rows) below(q *store.Query, statements ...string) ([]waxwing.ID, error) {
	var ids []waxwing.ID
	// Of two statements each goes as far as the other: what lies lower comes with the next piece.
	floor := waxwing.ID(0)
	for _, s := range statements {
		n, last := 0, waxwing.ID(0)
		err := r.c.query(s+"ORDER BY id DESC LIMIT ?", func(v []driver.Value) error {
			n, last = n+1, store.ConfirmationOf(waxwing.ID(num(v[0])))
			ids = append(ids, last)
			return nil
		}, q.Tenant, int64(q.Below), findPiece)
		if err != nil {
			return nil, err
		}
		if n == findPiece {
			floor = max(floor, last)
		}
	}
	slices.SortFunc(ids, func(a, b waxwing.ID) int { return int(int64(b) - int64(a)) })
	ids = slices.Compact(ids)
	return slices.DeleteFunc(ids, func(id waxwing.ID) bool { return id < floor || id >= q.Below }), nil
}

// foundBy gives the confirmations that have all of some lookups.
func (r rows) foundBy(q *store.Query) (ids []waxwing.ID, err error) {
	where, args := "tenant=? AND id<?", []any{q.Tenant, int64(q.Below)}
	for i := range q.Lookups {
		where += " AND id IN (SELECT confirmation FROM lookups WHERE hash=?)"
		args = append(args, q.Lookups[i][:])
	}
	err = r.c.query("SELECT id FROM confirmations WHERE "+where+" ORDER BY id DESC LIMIT ?", func(v []driver.Value) error {
		ids = append(ids, waxwing.ID(num(v[0])))
		return nil
	}, append(args, findPiece)...)
	return ids, err
}

package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
	"github.com/waxwinghq/waxwing/ledger/sqlite/schema"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// findPiece is how many rows a query gives at once.
const findPiece = 500

// Find gives some confirmations that may be what a query asks for. Where it asks for a state
// that few have they come from an index of those, and not from a walk over all others.
func (r rows) Find(_ context.Context, q *store.Query) ([]waxwing.ID, error) {
	if at := layoutOnce(r.c); at < schema.Layout {
		return nil, fmt.Errorf("the ledger has layout %d, and this program's lists need %d: run waxwing ledger migrate, or start the daemon once", at, schema.Layout)
	}
	switch s := q.State; {
	case len(q.Lookups) > 0:
		return r.foundBy(q)
	case q.Unread:
		return r.below(q, "SELECT id FROM confirmations WHERE tenant=? AND id<? AND id<=coalesce((SELECT v FROM meta WHERE k='"+metaIndexed+
			"'),0) AND state<>'ready' AND dek IS NOT NULL ")
	case s == "", s == waxwing.Sent:
		return r.ofShops(q, s)
	case s == waxwing.Received:
		return r.below(q, "SELECT id FROM confirmations INDEXED BY confirmations_due WHERE due IS NOT NULL AND state='received' AND tenant=? AND id<? ")
	case s == waxwing.Held, s == waxwing.Quarantined, s == waxwing.Ignored:
		return r.below(q, stateOfConfirmation(s))
	case s == waxwing.Failed, s == waxwing.Suppressed, s == waxwing.Uncertain:
		return r.below(q, stateOfMessage(s))
	case s == waxwing.Cancelled: // before its mail was rendered, or behind it
		return r.below(q, stateOfConfirmation(s), stateOfMessage(s))
	case s == waxwing.Claimed, s == waxwing.Dot:
		return r.below(q, "SELECT id FROM messages WHERE id IN (SELECT message FROM claims) AND tenant=? AND id<? ")
	case s == waxwing.Queued:
		return r.below(q, "SELECT id FROM messages INDEXED BY messages_due WHERE next_at IS NOT NULL AND tenant=? AND id<? ")
	}
	return r.below(q, "SELECT id FROM confirmations INDEXED BY confirmations_bare WHERE state='ready' AND messages=0 AND tenant=? AND id<? ")
}

// ofShops finds what is of a shop, or of each that the tenant has.
func (r rows) ofShops(q *store.Query, s waxwing.State) ([]waxwing.ID, error) {
	shops, err := r.shops(q)
	var statements []string
	for _, shop := range shops {
		st := "SELECT id FROM confirmations INDEXED BY confirmations_shop WHERE shop=" + quoted(shop) + " AND tenant=? AND id<? "
		if s == waxwing.Sent {
			st += "AND state='ready' "
		}
		statements = append(statements, st)
	}
	if err != nil || len(statements) == 0 {
		return nil, err
	}
	return r.below(q, statements...)
}

// shops are those that a query is about. A tenant has few, and each costs one look.
func (r rows) shops(q *store.Query) (out []string, err error) {
	if q.Shop != "" {
		return []string{string(q.Shop)}, nil
	}
	var v [1]driver.Value
	for at, more := "", true; more; {
		more = false
		found, err := r.c.Row("SELECT min(shop) FROM confirmations INDEXED BY confirmations_shop WHERE tenant=? AND shop>?", v[:], q.Tenant, at)
		if err != nil {
			return nil, err
		}
		if found && v[0] != nil {
			at, more = db.Text(v[0]), true
			out = append(out, at)
		}
	}
	return out, nil
}

// quoted is a text in a statement: SQLite keeps statements by their words, and there are as
// few of these as there are shops.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// Count counts a tenant's confirmations.
func (r rows) Count(_ context.Context, q *store.Query) (n int64, err error) {
	shops, err := r.shops(q)
	if err != nil {
		return 0, err
	}
	var v [1]driver.Value
	for _, shop := range shops {
		if _, err := r.c.Row("SELECT count(*) FROM confirmations INDEXED BY confirmations_shop WHERE tenant=? AND shop=? AND id>=? AND id<?", v[:],
			q.Tenant, shop, int64(q.From), int64(q.Below)); err != nil {
			return 0, err
		}
		n += db.Int(v[0])
	}
	return n, nil
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
		err := r.c.Query(s+"AND id>=? ORDER BY id DESC LIMIT ?", func(v []driver.Value) error {
			n, last = n+1, store.ConfirmationOf(waxwing.ID(db.Int(v[0])))
			ids = append(ids, last)
			return nil
		}, q.Tenant, int64(q.Below), int64(q.From), findPiece)
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
	for i, h := range q.Lookups {
		some, err := search(r).at(h)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			ids = some
			continue
		}
		ids = slices.DeleteFunc(ids, func(id waxwing.ID) bool { return !slices.Contains(some, id) })
	}
	var v [1]driver.Value
	out := ids[:0]
	for _, id := range ids {
		if id >= q.Below || id < q.From {
			continue
		}
		found, err := r.c.Row("SELECT 1 FROM confirmations WHERE id=? AND tenant=?", v[:], int64(id), q.Tenant)
		if err != nil {
			return nil, err
		}
		if found {
			out = append(out, id)
		}
		if len(out) == findPiece {
			break
		}
	}
	return out, nil
}

// suppressionsOf are a suppression's columns. A file of an older layout has but the first.
func suppressionsOf(c *db.Conn) string {
	if layoutOnce(c) < 11 {
		return "hash, tenant, at, cause, NULL, NULL, NULL"
	}
	return "hash, tenant, at, cause, class, reason, actor"
}

func scanSuppression(v []driver.Value) store.Suppression {
	x := store.Suppression{Tenant: db.Int(v[1]), At: db.Int(v[2]), Cause: db.Text(v[3]), Class: waxwing.SuppressionClass(db.Text(v[4])),
		Act: waxwing.Act{Reason: db.Text(v[5]), By: waxwing.Actor(db.Text(v[6]))}}
	copy(x.Hash[:], db.Blob(v[0]))
	return x
}

// Suppressions gives a tenant's, the newest first.
func (r rows) Suppressions(_ context.Context, q *store.SuppressionQuery) (out []store.Suppression, err error) {
	where, args := "tenant=? AND hash>=? AND hash<=?", []any{q.Tenant, q.First[:], q.Last[:]}
	if q.Before != nil {
		where, args = where+" AND (at,hash)<(?,?)", append(args, q.Before.At, q.Before.Hash[:])
	}
	err = r.c.Query("SELECT "+suppressionsOf(r.c)+" FROM suppressions WHERE "+where+" ORDER BY at DESC, hash DESC LIMIT ?", func(v []driver.Value) error {
		out = append(out, scanSuppression(v))
		return nil
	}, append(args, q.Limit)...)
	return out, err
}

package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// rows reads by one connection what is a tenant's.
type rows struct {
	c      *pgx.Conn
	tenant int64
}

var _ store.Audit = rows{}

// findPiece is how many rows a query gives at once.
const findPiece = 500

// query has read read what a statement gives.
func (r rows) query(ctx context.Context, read func(context.Context, pgx.Rows) error, q string, args ...any) error {
	b := r.batch()
	b.Queue(q, args...)
	sent := r.c.SendBatch(ctx, b)
	defer func() { _ = sent.Close() }() // what it says read has said
	if _, err := sent.Exec(); err != nil {
		return unread(ctx, err)
	}
	found, err := sent.Query()
	if err != nil {
		return unread(ctx, err)
	}
	defer found.Close()
	return read(ctx, found)
}

// until calls f with each row, until it fails.
func until[T any](scan func(pgx.Rows, *T) error, f func(*T) error) func(context.Context, pgx.Rows) error {
	return func(ctx context.Context, r pgx.Rows) error {
		for r.Next() {
			var x T
			if err := scan(r, &x); err != nil {
				return unread(ctx, err)
			}
			if err := f(&x); err != nil {
				return err
			}
		}
		return unread(ctx, r.Err())
	}
}

// Load gives all rows that keys name.
func (r rows) Load(ctx context.Context, k *store.Keys) (*store.Set, error) {
	s := store.NewSet()
	b := r.batch()
	hot(b, s, k, unlocked)
	queueCold(b, s, k, unlocked)
	if b.Len() == 1 {
		return s, nil
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	return s, unread(ctx, r.c.SendBatch(ctx, b).Close())
}

func (r rows) ids(ctx context.Context, q string, args ...any) (ids []waxwing.ID, err error) {
	err = r.query(ctx, until(scanID, func(id *waxwing.ID) error {
		ids = append(ids, *id)
		return nil
	}), q, args...)
	return ids, err
}

// Find gives some confirmations that may be what a query asks for. Where it asks for a state
// that few have they come from an index of those.
func (r rows) Find(ctx context.Context, q *store.Query) ([]waxwing.ID, error) {
	if q.Unread {
		return r.ids(ctx, findUnread, q.Tenant, int64(q.From), int64(q.Below), findPiece)
	}
	if len(q.Lookups) > 0 {
		return r.ids(ctx, `SELECT c.id FROM (SELECT confirmation FROM lookups WHERE hash = ANY($1) GROUP BY confirmation HAVING count(*) = $2) f
			JOIN confirmations c ON c.id = f.confirmation WHERE c.tenant = $3 AND c.id >= $4 AND c.id < $5 ORDER BY c.id DESC LIMIT $6`,
			hashes(q.Lookups), countOf(q.Lookups), q.Tenant, int64(q.From), int64(q.Below), findPiece)
	}
	const confirmations = "SELECT id FROM confirmations WHERE tenant = $1 AND id >= $2 AND id < $3"
	// A message's id is up to 63 above its confirmation's; 63 messages of one are one.
	const messages = "SELECT id & ~63::bigint FROM (SELECT id FROM messages m WHERE tenant = $1 AND id >= $2 AND id <= ($3::bigint | 63)"
	const piece, end = " ORDER BY id DESC LIMIT $4::bigint", " ORDER BY id DESC LIMIT $4::bigint * 63) x"
	const rareOfConfirmations, rareOfMessages = " AND state IN ('held','quarantined','ignored','cancelled')", " AND state IN ('failed','suppressed','cancelled','uncertain')"
	state := " AND state = '" + string(q.State) + "'"
	var statement string
	switch s := q.State; s {
	case "", waxwing.Sent:
		statement = confirmations
		if s == waxwing.Sent {
			statement += " AND state = 'ready'"
		}
		if q.Shop != "" {
			return r.ids(ctx, statement+" AND shop = $5"+piece, q.Tenant, int64(q.From), int64(q.Below), findPiece, string(q.Shop))
		}
		statement += piece
	case waxwing.Received:
		statement = confirmations + " AND due <> 0" + state + piece
	case waxwing.Held, waxwing.Quarantined, waxwing.Ignored:
		statement = confirmations + rareOfConfirmations + state + piece
	case waxwing.Failed, waxwing.Suppressed, waxwing.Uncertain:
		statement = messages + rareOfMessages + state + end
	case waxwing.Cancelled: // before its mail was rendered, or behind it
		statement = "(" + confirmations + rareOfConfirmations + state + piece + ") UNION " + messages + rareOfMessages + state + end
	case waxwing.Claimed, waxwing.Dot:
		statement = messages + " AND EXISTS (SELECT 1 FROM claims k WHERE k.message = m.id)" + end
	case waxwing.Queued:
		statement = messages + " AND next_at <> 0" + end
	default:
		statement = confirmations + " AND state = 'ready' AND messages = 0" + piece
	}
	return r.ids(ctx, "SELECT DISTINCT id FROM ("+statement+") AS found(id) WHERE id >= $2 AND id < $3 ORDER BY id DESC LIMIT $4::bigint",
		q.Tenant, int64(q.From), int64(q.Below), findPiece)
}

// countOf is how many different ones there are.
func countOf(hs []store.Hash) int {
	all := map[store.Hash]bool{}
	for _, h := range hs {
		all[h] = true
	}
	return len(all)
}

// Count counts a tenant's confirmations.
func (r rows) Count(ctx context.Context, q *store.Query) (n int64, err error) {
	err = r.query(ctx, one(&n), "SELECT count(*) FROM confirmations WHERE tenant = $1 AND id >= $2 AND id < $3 AND ($4::text = '' OR shop = $4)",
		q.Tenant, int64(q.From), int64(q.Below), string(q.Shop))
	return n, err
}

// Due gives confirmations whose time has come.
func (r rows) Due(ctx context.Context, d *store.Due) (ids []waxwing.ID, last time.Time, err error) {
	mine, order, args := shareOf(d.Share, 5, "due", "(SELECT due FROM confirmations WHERE due <> 0 AND due >= $1 AND state = $3 ORDER BY due OFFSET $5 LIMIT 1)")
	err = r.query(ctx, until(scanPair, func(p *[2]int64) error {
		ids, last = append(ids, waxwing.ID(p[0])), time.UnixMilli(p[1])
		return nil
	}), "SELECT id, due FROM confirmations WHERE due <> 0 AND due >= $1 AND due <= $2 AND state = $3"+mine+" ORDER BY "+order+" LIMIT $4",
		append([]any{d.Since, d.At, string(d.State), d.Limit}, args...)...)
	return ids, last, err
}

// Depth counts what waits.
func (r rows) Depth(ctx context.Context, now time.Time) (d store.Depth, err error) {
	var oldest int64
	err = r.query(ctx, one(&d.Work, &d.Messages, &oldest), `SELECT (SELECT count(*) FROM (SELECT 1 FROM confirmations WHERE due <> 0 LIMIT $1) x),
		(SELECT count(*) FROM (SELECT 1 FROM messages WHERE next_at <> 0 LIMIT $1) x),
		coalesce((SELECT min(at) FROM unnest($2::text[]) ch, LATERAL (SELECT next_at FROM messages WHERE channel = ch AND next_at <> 0 ORDER BY next_at LIMIT 1) AS o(at)), 0)`,
		store.MaxDepth, channels())
	if at := time.UnixMilli(oldest); oldest != 0 && !at.After(now) {
		d.Oldest = at
	}
	return d, err
}

func channels() (out []string) {
	for _, ch := range waxwing.Channels {
		out = append(out, string(ch))
	}
	return out
}

// Runs gives runs of a tenant's plugins.
func (r rows) Runs(ctx context.Context, q *store.RunQuery) (out []store.Run, err error) {
	columns, where, order := runColumns+", ''::bytea", "($3::bigint = 0 OR id = $3) AND ($3 <> 0 OR id > $4)", " ORDER BY id"
	bound := q.After
	if q.Bodies {
		columns = runColumns + ", body"
	}
	if q.ID == 0 && q.Before != 0 {
		where, order, bound = "$3::bigint = 0 AND id < $4", " ORDER BY id DESC", q.Before
	}
	err = r.query(ctx, until(scanRun, func(x *store.Run) error {
		if !q.Bodies {
			x.Body = nil
		}
		out = append(out, *x)
		return nil
	}), "SELECT "+columns+" FROM plugin_runs WHERE tenant = $1 AND ($2::text = '' OR plugin = $2) AND "+where+order+" LIMIT $5", q.Tenant, q.Plugin, q.ID, bound, q.Limit)
	return out, err
}

func scanRun(r pgx.Rows, x *store.Run) error {
	return r.Scan(&x.ID, &x.Tenant, &x.Plugin, (*int64id)(&x.Confirmation), (*string)(&x.Hook), &x.Role, &x.Hash, &x.At, &x.Fuel, &x.Micros, &x.Fault, &x.Body)
}

// Last is the newest batch of the trail, without its entries.
func (r rows) Last(ctx context.Context) (b store.Batch, err error) {
	err = r.query(ctx, until(scanBatch, func(x *store.Batch) error {
		b = *x
		b.Entries = nil
		return nil
	}), "SELECT batch, instance, first, last, ''::bytea, head FROM trail ORDER BY batch DESC LIMIT 1")
	return b, err
}

// walkPiece is how many batches are fetched at once, so that they are never all in memory.
const walkPiece = 256

// Walk calls f with each batch of the trail above a number.
func (r rows) Walk(ctx context.Context, after int64, f func(*store.Batch) error) error {
	for {
		var piece []store.Batch
		err := r.query(ctx, until(scanBatch, func(x *store.Batch) error {
			piece = append(piece, *x)
			return nil
		}), "SELECT "+batchColumns+" FROM trail WHERE batch > $1 ORDER BY batch LIMIT $2", after, walkPiece)
		if err != nil {
			return err
		}
		for i := range piece {
			after = piece[i].N
			switch err := f(&piece[i]); {
			case errors.Is(err, store.ErrStop):
				return nil
			case err != nil:
				return err
			}
		}
		if len(piece) < walkPiece {
			return nil
		}
	}
}

// All calls f with each row of a table.
func (r rows) All(ctx context.Context, table store.Table, f func(row any) error) error {
	switch table {
	case store.Confirmations:
		return all(ctx, r, scanConfirmation, f, confirmationColumns+" FROM confirmations")
	case store.Messages:
		return all(ctx, r, scanMessage, f, messageColumns+" FROM messages")
	case store.Claims:
		return all(ctx, r, scanClaim, f, claimColumns+" FROM claims")
	case store.Contents:
		return all(ctx, r, scanContent, f, "id, body, ingredients FROM contents")
	case store.Attempts:
		return all(ctx, r, scanAttempt, f, attemptColumns+" FROM attempts")
	case store.Suppressions:
		return all(ctx, r, scanSuppression, f, suppressionColumns+" FROM suppressions")
	case store.PluginVersions:
		return all(ctx, r, scanVersion, f, "p.tenant, coalesce(t.name, ''), p.plugin, p.no, p.hash, p.state, p.percent, p.why, p.body FROM plugin_versions p LEFT JOIN tenants t ON t.no = p.tenant")
	case store.PluginNumbers:
		return all(ctx, r, scanNumber, f, "n.tenant, coalesce(t.name, ''), n.plugin, n.number FROM plugin_numbers n LEFT JOIN tenants t ON t.no = n.tenant")
	case store.PluginModules:
		return all(ctx, r, scanModule, f, "hash, body FROM plugin_modules")
	}
	return nil
}

func all[T any](ctx context.Context, r rows, scan func(pgx.Rows, *T) error, f func(any) error, q string) error {
	return r.query(ctx, until(scan, func(x *T) error { return f(x) }), "SELECT "+q)
}

const suppressionColumns = "hash, tenant, at, cause, class, reason, actor"

// Suppressions gives a tenant's, the newest first.
func (r rows) Suppressions(ctx context.Context, q *store.SuppressionQuery) (out []store.Suppression, err error) {
	where, args := "tenant = $1 AND hash >= $2 AND hash <= $3", []any{q.Tenant, q.First[:], q.Last[:], q.Limit}
	if q.Before != nil {
		where, args = where+" AND (at, hash) < ($5, $6)", append(args, q.Before.At, q.Before.Hash[:])
	}
	err = r.query(ctx, until(scanSuppression, func(x *store.Suppression) error { out = append(out, *x); return nil }),
		"SELECT "+suppressionColumns+" FROM suppressions WHERE "+where+" ORDER BY at DESC, hash DESC LIMIT $4", args...)
	return out, err
}

func scanSuppression(r pgx.Rows, x *store.Suppression) error {
	var h []byte
	err := r.Scan(&h, &x.Tenant, &x.At, &x.Cause, (*string)(&x.Class), &x.Act.Reason, (*string)(&x.Act.By))
	copy(x.Hash[:], h)
	return err
}

func scanNumber(r pgx.Rows, n *store.PluginNumber) error {
	return r.Scan(&n.Tenant, &n.TenantName, &n.Plugin, &n.Number)
}

// window is in how many of the rows that are due first an instance looks for its own: others'
// backlog may be long, and is not to be read through each time.
const window = 4096

// shareOf gives what a statement over rows that are due has to ask, beside their time, for an
// instance's share: a condition, the order, and the arguments from the number first on. last is
// the time, in the column at, of the row behind the window, whose size is the first argument.
func shareOf(s *store.Share, first int, at, last string) (where, order string, args []any) {
	if s == nil {
		return "", at + ", id", nil
	}
	part := func(first int) string { return fmt.Sprintf("(id >> %d) %% $%d = $%d", store.CountAt, first, first+1) }
	if s.Stale {
		return " AND " + part(first), at + " DESC, id DESC", []any{s.Parts, s.Part}
	}
	beside := make([]int64, len(s.Beside))
	for i, id := range s.Beside {
		beside[i] = store.Bits(id)
	}
	instance := fmt.Sprintf("((id >> %d) & %d)", store.InstanceAt, store.Instances-1)
	where = fmt.Sprintf(" AND %s <= coalesce(%s, %s) AND (%s = $%d OR %s <> ALL($%d::bigint[]) AND %s)",
		at, last, at, instance, first+1, instance, first+2, part(first+3))
	return where, at + ", id", []any{int64(window), store.Bits(s.Own), beside, s.Parts, s.Part}
}

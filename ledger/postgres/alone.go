package postgres

import (
	"context"
	"hash/fnv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// aloneClass is the class of the advisory locks of what one instance does at a time: "waxw".
const aloneClass int32 = 0x77617877

// Alone runs f where no other instance does something of this name, and says whether it did.
// The lock is a transaction's, so that it holds behind a pooler, too. Where its connection is
// lost f goes on, and another instance may begin: f must do no harm twice.
func (l *Ledger) Alone(ctx context.Context, what string, f func() error) (did bool, err error) {
	cfg, err := poolOf(l.o.DSN.Reveal(), 1)
	if err != nil {
		return false, err
	}
	c, err := pgx.ConnectConfig(ctx, cfg.ConnConfig) // of its own: it may be held for minutes
	if err != nil {
		return false, unread(ctx, err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
		defer cancel()
		_ = c.Close(ctx) // which ends the transaction, that wrote nothing
	}()
	tx, err := c.Begin(ctx)
	if err != nil {
		return false, unread(ctx, err)
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(what))
	if err := tx.QueryRow(ctx, "SELECT pg_try_advisory_xact_lock($1, $2), set_config('idle_in_transaction_session_timeout', '0', true)",
		aloneClass, int32(h.Sum32())).Scan(&did, nil); err != nil {
		return false, unread(ctx, err)
	}
	if !did {
		return false, nil
	}
	return true, f()
}

// Members are the instances that share the ledger, by number: those that have not ended, and
// that nobody has taken for dead.
func (l *Ledger) Members(ctx context.Context) (out []waxwing.Member, err error) {
	now := l.now()
	err = l.View(ctx, store.AnyTenant, func(r store.Rows) error {
		return r.(rows).query(ctx, until(scanMember, func(x *member) error {
			beat := time.UnixMilli(x.lease).Add(-ledger.LeaseFor)
			out = append(out, waxwing.Member{ID: x.id, Self: x.id == l.Instance(), Age: now.Sub(time.UnixMilli(x.started)), Silent: now.Sub(beat),
				Lease: time.UnixMilli(x.lease).Sub(now), Claims: x.claims, Dots: x.dots})
			return nil
		}), `SELECT i.id, i.started, i.lease, coalesce(k.claims, 0), coalesce(k.dots, 0) FROM instances i
			LEFT JOIN (SELECT instance, count(*) AS claims, count(*) FILTER (WHERE dot) AS dots FROM claims GROUP BY instance) k ON k.instance = i.id
			WHERE i.stopped = 0 ORDER BY i.id`)
	})
	return out, err
}

// member is an instance's row, with how many claims it holds.
type member struct{ id, started, lease, claims, dots int64 }

func scanMember(r pgx.Rows, x *member) error {
	return r.Scan(&x.id, &x.started, &x.lease, &x.claims, &x.dots)
}

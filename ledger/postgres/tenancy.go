package postgres

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/waxwinghq/waxwing/ledger/store"
)

// Whose rows a transaction sees stands in the setting waxwing.tenant, for that transaction
// alone: the next one of its connection may be somebody else's. The tables' policies go by it.

// forAll is part of a SELECT, of the daemon's own work: see RATIONALE.md on what that means.
const forAll = "set_config('waxwing.tenant', '*', true) || " + plain

// forOne has a transaction see what is a tenant's, or nothing.
const forOne = "SELECT set_config('waxwing.tenant', $1, true) || " + plain

// plain has the server not compile statements (jit): those of ours read a few rows, and where the planner
// thinks otherwise of a large table, that takes ten times what they do. It is set for the
// transaction, since a pooler takes no other settings.
const plain = "set_config('jit', 'off', true)"

// setting is the setting's value for a tenant's number.
func setting(tenant int64) string {
	switch {
	case tenant == store.AnyTenant:
		return "*"
	case tenant <= 0:
		return ""
	}
	return fmt.Sprint(tenant)
}

// batch is statements that see what is the tenant's. Sent at once they are one transaction,
// where none is under way, so that no round trip is needed for that.
func (r rows) batch() *pgx.Batch {
	b := &pgx.Batch{}
	b.Queue(forOne, setting(r.tenant))
	return b
}

// name has the transaction under way see what is the tenant's.
func (r rows) name(ctx context.Context) error {
	_, err := r.c.Exec(ctx, forOne, setting(r.tenant))
	return err
}

// one reads a single row.
func one(into ...any) func(context.Context, pgx.Rows) error {
	return func(ctx context.Context, r pgx.Rows) error {
		if r.Next() {
			if err := r.Scan(into...); err != nil {
				return unread(ctx, err)
			}
		}
		return unread(ctx, r.Err())
	}
}

// guarded are the tables that have tenants' rows.
var guarded = []string{"tenants", "confirmations", "messages", "events", "contents", "claims", "attempts", "annotations", "lookups", "suppressions",
	"plugin_versions", "plugin_numbers", "plugin_runs", "plugin_modules", "trail", "dictionaries"}

// unguarded says why the database does not keep tenants apart by itself; empty: it does.
func unguarded(ctx context.Context, p *pgxpool.Pool) (why string, err error) {
	var role string
	var exempt bool
	var open []string
	err = p.QueryRow(ctx, `SELECT current_user::text, (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user),
		ARRAY(SELECT t FROM unnest($1::text[]) t WHERE NOT row_security_active(t))`, guarded).Scan(&role, &exempt, &open)
	switch {
	case err != nil:
		return "", err
	case exempt:
		return fmt.Sprintf("the role %q is a superuser or has BYPASSRLS, whom no policy of a table binds: connect as an ordinary role that owns the database "+
			"(CREATE ROLE waxwing LOGIN PASSWORD '...'; CREATE DATABASE ... OWNER waxwing; for tables that are there: ALTER TABLE ... OWNER TO waxwing)", role), nil
	case len(open) > 0:
		return fmt.Sprintf("row-level security was switched off for the role %[1]q on %[2]s: ALTER TABLE ... ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
			role, strings.Join(open, ", ")), nil
	}
	return "", nil
}

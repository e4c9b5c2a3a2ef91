package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/ledgertest"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// probes is how many looks across the border between two tenants are made, by SQL and by
// the ledger's own reads together.
const probes = 500

// ordered puts orders of a tenant into a ledger, each with a mail that was sent, an address that
// is suppressed, and what a plugin did with it.
func ordered(t *testing.T, l *Ledger, tenant waxwing.TenantID, n int) (ids []waxwing.ID) {
	t.Helper()
	for i := range n {
		rc, err := l.Accept(t.Context(), &waxwing.Event{Tenant: tenant, Shop: "web", Source: "webhook", Format: "generic", Topic: "order",
			Raw: fmt.Appendf(nil, `{"id":"%d"}`, i), At: time.Now(), Key: waxwing.EventKey{OrderID: fmt.Sprint(i)}})
		if err != nil {
			t.Fatal(err)
		}
		w, err := l.Work(t.Context(), rc.ID)
		if err != nil {
			t.Fatal(err)
		}
		mails, err := l.Ready(t.Context(), w, []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Queued, From: "orders@acme.example",
			To: fmt.Sprintf("jane%d@customer.example", i), Data: []byte("Thank you.\r\n"), Locale: "en"}},
			waxwing.Lookup{Order: []string{fmt.Sprint(i)}}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		claim, err := l.Claim(t.Context(), mails[0])
		if err == nil && i > 0 { // the first stays claimed
			err = errors.Join(l.CommitDot(t.Context(), claim, "mail"), l.Resolve(t.Context(), claim, &waxwing.Resolution{To: waxwing.Sent,
				Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Accepted, Phase: waxwing.PhaseDot, Code: 250, Reply: "250 ok"}}))
		}
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, rc.ID)
	}
	return ids
}

// planted are statements, run as a superuser, that give each tenant a row of each table that
// ordered leaves empty. $no is the tenant's number, $id a confirmation's.
var planted = []string{
	"INSERT INTO suppressions (hash, tenant, at, cause) VALUES (decode(md5('$no'), 'hex'), $no, 1, 'bounce')",
	"INSERT INTO annotations (message, kind, at, provider, sealed) VALUES ($id | 1, 'delivered', 1, 'mail', '')",
	"INSERT INTO plugin_versions (tenant, plugin, no, hash, state, percent, why, body) VALUES ($no, 'p', 1, 'h$no', 'off', 0, '', '')",
	"INSERT INTO plugin_modules (hash, body) VALUES ('h$no', '')",
	"INSERT INTO plugin_numbers (tenant, plugin, number) VALUES ($no, 'p', 1)",
	"INSERT INTO plugin_runs (id, tenant, plugin, confirmation, hook, role, hash, at, fuel, micros, fault, body) VALUES ($no, $no, 'p', $id, '', '', 'h$no', 1, 1, 1, '', '')",
}

// owners is which rows of a table are a tenant's, of number $1.
var owners = map[string]string{
	"tenants": "no = $1", "confirmations": "tenant = $1", "messages": "tenant = $1", "suppressions": "tenant = $1",
	"plugin_versions": "tenant = $1", "plugin_numbers": "tenant = $1", "plugin_runs": "tenant = $1", "plugin_modules": "hash = 'h' || $1::bigint::text",
	"events": orderOf("id"), "contents": orderOf("id"), "claims": orderOf("message"), "attempts": orderOf("message"), "annotations": orderOf("message"),
	"lookups": orderOf("confirmation"),
}

// orderOf goes by lists of orders, since a look at their table would see none of others'.
func orderOf(column string) string {
	return "$1 <> 0 AND " + column + " & ~63::bigint = ANY($2::bigint[])"
}

// TestPostgresKeepsTenantsApart: under the daemon's role, which owns the tables, whoever names
// one tenant sees and changes nothing of another's, and whoever names none sees nothing.
func TestPostgresKeepsTenantsApart(t *testing.T) {
	s := running(t)
	dsn := s.database(t)
	l := alone(t, dsn, t.TempDir(), nil, "resend")
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	of := map[waxwing.TenantID][]waxwing.ID{}
	database := dsn.Reveal()[strings.LastIndex(dsn.Reveal(), "/")+1:]
	database, _, _ = strings.Cut(database, "?")
	for _, tenant := range ledgertest.Tenants[:2] {
		of[tenant] = ordered(t, l, tenant, 8)
		no := numberOf(t, l, tenant)
		for _, q := range planted {
			s.exec(t, database, strings.NewReplacer("$no", fmt.Sprint(no), "$id", fmt.Sprint(int64(of[tenant][0]))).Replace(q))
		}
	}
	c, err := pgx.Connect(t.Context(), dsn.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.WithoutCancel(t.Context())) }()
	nobody(t, c)
	made, own := 0, 0
	for made < probes {
		for i, me := range ledgertest.Tenants[:2] {
			other := ledgertest.Tenants[1-i]
			n, seen := bySQL(t, c, l, me, other, of)
			made, own = made+n, own+seen
			made += byReads(t, l, me, of[other])
			made += byRows(t, l, me, of[me], of[other])
		}
	}
	t.Logf("%d probes across the border of two tenants: 0 rows; %d rows of one's own were seen beside them", made, own)
}

func numberOf(t *testing.T, l *Ledger, tenant waxwing.TenantID) int64 {
	t.Helper()
	k, err := l.keys.Tenant(tenant)
	if err != nil {
		t.Fatal(err)
	}
	return k.No
}

// nobody wants no row of any table to be seen, or made, where no tenant was named, or nothing that is one.
func nobody(t *testing.T, c *pgx.Conn) {
	t.Helper()
	for _, before := range []string{"SELECT 1", forOneText(""), forOneText("999")} {
		for _, table := range guarded {
			var n int
			within(t, c, before, func(tx pgx.Tx) error { return tx.QueryRow(t.Context(), "SELECT count(*) FROM "+table).Scan(&n) })
			shared := strings.Contains(before, "999") && (table == "trail" || table == "dictionaries") // for all who name a tenant
			if n != 0 && !shared {
				t.Errorf("after %q %d rows of %s are seen, want none", before, n, table)
			}
		}
		err := within(t, c, before, func(tx pgx.Tx) error {
			_, err := tx.Exec(t.Context(), "INSERT INTO plugin_numbers (tenant, plugin, number) VALUES (1, 'x', 1)")
			return err
		})
		if err == nil || !strings.Contains(err.Error(), "row-level security") {
			t.Errorf("after %q a row of tenant 1 was written: %v", before, err)
		}
	}
}

func forOneText(tenant string) string {
	return "SELECT set_config('waxwing.tenant', '" + tenant + "', true)"
}

// within runs f in a transaction that is undone, after a statement.
func within(t *testing.T, c *pgx.Conn, before string, f func(pgx.Tx) error) error {
	t.Helper()
	tx, err := c.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	return f(tx)
}

// bySQL looks for another tenant's rows in each table, and tries to change and to delete them.
func bySQL(t *testing.T, c *pgx.Conn, l *Ledger, me, other waxwing.TenantID, of map[waxwing.TenantID][]waxwing.ID) (made, own int) {
	t.Helper()
	if len(owners) != len(guarded)-2 {
		t.Fatalf("%d tables are probed, want all %d but the trail and dictionaries", len(owners), len(guarded))
	}
	for table, where := range owners {
		for _, verb := range []string{"SELECT FROM ", "UPDATE ", "DELETE FROM "} {
			set := ""
			if verb == "UPDATE " {
				column := map[string]string{"tenants": "key", "lookups": "hash", "claims": "instance", "attempts": "code", "annotations": "at",
					"suppressions": "cause", "plugin_numbers": "number"}[table]
				if column == "" {
					column = map[bool]string{true: "body", false: "state"}[slices.Contains([]string{"events", "contents", "plugin_modules", "plugin_versions", "plugin_runs"}, table)]
				}
				set = " SET " + column + " = " + column
			}
			err := within(t, c, forOneText(setting(numberOf(t, l, me))), func(tx pgx.Tx) error {
				args := func(tenant waxwing.TenantID) []any {
					if !strings.Contains(where, "$2") {
						return []any{numberOf(t, l, tenant)}
					}
					return []any{numberOf(t, l, tenant), ints(of[tenant])}
				}
				tag, err := tx.Exec(t.Context(), verb+table+set+" WHERE "+where, args(other)...)
				if err != nil {
					return err
				}
				if tag.RowsAffected() != 0 {
					t.Errorf("%s: %s%s reaches %d rows of %s", me, verb, table, tag.RowsAffected(), other)
				}
				tag, err = tx.Exec(t.Context(), verb+table+set+" WHERE "+where, args(me)...)
				if err == nil && tag.RowsAffected() == 0 {
					t.Errorf("%s: %s%s reaches no row of its own: the probe proves nothing", me, verb, table)
				}
				own += int(tag.RowsAffected())
				return err
			})
			if err != nil {
				t.Errorf("%s%s: %v", verb, table, err)
			}
			made++
		}
	}
	return made, own
}

// byReads asks the ledger, as its pages and API do, for another tenant's orders by their ids.
func byReads(t *testing.T, l *Ledger, me waxwing.TenantID, others []waxwing.ID) (made int) {
	t.Helper()
	for _, id := range others {
		for name, ask := range map[string]func() error{
			"Get":      func() error { _, err := l.Get(t.Context(), me, id); return err },
			"Raw":      func() error { _, _, _, err := l.Raw(t.Context(), me, id); return err },
			"Bytes":    func() error { _, err := l.Bytes(t.Context(), me, id, 1); return err },
			"ReworkOf": func() error { _, err := l.ReworkOf(t.Context(), me, id); return err },
		} {
			if err := ask(); !errors.Is(err, waxwing.ErrNotFound) {
				t.Errorf("%s asks by %s for an order that is not its own: %v", me, name, err)
			}
			made++
		}
	}
	list, err := l.List(t.Context(), waxwing.Query{Tenant: me, Limit: 500})
	if err != nil || len(list) != 8 {
		t.Errorf("%s lists %d orders, %v; want its own 8", me, len(list), err)
	}
	for i := range list {
		if slices.Contains(others, list[i].ID) {
			t.Errorf("%s lists an order that is not its own", me)
		}
	}
	return made + 1
}

// byRows reads rows as the ledger's reads do, by ids alone, and looks at no tenant: what is
// not seen here the database withholds.
func byRows(t *testing.T, l *Ledger, me waxwing.TenantID, own, others []waxwing.ID) (made int) {
	t.Helper()
	seen := func(ids []waxwing.ID) (n int) {
		k := &store.Keys{Whole: ids, Events: ids}
		for _, id := range ids {
			k.Messages, k.Contents = append(k.Messages, id|1), append(k.Contents, id|1)
			k.Attempts, k.Annotations = append(k.Attempts, id|1), append(k.Annotations, id|1)
		}
		count := func(r store.Rows) error {
			s, err := r.Load(t.Context(), k)
			if err == nil {
				n += len(s.Confirmations) + len(s.Messages) + len(s.Claims) + len(s.Events) + len(s.Contents) + len(s.Attempts) + len(s.Annotations)
			}
			return err
		}
		no := numberOf(t, l, me)
		if err := errors.Join(l.View(t.Context(), no, count), l.Browse(t.Context(), no, count), l.Survey(t.Context(), no, count)); err != nil {
			t.Fatal(err)
		}
		return n
	}
	for _, id := range others {
		if n := seen([]waxwing.ID{id}); n != 0 {
			t.Errorf("%s reads %d rows of an order that is not its own", me, n)
		}
		made += 3
	}
	if seen(own) < 3*4*len(own) {
		t.Errorf("%s reads too few rows of its own: the probes prove nothing", me)
	}
	return made
}

// TestPostgresSaysWhoIsExempt: a role that no policy binds is told so at each start, with what to do.
func TestPostgresSaysWhoIsExempt(t *testing.T) {
	s := running(t)
	for role, want := range map[string]string{"postgres": "is a superuser or has BYPASSRLS", ordinary: ""} {
		var log bytes.Buffer
		dsn := s.database(t)
		dsn = waxwing.Secret(strings.Replace(dsn.Reveal(), ordinary+"@", role+"@", 1))
		o := options(dsn, t.TempDir(), nil, "resend")
		o.alone, o.Log = true, slog.New(slog.NewTextHandler(&log, nil))
		if err := opened(t, o).Close(); err != nil {
			t.Error(err)
		}
		if got := log.String(); want == "" && strings.Contains(got, "tenants apart") || !strings.Contains(got, want) {
			t.Errorf("%s: the log says %q, want %q", role, got, want)
		}
	}
}

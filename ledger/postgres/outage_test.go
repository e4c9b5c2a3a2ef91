package postgres

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/waxwinghq/waxwing/ledger/store"
)

// TestWhatAnErrorMeans: which errors undo a group, which have it run again, and after which
// the server must be looked for anew. Of a commit nothing is known that was not answered.
func TestWhatAnErrorMeans(t *testing.T) {
	said := func(severity, code string) error {
		return store.Fault{Err: fmt.Errorf("x: %w", &pgconn.PgError{Severity: "FEHLER", SeverityUnlocalized: severity, Code: code})}
	}
	for name, c := range map[string]struct {
		err                    error
		again, answered, leads bool
	}{
		"the key is taken":           {said("ERROR", "23505"), true, true, true},
		"serialization":              {said("ERROR", "40001"), true, true, true},
		"deadlock":                   {said("ERROR", "40P01"), true, true, true},
		"lock time-out":              {said("ERROR", "55P03"), true, true, true},
		"statement time-out":         {said("ERROR", "57014"), false, true, true},
		"disk full":                  {said("ERROR", "53100"), false, true, true},
		"a fault of ours":            {said("ERROR", "42601"), false, true, true},
		"administrator's command":    {said("FATAL", "57P01"), false, false, false},
		"another backend crashed":    {said("WARNING", "57P02"), false, false, false},
		"starting up":                {said("FATAL", "57P03"), false, false, false},
		"idle time-out":              {said("FATAL", "25P03"), false, false, false},
		"too many connections":       {said("FATAL", "53300"), false, false, false},
		"panic as it syncs a commit": {said("PANIC", "58030"), false, false, false},
		"connection failure":         {said("ERROR", "08006"), false, false, false},
		"read only after fail-over":  {said("ERROR", "25006"), false, true, false},
		"standby":                    {said("ERROR", "55000"), false, true, false},
		"broken pipe":                {store.Fault{Err: io.ErrUnexpectedEOF}, false, false, true},
		"no answer":                  {context.DeadlineExceeded, false, false, true},
	} {
		if a, b, l := again(c.err), answered(c.err), !leadsNowhere(c.err); a != c.again || b != c.answered || l != c.leads {
			t.Errorf("%s: again %v, answered %v, the connection is good %v; want %v, %v, %v", name, a, b, l, c.again, c.answered, c.leads)
		}
	}
}

// TestPostgresFate: a number that was given out anew after a crash is no proof of a commit,
// and one that nobody has had since is none of one under way.
func TestPostgresFate(t *testing.T) {
	l := alone(t, running(t).database(t), t.TempDir(), nil, "resend")
	ctx := t.Context()
	var xid string
	if err := l.write.QueryRow(ctx, "SELECT pg_current_xact_id()::text").Scan(&xid); err != nil {
		t.Fatal(err)
	}
	var last proof
	if err := l.View(ctx, store.AnyTenant, func(r store.Rows) error {
		b, err := r.Last(ctx)
		last.batch, last.head = b.N, b.Head
		return err
	}); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		proof
		made bool
	}{
		"its batch is there":                   {proof{xid, last.batch, last.head}, true},
		"another one has its number":           {proof{xid, last.batch + 1, last.head}, false},
		"its batch's number, and another head": {proof{xid, last.batch, []byte("other")}, false},
		"without a batch":                      {proof{xid: xid}, true},
		"nobody has its number":                {proof{xid: "4000000000"}, false},
	} {
		if made, known, err := l.fate(ctx, &c.proof); err != nil || !known || made != c.made {
			t.Errorf("%s: made %v, known %v, %v", name, made, known, err)
		}
	}
	tx, err := l.write.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := tx.QueryRow(ctx, "SELECT pg_current_xact_id()::text").Scan(&xid); err != nil {
		t.Fatal(err)
	}
	if _, known, err := l.fate(ctx, &proof{xid: xid}); err != nil || known {
		t.Errorf("one that is under way: known %v, %v", known, err)
	}
	if err := tx.Rollback(ctx); err != nil {
		t.Fatal(err)
	}
	if made, known, err := l.fate(ctx, &proof{xid: xid}); err != nil || !known || made {
		t.Errorf("one that was undone: made %v, known %v, %v", made, known, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}

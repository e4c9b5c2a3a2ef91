package postgres

import (
	"context"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/postgres/postgrestest"
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
	if err := l.Teach(ctx, "a", [][]byte{[]byte("Thank you.")}, []byte("Thank you, Jane.")); err != nil { // it has no batch
		t.Fatal(err)
	}
	marks, self := l.marks, l.Instance()
	if marks == 0 {
		t.Fatal("what has no batch has left no mark")
	}
	for name, c := range map[string]struct {
		proof
		made bool
	}{
		"its batch is there":                    {proof{xid: xid, batch: last.batch, head: last.head}, true},
		"another one has its number":            {proof{xid: xid, batch: last.batch + 1, head: last.head}, false},
		"its batch's number, and another head":  {proof{xid: xid, batch: last.batch, head: []byte("other")}, false},
		"its mark is there":                     {proof{xid: xid, instance: self, mark: marks}, true},
		"without a batch, its number another's": {proof{xid: xid, instance: self, mark: marks + 1}, false},
		"its mark is another instance's":        {proof{xid: xid, instance: self + 1, mark: marks}, false},
		"it has changed nothing":                {proof{xid: xid}, true},
		"nobody has its number":                 {proof{xid: "4000000000"}, false},
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

// TestPostgresLongOutage: a server that is away for longer than a lease ends all of them, and
// nobody who lives is taken for dead for it.
func TestPostgresLongOutage(t *testing.T) {
	server := postgrestest.Own(t)
	t.Parallel()
	dsn := server.Database(t)
	var all []*Ledger
	for range 3 {
		all = append(all, opened(t, options(dsn, t.TempDir(), nil, "resend")))
	}
	rc, err := all[0].Accept(t.Context(), &waxwing.Event{Tenant: "acme", Shop: "web", Source: "api", Format: "generic", Topic: "order", Raw: []byte(`{"id":"1"}`), Key: waxwing.EventKey{OrderID: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Kill(); err != nil {
		t.Fatal(err)
	}
	<-time.After(ledger.LeaseFor + time.Second)
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	var waits sync.WaitGroup
	for _, l := range all {
		waits.Go(func() { // until each has beaten twice, and could have buried the others
			<-time.After(ledger.BeatEvery + 2*patienceOfOthers)
			if in := instanceOf(t, l); in.Epoch != 1 || in.Stopped != 0 || in.Lease <= l.now().UnixMilli() {
				t.Errorf("instance %d lived all the time, and is %+v", l.Instance(), in)
			}
		})
	}
	waits.Wait()
	if _, err := all[0].Work(t.Context(), rc.ID); err != nil {
		t.Error(err)
	}
	for _, l := range all {
		audited(t, l)
	}
	for _, l := range all {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

// patienceOfOthers is how long after an outage an instance could come late.
const patienceOfOthers = 5 * time.Second

func instanceOf(t *testing.T, l *Ledger) (in store.Instance) {
	t.Helper()
	if err := l.View(t.Context(), store.AnyTenant, func(r store.Rows) error {
		s, err := r.Load(t.Context(), &store.Keys{Instances: []int64{l.Instance()}})
		in = s.Instances[l.Instance()]
		return err
	}); err != nil {
		t.Error(err)
	}
	return in
}

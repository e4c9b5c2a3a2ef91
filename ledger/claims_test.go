package ledger_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/ledgertest"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// TestOneFaultOfReadingIsNoVerdict: a claim whose content cannot be read for a moment goes
// back; only a broken seal or missing content ends it.
func TestOneFaultOfReadingIsNoVerdict(t *testing.T) {
	var now atomic.Int64
	now.Store(time.Date(2026, 11, 27, 9, 0, 0, 0, time.UTC).UnixMilli())
	l, err := sqlite.Open(t.Context(), sqlite.Options{Options: ledger.Options{Dir: t.TempDir(), Tenants: ledgertest.Tenants, Policy: "resend", After: time.Minute,
		Clock: func() time.Time { return time.UnixMilli(now.Load()) }}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	rc, err := l.Accept(t.Context(), &waxwing.Event{Tenant: "acme", Shop: "web", Source: "api", Format: "generic", Topic: "order",
		Raw: []byte(`{"id":"1"}`), At: time.UnixMilli(now.Load()), Key: waxwing.EventKey{OrderID: "1"}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := l.Work(t.Context(), rc.ID)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := l.Ready(t.Context(), w, []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Queued, From: "a@b.example", To: "c@d.example",
		Data: []byte("mail"), MessageID: w.Token, Locale: "en"}}, waxwing.Lookup{}, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	state := func() (s waxwing.State, due bool) {
		t.Helper()
		v, err := l.Get(t.Context(), "acme", store.ConfirmationOf(ids[0]))
		if err != nil {
			t.Fatal(err)
		}
		return v.Messages[0].State, !v.Messages[0].NextAt.IsZero()
	}
	for _, e := range []error{errors.New("disk I/O error (266)"), errors.New("database is locked (5)"), errors.New("out of memory (7)"),
		waxwing.ErrUnavailable, fmt.Errorf("confirmation: its tenant's key is missing")} {
		if err := l.Unfilled(t.Context(), ids[0], e); !errors.Is(err, e) {
			t.Fatal(err)
		}
		if s, due := state(); s != waxwing.Queued || !due {
			t.Fatalf("after %v it is %s, due: %t", e, s, due)
		}
		now.Add(time.Minute.Milliseconds()) // until it is tried again
	}
	if err := l.Unfilled(t.Context(), ids[0], seal.ErrSeal); !errors.Is(err, seal.ErrSeal) {
		t.Fatal(err)
	}
	if s, _ := state(); s != waxwing.Failed {
		t.Fatalf("with a broken seal it is %s", s)
	}
}

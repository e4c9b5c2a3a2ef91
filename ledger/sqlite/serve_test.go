package sqlite

import (
	"errors"
	"slices"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/ledgertest"
)

// TestServe: a running ledger takes orders of tenants that it did not know, whose keys are
// the same after a restart, and in each step but once.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	event := func(tenant waxwing.TenantID) *waxwing.Event {
		return &waxwing.Event{Tenant: tenant, Shop: "own", Source: "api", Format: "generic", Topic: "order", Raw: []byte(`{"id":"1"}`), Key: waxwing.EventKey{OrderID: "1"}, At: waxwing.SystemClock()}
	}
	l := openTest(t, dir, waxwing.SystemClock, "resend")
	if _, err := l.Accept(t.Context(), event("dawn")); !errors.Is(err, waxwing.ErrNotFound) {
		t.Fatalf("an unknown tenant: %v", err)
	}
	for range 2 {
		if err := l.Serve(t.Context(), []waxwing.TenantID{"dawn", "acme", "eve"}); err != nil {
			t.Fatal(err)
		}
	}
	rc, err := l.Accept(t.Context(), event("dawn"))
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openTest(t, dir, waxwing.SystemClock, "resend")
	defer l.Close()
	got := l.Tenants()
	slices.Sort(got)
	want := append(slices.Clone(ledgertest.Tenants), "dawn", "eve")
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if v, err := l.Get(t.Context(), "dawn", rc.ID); err != nil || v.ID != rc.ID {
		t.Errorf("%v %+v", err, v)
	}
	if r, err := l.Verify(t.Context(), ""); err != nil || len(r.Problems) > 0 {
		t.Errorf("%v %+v", err, r)
	}
}

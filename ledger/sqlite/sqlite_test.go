package sqlite

import (
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/ledgertest"
)

func openTest(t *testing.T, dir string, clock waxwing.Clock, policy string) *Ledger {
	t.Helper()
	policy, ask := ledgertest.PolicyOf(policy)
	l, err := Open(t.Context(), Options{Options: ledger.Options{Dir: dir, Tenants: ledgertest.Tenants, Policy: policy, Ask: ask, After: time.Minute, Clock: clock}})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestSuite(t *testing.T) {
	ledgertest.Suite(t,
		func(t *testing.T, dir string, clock waxwing.Clock, policy string) ledgertest.Store {
			return openTest(t, dir, clock, policy)
		},
		func(t *testing.T, s ledgertest.Store) {
			l := s.(*Ledger)
			if err := l.Anchor(t.Context()); err != nil {
				t.Fatal(err)
			}
			r, err := l.Verify(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range r.Problems {
				t.Error(p)
			}
		})
}

// TestPages: what is kept for others is there after the next start, and its rows are summed with the others.
func TestPages(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []string{"", "first", "second"} {
		l := openTest(t, dir, nil, "resend")
		if page, err := l.Page(t.Context(), "source/tap"); err != nil || string(page) != want {
			t.Errorf("the page is %q, %v, want %q", page, err, want)
		}
		next := map[string]string{"": "first", "first": "second", "second": "third"}[want]
		if err := l.SetPage(t.Context(), "source/tap", []byte(next)); err != nil {
			t.Fatal(err)
		}
		if r, err := l.Verify(t.Context(), ""); err != nil || !r.Whole() {
			t.Errorf("%v, %v", r, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

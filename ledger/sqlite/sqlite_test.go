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
	l, err := Open(t.Context(), Options{Options: ledger.Options{Dir: dir, Tenants: ledgertest.Tenants, Policy: policy, After: time.Minute, Clock: clock}})
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

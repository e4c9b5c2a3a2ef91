package sandbox

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/waxwinghq/waxwing"
)

func offer(x *Catcher, t waxwing.TenantID, n int) waxwing.Attempt {
	return x.Offer(nil, &waxwing.Outgoing{Tenant: t, Message: waxwing.ID(n), Confirmation: waxwing.ID(n + 1), Channel: waxwing.Email}, func() error { return nil }) //nolint:staticcheck // it waits for nobody
}

// TestCaught: each tenant has its own, the newest first and no more than there is room for.
func TestCaught(t *testing.T) {
	x := New(nil)
	if a := offer(x, "acme", 1); a.Verdict != waxwing.Accepted || a.Phase != waxwing.PhaseDot || a.Ended.Before(a.Began) {
		t.Errorf("%+v", a)
	}
	offer(x, "acme", 3)
	offer(x, "bolt", 5)
	if all := x.Letters("acme"); len(all) != 2 || all[0].Message != 3 || all[1].Message != 1 || all[1].Confirmation != 2 || all[1].At.IsZero() {
		t.Errorf("%+v", all)
	}
	refused := errors.New("stopped")
	a := x.Offer(t.Context(), &waxwing.Outgoing{Tenant: "acme", Message: 9}, func() error { return refused })
	if a.Verdict != waxwing.Deferred || a.Fault != waxwing.LedgerFault || !errors.Is(a.Err, refused) || len(x.Letters("acme")) != 2 {
		t.Errorf("%+v", a)
	}
	for n := range Most + 10 {
		offer(x, "acme", 100+n)
	}
	if all := x.Letters("acme"); len(all) != Most || all[0].Message != 100+Most+9 || all[Most-1].Message != 110 {
		t.Errorf("%d", len(all))
	}
	if all := x.Letters("bolt"); len(all) != 1 || len(x.Letters("nobody")) != 0 {
		t.Errorf("%+v", all)
	}
}

// TestFull: where there is no room, whoever takes the most of it gives.
func TestFull(t *testing.T) {
	x := New(nil)
	var wg sync.WaitGroup
	for n := range mostOfAll/Most + 5 {
		wg.Go(func() {
			for i := range Most {
				offer(x, waxwing.TenantID(fmt.Sprint("t", n)), i)
			}
		})
	}
	wg.Wait()
	offer(x, "late", 1)
	sum := 0
	for _, all := range x.caught {
		sum += len(all)
	}
	if x.all != mostOfAll || sum != mostOfAll || len(x.Letters("late")) != 1 {
		t.Errorf("%d, counted %d", x.all, sum)
	}
}

package plugins

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
)

func later(err error) *waxwing.LaterError {
	var l *waxwing.LaterError
	errors.As(err, &l)
	return l
}

// TestTurnsOfAHeavyTenantHoldNobody: a tenant whose checks take long has one place at most, and one is always there for those
// who use little.
func TestTurnsOfAHeavyTenantHoldNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newTurns(2, time.Minute, time.Now)
		take := func(tenant waxwing.TenantID) {
			t.Helper()
			if _, err := q.enter(t.Context(), tenant, false); err != nil {
				t.Fatal(tenant, err)
			}
		}
		for _, heavy := range []waxwing.TenantID{"a", "b"} { // both become heavy
			take(heavy)
			q.leave(heavy, 11*time.Second, false)
		}
		take("a")
		began := time.Now()
		if _, err := q.enter(t.Context(), "b", false); later(err) == nil || later(err).Quota || time.Since(began) != longestWait {
			t.Fatalf("a second heavy one began beside the first, or waited for %s: %v", time.Since(began), err)
		}
		for i := range 5 { // neighbours pass one after the other
			n := waxwing.TenantID(fmt.Sprint("n", i))
			began := time.Now()
			take(n)
			if time.Since(began) != 0 {
				t.Errorf("a neighbour waited for %s", time.Since(began))
			}
			q.leave(n, 100*time.Millisecond, false)
		}
		// A tenant has one turn at a time, whatever is free.
		if _, err := q.enter(t.Context(), "a", false); later(err) == nil {
			t.Error("one tenant has two turns at once")
		}
		q.leave("a", time.Second, false)
		take("b")
	})
}

// TestTurnsOfABusyAuthorPassAnAttack: who has used more than a little of her hour, and far less than the tenant that is being
// checked, does not wait for it; who has used as much does.
func TestTurnsOfABusyAuthorPassAnAttack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newTurns(2, time.Minute, time.Now)
		for x, used := range map[waxwing.TenantID]time.Duration{"evil": 50 * time.Second, "busy": 20 * time.Second, "also evil": 40 * time.Second} {
			if _, err := q.enter(t.Context(), x, false); err != nil {
				t.Fatal(err)
			}
			q.leave(x, used, false)
		}
		if _, err := q.enter(t.Context(), "evil", false); err != nil {
			t.Fatal(err)
		}
		for _, x := range []struct {
			tenant waxwing.TenantID
			waits  time.Duration
		}{{"busy", 0}, {"also evil", longestWait}, {"busy", 0}} {
			began := time.Now()
			_, err := q.enter(t.Context(), x.tenant, false)
			if waited := time.Since(began); waited != x.waits || (err != nil) != (waited > 0) {
				t.Errorf("%s waited for %s: %v", x.tenant, waited, err)
			}
			if err == nil {
				q.leave(x.tenant, 0, false)
			}
		}
	})
}

// TestTurnsLightOnesGoFirst: whoever used little passes those who wait longer.
func TestTurnsLightOnesGoFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newTurns(2, time.Minute, time.Now)
		for _, x := range []waxwing.TenantID{"h1", "h2"} {
			if _, err := q.enter(t.Context(), x, false); err != nil {
				t.Fatal(err)
			}
			q.leave(x, 20*time.Second, false)
		}
		for _, x := range []waxwing.TenantID{"l1", "l2"} {
			if _, err := q.enter(t.Context(), x, false); err != nil {
				t.Fatal(err)
			}
		}
		var order []waxwing.TenantID
		done := make(chan waxwing.TenantID, 4)
		for _, x := range []waxwing.TenantID{"h1", "h2", "l3", "l4"} {
			go func() {
				if _, err := q.enter(t.Context(), x, false); err == nil {
					done <- x
				}
			}()
			synctest.Wait()
		}
		last := []waxwing.TenantID{"l1", "l2"}
		for len(last) > 0 {
			q.leave(last[0], 0, false)
			last = last[1:]
			synctest.Wait()
			select {
			case x := <-done:
				order, last = append(order, x), append(last, x)
			default:
			}
		}
		if fmt.Sprint(order) != "[l3 l4 h1 h2]" {
			t.Errorf("%v", order)
		}
	})
}

// TestTurnsBudget: what a tenant used comes back after an hour, and the refusal says when.
func TestTurnsBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newTurns(2, time.Minute, time.Now)
		use := func(d time.Duration) error {
			_, err := q.enter(t.Context(), "a", false)
			if err == nil {
				q.leave("a", d, false)
			}
			return err
		}
		for range 6 {
			if err := use(10 * time.Second); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
		}
		l := later(use(0))
		if l == nil || !l.Quota || l.After <= 0 || l.After > time.Hour {
			t.Fatalf("%+v", l)
		}
		if _, err := q.enter(t.Context(), "a", true); err != nil { // the operator's own files
			t.Fatal(err)
		}
		q.leave("a", 0, true)
		if _, err := q.enter(t.Context(), "b", false); err != nil {
			t.Fatal("a neighbour pays", err)
		}
		time.Sleep(l.After)
		if err := use(0); err != nil {
			t.Fatal("it is refused after the time it was told", err)
		}
		if got := q.usedBy("a"); got != 50*time.Second+leastCheck {
			t.Errorf("%s", got)
		}
		time.Sleep(2 * time.Hour)
		if q.usedBy("a") != 0 || len(q.spent) > 1 { // b's
			t.Errorf("%v is kept", q.spent)
		}
		n := 0
		for use(0) == nil {
			n++
		}
		if n != int(time.Minute/leastCheck) {
			t.Errorf("%d uploads that are refused at a glance", n)
		}
	})
}

// TestTurnsAreBounded: what waits lies in memory.
func TestTurnsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newTurns(2, time.Minute, time.Now)
		refused := make(chan error, 100)
		for i := range mostUploads + 10 {
			go func() {
				_, err := q.enter(t.Context(), waxwing.TenantID(fmt.Sprint(i)), false)
				refused <- err
			}()
			synctest.Wait()
		}
		n := 0
		for len(refused) > 0 {
			if err := <-refused; err != nil {
				if n++; later(err) == nil || later(err).Quota {
					t.Error(err)
				}
			}
		}
		if n != 10-2 {
			t.Errorf("%d were refused at once", n)
		}
		time.Sleep(longestWait)
		synctest.Wait()
	})
}

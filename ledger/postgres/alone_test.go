package postgres

import (
	"errors"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
)

// TestPostgresAlone: what is done by one instance at a time is done by no other meanwhile, and
// by any afterwards, also where it failed.
func TestPostgresAlone(t *testing.T) {
	dsn := running(t).database(t)
	one, other := beside(t, dsn, t.TempDir(), nil), beside(t, dsn, t.TempDir(), nil)
	oops := errors.New("oops")
	try := func(l *Ledger, what string, f func() error) (bool, error) { return l.Alone(t.Context(), what, f) }
	nothing := func() error { return nil }
	did, err := try(one, "prune", func() error {
		if did, err := try(other, "prune", nothing); did || err != nil {
			t.Errorf("the other one does it, too: %t, %v", did, err)
		}
		if did, err := try(other, "expire", nothing); !did || err != nil {
			t.Errorf("the other one cannot do another thing: %t, %v", did, err)
		}
		return oops
	})
	if !did || !errors.Is(err, oops) {
		t.Errorf("it does it: %t, %v", did, err)
	}
	deadline := time.Now().Add(5 * time.Second) // the server notices that a connection has ended
	for did = false; !did && time.Now().Before(deadline); {
		if did, err = try(other, "prune", nothing); err != nil {
			t.Fatal(err)
		}
	}
	if !did {
		t.Error("the other one cannot do it afterwards")
	}
	for _, l := range []*Ledger{one, other} {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestPostgresMembers: who shares a ledger, with what each holds.
func TestPostgresMembers(t *testing.T) {
	dsn, now := running(t).database(t), time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	one, other := beside(t, dsn, t.TempDir(), clock), beside(t, dsn, t.TempDir(), clock)
	var claims []*waxwing.Claim
	for _, order := range []string{"1", "2"} {
		rc, err := one.Accept(t.Context(), &waxwing.Event{Tenant: "acme", Shop: "web", Source: "api", Format: "generic", Topic: "order", Raw: []byte(`{}`), At: now,
			Key: waxwing.EventKey{OrderID: order}})
		if err != nil {
			t.Fatal(err)
		}
		w, err := one.Work(t.Context(), rc.ID)
		if err != nil {
			t.Fatal(err)
		}
		ids, err := one.Ready(t.Context(), w, []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Queued, From: "orders@acme.example", To: "jane@customer.example",
			Data: []byte("Thank you.\r\n"), Locale: "en"}}, waxwing.Lookup{}, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		c, err := one.Claim(t.Context(), ids[0])
		if err != nil {
			t.Fatal(err)
		}
		claims = append(claims, c)
	}
	if err := one.CommitDot(t.Context(), claims[0], "mail"); err != nil {
		t.Fatal(err)
	}
	now = now.Add(ledger.LeaseFor + time.Second)
	if err := other.Beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	now = now.Add(time.Second)
	got, err := other.Members(t.Context())
	if err != nil || len(got) != 2 {
		t.Fatalf("%+v, %v", got, err)
	}
	if x := got[0]; x.ID != one.Instance() || x.Self || x.Age != ledger.LeaseFor+2*time.Second || x.Lease != -2*time.Second || x.Claims != 2 || x.Dots != 1 {
		t.Errorf("the silent one: %+v", x)
	}
	if x := got[1]; x.ID != other.Instance() || !x.Self || x.Silent != time.Second || x.Lease != ledger.LeaseFor-time.Second || x.Claims != 0 {
		t.Errorf("the one that tells: %+v", x)
	}
	if err := one.Close(); err != nil {
		t.Error(err)
	}
	if got, err = other.Members(t.Context()); err != nil || len(got) != 1 {
		t.Errorf("one that has ended is shown: %+v, %v", got, err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
}

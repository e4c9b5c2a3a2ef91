package sqlite

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/ledgertest"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/sqlite/db"
)

// beside is a further instance on a ledger's database: a Writer with a chain, ids, contents
// and memory of its own, over the groups of the one file.
type beside struct{ *ledger.Ledger }

// Close ends it as an instance ends.
func (b beside) Close() error { return b.End(bg) }

// openBeside begins an instance beside one that goes on. beat is how often it is heard of; 0:
// when the test says so.
func openBeside(t *testing.T, l *Ledger, beat time.Duration) beside {
	t.Helper()
	var from ledger.Before
	err := l.db.read(t.Context(), func(c *db.Conn) (err error) { from, err = before(c); return err })
	if err != nil {
		t.Fatal(err)
	}
	from.Beside = []int64{l.Instance()}
	s := file{l.database, l.db}
	w := ledger.NewWriter(ledger.WriterParts{Store: s, Clock: l.o.Clock, Log: l.o.Log, Rule: l.o.doubt(), Anchor: l.anchorOf, Lease: ledger.LeaseFor, Beat: beat, Before: from})
	b := beside{ledger.New(ledger.Parts{Store: s, Keys: l.keys, Contents: &seal.Contents{}, Lookups: l.lookups, Cache: seal.NewCache(1 << 20),
		Writer: w, Clock: l.o.Clock, Log: l.o.Log, Rule: l.o.doubt()})}
	if err := w.Now(t.Context(), w.Begin); err != nil {
		t.Fatal(err)
	}
	w.Run()
	return b
}

// audited wants a ledger to verify.
func audited(t *testing.T, l *Ledger) {
	t.Helper()
	for _, p := range verified(t, l) {
		t.Error(p)
	}
}

// TestTwoInstances runs the stories of two instances on one database.
func TestTwoInstances(t *testing.T) {
	ledgertest.Two(t,
		func(t *testing.T, dir string, clock waxwing.Clock) (first, other ledgertest.Member) {
			l, err := Open(t.Context(), Options{Options: ledger.Options{Dir: dir, Tenants: ledgertest.Tenants, Policy: "resend", After: time.Minute, Clock: clock}, lease: ledger.LeaseFor})
			if err != nil {
				t.Fatal(err)
			}
			return l, openBeside(t, l, 0)
		},
		func(t *testing.T, first, other ledgertest.Member) {
			l := first.(*Ledger)
			for _, anchor := range []func() error{func() error { return l.Anchor(t.Context()) }, func() error { return other.(beside).Anchor(t.Context()) }} {
				if err := anchor(); err != nil {
					t.Fatal(err)
				}
			}
			audited(t, l)
		},
		func(t *testing.T, dir string, clock waxwing.Clock) {
			l := openTest(t, dir, clock, "resend")
			audited(t, l)
			closeTest(t, l)
		})
}

// TestKilled kills a process with two instances of one database in the middle of what they
// do, and looks at what is left.
func TestKilled(t *testing.T) {
	ledgertest.Killed(t, "TestKilled", ledgertest.Killer{
		Members: func(t *testing.T, dir string) []ledgertest.Store {
			l, err := Open(t.Context(), Options{Options: ledger.Options{Dir: dir, Tenants: ledgertest.Tenants, Policy: "resend", After: time.Minute}, lease: ledger.LeaseFor})
			if err != nil {
				t.Fatal(err)
			}
			return []ledgertest.Store{l, openBeside(t, l, 0)}
		},
		Alone: func(t *testing.T, dir string, clock waxwing.Clock) ledgertest.Store {
			return openTest(t, dir, clock, "resend")
		},
		Audit: func(t *testing.T, s ledgertest.Store) { audited(t, s.(*Ledger)) },
	})
}

// TestInstancesAreHeardOfByThemselves: of two that beat, neither is taken for dead; where one
// falls silent, what it held is the other's 15 s after its last beat, and not before.
func TestInstancesAreHeardOfByThemselves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, err := Open(t.Context(), Options{Options: ledger.Options{Dir: t.TempDir(), Tenants: ledgertest.Tenants, Policy: "resend", After: time.Minute}, lease: ledger.LeaseFor})
		if err != nil {
			t.Fatal(err)
		}
		defer closeTest(t, l)
		other := openBeside(t, l, ledger.BeatEvery)
		rc, err := l.Accept(t.Context(), event(1))
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
		c, err := l.Claim(t.Context(), ids[0])
		if err != nil {
			t.Fatal(err)
		}
		heard := time.Now()
		for range 6 {
			time.Sleep(ledger.BeatEvery)
			if err := l.Beat(t.Context()); err != nil {
				t.Fatal(err)
			}
			heard = time.Now()
		}
		time.Sleep(time.Until(heard.Add(ledger.LeaseFor - time.Second)))
		if _, err := other.Claim(t.Context(), ids[0]); !errors.Is(err, waxwing.ErrState) {
			t.Errorf("before its lease is over: %v", err)
		}
		time.Sleep(ledger.BeatEvery + 2*time.Second)
		if err := l.CommitDot(t.Context(), c, "mail"); !errors.Is(err, waxwing.ErrState) {
			t.Errorf("the commit point of who was silent: %v", err)
		}
		if _, err := other.Claim(t.Context(), ids[0]); err != nil {
			t.Errorf("what it held is not to be had: %v", err)
		}
		if err := other.Close(); err != nil {
			t.Error(err)
		}
		audited(t, l)
	})
}

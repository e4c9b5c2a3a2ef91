package ledger_test

import (
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/ledgertest"
	"github.com/waxwinghq/waxwing/ledger/verify"
)

// stores are stores in memory by the folder that a story believes them in.
type stores struct {
	mu sync.Mutex
	in map[string]*ledgertest.Memory
}

func (s *stores) at(dir string) *ledgertest.Memory {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.in == nil {
		s.in = map[string]*ledgertest.Memory{}
	}
	if s.in[dir] == nil {
		s.in[dir] = ledgertest.NewMemory()
	}
	return s.in[dir]
}

// opened begins an instance over a store.
func opened(t *testing.T, m *ledgertest.Memory, o ledgertest.MemoryOptions) *ledgertest.Opened {
	t.Helper()
	l, err := m.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// verified is what is wrong with a ledger's trail and rows.
func verified(t *testing.T, m *ledgertest.Memory, l *ledgertest.Opened) *verify.Report {
	t.Helper()
	r := &verify.Report{}
	heads := map[int64]map[uint64]string{}
	for _, a := range m.Anchors() {
		if err := a.Verify(l.Keys.AnchorPublic()); err != nil {
			t.Error(err)
		}
		if heads[a.Instance] == nil {
			heads[a.Instance] = map[uint64]string{}
		}
		heads[a.Instance][a.Seq] = a.Head
	}
	if err := verify.Ledger(t.Context(), verify.Parts{Rows: m.Audit(), Contents: l.Contents, Report: r, Anchors: heads}); err != nil {
		t.Fatal(err)
	}
	return r
}

// audit wants a ledger to verify.
func audit(t *testing.T, m *ledgertest.Memory, l *ledgertest.Opened) {
	t.Helper()
	for _, p := range verified(t, m, l).Problems {
		t.Error(p)
	}
}

// TestSuite: the ledger's stories are the ledger's, whatever keeps its rows.
func TestSuite(t *testing.T) {
	var all stores
	of := map[ledgertest.Store]*ledgertest.Memory{}
	var mu sync.Mutex
	ledgertest.Suite(t, func(t *testing.T, dir string, clock waxwing.Clock, policy string) ledgertest.Store {
		l := opened(t, all.at(dir), ledgertest.MemoryOptions{Clock: clock, Policy: policy})
		mu.Lock()
		defer mu.Unlock()
		of[l] = all.at(dir)
		return l
	}, func(t *testing.T, s ledgertest.Store) {
		mu.Lock()
		m := of[s]
		mu.Unlock()
		if err := s.(*ledgertest.Opened).Anchor(t.Context()); err != nil {
			t.Fatal(err)
		}
		audit(t, m, s.(*ledgertest.Opened))
	})
}

// TestTwo runs the stories of two instances on one store.
func TestTwo(t *testing.T) {
	var all stores
	ledgertest.Two(t, func(t *testing.T, dir string, clock waxwing.Clock) (first, other ledgertest.Member) {
		o := ledgertest.MemoryOptions{Clock: clock, Policy: "resend", Lease: ledger.LeaseFor}
		return opened(t, all.at(dir), o), opened(t, all.at(dir), o)
	}, func(t *testing.T, first, other ledgertest.Member) {
		for _, m := range []ledgertest.Member{first, other} {
			if err := m.(*ledgertest.Opened).Anchor(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}, func(t *testing.T, dir string, clock waxwing.Clock) {
		l := opened(t, all.at(dir), ledgertest.MemoryOptions{Clock: clock, Policy: "resend"})
		audit(t, all.at(dir), l)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestWhoCommitsUnderALeaseNearlyOver prolongs it first, so that nobody takes it for dead before
// what it commits is done.
func TestWhoCommitsUnderALeaseNearlyOver(t *testing.T) {
	b := &bench{t: t, m: ledgertest.NewMemory(), now: began}
	o := ledgertest.MemoryOptions{Policy: "resend", Clock: func() time.Time { return b.now }, Lease: ledger.LeaseFor}
	other := opened(t, b.m, o)
	o.Beat = ledger.BeatEvery // by the system's clock, by which this test is over before
	b.Opened = opened(t, b.m, o)
	later := func(s time.Duration) {
		b.must(b.Sync(t.Context())) // no group is under way
		b.now = b.now.Add(s * time.Second)
		b.must(other.Beat(t.Context()))
	}
	rc, err := b.Accept(t.Context(), event(1))
	b.must(err)
	for range 4 {
		later(3)
	}
	w, err := b.Work(t.Context(), rc.ID)
	b.must(err)
	ids, err := b.Ready(t.Context(), w, []waxwing.Draft{draft(w)}, waxwing.Lookup{}, time.Hour)
	b.must(err)
	for range 3 {
		later(4)
	}
	if _, err := b.Claim(t.Context(), ids[0]); err != nil {
		t.Error("it was taken for dead, although it committed within its lease: ", err)
	}
	b.must(b.Close())
	b.must(other.Close())
}

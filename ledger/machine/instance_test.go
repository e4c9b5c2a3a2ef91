package machine

import (
	"cmp"
	"errors"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

func TestDead(t *testing.T) {
	now := noon.UnixMilli()
	for name, x := range map[string]struct {
		row  *store.Instance
		want bool
	}{
		"nobody knows it":          {nil, true},
		"alone":                    {&store.Instance{ID: 1, Epoch: 1}, false},
		"its lease goes on":        {&store.Instance{ID: 1, Epoch: 1, Lease: now + 1}, false},
		"its lease is over":        {&store.Instance{ID: 1, Epoch: 1, Lease: now}, true},
		"it has ended":             {&store.Instance{ID: 1, Epoch: 1, Stopped: now - 5, Lease: now + 9000}, true},
		"it was alone, and ended":  {&store.Instance{ID: 1, Epoch: 1, Stopped: now - 5}, true},
		"taken for dead, and back": {&store.Instance{ID: 1, Epoch: 2, Lease: now + 9000}, false},
	} {
		s := NewSet(noon, mine, waxwing.DoubtRule{})
		if x.row != nil {
			s.Instances[1] = *x.row
		}
		if got := s.Dead(1); got != x.want {
			t.Errorf("%s: dead %t, want %t", name, got, x.want)
		}
	}
}

// leased is begun with this instance's row.
func leased(state string) *Set {
	s := begun(state)
	s.Epoch = 1
	s.Instances[mine] = store.Instance{ID: mine, Epoch: 1, Lease: noon.Add(time.Second).UnixMilli()}
	return s
}

// TestWhoIsTakenForDeadDoesNothing until it has heard of it: no claim, no commit point.
func TestWhoIsTakenForDeadDoesNothing(t *testing.T) {
	s, at := leased("queued"), leased("claimed")
	for name, set := range map[string]*Set{"queued": s, "claimed": at} {
		c := set.Bury(mine)
		set.Take(&c)
		if in := set.Instances[mine]; in.Epoch != 2 || in.Stopped != noon.UnixMilli() {
			t.Fatalf("%s: buried it is %+v", name, in)
		}
	}
	if c, taken := s.Claim(msg); taken || !c.Empty() {
		t.Error("it takes a message")
	}
	if c, _, err := at.CommitPoint(msg, 0, store.Hash{}, "mail"); !errors.Is(err, waxwing.ErrState) || !c.Empty() {
		t.Errorf("it passes a commit point: %v", err)
	}
	c, epoch := s.Beat(15 * time.Second)
	s.Take(&c)
	if in := s.Instances[mine]; epoch != 2 || in.Stopped != 0 || in.Lease != noon.Add(15*time.Second).UnixMilli() {
		t.Fatalf("epoch %d, %+v", epoch, in)
	}
	if s.Epoch = epoch; !s.alive() {
		t.Error("it is dead for ever")
	}
	if _, taken := s.Claim(msg); !taken {
		t.Error("it takes nothing though it has heard of it")
	}
	if c := s.Bury(99); !c.Empty() {
		t.Error("an instance that nobody knows is buried")
	}
}

// TestWhoHoldsAnewIsNotWhoHeld: an instance that stood still, was taken for dead and goes on
// holds a message for the second time. Who worked for it before passes no commit point by that
// claim and frees nothing, or a mail that is at its dot would go again without a mark.
func TestWhoHoldsAnewIsNotWhoHeld(t *testing.T) {
	s := leased("claimed")
	s.Epoch = 1
	c := s.Bury(mine)
	s.Take(&c)
	c, _ = s.TakeOver(msg)
	s.Take(&c)
	c, epoch := s.Beat(15 * time.Second)
	s.Take(&c)
	s.Epoch = epoch
	c, taken := s.Claim(msg)
	s.Take(&c)
	if !taken || epoch != 2 {
		t.Fatal("it takes nothing anew", epoch)
	}
	if c, _, err := s.CommitPoint(msg, 1, store.Hash{}, "mail"); !errors.Is(err, waxwing.ErrState) || !c.Empty() {
		t.Errorf("who held it before passes the commit point: %v", err)
	}
	c, _, err := s.CommitPoint(msg, 2, store.Hash{}, "mail")
	if err != nil {
		t.Fatal(err)
	}
	s.Take(&c)
	for _, v := range []Verdict{{To: waxwing.Queued, Reason: "not offered"}, {To: waxwing.Sent, Number: 1, Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Accepted}}} {
		v.Message, v.Epoch = msg, 1
		if c, err := s.Resolve(&v); !errors.Is(err, ErrNotHeld) || !c.Empty() {
			t.Errorf("who held it before ends the attempt: %v", err)
		}
	}
	if k := s.Claims[msg]; !k.Dot || k.Instance != mine {
		t.Errorf("the claim is %+v", k)
	}
	if _, err := s.Resolve(&Verdict{Message: msg, Epoch: 2, To: waxwing.Sent, Number: 1, Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Accepted}}); err != nil {
		t.Error("who holds it cannot end it", err)
	}
}

// TestItsRowMustBeLoaded: who has an epoch and no row passes nothing.
func TestItsRowMustBeLoaded(t *testing.T) {
	s := begun("claimed")
	s.Epoch = 1
	if _, _, err := s.CommitPoint(msg, 0, store.Hash{}, "mail"); !errors.Is(err, waxwing.ErrState) {
		t.Errorf("a commit point without the instance's row: %v", err)
	}
}

// TestTakeOverTellsAllByItself: where instances write beside each other, the entry of a
// take-over names the attempt, whose commit point another chain tells of.
func TestTakeOverTellsAllByItself(t *testing.T) {
	for _, lease := range []int64{0, 1} {
		s := begun("dot theirs")
		k := s.Claims[msg]
		k.Provider = "mail"
		s.Claims[msg] = k
		s.Instances[mine+1] = store.Instance{ID: mine + 1, Epoch: 1, Lease: lease}
		c, _ := s.TakeOver(msg)
		told := map[string]string{}
		for _, d := range c.Entries[0].Detail {
			told[d[0]] = d[1]
		}
		if lease == 0 && len(told) != 1 || lease > 0 && (told["attempt"] != "1" || told["provider"] != "mail") {
			t.Errorf("lease %d: %v", lease, told)
		}
	}
}

func TestLate(t *testing.T) {
	lostOne := []store.Attempt{{Message: msg, N: 1, Provider: "mail", Verdict: waxwing.UncertainVerdict}}
	for name, x := range map[string]struct {
		state    string
		attempts []store.Attempt
		verdict  Verdict
		noted    bool
		to       waxwing.State
	}{
		"taken, and still in doubt":      {"uncertain", lostOne, Verdict{To: waxwing.Sent, Attempt: waxwing.Attempt{Verdict: waxwing.Accepted}}, true, waxwing.Sent},
		"deferred, and still in doubt":   {"uncertain", lostOne, Verdict{To: waxwing.Queued, Attempt: waxwing.Attempt{Verdict: waxwing.Deferred}}, true, ""},
		"taken, and under way again":     {"claimed theirs", lostOne, Verdict{To: waxwing.Sent, Attempt: waxwing.Attempt{Verdict: waxwing.Accepted}}, true, ""},
		"taken, and sent again":          {"sent", lostOne, Verdict{To: waxwing.Sent, Attempt: waxwing.Attempt{Verdict: waxwing.Accepted}}, true, ""},
		"no answer to it was lost":       {"queued", nil, Verdict{To: waxwing.Sent, Attempt: waxwing.Attempt{Verdict: waxwing.Accepted}}, false, ""},
		"it was before its commit point": {"queued", lostOne, Verdict{To: waxwing.Queued}, false, ""},
		"refused before its commit point, and another's attempt has that number": {"uncertain", lostOne, Verdict{To: waxwing.Failed,
			Attempt: waxwing.Attempt{Verdict: waxwing.Rejected, Phase: waxwing.PhaseRcpt}}, false, ""},
		"a request that was lost":     {"uncertain", lostOne, Verdict{To: waxwing.Sent, Attempt: waxwing.Attempt{Verdict: waxwing.Accepted, Phase: waxwing.PhaseRequest}}, true, waxwing.Sent},
		"another provider's attempt":  {"uncertain", []store.Attempt{{Message: msg, N: 1, Provider: "x", Verdict: waxwing.UncertainVerdict}}, Verdict{To: waxwing.Sent, Attempt: waxwing.Attempt{Verdict: waxwing.Accepted}}, false, ""},
		"that attempt had its answer": {"queued", []store.Attempt{{Message: msg, N: 1, Provider: "mail", Verdict: waxwing.Deferred}}, Verdict{To: waxwing.Sent, Attempt: waxwing.Attempt{Verdict: waxwing.Accepted}}, false, ""},
	} {
		s := begun(x.state)
		s.Attempts[msg] = x.attempts
		v := x.verdict
		v.Message, v.Number, v.Attempt.Provider, v.Attempt.Code = msg, 1, "mail", 250
		v.Attempt.Phase = cmp.Or(v.Attempt.Phase, waxwing.PhaseDot)
		c, noted := s.Late(&v)
		if noted != x.noted || noted != (len(c.Entries) == 1) {
			t.Errorf("%s: noted %t with %d entries", name, noted, len(c.Entries))
			continue
		}
		if noted && (c.Entries[0].To != x.to || c.Entries[0].Cause != CauseLateVerdict || (len(c.Messages) == 1) != (x.to != "")) {
			t.Errorf("%s: %+v, %d rows", name, c.Entries[0], len(c.Messages))
		}
	}
}

// TestSteady: since when the database was written to without a gap.
func TestSteady(t *testing.T) {
	const lease, most = 15 * time.Second, 7 * time.Second
	ago := func(s int64) int64 { return noon.UnixMilli() - 1000*s }
	beat := func(started, last int64) store.Instance {
		return store.Instance{Started: ago(started), Lease: ago(last) + lease.Milliseconds()}
	}
	for name, x := range map[string]struct {
		before Span
		rows   []store.Instance
		want   time.Duration
	}{
		"nothing is known":                      {},
		"it beats, and remembers":               {before: Span{ago(60), ago(5)}, rows: []store.Instance{beat(60, 5)}, want: time.Minute},
		"it was cut off, alone":                 {before: Span{ago(60), ago(20)}, rows: []store.Instance{beat(60, 20)}},
		"it was cut off, and others were not":   {before: Span{ago(60), ago(20)}, rows: []store.Instance{beat(60, 20), beat(60, 4), beat(10, 9), beat(15, 14)}, want: time.Minute},
		"nobody wrote for a while":              {before: Span{ago(60), ago(16)}, rows: []store.Instance{beat(60, 16), beat(60, 15), beat(60, 14), beat(60, 3)}, want: 3 * time.Second},
		"it begins anew, and so did others":     {rows: []store.Instance{beat(0, 0), beat(3, 3), beat(6, 5), beat(11, 10)}, want: 11 * time.Second},
		"a clock was set back":                  {rows: []store.Instance{beat(-9, -9), beat(5, 5)}, want: 5 * time.Second},
		"exactly the gap that may be":           {rows: []store.Instance{beat(7, 7)}, want: 7 * time.Second},
		"one that is alone has no beat":         {rows: []store.Instance{{Started: ago(30)}}},
		"of a former one only its last is told": {rows: []store.Instance{beat(90, 8), beat(2, 2)}, want: 8 * time.Second},
	} {
		s := NewSet(noon, mine, waxwing.DoubtRule{})
		for i, in := range x.rows {
			in.ID = int64(i + 1)
			s.Instances[in.ID] = in
		}
		if got := Steady(s, x.before, lease, most).Long(); got != x.want {
			t.Errorf("%s: %s, want %s", name, got, x.want)
		}
	}
}

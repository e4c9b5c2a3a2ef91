package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/view"
)

// Member is one of two instances of a ledger, as the suite sees it.
type Member interface {
	Store
	// Beat prolongs its lease, and takes over what dead ones held. Nothing else does in these
	// stories.
	Beat(ctx context.Context) error
	// Teach makes a dictionary for what is packed under a name.
	Teach(ctx context.Context, name string, passages [][]byte, sample []byte) error
}

// Pair is two instances on one database, with a clock that the test moves. Those of Bench
// are the first one's.
type Pair struct {
	*Bench
	first, other Member
}

// PairOf opens two instances of one folder. The first one's Close comes last.
type PairOf func(t *testing.T, dir string, clock waxwing.Clock) (first, other Member)

// Two runs the stories of two instances on one database. audit checks that the trail of
// both verifies; alone opens the folder again as its only instance, and audits it.
func Two(t *testing.T, open PairOf, audit func(t *testing.T, first, other Member), alone func(t *testing.T, dir string, clock waxwing.Clock)) {
	stories := map[string]func(*Pair){
		"one event at both, one confirmation":       bothAccept,
		"held by one, not to be had by the other":   oneHolds,
		"cancelled by the other":                    cancelledElsewhere,
		"suppressed by the other":                   suppressedElsewhere,
		"erased by the other":                       erasedElsewhere,
		"replaced by an event at the other":         replacedElsewhere,
		"a lease that is over":                      leaseOver,
		"a lease that is not over":                  leaseHolds,
		"nobody could write for a while":            outage,
		"nobody could write, and one died of it":    diedInOutage,
		"a late verdict, still in doubt":            lateVerdict,
		"a late verdict, sent again meanwhile":      lateVerdictAfterCopy,
		"packed by one, opened by the other":        packedElsewhere,
		"both send a crowd's mails, each of it one": crowd,
	}
	for name, f := range stories {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &Bench{t: t, dir: t.TempDir(), now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
			p := &Pair{Bench: b}
			p.first, p.other = open(t, b.dir, b.clock)
			b.s = p.first
			f(p)
			audit(t, p.first, p.other)
			b.must(p.other.Close())
			b.must(p.first.Close())
			alone(t, b.dir, b.clock)
		})
	}
}

// at has the bench's steps done by an instance.
func (p *Pair) at(m Member, f func(*Bench)) {
	was := p.s
	p.s = m
	defer func() { p.s = was }()
	f(p.Bench)
}

func bothAccept(p *Pair) {
	const orders = 40
	var mu sync.Mutex
	ids, fresh := map[string]map[waxwing.ID]bool{}, 0
	var wg sync.WaitGroup
	for n := range orders {
		for _, m := range []Member{p.first, p.other} {
			order := fmt.Sprint(1000 + n)
			wg.Go(func() {
				rc, err := m.Accept(p.t.Context(), p.event("web", order, 0, invented(1000+n)))
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					p.t.Error(err)
				}
				if ids[order] == nil {
					ids[order] = map[waxwing.ID]bool{}
				}
				ids[order][rc.ID] = true
				if rc.New {
					fresh++
				}
			})
		}
	}
	wg.Wait()
	for order, of := range ids {
		if len(of) != 1 {
			p.t.Errorf("order %s has %d confirmations, want one", order, len(of))
		}
	}
	if fresh != orders {
		p.t.Errorf("%d were new, want %d", fresh, orders)
	}
}

func oneHolds(p *Pair) {
	_, msg := p.queued()
	p.later(time.Second)
	c := p.claim(msg)
	_, err := p.other.Claim(p.t.Context(), msg)
	p.wantState(err)
	if got, err := p.other.ClaimDue(p.t.Context(), waxwing.Email, 9); err != nil || len(got) != 0 {
		p.t.Fatalf("%d claims at the other, want none (%v)", len(got), err)
	}
	p.wantState(p.other.CommitDot(p.t.Context(), c, "mail"))
	p.send(c)
	_, err = p.other.Claim(p.t.Context(), msg)
	p.wantState(err)
}

func cancelledElsewhere(p *Pair) {
	conf, msg := p.queued()
	c := p.claim(msg)
	p.must(p.other.Stop(p.t.Context(), "acme", conf, act))
	p.wantState(p.first.CommitDot(p.t.Context(), c, "mail"))
	p.wantIs(conf, waxwing.Cancelled)
}

func suppressedElsewhere(p *Pair) {
	conf, msg := p.queued()
	c := p.claim(msg)
	p.must(p.other.Suppress(p.t.Context(), "acme", Person, act))
	p.wantState(p.first.CommitDot(p.t.Context(), c, "mail"))
	p.wantIs(conf, waxwing.Suppressed)
	// Whoever is rendered after it is not offered, either.
	rc := p.accept(p.event("web", "1002", 0, invented(1002)))
	p.ready(rc.ID)
	p.wantIs(rc.ID, waxwing.Suppressed)
}

func erasedElsewhere(p *Pair) {
	conf, msg := p.queued()
	c := p.claim(msg)
	rc := p.accept(p.event("web", "1002", 0, `{"id":"1002","email":"`+Person+`"}`))
	w, err := p.first.Work(p.t.Context(), rc.ID) // from memory
	p.must(err)
	e, err := p.other.Erase(p.t.Context(), "acme", waxwing.Erase{Address: Person, Confirm: 2, Act: act})
	p.must(err)
	if e.Erased != 2 {
		p.t.Fatalf("%d erased, want 2", e.Erased)
	}
	p.wantState(p.first.CommitDot(p.t.Context(), c, "mail"))
	_, err = p.first.Ready(p.t.Context(), w, []waxwing.Draft{draft(w)}, lookup, time.Hour)
	p.wantState(err)
	for _, id := range []waxwing.ID{conf, rc.ID} {
		p.wantIs(id, waxwing.Cancelled)
	}
}

func replacedElsewhere(p *Pair) {
	rc := p.accept(p.event("web", "1001", 0, `{"id":"1001","v":1}`))
	w, err := p.first.Work(p.t.Context(), rc.ID)
	p.must(err)
	if again, err := p.other.Accept(p.t.Context(), p.event("web", "1001", 5, `{"id":"1001","v":2}`)); err != nil || again.ID != rc.ID {
		p.t.Fatal(again, err)
	}
	_, err = p.first.Ready(p.t.Context(), w, []waxwing.Draft{draft(w)}, lookup, time.Hour)
	p.wantState(err)
	w, err = p.first.Work(p.t.Context(), rc.ID)
	p.must(err)
	if string(w.Raw) != `{"id":"1001","v":2}` {
		p.t.Fatalf("it renders from %s", w.Raw)
	}
	p.ready(rc.ID)
}

// second queues a message of another order at the first instance.
func (p *Pair) second() (conf, msg waxwing.ID) {
	p.t.Helper()
	rc := p.accept(p.event("web", "1002", 0, invented(1002)))
	return rc.ID, p.ready(rc.ID)
}

func leaseOver(p *Pair) {
	conf, msg := p.queued()
	conf2, msg2 := p.second()
	claimed, dot := p.claim(msg), p.claim(msg2)
	p.must(p.first.CommitDot(p.t.Context(), dot, "mail"))
	p.silent()
	p.wantIs(conf, waxwing.Queued)
	p.wantIs(conf2, waxwing.Uncertain)
	p.wantState(p.first.CommitDot(p.t.Context(), claimed, "mail"))
	p.later(time.Second)
	// Who was taken for dead takes nothing until it has heard of it.
	_, err := p.first.Claim(p.t.Context(), msg)
	p.wantState(err)
	p.at(p.other, func(b *Bench) { b.send(b.claim(msg)) })
	p.wantState(p.first.CommitDot(p.t.Context(), claimed, "mail"))
	p.must(p.first.Beat(p.t.Context()))
	p.later(2 * time.Minute)
	p.must(p.first.Beat(p.t.Context()))
	got, err := p.first.ClaimDue(p.t.Context(), waxwing.Email, 9)
	p.must(err)
	if len(got) != 1 || got[0].Out.Message != msg2 {
		p.t.Fatalf("%d claims after it had heard of it, want the one in doubt", len(got))
	}
	p.send(got[0])
	if v := p.wantIs(conf2, waxwing.Sent); marks(v, "possible_duplicate") != 1 {
		p.t.Fatal("what was in doubt goes out again without its mark")
	}
	if v := p.wantIs(conf, waxwing.Sent); marks(v, "possible_duplicate") != 0 || marks(v, "takeover") != 1 {
		p.t.Fatal("what was before its commit point has a mark, or no takeover")
	}
}

// silent lets the first one's lease run out, which is silent while the other goes on.
func (p *Pair) silent() {
	p.t.Helper()
	for range 4 {
		p.later(ledger.LeaseFor/4 + time.Second/4)
		p.must(p.other.Beat(p.t.Context()))
	}
}

// outage: the leases of both ran out, and the other is back first. The first one lives, and what
// it holds stays its own.
func outage(p *Pair) {
	conf, msg := p.queued()
	c := p.claim(msg)
	p.must(p.first.CommitDot(p.t.Context(), c, "mail"))
	p.later(time.Minute)
	p.must(p.other.Beat(p.t.Context()))
	p.later(5 * time.Second)
	p.must(p.other.Beat(p.t.Context()))
	p.later(time.Second)
	p.must(p.first.Beat(p.t.Context()))
	p.later(5 * time.Second)
	p.must(p.other.Beat(p.t.Context()))
	r := accepted()
	p.must(p.first.Resolve(p.t.Context(), c, &r))
	if v := p.wantIs(conf, waxwing.Sent); marks(v, "takeover") != 0 {
		p.t.Fatalf("%+v", v.Trail)
	}
}

func diedInOutage(p *Pair) {
	conf, msg := p.queued()
	p.claim(msg)
	p.later(time.Minute)
	for range 3 {
		p.must(p.other.Beat(p.t.Context()))
		p.later(ledger.BeatEvery)
	}
	p.wantIs(conf, waxwing.Queued)
}

func leaseHolds(p *Pair) {
	_, msg := p.queued()
	c := p.claim(msg)
	for range 5 {
		p.later(ledger.LeaseFor - time.Second)
		p.must(p.first.Beat(p.t.Context()))
		p.must(p.other.Beat(p.t.Context()))
	}
	p.send(c)
}

func lateVerdict(p *Pair) {
	conf, msg := p.queued()
	c := p.claim(msg)
	p.must(p.first.CommitDot(p.t.Context(), c, "mail"))
	p.silent()
	p.wantIs(conf, waxwing.Uncertain)
	r := accepted()
	p.wantState(p.first.Resolve(p.t.Context(), c, &r))
	if v := p.wantIs(conf, waxwing.Sent); marks(v, "late_verdict") != 1 || marks(v, "possible_duplicate") != 0 {
		p.t.Fatalf("%+v", v.Trail)
	}
	p.later(time.Hour)
	if got, err := p.other.ClaimDue(p.t.Context(), waxwing.Email, 9); err != nil || len(got) != 0 {
		p.t.Fatalf("%d claims of what was sent (%v)", len(got), err)
	}
}

func lateVerdictAfterCopy(p *Pair) {
	conf, msg := p.queued()
	c := p.claim(msg)
	p.must(p.first.CommitDot(p.t.Context(), c, "mail"))
	p.silent()
	p.later(2 * time.Minute)
	p.must(p.other.Beat(p.t.Context()))
	p.at(p.other, func(b *Bench) {
		again := b.claim(msg)
		r := accepted()
		p.wantState(p.first.Resolve(p.t.Context(), c, &r))
		b.wantIs(conf, waxwing.Claimed)
		b.send(again)
	})
	if v := p.wantIs(conf, waxwing.Sent); marks(v, "late_verdict") != 1 || marks(v, "possible_duplicate") != 1 || len(v.Messages[0].Attempts) != 2 {
		p.t.Fatalf("%+v", v.Trail)
	}
}

func packedElsewhere(p *Pair) {
	passages := [][]byte{[]byte("Thank you, "), []byte("Jane.\r\nThank you, Jane.\r\n")}
	p.must(p.other.Teach(p.t.Context(), "set", passages, draft(&waxwing.Work{}).Data))
	var msg waxwing.ID
	p.at(p.other, func(b *Bench) {
		rc := b.accept(b.event("web", "1001", 0, invented(1001)))
		w, err := b.s.Work(b.t.Context(), rc.ID)
		b.must(err)
		d := draft(w)
		d.Dictionary, d.Extents = "set", []waxwing.Extent{{}, {At: 11, Passage: 1}, {At: 36}, {At: 40, Passage: 1}, {At: 54}}
		ids, err := b.s.Ready(b.t.Context(), w, []waxwing.Draft{d}, lookup, time.Hour)
		b.must(err)
		msg = ids[0]
	})
	c := p.claim(msg)
	if want := draft(&waxwing.Work{}).Data; string(c.Out.Data) != string(want) {
		p.t.Fatalf("%d bytes are offered, want %d", len(c.Out.Data), len(want))
	}
	p.send(c)
}

// crowd has both instances accept, render and sweep at once.
func crowd(p *Pair) {
	const orders = 60
	members := []Member{p.first, p.other}
	var wg sync.WaitGroup
	for n := range orders {
		wg.Go(func() {
			m := members[n%2]
			rc, err := m.Accept(p.t.Context(), p.event("web", fmt.Sprint(n), 0, invented(n)))
			if err == nil {
				var w *waxwing.Work
				if w, err = members[n/2%2].Work(p.t.Context(), rc.ID); err == nil {
					_, err = m.Ready(p.t.Context(), w, []waxwing.Draft{draft(w)}, waxwing.Lookup{}, time.Hour)
				}
			}
			if err != nil {
				p.t.Error(err)
			}
		})
	}
	wg.Wait()
	p.later(view.StaleAfter + 2*time.Second) // what one took in the other may send, too
	var mu sync.Mutex
	sent := map[waxwing.ID]int{}
	for _, m := range members {
		for range 3 {
			wg.Go(func() {
				for {
					got, err := m.ClaimDue(p.t.Context(), waxwing.Email, 5)
					if err != nil || len(got) == 0 {
						if err != nil {
							p.t.Error(err)
						}
						return
					}
					for _, c := range got {
						r := accepted()
						if err := errors.Join(m.CommitDot(p.t.Context(), c, "mail"), m.Resolve(p.t.Context(), c, &r)); err != nil {
							p.t.Error(err)
							continue
						}
						mu.Lock()
						sent[c.Out.Message]++
						mu.Unlock()
					}
				}
			})
		}
	}
	wg.Wait()
	for id, n := range sent {
		if n != 1 {
			p.t.Errorf("message %s was sent %d times", id, n)
		}
	}
	if len(sent) != orders {
		p.t.Errorf("%d messages were sent, want %d", len(sent), orders)
	}
}

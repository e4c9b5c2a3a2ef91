package machine

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

var histories = flag.Int("machine.histories", 10_000, "random histories to play; 1000000 take some minutes")

// world is a ledger in memory, two instances that work on it, and what a provider took:
// the truth that the ledger is held against.
type world struct {
	rng   *rand.Rand
	s     *Set
	next  waxwing.ID
	lives [2]int64 // the instances that live, by number
	last  int64    // the newest instance
	// state is each thing's by the trail; marks are entries that say that a copy may follow.
	state map[waxwing.ID]waxwing.State
	marks map[waxwing.ID]int
	taken map[waxwing.ID]int // mails that the provider took
	// content and sealed are what is kept of a person.
	content map[waxwing.ID]bool
	sealed  map[waxwing.ID]int
	person  map[waxwing.ID]store.Hash // whom a message goes to
	// claims and works are what instances hold in memory, and may be of yesterday.
	claims []held
	works  []Seen
	keys   map[store.Hash]waxwing.ID // of each order, the confirmation that it made first
	// sabotage spoils what a command came to; nil: none.
	sabotage func(w *world, c *Changes)
	wrong    []string
}

// held is a claim as its instance remembers it.
type held struct {
	instance int64
	id       waxwing.ID
	number   int
	dot      bool
	written  bool // the dot went out: the provider may have it
}

func newWorld(seed uint64) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), next: store.IDStep, state: map[waxwing.ID]waxwing.State{}, marks: map[waxwing.ID]int{},
		taken: map[waxwing.ID]int{}, content: map[waxwing.ID]bool{}, sealed: map[waxwing.ID]int{}, person: map[waxwing.ID]store.Hash{},
		keys: map[store.Hash]waxwing.ID{}}
	policy := []string{waxwing.ResendDoubt, waxwing.ResendDoubt, waxwing.HoldDoubt, waxwing.AssumeDoubt}[w.rng.IntN(4)]
	w.s = NewSet(time.UnixMilli(1_800_000_000_000), 1, waxwing.DoubtRule{Policy: policy, After: time.Minute, Copies: 1 + w.rng.IntN(3)})
	w.lives, w.last = [2]int64{1, 2}, 2
	return w
}

func (w *world) fail(format string, args ...any) {
	if len(w.wrong) < 5 {
		w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
	}
}

// commit takes what a command came to, and holds its entries against the states so far.
func (w *world) commit(c Changes) {
	if w.sabotage != nil {
		w.sabotage(w, &c)
	}
	c.Place(w.s, "1,")
	for _, e := range c.Entries {
		id := e.Confirmation
		if e.Message != 0 {
			id = e.Message
		}
		if e.Cause == CausePossible {
			w.marks[id]++
		}
		if e.To == "" {
			continue
		}
		if w.state[id] != e.From {
			w.fail("%s goes from %q to %q, and it was %q (%s)", id, e.From, e.To, w.state[id], e.Cause)
		}
		if !Allowed(e.From, e.To) {
			w.fail("%s may not go from %q to %q (%s)", id, e.From, e.To, e.Cause)
		}
		w.state[id] = e.To
	}
	for _, x := range c.Contents {
		w.content[x.ID] = true
	}
	for _, x := range c.Events {
		w.content[store.ConfirmationOf(x.ID)] = true
	}
	for _, a := range c.Attempts {
		w.s.Attempts[a.Message] = append(w.s.Attempts[a.Message], a)
		if len(a.Sealed) > 0 {
			w.sealed[a.Message]++
		}
	}
	for _, a := range c.Annotations {
		if len(a.Sealed) > 0 {
			w.sealed[a.Message]++
		}
	}
	for _, id := range c.Destroyed {
		for i := range waxwing.ID(store.IDStep) {
			delete(w.content, id|i)
			delete(w.sealed, id|i)
		}
	}
	for _, r := range c.Confirmations {
		if old, known := w.keys[r.Key]; known && old != r.ID {
			w.fail("order %x has two confirmations", r.Key[:2])
		}
		w.keys[r.Key] = r.ID
	}
	w.s.Take(&c)
}

func pick[T any](w *world, all []T) (x T, ok bool) {
	if len(all) == 0 {
		return x, false
	}
	return all[w.rng.IntN(len(all))], true
}

func (w *world) order() store.Hash  { return store.Hash{1, byte(w.rng.IntN(3))} }
func (w *world) people() store.Hash { return store.Hash{2, byte(w.rng.IntN(3))} }

func (w *world) ids() []waxwing.ID {
	var out []waxwing.ID
	for id := range w.s.Confirmations {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

func (w *world) messages() []waxwing.ID {
	var out []waxwing.ID
	for id := range w.s.Messages {
		out = append(out, id)
	}
	slices.Sort(out)
	return out
}

func (w *world) look(id waxwing.ID) Seen {
	r := w.s.Confirmations[id]
	return Seen{ID: id, State: r.State, Event: r.Event, Next: int(r.Messages) + 1}
}

// step does one thing at random.
func (w *world) step() {
	w.s.Now = w.s.Now.Add([]time.Duration{0, time.Millisecond, time.Second, 2 * time.Minute, 5 * time.Minute}[w.rng.IntN(5)])
	if w.rng.IntN(40) == 0 {
		w.s.Now = w.s.Now.Add(time.Hour)
	}
	w.s.Instance = w.lives[w.rng.IntN(2)]
	switch w.rng.IntN(25) {
	case 0, 1, 2:
		w.accept()
	case 3, 4:
		if id, ok := pick(w, w.ids()); ok {
			w.works = append(w.works, w.look(id))
		}
	case 5, 6, 7:
		w.work()
	case 8, 9, 10:
		if id, ok := pick(w, w.messages()); ok {
			w.claim(id)
		}
	case 11, 12, 13:
		w.commitPoint()
	case 14, 15, 16, 17:
		w.verdict()
	case 18:
		w.crash()
	case 19:
		w.act()
	case 20:
		h := w.people()
		var named []waxwing.ID
		for _, id := range w.messages() {
			if w.person[id] == h && !slices.Contains(named, store.ConfirmationOf(id)) {
				named = append(named, store.ConfirmationOf(id))
			}
		}
		w.commit(w.s.Suppress(1, "acme", h, named, waxwing.Act{}))
	case 21:
		if id, ok := pick(w, w.ids()); ok {
			c, _ := w.s.Erase(id, waxwing.Act{})
			w.commit(c)
		}
	case 22:
		if id, ok := pick(w, w.messages()); ok {
			c, _ := w.s.End(id)
			w.commit(c)
		}
	case 23:
		if id, ok := pick(w, w.messages()); ok {
			w.annotate(id)
		}
	default:
		w.loss()
	}
}

// annotate is a provider that tells what became of a message, as often as it likes.
func (w *world) annotate(id waxwing.ID) {
	c, err := w.s.Annotate(&Note{Message: id, Kind: waxwing.AnnotationKinds[w.rng.IntN(len(waxwing.AnnotationKinds))], Provider: "mail", Sealed: []byte{1}})
	if m := w.s.Messages[id]; err == nil && m.Attempts == 0 && w.s.State(&m) != waxwing.Dot {
		w.fail("%s was never offered, and something became known of it", id)
	}
	if err != nil && !c.Empty() {
		w.fail("an annotation was refused and changed something: %v", err)
	}
	w.commit(c)
	seen := map[waxwing.AnnotationKind]bool{}
	for _, a := range w.s.Annotations[id] {
		if seen[a.Kind] {
			w.fail("%s is %s twice", id, a.Kind)
		}
		seen[a.Kind] = true
	}
}

func (w *world) accept() {
	w.next += store.IDStep
	a := &Arrival{ID: w.next, Tenant: 1, Key: w.order(), Source: "webhook", DEK: []byte{1}, Updated: int64(w.rng.IntN(4)), Rank: int64(w.rng.IntN(2)),
		Stale: w.rng.IntN(12) == 0, Old: w.rng.IntN(12) == 0, Event: store.Event{Body: []byte{1}}}
	switch w.rng.IntN(16) {
	case 0:
		a.Poison, a.Key = "no key", store.Hash{3, byte(w.rng.IntN(2))}
	case 1:
		a.Ignore, a.Key = "ping", store.Hash{4, byte(w.next >> 6)}
	}
	c, rc, reseal := w.s.Accept(a)
	if !reseal {
		if rc.New != (len(c.Confirmations) > 0 && c.Confirmations[0].ID == a.ID) {
			w.fail("the receipt says new: %t", rc.New)
		}
		w.commit(c)
		return
	}
	c, _, err := w.s.Replace(a)
	if err != nil {
		w.fail("replace: %v", err)
	}
	w.commit(c)
}

func (w *world) draft(resend bool) Draft {
	return Draft{Channel: waxwing.Email, State: waxwing.Queued, Body: []byte{1}, People: []store.Hash{w.people()}, Resend: resend}
}

// mailed notes whom new messages go to.
func (w *world) mailed(first waxwing.ID, drafts []Draft) {
	for i := range drafts {
		w.person[first+waxwing.ID(i)] = drafts[i].People[0]
	}
}

func (w *world) work() {
	seen, ok := pick(w, w.works)
	if !ok {
		return
	}
	var c Changes
	var err error
	switch w.rng.IntN(6) {
	case 0:
		c, err = w.s.Settle(seen, Settled{waxwing.Held, "gate", CauseGate, w.s.ms() + 1000}, nil)
	case 1:
		c, err = w.s.Settle(seen, Settled{waxwing.Quarantined, "poison", CausePoison, 0}, nil)
	case 2:
		c, err = w.s.Settle(seen, Settled{waxwing.Cancelled, "gone", CauseOrderGone, 0}, nil)
	case 3:
		c = w.s.Spoil(seen)
	default:
		d := []Draft{w.draft(false)}
		if w.rng.IntN(8) == 0 {
			d[0].State = waxwing.Failed
		}
		if c, err = w.s.Ready(seen, d, nil, time.Duration(1+w.rng.IntN(5))*time.Hour); err == nil {
			w.mailed(seen.ID|waxwing.ID(seen.Next), d)
		}
	}
	if err != nil && !c.Empty() {
		w.fail("a command was refused and changed something: %v", err)
	}
	w.commit(c)
}

func (w *world) claim(id waxwing.ID) {
	before := w.s.Claims[id]
	c, taken := w.s.Claim(id)
	if taken && before.Instance != 0 {
		w.fail("%s was taken from instance %d", id, before.Instance)
	}
	w.commit(c)
	if taken {
		w.claims = append(w.claims, held{instance: w.s.Instance, id: id, number: int(w.s.Messages[id].Attempts) + 1})
	}
}

// mine is a claim as an instance remembers it, whatever has become of the two: one that
// was taken for dead may go on for a while.
func (w *world) mine() (int, bool) {
	if len(w.claims) == 0 {
		return 0, false
	}
	i := w.rng.IntN(len(w.claims))
	w.s.Instance = w.claims[i].instance
	return i, true
}

func (w *world) commitPoint() {
	i, ok := w.mine()
	if !ok || w.claims[i].dot {
		return
	}
	h := &w.claims[i]
	c, barred, err := w.s.CommitPoint(h.id, w.person[h.id], "mail")
	if err == nil && !barred && w.s.Suppressed[w.person[h.id]] {
		w.fail("%s passes its commit point, and its address is suppressed", h.id)
	}
	if err == nil && !barred && w.s.Messages[h.id].Expires <= w.s.ms() {
		w.fail("%s passes its commit point, and its time is over", h.id)
	}
	w.commit(c)
	if err != nil || barred {
		w.claims = slices.Delete(w.claims, i, i+1)
		return
	}
	h.dot = true
	if w.rng.IntN(4) > 0 { // the dot is written, and the mail taken
		h.written = true
		w.taken[h.id]++
		if w.taken[h.id] > 1 && w.marks[h.id] < w.taken[h.id]-1 {
			w.fail("%s was mailed %d times with %d marks", h.id, w.taken[h.id], w.marks[h.id])
		}
	}
}

func (w *world) verdict() {
	i, ok := w.mine()
	if !ok {
		return
	}
	h := w.claims[i]
	v := &Verdict{Message: h.id, Number: h.number, Sealed: []byte{1}, Attempt: waxwing.Attempt{Provider: "mail", Phase: waxwing.PhaseDot}}
	v.NextAt = w.s.Now.Add(time.Minute)
	switch {
	case h.written && w.rng.IntN(3) > 0:
		v.To, v.Attempt.Verdict = waxwing.Sent, waxwing.Accepted
	case h.written: // the answer is lost
		v.To, v.Attempt.Verdict = waxwing.Uncertain, waxwing.UncertainVerdict
		wait, out := w.s.Rule.Next(w.s.Doubts[h.id] + 1)
		if v.NextAt = w.s.Now.Add(wait); out {
			v.NextAt, v.Reason = time.UnixMilli(w.s.Messages[h.id].Expires), waxwing.HeldInDoubt
		}
	case w.rng.IntN(3) == 0:
		v.To, v.Attempt.Verdict = waxwing.Failed, waxwing.Rejected
		if w.rng.IntN(2) == 0 {
			v.Fallback = []Draft{w.draft(false)}
		}
	default:
		v.To, v.Attempt.Verdict, v.Counts = waxwing.Queued, waxwing.Deferred, true
	}
	c, err := w.s.Resolve(v)
	if errors.Is(err, ErrNoFallback) {
		v.Fallback = nil
		c, err = w.s.Resolve(v)
	}
	if err == nil && len(v.Fallback) > 0 {
		w.mailed(h.id+1, v.Fallback)
	}
	if err != nil && !c.Empty() {
		w.fail("a verdict was refused and changed something: %v", err)
	}
	w.commit(c)
	if errors.Is(err, ErrNotHeld) {
		w.late(v)
	}
	w.claims = slices.Delete(w.claims, i, i+1)
}

// late is the answer to an instance that was taken for dead.
func (w *world) late(v *Verdict) {
	before := w.state[v.Message]
	c, noted := w.s.Late(v)
	if !noted && !c.Empty() {
		w.fail("a late verdict is not noted and changed something")
	}
	w.commit(c)
	if after := w.state[v.Message]; after != before && (before != waxwing.Uncertain || after != waxwing.Sent || w.taken[v.Message] == 0) {
		w.fail("a late verdict %q takes %s from %q to %q; the provider took it %d times", v.Attempt.Verdict, v.Message, before, after, w.taken[v.Message])
	}
}

// crash ends an instance, or has it taken for dead, and the other one takes over what it
// held. Where it runs again it has a number of its own.
func (w *world) crash() {
	n := w.rng.IntN(2)
	dead := w.lives[n]
	w.claims = slices.DeleteFunc(w.claims, func(h held) bool { return h.instance == dead && w.rng.IntN(2) == 0 })
	w.s.Instance = w.lives[1-n]
	w.last++
	w.lives[n] = w.last
	w.takeOver(func(k store.Claim) bool { return k.Instance == dead })
}

func (w *world) takeOver(which func(store.Claim) bool) {
	for _, id := range w.messages() {
		if k, is := w.s.Claims[id]; is && which(k) {
			c, _ := w.s.TakeOver(id)
			w.commit(c)
		}
	}
}

func (w *world) act() {
	id, ok := pick(w, w.ids())
	if !ok {
		return
	}
	var c Changes
	var err error
	switch w.rng.IntN(3) {
	case 0:
		c, err = w.s.Release(1, id, waxwing.Act{})
	case 1:
		c, err = w.s.Stop(1, id, store.Hash{9}, waxwing.Act{})
	default:
		d := w.draft(true)
		seen := w.look(id)
		if c, err = w.s.Add(seen, &d, time.Hour); err == nil {
			w.mailed(id|waxwing.ID(seen.Next), []Draft{d})
		}
	}
	if err != nil && !c.Empty() {
		w.fail("an act was refused and changed something: %v", err)
	}
	w.commit(c)
}

// loss is a start on an older ledger: nobody holds anything then.
func (w *world) loss() {
	if len(w.s.Claims) > 0 || w.rng.IntN(8) > 0 {
		return
	}
	for _, id := range w.messages() {
		w.commit(w.s.Doubt(id))
	}
	for _, id := range w.ids() {
		w.commit(w.s.HoldBack(id))
	}
}

// settle lets time pass with nothing else happening, until all that can end has ended.
func (w *world) settle() {
	w.takeOver(func(store.Claim) bool { return true })
	w.s.Now = w.s.Now.Add(48 * time.Hour)
	for _, id := range w.messages() {
		c, _ := w.s.End(id)
		w.commit(c)
		if s := w.s.State(new(w.s.Messages[id])); !s.Terminal() {
			w.fail("%s is %s for ever", id, s)
		}
	}
}

// check holds rows against the trail, and what is kept against who was erased.
func (w *world) check() {
	for _, id := range w.ids() {
		r := w.s.Confirmations[id]
		if w.state[id] != r.State {
			w.fail("confirmation %s is %q, and its trail says %q", id, r.State, w.state[id])
		}
		if r.State == waxwing.Received && r.Due == 0 {
			w.fail("confirmation %s is received, and nobody will look at it", id)
		}
		if r.State == waxwing.Ready && r.Messages == 0 {
			w.fail("confirmation %s is ready without a message", id)
		}
		if r.Erased() && w.content[id] {
			w.fail("confirmation %s is erased, and its event is kept", id)
		}
	}
	for _, id := range w.messages() {
		m := w.s.Messages[id]
		if s := w.s.State(&m); w.state[id] != s {
			w.fail("message %s is %q, and its trail says %q", id, s, w.state[id])
		}
		if m.State == waxwing.Claimed || m.State == waxwing.Dot {
			w.fail("message %s has the state of a claim in its row", id)
		}
		if conf := w.s.Confirmations[store.ConfirmationOf(id)]; conf.Erased() && (w.content[id] || w.sealed[id] > 0) {
			w.fail("message %s is of an erased person, and something is kept", id)
		}
		if w.taken[id] > 0 && m.State == waxwing.Suppressed {
			w.fail("message %s was taken, and counts as suppressed", id)
		}
		if (m.State == waxwing.Queued || m.State == waxwing.Uncertain) && m.NextAt == 0 {
			w.fail("message %s waits, and its time will never come", id)
		}
	}
}

func play(seed uint64, sabotage func(*world, *Changes)) []string {
	w := newWorld(seed)
	w.sabotage = sabotage
	for range 40 + w.rng.IntN(160) {
		w.step()
		w.check()
		if len(w.wrong) > 0 {
			return w.wrong
		}
	}
	w.settle()
	w.check()
	return w.wrong
}

// TestHistories plays random histories of two instances with crashes, takeovers, late
// verdicts, suppressions and erasures: an order has one confirmation, no copy goes out
// without a mark, what is suppressed does not go out at all, rows say what their trail
// says, and everything ends.
func TestHistories(t *testing.T) {
	for seed := range uint64(*histories) {
		if wrong := play(seed, nil); len(wrong) > 0 {
			t.Fatalf("history %d: %v", seed, wrong)
		}
	}
}

// TestHistoriesFindFaults: each of these broken steps is found within 10,000 histories.
func TestHistoriesFindFaults(t *testing.T) {
	for name, sabotage := range map[string]func(*world, *Changes){
		"a copy is not marked": func(_ *world, c *Changes) {
			for i := range c.Entries {
				if c.Entries[i].Cause == CausePossible {
					c.Entries[i].Cause = CauseNote
				}
			}
		},
		"a takeover after the commit point queues again": func(_ *world, c *Changes) {
			for i := range c.Entries {
				if e := &c.Entries[i]; e.Cause == CauseTakeover && e.To == waxwing.Uncertain {
					e.To, c.Messages[0].State = waxwing.Queued, waxwing.Queued
				}
			}
		},
		"a claim stays": func(_ *world, c *Changes) { c.Freed = nil },
		"an erasure keeps the content": func(_ *world, c *Changes) {
			c.Destroyed = nil
		},
		"a suppression is forgotten": func(_ *world, c *Changes) {
			for i := range c.Entries {
				if e := &c.Entries[i]; e.To == waxwing.Suppressed && e.From == "" {
					e.To, c.Messages[0].State, c.Messages[0].NextAt = waxwing.Queued, waxwing.Queued, 1
					c.Messages[0].Trail = "x"
				}
			}
		},
		"an order makes two confirmations": func(w *world, c *Changes) {
			if len(c.Entries) == 1 && c.Entries[0].Cause == CauseDuplicate {
				w.next += store.IDStep
				*c = Changes{store.Changes{Confirmations: []store.Confirmation{{ID: w.next, Key: w.s.Confirmations[c.Entries[0].Confirmation].Key, State: waxwing.Received}},
					Entries: []Entry{{Confirmation: w.next, To: waxwing.Received}}}}
			}
		},
		"what became known of the erased is kept": func(_ *world, c *Changes) {
			for i := range c.Annotations {
				c.Annotations[i].Sealed = []byte{1}
			}
		},
		"what became known is written again": func(_ *world, c *Changes) {
			c.Annotations = append(c.Annotations, c.Annotations...)
		},
		"a retry has no time": func(_ *world, c *Changes) {
			for i := range c.Messages {
				if c.Messages[i].State == waxwing.Queued && len(c.Freed) > 0 {
					c.Messages[i].NextAt = 0
				}
			}
		},
		"a row forgets its state": func(_ *world, c *Changes) {
			for i := range c.Messages {
				if c.Messages[i].State == waxwing.Failed {
					c.Messages[i].State = waxwing.Queued
				}
			}
		},
		"a released confirmation is not due": func(_ *world, c *Changes) {
			for i := range c.Confirmations {
				c.Confirmations[i].Due = 0
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(10_000) {
				if len(play(seed, sabotage)) > 0 {
					t.Logf("found in history %d", seed)
					return
				}
			}
			t.Error("not found")
		})
	}
}

package machinetest

import (
	"errors"
	"slices"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// step does one thing at random.
func (w *World) step() {
	w.s.Now = w.s.Now.Add([]time.Duration{0, time.Millisecond, time.Second, 2 * time.Minute, 5 * time.Minute}[w.rng.IntN(5)])
	if w.rng.IntN(40) == 0 {
		w.s.Now = w.s.Now.Add(time.Hour)
	}
	w.as(w.lives[w.rng.IntN(2)], w.rng.IntN(4) == 0)
	switch w.rng.IntN(29) {
	case 0, 1, 2:
		w.accept()
	case 3, 4:
		if id, ok := pick(w, w.ids()); ok {
			w.works = append(w.works, w.look(id))
		}
	case 5, 6, 7:
		w.work()
	case 8, 9, 10:
		all := w.messages()
		if due := slices.DeleteFunc(slices.Clone(all), func(id waxwing.ID) bool {
			m := w.s.Messages[id]
			return m.NextAt == 0 || m.NextAt > w.s.Now.UnixMilli()
		}); w.rng.IntN(4) > 0 {
			all = due
		}
		if id, ok := pick(w, all); ok {
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
		b := &machine.Bar{Tenant: 1, Name: "acme", Hash: h, Class: waxwing.SuppressedPerson}
		if w.s.Suppressed[h] && w.rng.IntN(2) == 0 {
			lift(w, b, named)
			return
		}
		w.commit(b.Suppress(w.s, named))
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
	case 24, 25:
		ask(w)
	case 26, 27:
		answer(w)
	default:
		loss(w)
	}
}

// ask has an instance ask about a message in doubt, where there is one that is due.
func ask(w *World) {
	for _, id := range w.messages() {
		c, until, asked := machine.Ask(w.s, id, 15*time.Second)
		if !asked {
			if !c.Empty() {
				w.fail("%s is not asked about, and something is changed", id)
			}
			continue
		}
		w.commit(c)
		w.asked = append(w.asked, machine.Answer{Message: id, Attempts: w.s.Messages[id].Attempts, Until: until, Provider: "mail"})
		return
	}
}

// answer is a provider's word on a message, now or long after it was asked. Its events lag: what it
// took it may not know of yet, but it never knows of what it did not take.
func answer(w *World) {
	if len(w.asked) == 0 {
		return
	}
	i := w.rng.IntN(len(w.asked))
	a := w.asked[i]
	w.asked = slices.Delete(w.asked, i, i+1)
	a.Reply.Said = []string{waxwing.SaidAbsent, waxwing.SaidUnknown, ""}[w.rng.IntN(3)]
	if w.taken[a.Message] > 0 && w.rng.IntN(2) == 0 {
		a.Reply = waxwing.Reply{Said: waxwing.SaidTaken, Evidence: waxwing.Evidence{Ref: "r1", Words: "event accepted"}}
	} else if w.rng.IntN(3) == 0 {
		a.Reply.Again = w.s.Now.Add(time.Minute)
	}
	before := w.state[a.Message]
	c, _, err := machine.Answered(w.s, &a)
	if err != nil && !c.Empty() {
		w.fail("an answer was refused and changed something: %v", err)
	}
	w.commit(c)
	switch after := w.state[a.Message]; {
	case err != nil:
	case before != waxwing.Uncertain:
		w.fail("an answer is taken for %s, which is %q", a.Message, before)
	case a.Reply.Said == waxwing.SaidTaken && after != waxwing.Sent:
		w.fail("%s was taken, says its provider, and is %q", a.Message, after)
	case w.s.Rule.Policy != waxwing.ResendDoubt && after == waxwing.Queued:
		w.fail("%s goes out again, and the policy is %s", a.Message, w.s.Rule.Policy)
	}
}

// lift has an address be mailed again: twice changes nothing more than once, and the next mail to it
// passes its commit point.
func lift(w *World, b *machine.Bar, named []waxwing.ID) {
	c := b.Lift(w.s, named)
	if len(c.Lifted) != 1 || len(c.Messages)+len(c.Confirmations) > 0 {
		w.fail("a lift changes %+v", c.Changes)
	}
	w.commit(c)
	if w.s.Suppressed[b.Hash] {
		w.fail("%x is lifted, and stays suppressed", b.Hash[:4])
	}
	if c = b.Lift(w.s, named); !c.Empty() {
		w.fail("a second lift changes something: %+v", c.Changes)
	}
}

// annotate is a provider that tells what became of a message, as often as it likes.
func (w *World) annotate(id waxwing.ID) {
	c, err := w.s.Annotate(&machine.Note{Message: id, Kind: waxwing.AnnotationKinds[w.rng.IntN(len(waxwing.AnnotationKinds))], Provider: "mail", Sealed: []byte{1}})
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

func (w *World) accept() {
	w.next += store.IDStep
	a := &machine.Arrival{ID: w.next, Tenant: 1, Key: w.order(), Source: "webhook", DEK: []byte{1}, Updated: int64(w.rng.IntN(4)), Rank: int64(w.rng.IntN(2)),
		Stale: w.rng.IntN(12) == 0, Old: w.rng.IntN(12) == 0, Event: store.Event{Body: []byte{1}}}
	switch w.rng.IntN(16) {
	case 0:
		a.Poison, a.Key = "no key", w.hash(3, byte(w.rng.IntN(2)))
	case 1:
		a.Ignore, a.Key = "ping", w.hash(4, byte(w.next>>6))
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

func (w *World) draft(resend bool) machine.Draft {
	return machine.Draft{Channel: waxwing.Email, State: waxwing.Queued, Body: []byte{1}, People: []store.Hash{w.people()}, Resend: resend}
}

// mailed notes whom new messages go to.
func (w *World) mailed(first waxwing.ID, drafts []machine.Draft) {
	for i := range drafts {
		w.person[first+waxwing.ID(i)] = drafts[i].People[0]
	}
}

// work goes on with an order, mostly as it stands now, and else as somebody saw it long ago.
func (w *World) work() {
	if id, ok := pick(w, w.ids()); ok && w.rng.IntN(4) > 0 {
		w.works = append(w.works[:0:0], w.look(id))
	}
	seen, ok := pick(w, w.works)
	if !ok {
		return
	}
	var c machine.Changes
	var err error
	switch w.rng.IntN(12) {
	case 0:
		c, err = w.s.Settle(seen, machine.Settled{State: waxwing.Held, Reason: "gate", Cause: machine.CauseGate, Due: w.s.Now.UnixMilli() + 1000}, nil)
	case 1:
		c, err = w.s.Settle(seen, machine.Settled{State: waxwing.Quarantined, Reason: "poison", Cause: machine.CausePoison, Due: 0}, nil)
	case 2:
		c, err = w.s.Settle(seen, machine.Settled{State: waxwing.Cancelled, Reason: "gone", Cause: machine.CauseOrderGone, Due: 0}, nil)
	case 3:
		c = w.s.Spoil(seen)
	default:
		d := []machine.Draft{w.draft(false)}
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

func (w *World) claim(id waxwing.ID) {
	before := w.s.Claims[id]
	c, taken := w.s.Claim(id)
	if taken && before.Instance != 0 {
		w.fail("%s was taken from instance %d", id, before.Instance)
	}
	w.commit(c)
	if taken {
		w.claims = append(w.claims, held{instance: w.s.Instance, epoch: w.s.Epoch, id: id, number: int(w.s.Messages[id].Attempts) + 1})
	}
}

// mine is a claim as an instance remembers it, whatever has become of the two: one that
// was taken for dead may go on for a while.
func (w *World) mine() (int, bool) {
	if len(w.claims) == 0 {
		return 0, false
	}
	i := w.rng.IntN(len(w.claims))
	w.as(w.claims[i].instance, false)
	return i, true
}

func (w *World) commitPoint() {
	i, ok := w.mine()
	if !ok || w.claims[i].dot {
		return
	}
	h := &w.claims[i]
	c, barred, err := w.s.CommitPoint(h.id, h.epoch, w.person[h.id], "mail")
	if err == nil && !barred && w.s.Suppressed[w.person[h.id]] {
		w.fail("%s passes its commit point, and its address is suppressed", h.id)
	}
	if err == nil && !barred && w.s.Messages[h.id].Expires <= w.s.Now.UnixMilli() {
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

func (w *World) verdict() {
	i, ok := w.mine()
	if !ok {
		return
	}
	h := w.claims[i]
	v := &machine.Verdict{Message: h.id, Epoch: h.epoch, Number: h.number, Sealed: []byte{1}, Attempt: waxwing.Attempt{Provider: "mail", Phase: waxwing.PhaseDot}}
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
			v.Fallback = []machine.Draft{w.draft(false)}
		}
	default:
		v.To, v.Attempt.Verdict, v.Counts = waxwing.Queued, waxwing.Deferred, true
	}
	c, err := w.s.Resolve(v)
	if errors.Is(err, machine.ErrNoFallback) {
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
	if errors.Is(err, machine.ErrNotHeld) {
		w.late(v)
	}
	w.claims = slices.Delete(w.claims, i, i+1)
}

// late is the answer to an instance that was taken for dead.
func (w *World) late(v *machine.Verdict) {
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

// crash ends an instance, or has it taken for dead, and the other one takes over what it held.
// Where it runs again it has a number of its own. Where it only stood still it keeps its own
// and hears of its new epoch: its workers go on with what they had, and its sweeper takes
// some of it anew.
func (w *World) crash() {
	n := w.rng.IntN(2)
	dead := w.lives[n]
	w.claims = slices.DeleteFunc(w.claims, func(h held) bool { return h.instance == dead && w.rng.IntN(2) == 0 })
	woken := w.rng.IntN(2) == 0
	if woken {
		w.epochs[dead]++
	} else {
		w.last++
		w.lives[n] = w.last
	}
	w.as(w.lives[1-n], true)
	for _, id := range w.takeOver(func(k store.Claim) bool { return k.Instance == dead }) {
		if woken && w.rng.IntN(2) == 0 {
			w.as(dead, true)
			w.claim(id)
		}
	}
}

// takeOver frees what is held so, and gives it.
func (w *World) takeOver(which func(store.Claim) bool) (freed []waxwing.ID) {
	for _, id := range w.messages() {
		if k, is := w.s.Claims[id]; is && which(k) {
			c, _ := w.s.TakeOver(id)
			w.commit(c)
			freed = append(freed, id)
		}
	}
	return freed
}

func (w *World) act() {
	id, ok := pick(w, w.ids())
	if !ok {
		return
	}
	var c machine.Changes
	var err error
	switch w.rng.IntN(3) {
	case 0:
		c, err = w.s.Release(1, id, waxwing.Act{})
	case 1:
		c, err = w.s.Stop(1, id, w.hash(9, 0), waxwing.Act{})
	default:
		d := w.draft(true)
		seen := w.look(id)
		if c, err = w.s.Add(seen, &d, time.Hour); err == nil {
			w.mailed(id|waxwing.ID(seen.Next), []machine.Draft{d})
		}
	}
	if err != nil && !c.Empty() {
		w.fail("an act was refused and changed something: %v", err)
	}
	w.commit(c)
}

// loss is a start on an older ledger: nobody holds anything then.
func loss(w *World) {
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
func settle(w *World) {
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

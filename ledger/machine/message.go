package machine

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// apart is how far apart the clocks of two instances of one ledger may be, in ms: each is within half
// of it of the database's.
const apart = 500

// due says that a message waits and its time has come. One that nobody has tried yet is due from
// its making on, which may have been by another instance, and by its clock.
func (s *Set) due(m *store.Message) bool {
	now := s.ms()
	if m.State == waxwing.Queued && m.Attempts == 0 && m.Tries == 0 && m.Faults == 0 && m.DownSince == 0 {
		now += apart
	}
	_, held := s.Claims[m.ID]
	return !held && (m.State == waxwing.Queued || m.State == waxwing.Uncertain) && m.NextAt != 0 && m.NextAt <= now
}

// Claim takes a message for the set's instance, if it is due and nobody holds it. One
// whose time is over ends instead, and so does one in doubt that is to be taken for sent. One in
// doubt that its provider is to be asked about is not taken: see Ask.
//
// An instance that was taken for dead takes nothing.
//
// Loaded: the message, its claim, its doubts, the instance.
func (s *Set) Claim(id waxwing.ID) (c Changes, taken bool) {
	c = s.none()
	m, ok := s.Messages[id]
	if !ok || !s.due(&m) || !s.alive() {
		return c, false
	}
	if c, ended := s.End(id); ended {
		return c, false
	}
	if m.State == waxwing.Uncertain && s.Rule.Ask {
		return c, false // its provider is asked first: see Ask
	}
	if m.State == waxwing.Uncertain && s.Rule.Holds(s.Doubts[id]) { // the rule was another one when it came into doubt
		m.Reason, m.NextAt = waxwing.HeldInDoubt, m.Expires
		c.Messages = append(c.Messages, m)
		c.note(Entry{Confirmation: store.ConfirmationOf(id), Message: id, Cause: CauseNote, Detail: [][2]string{{"reason", m.Reason}}})
		return c, false
	}
	conf := store.ConfirmationOf(id)
	c.Claims = append(c.Claims, store.Claim{Message: id, Instance: s.Instance, At: s.ms(), Expires: m.Expires})
	if m.State == waxwing.Uncertain {
		m.State = waxwing.Queued
		c.Messages = append(c.Messages, m)
		c.note(possible(&m))
	}
	c.note(Entry{Confirmation: conf, Message: id, From: waxwing.Queued, To: waxwing.Claimed, Cause: CauseClaimed})
	return c, true
}

// ReasonExpiredInDoubt is that of a message whose time was over when its answer was lost.
const ReasonExpiredInDoubt = "expired_uncertain"

// End ends a due message whose time to live is over, or that is to be taken for sent.
//
// Loaded: the message, its claim, its doubts.
func (s *Set) End(id waxwing.ID) (c Changes, ended bool) {
	c = s.none()
	m, ok := s.Messages[id]
	switch {
	case !ok || !s.due(&m):
	case m.Expires <= s.ms():
		reason := CauseExpired
		// Queued again, its first copy may have arrived.
		if m.State == waxwing.Uncertain || s.Doubts[id] > 0 {
			reason = ReasonExpiredInDoubt
		}
		s.finish(&c, m, ending{to: waxwing.Failed, reason: reason, cause: CauseExpired})
		return c, true
	case m.State == waxwing.Uncertain && s.Rule.Policy == waxwing.AssumeDoubt && !s.Rule.Ask:
		s.finish(&c, m, ending{to: waxwing.Sent, reason: CauseAssumed, cause: CauseAssumed})
		return c, true
	}
	return c, false
}

// ending is the last state of a message, and why. Its details stand in the trail.
type ending struct {
	to            waxwing.State
	reason, cause string
	more          [][2]string
}

// finish ends a message; whoever calls it knows that the step is allowed.
func (s *Set) finish(c *Changes, m store.Message, e ending) {
	from := s.State(&m)
	if _, held := s.Claims[m.ID]; held {
		c.Freed = append(c.Freed, m.ID)
	}
	m.State, m.Reason, m.NextAt = e.to, e.reason, 0
	c.Messages = append(c.Messages, m)
	c.note(Entry{Confirmation: store.ConfirmationOf(m.ID), Message: m.ID, From: from, To: e.to, Cause: e.cause,
		Detail: slices.Concat([][2]string{{"reason", e.reason}}, e.more)})
}

func errOver(id waxwing.ID) error {
	return fmt.Errorf("message %s may not be sent any more: %w", id, waxwing.ErrState)
}

// CommitPoint lets a claimed message pass its commit point: from then on it may have been
// sent. It refuses with ErrState where the claim is not this instance's any more, or not the
// one of this epoch of its, the instance was taken for dead, the message was cancelled, or its
// time is over. One to an address that is suppressed ends
// here, with barred true: it could not be stopped before, or would go again.
//
// Loaded: the message, its claim, its doubts, the instance, and whether its person is
// suppressed.
func (s *Set) CommitPoint(id waxwing.ID, epoch int64, person store.Hash, provider string) (c Changes, barred bool, err error) {
	c = s.none()
	k, held := s.Claims[id]
	if !held || !takenIn(epoch, &k, s) || k.Dot || !s.alive() {
		return c, false, errOver(id)
	}
	if s.Suppressed[person] {
		to := waxwing.Suppressed
		if s.Doubts[id] > 0 {
			to = waxwing.Cancelled // may have been sent: never "suppressed"
		}
		s.finish(&c, s.Messages[id], ending{to: to, reason: CauseSuppressed, cause: CauseSuppressed})
		return c, true, nil
	}
	if k.Expires <= s.ms() {
		return c, false, errOver(id)
	}
	k.Dot, k.Provider, k.At = true, provider, s.ms()
	c.Claims = append(c.Claims, k)
	c.note(Entry{Confirmation: store.ConfirmationOf(id), Message: id, From: waxwing.Claimed, To: waxwing.Dot,
		Cause: CauseCommit, Detail: [][2]string{{"provider", provider}}})
	return c, false, nil
}

// Verdict is what an attempt came to and what follows from it.
type Verdict struct {
	Message waxwing.ID
	Epoch   int64 // the instance's, in which it took the message
	Attempt waxwing.Attempt
	Number  int // of the attempt
	Sealed  []byte
	To      waxwing.State
	Reason  string
	NextAt  time.Time
	// Counts says that it counts against the retry schedule.
	Counts    bool
	DownSince time.Time
	// Fallback are the messages of other channels that take over, found by Hashes.
	Fallback []Draft
	Hashes   []store.Hash
}

// ErrNoFallback: another message of the confirmation was made meanwhile, so that the
// fallback cannot have the number that it was sealed under.
var ErrNoFallback = fmt.Errorf("no fallback: %w", waxwing.ErrState)

// ErrNotHeld: the message is not this instance's any more. It comes as ErrState, too.
var ErrNotHeld = errors.New("not held any more")

type notHeld struct{ id waxwing.ID }

func (e notHeld) Error() string {
	return fmt.Sprintf("message %s is %v: %v", e.id, ErrNotHeld, waxwing.ErrState)
}

func (e notHeld) Unwrap() []error { return []error{ErrNotHeld, waxwing.ErrState} }

// Resolve records a verdict. Where the person was erased while the message was at its
// commit point there is nothing left to offer, and it ends. It refuses with ErrState
// where this instance does not hold the message any more, or holds it anew.
//
// Loaded: the message, its claim, its confirmation, and whether the fallbacks' people are
// suppressed.
func (s *Set) Resolve(v *Verdict) (c Changes, err error) {
	c = s.none()
	m, ok := s.Messages[v.Message]
	k, held := s.Claims[v.Message]
	if !ok || !held || !takenIn(v.Epoch, &k, s) {
		return c, notHeld{v.Message}
	}
	conf, err := s.confirmation(v.Message)
	if err != nil {
		return c, err
	}
	to, reason, nextAt := v.To, v.Reason, v.NextAt
	if conf.Erased() && (to == waxwing.Queued || to == waxwing.Uncertain) {
		to, reason, nextAt = waxwing.Cancelled, CauseErased, time.Time{}
	}
	from := s.State(&m)
	if err := Check(from, to); err != nil {
		return c, err
	}
	if len(v.Fallback) > 0 {
		if conf.Messages != int64(v.Message&(store.IDStep-1)) || conf.Messages+int64(len(v.Fallback)) >= store.IDStep || conf.Erased() {
			return c, fmt.Errorf("message %s is not the newest: %w", v.Message, ErrNoFallback)
		}
		conf.Messages += int64(len(v.Fallback))
		c.Confirmations = append(c.Confirmations, conf)
	}
	a := &v.Attempt
	c.Freed = append(c.Freed, m.ID)
	m.State, m.Reason, m.NextAt, m.DownSince = to, Clip(reason, 200), 0, ms(v.DownSince)
	if (to == waxwing.Queued || to == waxwing.Uncertain) && !nextAt.IsZero() {
		m.NextAt = min(nextAt.UnixMilli(), m.Expires)
	}
	if v.Counts {
		m.Tries++
	}
	if a.Fault == waxwing.ProviderFault || a.Fault == waxwing.TransportFault {
		m.Faults++
	} else {
		m.Faults = 0
	}
	c.note(verdictEntry(v, from, to, reason))
	if a.Verdict != "" {
		m.Attempts++
		c.Attempts = append(c.Attempts, attempt(v, conf.Erased()))
	}
	c.Messages = append(c.Messages, m)
	if !conf.Erased() {
		c.lookups(conf.ID, v.Hashes)
	}
	for i := range v.Fallback {
		s.draft(&c, v.Message+waxwing.ID(1+i), &v.Fallback[i], life{conf.Tenant, CauseFallback, m.Released, m.Expires})
	}
	return c, nil
}

func attempt(v *Verdict, erased bool) store.Attempt {
	a := &v.Attempt
	out := store.Attempt{Message: v.Message, N: int64(v.Number), Provider: a.Provider, Verdict: a.Verdict, Fault: a.Fault, Phase: a.Phase,
		Code: a.Code, Enhanced: a.Enhanced, Began: ms(a.Began), Ended: ms(a.Ended), Sealed: v.Sealed}
	if erased {
		out.Sealed = nil // sealed before she was erased
	}
	return out
}

func verdictEntry(v *Verdict, from, to waxwing.State, reason string) Entry {
	a := &v.Attempt
	e := Entry{Confirmation: store.ConfirmationOf(v.Message), Message: v.Message, From: from, To: to, Cause: CauseVerdict}
	if a.Verdict == "" {
		e.Cause = CauseNote
	} else {
		e.Detail = append(e.Detail, [2]string{"attempt", strconv.Itoa(v.Number)}, [2]string{"provider", a.Provider},
			[2]string{"verdict", string(a.Verdict)}, [2]string{"phase", string(a.Phase)})
	}
	if a.Fault != "" {
		e.Detail = append(e.Detail, [2]string{"fault", string(a.Fault)})
	}
	if a.Code != 0 {
		e.Detail = append(e.Detail, [2]string{"code", strconv.Itoa(a.Code)})
	}
	if reason != "" {
		e.Detail = append(e.Detail, [2]string{"reason", Clip(reason, 200)})
	}
	return e
}

func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// TakeOver frees a message that a dead instance holds: before its commit point nothing
// was sent, and it is queued again; after it the answer is lost. held says that it was
// lost too often and waits for a person.
//
// Loaded: the message, its claim, its doubts, the instance that holds it.
func (s *Set) TakeOver(id waxwing.ID) (c Changes, held bool) {
	c = s.none()
	k, ok := s.Claims[id]
	m, there := s.Messages[id]
	if !ok || !there {
		return c, false
	}
	e := Entry{Confirmation: store.ConfirmationOf(id), Message: id, From: waxwing.Claimed, To: waxwing.Queued, Cause: CauseTakeover,
		Detail: [][2]string{{"instance", strconv.FormatInt(k.Instance, 10)}}}
	m.State, m.Reason, m.NextAt = waxwing.Queued, "", s.ms()
	if k.Dot {
		var wait time.Duration
		e.From, e.To, m.State = waxwing.Dot, waxwing.Uncertain, waxwing.Uncertain
		wait, held = s.Rule.Next(s.Doubts[id] + 1)
		if m.NextAt = min(m.NextAt+wait.Milliseconds(), m.Expires); held { // until a person decides, or its time is over
			m.NextAt, m.Reason = m.Expires, waxwing.HeldInDoubt
			e.Detail = append(e.Detail, [2]string{"reason", m.Reason})
		}
		m.Attempts++
		if s.Instances[k.Instance].Lease != 0 { // its chain goes on beside others: this entry must say all by itself
			e.Detail = append(e.Detail, [2]string{"attempt", strconv.FormatInt(m.Attempts, 10)}, [2]string{"provider", k.Provider})
		}
		c.Attempts = append(c.Attempts, store.Attempt{Message: id, N: m.Attempts, Provider: k.Provider, Verdict: waxwing.UncertainVerdict,
			Phase: waxwing.PhaseDot, Began: k.At, Ended: s.ms()})
	}
	c.Messages = append(c.Messages, m)
	c.Freed = append(c.Freed, id)
	c.note(e)
	return c, held
}

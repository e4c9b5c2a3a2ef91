package machine

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// alive says that nobody has taken the set's instance for dead.
func (s *Set) alive() bool { return s.Epoch == 0 || s.Instances[s.Instance].Epoch == s.Epoch }

// takenIn says that a claim is the one that the set's instance took in this epoch of its. One that
// stood still, was taken for dead and goes on may hold a message for the second time, while who
// works for it since the first time still believes in that one.
func takenIn(epoch int64, k *store.Claim, s *Set) bool {
	return k.Instance == s.Instance && (s.Epoch == 0 || s.Epoch == epoch)
}

// Dead says that an instance has ended, or that its lease is over. One without a lease is
// alone, and nobody else can know.
//
// Loaded: the instance.
func (s *Set) Dead(instance int64) bool {
	in, ok := s.Instances[instance]
	return !ok || in.Stopped != 0 || in.Lease != 0 && in.Lease <= s.ms()
}

// Span is a stretch of time, in ms.
type Span struct{ From, To int64 }

// Long is how long it is.
func (s Span) Long() time.Duration { return time.Duration(s.To-s.From) * time.Millisecond }

// Steady is the span of a set's instances up to now in which the database was written to without a gap of more than
// most: by any instance's start and last beat, and by a span that was found before. In it
// whoever lives could have prolonged its lease, which is so long.
//
// Loaded: the instances that run.
func Steady(s *Set, before Span, lease, most time.Duration) Span {
	heard := []Span{before}
	for _, in := range s.Instances {
		beat := in.Lease - lease.Milliseconds()
		heard = append(heard, Span{in.Started, in.Started}, Span{beat, beat})
	}
	slices.SortFunc(heard, func(a, b Span) int { return cmp.Compare(b.To, a.To) })
	out := Span{s.ms(), s.ms()}
	for _, x := range heard {
		if x.To <= out.To && out.From-x.To <= most.Milliseconds() {
			out.From = min(out.From, x.From)
		}
	}
	return out
}

// Beat prolongs the instance's lease. epoch is what it goes on with, and is greater than
// its own where somebody has taken it for dead: what it held is not its own any more.
//
// Loaded: the instance.
func (s *Set) Beat(lease time.Duration) (c Changes, epoch int64) {
	c = s.none()
	in := s.Instances[s.Instance]
	in.ID, in.Stopped, in.Lease = s.Instance, 0, s.Now.Add(lease).UnixMilli()
	c.Instances = append(c.Instances, in)
	return c, in.Epoch
}

// Bury takes an instance for dead. What it holds is taken over in the same group.
//
// Loaded: the instance.
func (s *Set) Bury(instance int64) (c Changes) {
	c = s.none()
	in, ok := s.Instances[instance]
	if !ok {
		return c
	}
	in.Epoch++
	in.Stopped = s.ms()
	c.Instances = append(c.Instances, in)
	return c
}

// Late records the answer to an attempt of this instance's after the message was taken over
// from it: the lost answer. A message that is still in doubt, and was taken for sent by its
// provider, is sent; what goes on otherwise goes on. noted is false where no answer to the
// attempt was lost, or this one is of an attempt that never came to its commit point: another
// instance's has the same number then.
//
// Loaded: the message, its claim, its attempts.
func (s *Set) Late(v *Verdict) (c Changes, noted bool) {
	c = s.none()
	m, ok := s.Messages[v.Message]
	if !ok || v.Attempt.Verdict == "" || !v.Attempt.Phase.Committed() || !s.lost(v) {
		return c, false
	}
	a := &v.Attempt
	e := Entry{Confirmation: store.ConfirmationOf(m.ID), Message: m.ID, Cause: CauseLateVerdict, Detail: [][2]string{
		{"attempt", strconv.Itoa(v.Number)}, {"provider", a.Provider}, {"verdict", string(a.Verdict)}}}
	if a.Code != 0 {
		e.Detail = append(e.Detail, [2]string{"code", strconv.Itoa(a.Code)})
	}
	if _, held := s.Claims[m.ID]; !held && m.State == waxwing.Uncertain && v.To == waxwing.Sent {
		e.From, e.To = waxwing.Uncertain, waxwing.Sent
		m.State, m.Reason, m.NextAt = waxwing.Sent, "", 0
		c.Messages = append(c.Messages, m)
	}
	c.note(e)
	return c, true
}

// lost says that the answer to a verdict's attempt is one of those that were lost.
func (s *Set) lost(v *Verdict) bool {
	for i := range s.Attempts[v.Message] {
		if a := &s.Attempts[v.Message][i]; a.N == int64(v.Number) {
			return a.Verdict == waxwing.UncertainVerdict && a.Provider == v.Attempt.Provider
		}
	}
	return false
}

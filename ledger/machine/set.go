package machine

import (
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Entry is one line of the trail before it has its place.
type Entry = store.Entry

// Set is the rows that commands decide by. What is not in it is taken for not there:
// whoever runs a command loads what it needs.
type Set struct {
	*store.Set
	// Now is the transaction's time.
	Now time.Time
	// Instance is the one that acts, and Epoch the one of its row by which it knows that
	// nobody has taken it for dead; 0: nobody can.
	Instance int64
	Epoch    int64
	// Rule says what becomes of a message whose answer was lost.
	Rule waxwing.DoubtRule

	spare Changes
}

// NewSet returns an empty set.
func NewSet(now time.Time, instance int64, rule waxwing.DoubtRule) *Set {
	return &Set{Set: store.NewSet(), Now: now, Instance: instance, Rule: rule}
}

// Changes is what a command came to. None of its rows are in a database yet, and its
// entries have no place in the trail: see Place.
type Changes struct{ store.Changes }

// none begins a command's changes, in the memory of those that were taken last.
func (s *Set) none() Changes {
	c := s.spare
	s.spare = Changes{}
	return Changes{store.Changes{Confirmations: c.Confirmations[:0], Messages: c.Messages[:0], Claims: c.Claims[:0],
		Freed: c.Freed[:0], Events: c.Events[:0], Contents: c.Contents[:0], Annotations: c.Annotations[:0], Attempts: c.Attempts[:0], Lookups: c.Lookups[:0],
		Suppressions: c.Suppressions[:0], Lifted: c.Lifted[:0], Destroyed: c.Destroyed[:0], Entries: c.Entries[:0], Instances: c.Instances[:0]}}
}

// Over has the next command decide by rows that were loaded, as an instance at a time.
func (s *Set) Over(rows *store.Set, now time.Time, instance int64, rule waxwing.DoubtRule) {
	s.Set, s.Now, s.Instance, s.Rule = rows, now, instance, rule
}

// Take makes the set what it is after the changes, whose memory is its own from then on.
func (s *Set) Take(c *Changes) {
	for _, r := range c.Confirmations {
		s.Confirmations[r.ID], s.Keys[r.Key] = r, r.ID
	}
	for _, m := range c.Messages {
		s.Messages[m.ID] = m
	}
	for _, k := range c.Claims {
		s.Claims[k.Message] = k
	}
	for _, id := range c.Freed {
		delete(s.Claims, id)
	}
	for _, a := range c.Attempts {
		if a.Verdict == waxwing.UncertainVerdict {
			s.Doubts[a.Message]++
		}
	}
	for _, h := range c.Lifted {
		delete(s.Suppressed, h)
	}
	for _, x := range c.Suppressions {
		s.Suppressed[x.Hash] = true
	}
	for _, in := range c.Instances {
		s.Instances[in.ID] = in
	}
	for _, a := range c.Annotations {
		s.Annotations[a.Message] = append(s.Annotations[a.Message], a)
	}
	s.spare = *c
}

// ms is the transaction's time in the form of the rows.
func (s *Set) ms() int64 { return s.Now.UnixMilli() }

func (c *Changes) note(e Entry) { c.Entries = append(c.Entries, e) }

// lookups has a confirmation found by these from now on.
func (c *Changes) lookups(id waxwing.ID, hashes []store.Hash) {
	for _, h := range hashes {
		c.Lookups = append(c.Lookups, store.Lookup{Hash: h, Confirmation: id})
	}
}

// confirmation gives a row by its id or that of anything of it.
func (s *Set) confirmation(id waxwing.ID) (store.Confirmation, error) {
	c, ok := s.Confirmations[store.ConfirmationOf(id)]
	if !ok {
		return c, fmt.Errorf("confirmation: %w", waxwing.ErrNotFound)
	}
	return c, nil
}

// Outcome is what became of a confirmation, with its messages.
func (s *Set) Outcome(id waxwing.ID) waxwing.State {
	var states []waxwing.State
	for _, m := range s.Of(id) {
		states = append(states, s.State(&m))
	}
	return Outcome(s.Confirmations[id].State, states)
}

// Detail is who asked for something, and why, in an entry of the trail.
func Detail(a waxwing.Act) (d [][2]string) {
	if a.By != "" {
		d = append(d, [2]string{"by", Clip(string(a.By), 64)})
	}
	if a.Reason != "" {
		d = append(d, [2]string{"why", Clip(a.Reason, 800)})
	}
	return d
}

// Clip cuts a text to at most n bytes, at the end of a character.
func Clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}

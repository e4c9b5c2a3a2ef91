package machine

import (
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Entry is one line of the trail before it has its place.
type Entry struct {
	At           time.Time
	Confirmation waxwing.ID
	Message      waxwing.ID
	From, To     waxwing.State
	Cause        string
	Detail       [][2]string // names and values, without personal data
}

// Set is the rows that commands decide by. What is not in it is taken for not there:
// whoever runs a command loads what it needs.
type Set struct {
	store.Set
	// Now is the transaction's time.
	Now time.Time
	// Instance is the one that acts.
	Instance int64
	// Rule says what becomes of a message whose answer was lost.
	Rule waxwing.DoubtRule

	spare Changes
}

// NewSet returns an empty set.
func NewSet(now time.Time, instance int64, rule waxwing.DoubtRule) *Set {
	return &Set{Set: *store.NewSet(), Now: now, Instance: instance, Rule: rule}
}

// Changes is what a command came to: rows as they are to stand, whole, and new ones.
type Changes struct {
	// Confirmations and Messages are new, or stand in the Set.
	Confirmations []store.Confirmation
	Messages      []store.Message
	// Claims are taken, or were changed; Freed are given up.
	Claims       []store.Claim
	Freed        []waxwing.ID
	Events       []store.Event
	Contents     []store.Content
	Attempts     []store.Attempt
	Lookups      []store.Lookup
	Suppressions []store.Suppression
	// Destroyed are confirmations whose events, contents, replies, lookups and plugin
	// runs go with their key.
	Destroyed []waxwing.ID
	Entries   []Entry
}

// Empty says that there is nothing to write.
func (c *Changes) Empty() bool {
	return len(c.Confirmations)+len(c.Messages)+len(c.Claims)+len(c.Freed)+len(c.Events)+len(c.Contents)+len(c.Attempts)+
		len(c.Lookups)+len(c.Suppressions)+len(c.Destroyed)+len(c.Entries) == 0
}

// none begins a command's changes, in the memory of those that were taken last.
func (s *Set) none() Changes {
	c := s.spare
	s.spare = Changes{}
	return Changes{c.Confirmations[:0], c.Messages[:0], c.Claims[:0], c.Freed[:0], c.Events[:0], c.Contents[:0], c.Attempts[:0],
		c.Lookups[:0], c.Suppressions[:0], c.Destroyed[:0], c.Entries[:0]}
}

// Clear empties the set for the next command, as an instance at a time.
func (s *Set) Clear(now time.Time, instance int64, rule waxwing.DoubtRule) {
	s.Set.Clear()
	s.Now, s.Instance, s.Rule = now, instance, rule
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
	for _, x := range c.Suppressions {
		s.Suppressed[x.Hash] = true
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

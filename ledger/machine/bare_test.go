package machine

import (
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// comes has a set take an event as a ledger does, and gives the confirmation behind it.
func comes(t *testing.T, s *Set, a Arrival) store.Confirmation {
	t.Helper()
	a.Key, a.ID = store.Hash{1}, conf
	c, _, reseal := s.Accept(&a)
	if reseal {
		var err error
		if c, _, err = s.Replace(&a); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range c.Confirmations {
		s.Confirmations[row.ID], s.Keys[row.Key] = row, row.ID
	}
	return s.Confirmations[conf]
}

// TestBareEvents: what names an order only is the newest word on it, until the shop has answered it; what was asked about an
// earlier one does not count.
func TestBareEvents(t *testing.T) {
	begin := func() *Set { return NewSet(noon, mine, waxwing.DoubtRule{}) }
	bareEvent := Arrival{Bare: true, DEK: []byte{1}}
	answer := func(to, updated int64) Arrival { return Arrival{Answer: true, Answers: to, Updated: updated, Rank: 1} }

	s := begin()
	comes(t, s, bareEvent)
	if r := comes(t, s, answer(0, 100)); r.Event != 1 || r.Updated != 100 || r.Rank != 1 || r.State != waxwing.Received {
		t.Errorf("answered: %+v", r)
	}
	if r := comes(t, s, answer(0, 200)); r.Event != 1 {
		t.Errorf("answered twice: %+v", r)
	}
	if r := comes(t, s, bareEvent); r.Event != 2 || r.Updated != 100 || r.Rank >= 0 {
		t.Errorf("named anew: %+v", r)
	}
	if r := comes(t, s, bareEvent); r.Event != 3 {
		t.Errorf("and again: %+v", r)
	}
	if r := comes(t, s, answer(2, 300)); r.Event != 3 {
		t.Errorf("what was asked before the last one came: %+v", r)
	}
	if r := comes(t, s, Arrival{Updated: 99, Rank: 1}); r.Event != 3 {
		t.Errorf("older than what was known: %+v", r)
	}
	if r := comes(t, s, answer(3, 90)); r.Event != 4 || r.Updated != 100 {
		t.Errorf("a shop whose answer is older than itself: %+v", r)
	}

	s = begin()
	comes(t, s, bareEvent)
	if r := comes(t, s, Arrival{Updated: 50, Rank: 1}); r.Event != 1 || r.Rank != 1 {
		t.Errorf("the list shows it first: %+v", r)
	}
	comes(t, s, bareEvent)
	if r := comes(t, s, Arrival{Updated: 50, Rank: 1}); r.Event != 3 {
		t.Errorf("the list shows it again, as it is: %+v", r)
	}

	s = begin() // last year's order is no news, whatever was changed of it today
	comes(t, s, bareEvent)
	old := answer(0, 100)
	old.Old = true
	if r := comes(t, s, old); r.State != waxwing.Held || r.Reason != CauseStale {
		t.Errorf("an old order: %+v", r)
	}
	if r := comes(t, s, bareEvent); r.State != waxwing.Received {
		t.Errorf("it is named: %+v", r)
	}
	old.Answers = 2
	if r := comes(t, s, old); r.State != waxwing.Held || r.Reason != CauseStale {
		t.Errorf("an old order again: %+v", r)
	}

	s = begin() // what was news when it came stays so: paid days later
	comes(t, s, bareEvent)
	comes(t, s, answer(0, 100))
	comes(t, s, bareEvent)
	old = answer(2, 200)
	old.Old = true
	if r := comes(t, s, old); r.State != waxwing.Received {
		t.Errorf("paid late: %+v", r)
	}

	s = begin() // however often it is named, its answer has a place
	comes(t, s, bareEvent)
	for range 3 * MaxEvents {
		comes(t, s, bareEvent)
	}
	r := s.Confirmations[conf]
	if r = comes(t, s, answer(r.Event, 100)); r.Rank != 1 || r.Events > MaxEvents {
		t.Errorf("named without end: %+v", r)
	}
}

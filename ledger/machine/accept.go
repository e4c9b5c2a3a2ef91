package machine

import (
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// SweepAfter is how long the hot path has with a new confirmation before the sweeper looks.
const SweepAfter = 2 * time.Second

// MaxEvents is how many events of one confirmation are kept; of more only the trail tells.
const MaxEvents = 60

// Arrival is an event made ready to be recorded.
type Arrival struct {
	ID      waxwing.ID // of the confirmation, if it makes one
	Tenant  int64
	Key     store.Hash
	Kind    waxwing.Kind // empty: of the order itself
	Part    string
	Shop    waxwing.ShopID
	Format  string
	Source  string
	Updated int64
	Rank    int64
	DEK     []byte      // wrapped, of a new confirmation
	Event   store.Event // its ID is given here
	Hashes  []store.Hash
	// Poison says why no order could be read, Ignore why it makes no confirmation.
	Poison, Ignore string
	// Stale: too old for a mail, whatever is known; Old: where it is the first.
	Stale, Old bool
	// Bare: it names an order and does not show it, and the shop is asked. Answer: it is what the shop
	// said about the bare event Answers.
	Bare, Answer bool
	Answers      int64
	// Maybe: its mail may have gone out in a time that the ledger lost.
	Maybe bool
}

// A bare event has no place of its own in the order of events: something has happened to its order, and
// what is on the record may be older than that. It takes the row's rank down below nought and leaves
// its time, so that any event of that time which shows the order takes its place.
const bareFirst = -1 // of an order that no event has shown yet, or none that was news

// bare reports whether the event that counts names its order only.
func bare(row *store.Confirmation) bool { return row.Rank < 0 }

// bared is the rank of a row behind a bare event: it keeps what the row knew.
func bared(row *store.Confirmation) int64 {
	switch {
	case bare(row):
		return row.Rank
	case !fresh(row):
		return bareFirst
	}
	return bareFirst - 1 - row.Rank
}

// First is the state that an event gives a new confirmation, with its reason and cause.
func (a *Arrival) First() (waxwing.State, string, string) {
	switch {
	case a.Poison != "":
		return waxwing.Quarantined, Clip(a.Poison, 300), CausePoison
	case a.Ignore != "":
		return waxwing.Ignored, Clip(a.Ignore, 100), CauseIgnored
	case a.Maybe:
		return waxwing.Held, CauseLoss, CauseLoss
	case a.Stale || a.Old:
		return waxwing.Held, CauseStale, CauseStale
	}
	return waxwing.Received, "", CauseAccepted
}

// Accept records an event: of an order that is not known it makes a confirmation. Of one
// that is known, a newer event must be sealed with its own data key first, which is the
// caller's work: then resealed is true, nothing has changed, and Replace follows.
//
// Loaded: the confirmation of the key.
func (s *Set) Accept(a *Arrival) (c Changes, rc waxwing.Receipt, reseal bool) {
	c = s.none()
	if id, known := s.Keys[a.Key]; known {
		return s.again(a, s.Confirmations[id])
	}
	state, reason, cause := a.First()
	row := store.Confirmation{ID: a.ID, Tenant: a.Tenant, Key: a.Key, Kind: a.Kind, Part: a.Part, Shop: a.Shop, Format: a.Format, State: state, Reason: reason,
		Updated: a.Updated, Rank: a.Rank, Events: 1, DEK: a.DEK}
	if a.Bare {
		row.Rank = bareFirst
	}
	if state == waxwing.Received {
		row.Due = s.Now.Add(SweepAfter).UnixMilli()
	}
	e := Entry{Confirmation: a.ID, To: state, Cause: cause, Detail: [][2]string{{"source", a.Source}, {"shop", string(a.Shop)}}}
	if reason != "" && cause != reason {
		e.Detail = append(e.Detail, [2]string{"reason", reason})
	}
	ev := a.Event
	ev.ID = a.ID
	c.Confirmations = append(c.Confirmations, row)
	c.Events = append(c.Events, ev)
	c.note(e)
	c.lookups(a.ID, a.Hashes)
	return c, waxwing.Receipt{ID: a.ID, State: state, New: true, Work: state == waxwing.Received}, false
}

func (s *Set) again(a *Arrival, old store.Confirmation) (c Changes, rc waxwing.Receipt, reseal bool) {
	c = s.none()
	rc = waxwing.Receipt{ID: old.ID, State: old.State}
	if a.Source == waxwing.SourcePing {
		return c, rc, false // known today already: nobody may fill the trail with it either
	}
	if newer(a, &old) && !old.Erased() && a.Poison == "" {
		return c, rc, true
	}
	c.note(Entry{Confirmation: old.ID, Cause: CauseDuplicate, Detail: [][2]string{{"source", a.Source}}})
	return c, rc, false
}

// newer: the shop's updated_at decides; of two events of one second the one that says
// more (paid rather than created) does.
// What a shop has answered stands for the bare event that it was asked about, and for no other.
func newer(a *Arrival, old *store.Confirmation) bool {
	switch {
	case a.Bare:
		return true
	case a.Answer:
		return bare(old) && old.Event == a.Answers
	}
	if a.Updated != old.Updated {
		return a.Updated > old.Updated
	}
	return a.Rank > old.Rank
}

// Open says that a newer event may still take the place of the one that counts.
func Open(s waxwing.State) bool {
	return s == waxwing.Received || s == waxwing.Held || s == waxwing.Quarantined
}

// fresh: it was news when it came, or someone asked for its mail.
func fresh(old *store.Confirmation) bool {
	return old.Asked || old.State == waxwing.Received || old.State == waxwing.Held && old.Reason != CauseStale
}

// Replace records a newer event of an order that is known, sealed with its data key: it
// takes the place of the one before it, or is kept as late where a mail was rendered. What
// is no newer any more changes nothing.
//
// Loaded: the confirmation of the key.
func (s *Set) Replace(a *Arrival) (c Changes, rc waxwing.Receipt, err error) {
	c = s.none()
	old, known := s.Confirmations[s.Keys[a.Key]]
	if !known {
		return c, rc, waxwing.ErrNotFound
	}
	rc = waxwing.Receipt{ID: old.ID, State: old.State}
	if !newer(a, &old) || old.Erased() {
		return c, rc, nil
	}
	kept := old.Events < MaxEvents
	if a.Bare { // its answer needs a place, too
		kept = old.Events+1 < MaxEvents
	}
	row := old
	if kept {
		ev := a.Event
		ev.ID = old.ID | waxwing.ID(old.Events)
		c.Events = append(c.Events, ev)
		c.lookups(old.ID, a.Hashes)
		row.Events++
	}
	if !Open(old.State) || !kept {
		c.Confirmations = append(c.Confirmations, row)
		c.note(Entry{Confirmation: old.ID, Cause: CauseLate, Detail: [][2]string{{"source", a.Source}}})
		return c, rc, nil
	}
	to, reason, _ := a.First()
	if a.Answer && old.Rank == bareFirst && a.Old {
		a.Stale = true // it is the first of its order that shows how old that is
	}
	switch {
	case old.State == waxwing.Held && old.Reason == CauseLoss: // a person looks first, whatever the shop says meanwhile
		to, reason = waxwing.Held, CauseLoss
	case fresh(&old) && !a.Stale:
		to, reason = waxwing.Received, ""
	}
	if err := Check(old.State, to); err != nil {
		return Changes{}, rc, err
	}
	// The format, too: an order held by webhook may be paid by the API.
	row.State, row.Reason, row.Format, row.Event, row.Updated, row.Rank, row.Due = to, reason, a.Format, old.Events, max(a.Updated, old.Updated), a.Rank, 0
	if a.Bare {
		row.Rank = bared(&old)
	}
	if to == waxwing.Received {
		row.Due = s.Now.Add(SweepAfter).UnixMilli()
	}
	c.Confirmations = append(c.Confirmations, row)
	c.note(Entry{Confirmation: old.ID, From: old.State, To: to, Cause: CauseReplaced, Detail: [][2]string{{"source", a.Source}}})
	rc.State, rc.Work = to, to == waxwing.Received
	return c, rc, nil
}

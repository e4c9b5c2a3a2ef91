package machine

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Seen is a confirmation as whoever worked on it saw it. What has changed since is not
// overwritten.
type Seen struct {
	ID    waxwing.ID
	State waxwing.State
	Event int64
	Next  int // number of its next message
}

// meant gives the row if it is as it was seen.
func (s *Set) meant(w Seen) (store.Confirmation, error) {
	c, err := s.confirmation(w.ID)
	if err != nil || c.State != w.State || c.Event != w.Event || c.Messages != int64(w.Next-1) {
		return c, fmt.Errorf("something else was done to confirmation %s at the same moment: look at it again: %w", w.ID, waxwing.ErrState)
	}
	return c, nil
}

// Draft is a message made ready to be recorded.
type Draft struct {
	Channel waxwing.Channel
	// State is Queued, or Failed where there is nothing to offer.
	State  waxwing.State
	Reason string
	Locale string
	// NotBefore is the earliest moment at which it is offered, in ms since 1970; 0: now.
	NotBefore int64
	// Resend marks a message that a person asked for; Act says who, and why.
	Resend bool
	Act    waxwing.Act
	// Revision is of the tenant's template set that it was rendered with.
	Revision    string
	Notes       []string
	Body        []byte // sealed
	Ingredients []byte // sealed; empty: not kept
	Digest      []byte
	People      []store.Hash // whom it goes to
}

// Ready records what was rendered: the gate has let the confirmation through, and its
// messages are queued. It refuses with ErrState where another event, a person or another
// worker was faster.
//
// Loaded: the confirmation, and whether the drafts' people are suppressed.
func (s *Set) Ready(w Seen, drafts []Draft, hashes []store.Hash, ttl time.Duration) (c Changes, err error) {
	c = s.none()
	row, err := s.meant(w)
	if err == nil && row.Erased() {
		err = fmt.Errorf("the person of confirmation %s was erased: %w", w.ID, waxwing.ErrState)
	}
	if err == nil {
		err = Check(row.State, waxwing.Ready)
	}
	if err != nil {
		return c, err
	}
	row.State, row.Reason, row.Due, row.Released = waxwing.Ready, "", 0, s.ms()
	row.Messages += int64(len(drafts))
	c.Confirmations = append(c.Confirmations, row)
	c.note(Entry{Confirmation: w.ID, From: w.State, To: waxwing.Ready, Cause: CauseReleased})
	c.lookups(w.ID, hashes)
	for i := range drafts {
		s.draft(&c, w.ID|waxwing.ID(w.Next+i), &drafts[i], life{row.Tenant, CauseRendered, row.Released, s.Now.Add(ttl).UnixMilli()})
	}
	return c, nil
}

// life is what a message has of its confirmation: whose it is, why it is made, since when it
// may be sent, and until when; in ms since 1970.
type life struct {
	tenant            int64
	cause             string
	released, expires int64
}

// draft makes a message; one to a suppressed address is recorded as suppressed, and is
// never offered.
func (s *Set) draft(c *Changes, id waxwing.ID, d *Draft, of life) {
	state, reason := d.State, d.Reason
	for _, h := range d.People {
		if s.Suppressed[h] {
			state, reason = waxwing.Suppressed, CauseSuppressed
		}
	}
	m := store.Message{ID: id, Tenant: of.tenant, Channel: d.Channel, State: state, Reason: reason, Locale: d.Locale, Resend: d.Resend,
		Act: d.Act, Revision: d.Revision, Expires: of.expires, Released: of.released, Digest: d.Digest}
	if state == waxwing.Queued {
		m.NextAt = max(s.ms(), d.NotBefore)
	}
	c.Messages = append(c.Messages, m)
	c.Contents = append(c.Contents, store.Content{ID: id, Body: d.Body, Ingredients: d.Ingredients})
	e := Entry{Confirmation: store.ConfirmationOf(id), Message: id, To: state, Cause: of.cause,
		Detail: [][2]string{{"channel", string(d.Channel)}, {"locale", d.Locale}, {"digest", hex.EncodeToString(d.Digest)}}}
	if reason != "" {
		e.Detail = append(e.Detail, [2]string{"reason", reason})
	}
	if d.Resend {
		e.Detail = append(append(e.Detail, [2]string{"resend", "by a person"}), Detail(d.Act)...)
	}
	c.note(e)
	for _, note := range d.Notes {
		c.note(Entry{Confirmation: e.Confirmation, Message: id, Cause: CauseNote, Detail: [][2]string{{"note", Clip(note, 200)}}})
	}
}

// Settled is where a confirmation that is not ready is left: held until Due, quarantined or
// cancelled.
type Settled struct {
	State waxwing.State
	// Reason is shown to people, and Cause stands in the trail.
	Reason, Cause string
	Due           int64 // in ms since 1970; 0: until a person acts
}

// Settle moves a confirmation that is not ready to another waiting or final state, where it
// is found by these hashes, too.
//
// Loaded: the confirmation.
func (s *Set) Settle(w Seen, to Settled, hashes []store.Hash) (c Changes, err error) {
	c = s.none()
	row, err := s.meant(w)
	if err == nil {
		err = Check(row.State, to.State)
	}
	if err != nil {
		return c, err
	}
	row.State, row.Reason, row.Due = to.State, Clip(to.Reason, 300), to.Due
	c.Confirmations = append(c.Confirmations, row)
	c.lookups(w.ID, hashes)
	c.note(Entry{Confirmation: w.ID, From: w.State, To: to.State, Cause: to.Cause, Detail: [][2]string{{"reason", row.Reason}}})
	return c, nil
}

// ReasonUnreadable is that of a confirmation whose event can never be read again.
const ReasonUnreadable = "event_unreadable"

// Spoil quarantines a confirmation whose event can never be read again: it would go round
// for ever. One that something else was done to is left as it is.
//
// Loaded: the confirmation.
func (s *Set) Spoil(w Seen) (c Changes) {
	c = s.none()
	row, err := s.confirmation(w.ID)
	if err != nil || row.State != w.State || row.Event != w.Event || !Allowed(row.State, waxwing.Quarantined) || row.State == waxwing.Quarantined {
		return c
	}
	row.State, row.Reason, row.Due = waxwing.Quarantined, ReasonUnreadable, 0
	c.Confirmations = append(c.Confirmations, row)
	c.note(Entry{Confirmation: w.ID, From: w.State, To: waxwing.Quarantined, Cause: CausePoison, Detail: [][2]string{{"reason", ReasonUnreadable}}})
	return c
}

// Add queues one more message of a confirmation that a person asked for.
//
// Loaded: the confirmation, and whether the draft's people are suppressed.
func (s *Set) Add(w Seen, d *Draft, ttl time.Duration) (c Changes, err error) {
	c = s.none()
	row, err := s.confirmation(w.ID)
	if err != nil || row.State != waxwing.Ready || row.Messages != int64(w.Next-1) || row.Erased() {
		return c, fmt.Errorf("something else was done to confirmation %s at the same moment: look at it again: %w", w.ID, waxwing.ErrState)
	}
	row.Messages++
	c.Confirmations = append(c.Confirmations, row)
	c.lookups(w.ID, d.People)
	cause := CausePerson
	if !d.Resend { // nobody asked: what was sent has come back
		cause = CauseFallback
	}
	s.draft(&c, w.ID|waxwing.ID(w.Next), d, life{row.Tenant, cause, s.ms(), s.Now.Add(ttl).UnixMilli()})
	return c, nil
}

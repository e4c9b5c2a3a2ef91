package machine

import (
	"fmt"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Release puts a held or quarantined confirmation back to work because a person asked for
// it: its age no longer counts.
//
// Loaded: the confirmation with all of its messages.
func (s *Set) Release(tenant int64, id waxwing.ID, act waxwing.Act) (c Changes, err error) {
	c = s.none()
	row, ok := s.Confirmations[id]
	if !ok || row.Tenant != tenant {
		return c, fmt.Errorf("confirmation: %w", waxwing.ErrNotFound)
	}
	if row.State != waxwing.Held && row.State != waxwing.Quarantined || row.Erased() {
		return c, s.notReleased(&row)
	}
	from := row.State
	row.State, row.Reason, row.Asked, row.Due = waxwing.Received, "", true, s.Now.Add(SweepAfter).UnixMilli()
	c.Confirmations = append(c.Confirmations, row)
	c.note(Entry{Confirmation: id, From: from, To: waxwing.Received, Cause: CausePerson, Detail: Detail(act)})
	return c, nil
}

// notReleased says in one sentence why there is nothing to release.
func (s *Set) notReleased(row *store.Confirmation) error {
	if row.Erased() {
		return fmt.Errorf("its person was erased, so that there is nothing to send: %w", waxwing.ErrState)
	}
	out := s.Outcome(row.ID)
	if out == waxwing.Ignored {
		return fmt.Errorf("it is ignored, since it is no order: %w", waxwing.ErrState)
	}
	return fmt.Errorf("it is %s, and only what is held or quarantined can be released; to send a mail once more, use resend: %w", out, waxwing.ErrState)
}

// Stop cancels what has not passed its commit point. ErrState says that nothing could be
// cancelled: sent, being handed over at this moment, or over. unread has the confirmation
// found where nobody has read whom it names.
//
// Loaded: the confirmation with all of its messages, their claims.
func (s *Set) Stop(tenant int64, id waxwing.ID, unread store.Hash, act waxwing.Act) (c Changes, err error) {
	c = s.none()
	row, ok := s.Confirmations[id]
	if !ok || row.Tenant != tenant {
		return c, fmt.Errorf("confirmation: %w", waxwing.ErrNotFound)
	}
	if row.State == waxwing.Received {
		c.lookups(id, []store.Hash{unread})
	}
	if s.stop(&c, &row, waxwing.Cancelled, CausePerson, act) == 0 {
		return Changes{}, fmt.Errorf("it is %s, so that there is nothing left to cancel: %w", s.Outcome(id), waxwing.ErrState)
	}
	return c, nil
}

// stop ends everything of a confirmation that has not passed its commit point, and says
// how many things that were. The row is changed in c, and in place.
func (s *Set) stop(c *Changes, row *store.Confirmation, to waxwing.State, cause string, act waxwing.Act) (count int) {
	if Open(row.State) {
		from := row.State
		row.State, row.Reason, row.Due = waxwing.Cancelled, cause, 0
		c.Confirmations = append(c.Confirmations, *row)
		c.note(Entry{Confirmation: row.ID, From: from, To: waxwing.Cancelled, Cause: cause, Detail: Detail(act)})
		count++
	}
	for _, m := range s.Of(row.ID) {
		if k, held := s.Claims[m.ID]; held && k.Dot || m.State != waxwing.Queued && m.State != waxwing.Uncertain {
			continue
		}
		dest := to
		if m.State == waxwing.Uncertain || s.Doubts[m.ID] > 0 {
			dest = waxwing.Cancelled // may have been sent: never "suppressed"
		}
		s.finish(c, m, ending{dest, cause, cause, Detail(act)})
		count++
	}
	return count
}

// Erase destroys a confirmation's data key, and with it all that was sealed; what has not
// passed its commit point is stopped. erased is false where there is nothing to erase.
//
// Loaded: the confirmation with all of its messages, their claims.
func (s *Set) Erase(id waxwing.ID, act waxwing.Act) (c Changes, erased bool) {
	c = s.none()
	row, ok := s.Confirmations[id]
	if !ok || row.Erased() {
		return c, false
	}
	s.stop(&c, &row, waxwing.Cancelled, CauseErased, act)
	row.DEK = nil
	c.Confirmations = append(c.Confirmations[:0], row)
	ended := map[waxwing.ID]bool{}
	for _, m := range c.Messages {
		ended[m.ID] = true
	}
	for _, m := range s.Of(id) {
		// A reason may quote what a provider said of her; why a message ended is ours.
		if !ended[m.ID] && m.Reason != "" && m.State != waxwing.Failed && m.State != waxwing.Cancelled {
			m.Reason = ""
			c.Messages = append(c.Messages, m)
		}
	}
	c.Destroyed = append(c.Destroyed, id)
	c.note(Entry{Confirmation: id, Cause: CauseErased, Detail: Detail(act)})
	return c, true
}

// Doubt leaves a message that waits to be sent in doubt until its time to live, for a
// person to resolve: it may have gone out in a time that the ledger lost.
//
// Loaded: the message, its claim.
func (s *Set) Doubt(id waxwing.ID) (c Changes) {
	c = s.none()
	m, ok := s.Messages[id]
	if _, held := s.Claims[id]; held || !ok || m.State != waxwing.Queued && m.State != waxwing.Uncertain || m.NextAt == 0 {
		return c
	}
	e := Entry{Confirmation: store.ConfirmationOf(id), Message: id, Cause: CauseLoss}
	if m.State == waxwing.Queued {
		e.From, e.To = waxwing.Queued, waxwing.Uncertain
	}
	m.State, m.Reason, m.NextAt = waxwing.Uncertain, CauseLoss, m.Expires
	c.Messages = append(c.Messages, m)
	c.note(e)
	return c
}

// HoldBack keeps what was not rendered yet from being so until a person releases it: its
// mail may have gone out in a time that the ledger lost.
//
// Loaded: the confirmation.
func (s *Set) HoldBack(id waxwing.ID) (c Changes) {
	c = s.none()
	row, ok := s.Confirmations[id]
	if !ok || !Open(row.State) || row.Erased() {
		return c
	}
	from := row.State
	row.State, row.Reason, row.Asked, row.Due = waxwing.Held, CauseLoss, false, 0
	c.Confirmations = append(c.Confirmations, row)
	c.note(Entry{Confirmation: id, From: from, To: waxwing.Held, Cause: CauseLoss})
	return c
}

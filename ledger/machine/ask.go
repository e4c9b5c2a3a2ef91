package machine

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// Ask leaves a message in doubt to this instance for a while, to ask its provider about it. The
// row alone says so: it is not due until then, and is again when nobody has answered by then. No
// claim is made, since nothing is offered; whoever answers late finds another time in the row.
//
// Loaded: the message, its claim, the instance.
func Ask(s *Set, id waxwing.ID, during time.Duration) (c Changes, until int64, asked bool) {
	c = s.none()
	m, ok := s.Messages[id]
	if _, held := s.Claims[id]; held || !ok || !s.Rule.Ask || m.State != waxwing.Uncertain || m.NextAt == 0 || m.NextAt > s.ms() || m.Expires <= s.ms() || !s.alive() {
		return c, 0, false
	}
	m.NextAt = min(s.ms()+max(during.Milliseconds(), 1), m.Expires)
	c.Messages = append(c.Messages, m)
	return c, m.NextAt, true
}

// Answer is what asking about a message came to.
type Answer struct {
	Message waxwing.ID
	// Attempts and Until are those of the row as Ask left it.
	Attempts, Until int64
	Provider        string
	Reply           waxwing.Reply
}

// Answered records what a provider said of a message in doubt: one that was taken is sent, another
// is asked about again, or the policy decides. held says that it goes out no more by itself. It
// refuses with ErrState where something else was done to the message since it was asked about.
//
// Loaded: the message, its claim, its doubts.
func Answered(s *Set, a *Answer) (c Changes, held bool, err error) {
	c = s.none()
	m, ok := s.Messages[a.Message]
	if _, taken := s.Claims[a.Message]; taken || !ok || m.State != waxwing.Uncertain || m.NextAt != a.Until || m.Attempts != a.Attempts {
		return c, false, fmt.Errorf("message %s: something else was done to it since its provider was asked: %w", a.Message, waxwing.ErrState)
	}
	r := &a.Reply
	e := Entry{Confirmation: store.ConfirmationOf(m.ID), Message: m.ID, Cause: CauseAsked, Detail: [][2]string{{"provider", a.Provider}, {"answer", r.Said}}}
	if r.Said == waxwing.SaidTaken {
		e.From, e.To = waxwing.Uncertain, waxwing.Sent
		e.Detail = append(e.Detail, evidence(&r.Evidence)...)
		m.State, m.Reason, m.NextAt = waxwing.Sent, "", 0
		c.Messages = append(c.Messages, m)
		c.note(e)
		return c, false, nil
	}
	if r.Said == "" {
		e.Cause, e.Detail = CauseNote, e.Detail[:1]
	}
	if !r.Again.IsZero() {
		m.NextAt = min(r.Again.UnixMilli(), m.Expires)
		c.Messages = append(c.Messages, m)
		c.note(e)
		return c, false, nil
	}
	switch held = s.Rule.Holds(s.Doubts[m.ID]); {
	case held:
		m.Reason, m.NextAt = waxwing.HeldInDoubt, m.Expires
		e.Detail = append(e.Detail, [2]string{"reason", m.Reason})
		c.Messages = append(c.Messages, m)
		c.note(e)
		return c, true, nil
	case r.Said != "":
		c.note(e)
	}
	if s.Rule.Policy == waxwing.AssumeDoubt {
		s.finish(&c, m, ending{to: waxwing.Sent, reason: CauseAssumed, cause: CauseAssumed})
		return c, false, nil
	}
	m.State, m.Reason, m.NextAt = waxwing.Queued, "", s.ms()
	c.Messages = append(c.Messages, m)
	c.note(possible(&m))
	return c, false, nil
}

// possible marks that a message goes out again which may have arrived.
func possible(m *store.Message) Entry {
	return Entry{Confirmation: store.ConfirmationOf(m.ID), Message: m.ID, From: waxwing.Uncertain, To: waxwing.Queued,
		Cause: CausePossible, Detail: [][2]string{{"attempt", strconv.FormatInt(m.Attempts+1, 10)}}}
}

// evidence is what a provider knows of a message, as the trail may have it: an id that could be an
// address or a number of somebody's stays out.
func evidence(x *waxwing.Evidence) (d [][2]string) {
	if x.Words != "" {
		d = append(d, [2]string{"evidence", Clip(x.Words, 200)})
	}
	if ref := x.Ref; ref != "" && len(ref) <= 128 && strings.Trim(ref, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.=") == "" &&
		strings.Trim(ref, "0123456789-_.=") != "" {
		d = append(d, [2]string{"ref", ref})
	}
	return d
}

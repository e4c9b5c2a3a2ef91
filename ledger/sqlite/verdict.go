package sqlite

import (
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
)

// Resolve records what an attempt came to and what follows from it.
func (l *Ledger) Resolve(c *waxwing.Claim, r *waxwing.Resolution) error {
	var reply []byte
	var sealed []sealedDraft
	var hashes []ledger.Hash
	var tn *tenant
	if r.Attempt.Reply != "" || r.Attempt.Ref != "" || len(r.Fallback) > 0 {
		t, dek, err := l.keysFor(c.Confirmation)
		if err == nil { // erased meanwhile: nothing of it is kept
			tn = t
			reply = sealReply(&dek, c.Out.Message, &r.Attempt)
			hashes = index(t, r.Lookup)
			for i := range r.Fallback {
				s, err := l.sealDraft(t, &dek, c.Out.Message+waxwing.ID(1+i), &r.Fallback[i])
				if err != nil {
					return err
				}
				sealed = append(sealed, s)
			}
		} else if len(r.Fallback) > 0 && !unreadable(err) {
			// A fault of reading, not an erasure: without the key the fallback would be lost.
			return fmt.Errorf("%w: %w", waxwing.ErrUnavailable, err)
		}
	}
	err := l.do(func(t *tx) error { return t.resolve(c, r, reply, sealed, hashes, tn) })
	if errors.Is(err, errNoFallback) { // a person's resend came in between: it goes its own way
		return l.do(func(t *tx) error { return t.resolve(c, r, reply, nil, nil, tn) })
	}
	return err
}

type replyJSON struct {
	Reply string `json:"reply,omitempty"`
	Ref   string `json:"ref,omitempty"`
}

func sealReply(dek *ledger.Key, id waxwing.ID, a *waxwing.Attempt) []byte {
	if a.Reply == "" && a.Ref == "" {
		return nil
	}
	b, _ := json.Marshal(replyJSON{a.Reply.Reveal(), a.Ref}) // strings always marshal
	return dek.Sealer().Seal(nil, b, "attempt|"+id.String())
}

func (t *tx) resolve(c *waxwing.Claim, r *waxwing.Resolution, reply []byte, sealed []sealedDraft, hashes []ledger.Hash, tn *tenant) error {
	id := c.Out.Message
	h, ok, err := t.holding(id)
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("message %s is not held any more: %w", id, waxwing.ErrState)
	}
	from := waxwing.Claimed
	if h.dot {
		from = waxwing.Dot
	}
	if r.To == waxwing.Queued || r.To == waxwing.Uncertain {
		gone, err := t.erased(c.Confirmation)
		if err != nil {
			return err
		}
		if gone { // while it was at its commit point: there is nothing left to offer
			end := *r
			end.To, end.Reason, end.NextAt = waxwing.Cancelled, ledger.CauseErased, time.Time{}
			r = &end
		}
	}
	if err := ledger.Check(from, r.To); err != nil {
		return err
	}
	if len(sealed) > 0 { // before anything is written: the number may be taken
		if err := t.reserve(c, len(sealed)); err != nil {
			return err
		}
	}
	if err := t.let(id); err != nil {
		return err
	}
	if err := t.settleMessage(c, r, h.trail); err != nil {
		return err
	}
	t.verdictEntry(c, r, from)
	if r.Attempt.Verdict != "" {
		if err := t.insertAttempt(id, c.Attempt, &r.Attempt, reply); err != nil {
			return err
		}
	}
	if len(sealed) > 0 {
		return t.fallback(c, tn, sealed, hashes)
	}
	if r.To.Terminal() {
		t.after = append(t.after, func() { t.l.hot.drop(c.Confirmation) })
	}
	return nil
}

func (t *tx) erased(id waxwing.ID) (bool, error) {
	var v [1]driver.Value
	ok, err := t.c.row("SELECT dek IS NULL FROM confirmations WHERE id=?", v[:], int64(id))
	if err != nil {
		return false, fault{err}
	}
	return ok && num(v[0]) != 0, nil
}

func (t *tx) settleMessage(c *waxwing.Claim, r *waxwing.Resolution, claimTrail string) error {
	next := nullable(0)
	if r.To == waxwing.Queued || r.To == waxwing.Uncertain {
		if !r.NextAt.IsZero() {
			at := r.NextAt
			if at.After(c.Expires) {
				at = c.Expires
			}
			next = nullable(at.UnixMilli())
		}
	}
	tries, faults, attempts := c.Tries, 0, c.Attempt-1
	if r.Counts {
		tries++
	}
	if f := r.Attempt.Fault; f == waxwing.ProviderFault || f == waxwing.TransportFault {
		faults = c.Faults + 1
	}
	if r.Attempt.Verdict != "" {
		attempts++
	}
	down := int64(0)
	if !r.DownSince.IsZero() {
		down = r.DownSince.UnixMilli()
	}
	_, err := t.exec(`UPDATE messages SET state=?, reason=?, next_at=?, tries=?, faults=?, down_since=?, attempts=?, trail=trail||? WHERE id=?`,
		string(r.To), clip(r.Reason, 200), next, tries, faults, down, attempts, claimTrail+t.batch, int64(c.Out.Message))
	return err
}

func (t *tx) verdictEntry(c *waxwing.Claim, r *waxwing.Resolution, from waxwing.State) {
	a := &r.Attempt
	e := ledger.Entry{Confirmation: c.Confirmation, Message: c.Out.Message, From: from, To: r.To, Cause: ledger.CauseVerdict}
	if a.Verdict == "" {
		e.Cause = ledger.CauseNote
	} else {
		e.Detail = append(e.Detail, [2]string{"attempt", strconv.Itoa(c.Attempt)}, [2]string{"provider", a.Provider},
			[2]string{"verdict", string(a.Verdict)}, [2]string{"phase", string(a.Phase)})
	}
	if a.Fault != "" {
		e.Detail = append(e.Detail, [2]string{"fault", string(a.Fault)})
	}
	if a.Code != 0 {
		e.Detail = append(e.Detail, [2]string{"code", strconv.Itoa(a.Code)})
	}
	if r.Reason != "" {
		e.Detail = append(e.Detail, [2]string{"reason", clip(r.Reason, 200)})
	}
	t.entry(&e)
}

func (t *tx) insertAttempt(id waxwing.ID, n int, a *waxwing.Attempt, reply []byte) error {
	_, err := t.exec(`INSERT INTO attempts (message, n, provider, verdict, fault, phase, code, enhanced, began, ended, sealed)
		VALUES (?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING`, int64(id), n, a.Provider, string(a.Verdict), string(a.Fault),
		string(a.Phase), a.Code, a.Enhanced, ms(a.Began), ms(a.Ended), reply)
	return err
}

func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

// reserve takes the numbers that the caller has sealed the fallback under.
func (t *tx) reserve(c *waxwing.Claim, n int) error {
	have := int64(c.Out.Message & (idStep - 1))
	k, err := t.exec("UPDATE confirmations SET messages=messages+? WHERE id=? AND messages=? AND messages+?<? AND dek IS NOT NULL",
		n, int64(c.Confirmation), have, n, idStep)
	if err == nil && k == 0 {
		err = fmt.Errorf("message %s is not the newest: no fallback for it: %w", c.Out.Message, errNoFallback)
	}
	return err
}

var errNoFallback = errors.New("no fallback")

func (t *tx) fallback(c *waxwing.Claim, tn *tenant, sealed []sealedDraft, hashes []ledger.Hash) error {
	if err := t.insertLookups(c.Confirmation, hashes); err != nil {
		return err
	}
	for i := range sealed {
		id := c.Out.Message + waxwing.ID(1+i)
		if _, err := t.insertMessage(id, tn, &sealed[i], ms(c.Released), ms(c.Expires), ledger.CauseFallback); err != nil {
			return err
		}
	}
	return nil
}

package sqlite

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
)

// claimed is a message row as the claim found it.
type claimed struct {
	id                              waxwing.ID
	tenant                          int64
	channel                         waxwing.Channel
	state                           waxwing.State
	tries, faults, attempts         int64
	down, released, expires, nextAt int64
	resend                          bool
}

const claimColumns = "id, tenant, channel, state, tries, faults, attempts, down_since, released, expires, next_at, resend"

func scanClaimed(v []driver.Value) claimed {
	return claimed{waxwing.ID(num(v[0])), num(v[1]), waxwing.Channel(str(v[2])), waxwing.State(str(v[3])),
		num(v[4]), num(v[5]), num(v[6]), num(v[7]), num(v[8]), num(v[9]), num(v[10]), num(v[11]) != 0}
}

// Claim takes one message for this instance: a compare-and-set in the group
// commit. ErrState says that there is nothing to take: claimed already, sent,
// not yet due, or over.
func (l *Ledger) Claim(id waxwing.ID) (*waxwing.Claim, error) {
	var c *claimed
	err := l.do(func(t *tx) error {
		m, err := t.message(id)
		if err != nil {
			return err
		}
		got, err := t.claim(m)
		if got {
			c = m
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, fmt.Errorf("message %s: nothing to claim: %w", id, waxwing.ErrState)
	}
	return l.fillClaim(c)
}

// ClaimDue takes up to limit messages of a channel whose time has come, oldest first. It
// is the sweeper's way: it needs no hint from anyone.
func (l *Ledger) ClaimDue(ch waxwing.Channel, limit int) ([]*waxwing.Claim, error) {
	var got []claimed
	err := l.do(func(t *tx) error {
		got = got[:0]
		var due []claimed
		err := t.c.query("SELECT "+claimColumns+` FROM messages WHERE channel=? AND next_at<=? AND (attempts>0 OR next_at<=?) AND id NOT IN (SELECT message FROM claims)
			ORDER BY next_at LIMIT ?`, func(v []driver.Value) error {
			due = append(due, scanClaimed(v))
			return nil
		}, string(ch), t.now.Add(-againGrace).UnixMilli(), t.now.Add(-sweepGrace).UnixMilli(), limit)
		if err != nil {
			return fault{err}
		}
		for i := range due {
			ok, err := t.claim(&due[i])
			if err != nil {
				return err
			}
			if ok {
				got = append(got, due[i])
			}
		}
		return nil
	})
	out := make([]*waxwing.Claim, 0, len(got))
	for i := range got {
		c, e := l.fillClaim(&got[i])
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		out = append(out, c)
	}
	return out, err
}

// endBatch is how many messages an op of the writer ends: a few milliseconds' worth.
const endBatch = 128

// EndDue ends messages that no provider is needed for: whose time to live is over, and,
// where the policy assumes so, uncertain ones as sent. It ends some a call, and says
// whether there may be more. Those that are claimed end with their claim.
func (l *Ledger) EndDue() (more bool, err error) {
	now := l.o.Clock().UnixMilli()
	where, args := "expires<=?", []any{nil, now, now}
	if l.o.Policy == waxwing.AssumeDoubt {
		where = "(expires<=? OR state='uncertain')"
	}
	var ids []waxwing.ID
	for _, ch := range waxwing.Channels {
		args[0] = string(ch)
		err := l.read(func(c *conn) error {
			return c.query("SELECT id FROM messages WHERE channel=? AND next_at<=? AND "+where+" AND id NOT IN (SELECT message FROM claims) LIMIT ?",
				func(v []driver.Value) error {
					ids = append(ids, waxwing.ID(num(v[0])))
					return nil
				}, append(args, endBatch-len(ids))...)
		})
		if err != nil {
			return false, err
		}
	}
	if len(ids) == 0 {
		return false, nil
	}
	return len(ids) == endBatch, l.do(func(t *tx) error {
		for _, id := range ids {
			m, err := t.message(id)
			if err != nil {
				return err
			}
			if _, held, err := t.holding(id); held || err != nil {
				if err != nil {
					return err
				}
				continue
			}
			if _, err := t.end(m); err != nil {
				return err
			}
		}
		return nil
	})
}

// The sweeper keeps off messages that the hot path is about to take, and, for a shorter
// time, off those that were tried: whoever tried them may go on at once elsewhere. A
// retry that is due in a second must not come a second late for that.
const (
	sweepGrace = time.Second
	againGrace = 100 * time.Millisecond
)

// claim decides one message: taken, expired, resolved by policy, or not due.
func (t *tx) claim(m *claimed) (bool, error) {
	if m.state != waxwing.Queued && m.state != waxwing.Uncertain || m.nextAt == 0 || m.nextAt > t.now.UnixMilli() {
		return false, nil
	}
	if ended, err := t.end(m); ended || err != nil {
		return false, err
	}
	if ok, err := t.take(m); !ok {
		return false, err
	}
	conf := m.id &^ (idStep - 1)
	if m.state == waxwing.Uncertain {
		if _, err := t.exec("UPDATE messages SET state='queued' WHERE id=?", int64(m.id)); err != nil {
			return false, err
		}
		t.entry(&ledger.Entry{Confirmation: conf, Message: m.id, From: waxwing.Uncertain, To: waxwing.Queued,
			Cause: ledger.CausePossible, Detail: [][2]string{{"attempt", strconv.FormatInt(m.attempts+1, 10)}}})
	}
	t.entry(&ledger.Entry{Confirmation: conf, Message: m.id, From: waxwing.Queued, To: waxwing.Claimed, Cause: ledger.CauseClaimed})
	return true, nil
}

// end ends a due message whose time to live is over, or that is to be taken for sent.
func (t *tx) end(m *claimed) (bool, error) {
	now := t.now.UnixMilli()
	if m.state != waxwing.Queued && m.state != waxwing.Uncertain || m.nextAt == 0 || m.nextAt > now {
		return false, nil
	}
	if m.expires <= now {
		reason := ledger.CauseExpired
		doubt := m.state == waxwing.Uncertain
		if !doubt && m.attempts > 0 { // queued again, and its first copy may have arrived
			n, err := doubts(t.c, m.id)
			if err != nil {
				return false, fault{err}
			}
			doubt = n > 0
		}
		if doubt {
			reason = "expired_uncertain"
		}
		t.after = append(t.after, func() {
			t.l.o.Log.Info("message failed: its time to live is over", "confirmation", m.id&^(idStep-1), "message", m.id, "reason", reason)
		})
		return true, t.finish(m, waxwing.Failed, reason, ledger.CauseExpired)
	}
	if m.state == waxwing.Uncertain && t.l.o.Policy == waxwing.AssumeDoubt {
		return true, t.finish(m, waxwing.Sent, ledger.CauseAssumed, ledger.CauseAssumed)
	}
	return false, nil
}

// finish ends a message that no instance holds.
func (t *tx) finish(m *claimed, to waxwing.State, reason, cause string, more ...[2]string) error {
	if err := ledger.Check(m.state, to); err != nil {
		return err
	}
	delete(t.l.desk.fresh, m.id)
	if _, err := t.exec("UPDATE messages SET state=?, reason=?, next_at=NULL, trail=trail||? WHERE id=?",
		string(to), reason, t.batch, int64(m.id)); err != nil {
		return err
	}
	t.entry(&ledger.Entry{Confirmation: m.id &^ (idStep - 1), Message: m.id, From: m.state, To: to, Cause: cause,
		Detail: append([][2]string{{"reason", reason}}, more...)})
	t.after = append(t.after, func() { t.l.hot.drop(m.id &^ (idStep - 1)) })
	return nil
}

// fillClaim adds the content. Content that cannot be read ends the message
// with its reason rather than going round for ever.
func (l *Ledger) fillClaim(m *claimed) (*waxwing.Claim, error) {
	conf := m.id &^ (idStep - 1)
	c := &waxwing.Claim{Confirmation: conf, Tries: int(m.tries), Faults: int(m.faults), Attempt: int(m.attempts) + 1,
		Accepted: conf.Time(), Released: time.UnixMilli(m.released), Expires: time.UnixMilli(m.expires), Resend: m.resend}
	if m.down != 0 {
		c.DownSince = time.UnixMilli(m.down)
	}
	if m.attempts > 0 {
		if err := l.read(func(cn *conn) (err error) { c.Doubts, err = doubts(cn, m.id); return err }); err != nil {
			return nil, l.unfilled(m, c.Attempt, err)
		}
	}
	if h := l.hot.get(conf); h != nil && h.out != nil && h.out.Message == m.id {
		c.Out, c.Shop = *h.out, h.shop
		return c, nil
	}
	err := l.read(func(cn *conn) error {
		f, err := l.openFile(cn, conf)
		if err != nil {
			return err
		}
		if f.erased {
			return errErased
		}
		out, _, err := l.openMessage(cn, f, m.id, m.channel)
		if err != nil {
			return err
		}
		c.Out, c.Shop = *out, f.shop
		return nil
	})
	if err != nil {
		return nil, l.unfilled(m, c.Attempt, err)
	}
	return c, nil
}

// readAgain is how long a message waits whose content could not be read just now.
const readAgain = 5 * time.Second

// unfilled settles a claim whose content was not read. Only what can never be read
// again ends the message: a broken seal, content that is missing, an erasure. One
// fault of reading (EIO, BUSY, NOMEM, no descriptors) is no verdict: the claim goes back.
func (l *Ledger) unfilled(m *claimed, attempt int, err error) error {
	now := l.o.Clock()
	r := &waxwing.Resolution{To: waxwing.Queued, Reason: "content not read; tried again", NextAt: now.Add(readAgain)}
	if m.down != 0 {
		r.DownSince = time.UnixMilli(m.down)
	}
	switch {
	case errors.Is(err, errErased):
		r.To, r.Reason, r.NextAt = waxwing.Cancelled, ledger.CauseErased, time.Time{}
	case unreadable(err):
		r.To, r.Reason, r.NextAt = waxwing.Failed, "content_unreadable", time.Time{}
	}
	e := l.Resolve(&waxwing.Claim{Out: waxwing.Outgoing{Message: m.id}, Confirmation: m.id &^ (idStep - 1), Attempt: attempt,
		Tries: int(m.tries), Faults: int(m.faults), Expires: time.UnixMilli(m.expires)}, r)
	return errors.Join(fmt.Errorf("message %s: %w", m.id, err), e)
}

// unreadable reports whether an error of reading content will be the same for ever.
func unreadable(err error) bool {
	return errors.Is(err, ledger.ErrSeal) || errors.Is(err, errPacked) || errors.Is(err, waxwing.ErrNotFound)
}

var errErased = fmt.Errorf("its person was erased: %w", waxwing.ErrState)

// doubts counts the attempts at a message whose answer was lost.
func doubts(c *conn, id waxwing.ID) (int, error) {
	var v [1]driver.Value
	_, err := c.row("SELECT count(*) FROM attempts WHERE message=? AND verdict='uncertain'", v[:], int64(id))
	return int(num(v[0])), err
}

func (l *Ledger) openMessage(c *conn, f *file, id waxwing.ID, ch waxwing.Channel) (*waxwing.Outgoing, *envelope, error) {
	var v [1]driver.Value
	ok, err := c.row("SELECT body FROM contents WHERE id=?", v[:], int64(id))
	if err != nil {
		return nil, nil, err
	}
	if !ok || f.erased {
		return nil, nil, fmt.Errorf("content: %w", waxwing.ErrNotFound)
	}
	packed, err := f.dek.Sealer().Open(nil, blob(v[0]), aadMessage+id.String())
	if err != nil {
		return nil, nil, err
	}
	plain, err := l.packer.unpack(packed)
	if err != nil {
		return nil, nil, err
	}
	head, data, ok := bytes.Cut(plain, []byte{'\n'})
	var e envelope
	if !ok || json.Unmarshal(head, &e) != nil {
		return nil, nil, errPacked
	}
	return outgoing(id, f.t, ch, &e, data), &e, nil
}

// CommitDot is the commit point: after it the dot may be written. It succeeds
// once for a claim of this instance that was not cancelled, erased, suppressed
// or taken over, and only before the message expires.
func (l *Ledger) CommitDot(c *waxwing.Claim, provider string) error {
	barred := false
	err := l.do(func(t *tx) error {
		var err error
		if barred, err = t.bar(c); barred || err != nil {
			return err
		}
		ok, err := t.reach(c.Out.Message, provider)
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("message %s may not be sent any more: %w", c.Out.Message, waxwing.ErrState)
		}
		t.entry(&ledger.Entry{Confirmation: c.Confirmation, Message: c.Out.Message, From: waxwing.Claimed, To: waxwing.Dot,
			Cause: ledger.CauseCommit, Detail: [][2]string{{"provider", provider}}})
		return nil
	})
	if err == nil && barred {
		err = fmt.Errorf("message %s may not be sent any more: %w", c.Out.Message, waxwing.ErrState)
	}
	return err
}

// bar ends a claimed message whose address was suppressed while it could not
// be stopped: at its commit point, with a verdict after which it would go
// again (P6).
func (t *tx) bar(c *waxwing.Claim) (bool, error) {
	tn, err := t.l.tenant(c.Out.Tenant)
	if err != nil || len(t.l.suppressed) == 0 {
		return false, nil
	}
	if _, ok := t.l.suppressed[tn.key.Index("person", ledger.NormalisePerson(c.Out.To))]; !ok {
		return false, nil
	}
	h, ok, err := t.holding(c.Out.Message)
	if err != nil || !ok || h.dot {
		return false, err
	}
	to := waxwing.Suppressed
	if c.Doubts > 0 {
		to = waxwing.Cancelled // may have been sent: never "suppressed"
	}
	if err := t.let(c.Out.Message); err != nil {
		return false, err
	}
	if _, err := t.exec("UPDATE messages SET trail=trail||? WHERE id=?", h.trail, int64(c.Out.Message)); err != nil {
		return false, err
	}
	return true, t.finish(&claimed{id: c.Out.Message, state: waxwing.Claimed}, to, ledger.CauseSuppressed, ledger.CauseSuppressed)
}

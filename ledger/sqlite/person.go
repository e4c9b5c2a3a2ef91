package sqlite

import (
	"database/sql/driver"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
)

// own opens a confirmation of a tenant; another tenant's looks like none.
func (l *Ledger) own(c *conn, tid waxwing.TenantID, id waxwing.ID) (*file, error) {
	f, err := l.openFile(c, id)
	if err == nil && (f.t.name != tid || f.id != id) {
		return nil, fmt.Errorf("confirmation: %w", waxwing.ErrNotFound)
	}
	return f, err
}

// ReworkOf gives what a person's resend renders from: a confirmation in any
// state whose event can still be read.
func (l *Ledger) ReworkOf(tid waxwing.TenantID, id waxwing.ID) (w *waxwing.Work, err error) {
	err = l.read(func(c *conn) error {
		f, err := l.own(c, tid, id)
		if err != nil {
			return err
		}
		if f.erased {
			return fmt.Errorf("its person was erased: %w", waxwing.ErrState)
		}
		w, err = l.workOf(c, f)
		return err
	})
	return w, err
}

// Add queues one more message of a confirmation that a person asked for.
func (l *Ledger) Add(w *waxwing.Work, d *waxwing.Draft, ttl time.Duration) (waxwing.ID, error) {
	t, dek, err := l.keysFor(w.ID)
	if err != nil {
		return 0, err
	}
	id := w.ID | waxwing.ID(w.Next)
	if w.Next >= idStep {
		return 0, waxwing.Permanent(fmt.Errorf("a confirmation has at most %d messages: %w", idStep-1, waxwing.ErrState))
	}
	s, err := l.sealDraft(t, &dek, id, d)
	if err != nil {
		return 0, err
	}
	runs, err := l.sealRuns(t, w, &dek)
	if err != nil {
		return 0, err
	}
	return id, l.do(func(tx *tx) error {
		n, err := tx.exec(`UPDATE confirmations SET messages=messages+1 WHERE id=? AND messages=? AND state='ready' AND dek IS NOT NULL`,
			int64(w.ID), w.Next-1)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("something else was done to confirmation %s at the same moment: look at it again: %w", w.ID, waxwing.ErrState)
		}
		if err := tx.insertLookups(w.ID, s.people); err != nil {
			return err
		}
		now := tx.now
		if _, err = tx.insertMessage(id, t, &s, now.UnixMilli(), now.Add(ttl).UnixMilli(), ledger.CausePerson); err != nil {
			return err
		}
		return tx.insertRuns(t, w.ID, runs)
	})
}

// Release puts a held or quarantined confirmation back to work because a
// person asked for it: its age no longer counts.
func (l *Ledger) Release(tid waxwing.TenantID, id waxwing.ID, act waxwing.Act) error {
	tn, err := l.tenant(tid)
	if err != nil {
		return err
	}
	return l.do(func(t *tx) error {
		var v [2]driver.Value
		ok, err := t.c.row("SELECT state, dek IS NULL FROM confirmations WHERE id=? AND tenant=?", v[:], int64(id), tn.no)
		if err != nil {
			return fault{err}
		}
		if !ok {
			return fmt.Errorf("confirmation: %w", waxwing.ErrNotFound)
		}
		from := waxwing.State(str(v[0]))
		if from != waxwing.Held && from != waxwing.Quarantined || num(v[1]) != 0 {
			return t.notReleased(id, from, num(v[1]) != 0)
		}
		_, err = t.exec("UPDATE confirmations SET state='received', reason='', asked=1, due=?, trail=trail||? WHERE id=?",
			t.now.Add(sweepAfter).UnixMilli(), t.batch, int64(id))
		if err != nil {
			return err
		}
		t.entry(&ledger.Entry{Confirmation: id, From: from, To: waxwing.Received, Cause: ledger.CausePerson, Detail: actDetail(act)})
		t.after = append(t.after, func() { t.l.hot.drop(id) })
		return nil
	})
}

// Stop cancels what has not passed its commit point. ErrState says that
// nothing could be cancelled: sent, being handed over at this moment, or over.
func (l *Ledger) Stop(tid waxwing.TenantID, id waxwing.ID, act waxwing.Act) error {
	tn, err := l.tenant(tid)
	if err != nil {
		return err
	}
	return l.do(func(t *tx) error {
		var v [2]driver.Value
		ok, err := t.c.row("SELECT state, messages FROM confirmations WHERE id=? AND tenant=?", v[:], int64(id), tn.no)
		if err != nil {
			return fault{err}
		}
		if !ok {
			return fmt.Errorf("confirmation: %w", waxwing.ErrNotFound)
		}
		n, err := t.stop(id, waxwing.State(str(v[0])), waxwing.Cancelled, ledger.CausePerson, act)
		if err != nil || n > 0 {
			return err
		}
		out, err := t.outcome(id, waxwing.State(str(v[0])))
		if err != nil {
			return err
		}
		return fmt.Errorf("it is %s, so that there is nothing left to cancel: %w", out, waxwing.ErrState)
	})
}

// stop ends everything of a confirmation that has not passed its commit point
// and says how many things that were.
func (t *tx) stop(id waxwing.ID, state, to waxwing.State, cause string, act waxwing.Act) (int, error) {
	count := 0
	switch state {
	case waxwing.Received, waxwing.Held, waxwing.Quarantined:
		if _, err := t.exec("UPDATE confirmations SET state='cancelled', reason=?, due=NULL, trail=trail||? WHERE id=?",
			cause, t.batch, int64(id)); err != nil {
			return 0, err
		}
		if state == waxwing.Received && cause != ledger.CauseErased {
			if err := t.markUnread(id); err != nil { // nobody has read it
				return 0, err
			}
		}
		t.entry(&ledger.Entry{Confirmation: id, From: state, To: waxwing.Cancelled, Cause: cause, Detail: actDetail(act)})
		count++
	}
	type open struct {
		m     claimed
		held  bool
		trail string
	}
	var all []open
	err := t.c.query("SELECT "+claimColumns+`, (SELECT trail FROM claims WHERE message=id), (SELECT dot FROM claims WHERE message=id)
		FROM messages WHERE id>? AND id<? AND state IN ('queued','uncertain')`, func(v []driver.Value) error {
		if v[13] != nil && num(v[13]) != 0 {
			return nil // past its commit point
		}
		all = append(all, open{scanClaimed(v), v[12] != nil, str(v[12])})
		return nil
	}, int64(id), int64(id)+idStep)
	if err != nil {
		return 0, fault{err}
	}
	for _, o := range all {
		if o.held {
			if err := t.let(o.m.id); err != nil {
				return 0, err
			}
			if _, err := t.exec("UPDATE messages SET trail=trail||? WHERE id=?", o.trail, int64(o.m.id)); err != nil {
				return 0, err
			}
			o.m.state = waxwing.Claimed
		}
		dest := to
		if o.m.state == waxwing.Uncertain {
			dest = waxwing.Cancelled // may have been sent: never "suppressed"
		}
		if err := t.finish(&o.m, dest, cause, cause, actDetail(act)...); err != nil {
			return 0, err
		}
		count++
	}
	t.after = append(t.after, func() { t.l.hot.drop(id) })
	return count, nil
}

// Suppress keeps an address from being mailed, and stops what is queued for it.
func (l *Ledger) Suppress(tid waxwing.TenantID, address string, act waxwing.Act) error {
	tn, err := l.tenant(tid)
	if err != nil {
		return err
	}
	h := tn.key.Index("person", ledger.NormalisePerson(address))
	return l.do(func(t *tx) error {
		if _, err := t.exec("INSERT INTO suppressions (hash, tenant, at, cause) VALUES (?,?,?,'by_person') ON CONFLICT DO NOTHING",
			h[:], tn.no, t.now.UnixMilli()); err != nil {
			return err
		}
		ids, err := t.lookup(h)
		if err != nil {
			return err
		}
		t.entry(&ledger.Entry{Cause: ledger.CausePerson, Detail: append([][2]string{{"act", "suppress"}, {"tenant", string(tid)},
			{"hash", hex.EncodeToString(h[:])}}, actDetail(act)...)})
		for _, id := range ids {
			n, err := t.stop(id, waxwing.Ready, waxwing.Suppressed, ledger.CauseSuppressed, act)
			if err != nil {
				return err
			}
			if n > 0 {
				continue
			}
			if _, err := t.exec("UPDATE confirmations SET trail=trail||? WHERE id=?", t.batch, int64(id)); err != nil {
				return err
			}
			t.entry(&ledger.Entry{Confirmation: id, Cause: ledger.CausePerson, Detail: append([][2]string{{"act", "suppress"}}, actDetail(act)...)})
		}
		// After the commit: what was undone must not bar anybody.
		t.after = append(t.after, func() { t.l.suppressed[h] = struct{}{} })
		return nil
	})
}

func (t *tx) lookup(h ledger.Hash) (ids []waxwing.ID, err error) {
	err = t.c.query("SELECT confirmation FROM lookups WHERE hash=?", func(v []driver.Value) error {
		ids = append(ids, waxwing.ID(num(v[0])))
		return nil
	}, h[:])
	if err != nil {
		err = fault{err}
	}
	return ids, err
}

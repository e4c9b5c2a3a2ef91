package sqlite

import (
	"database/sql/driver"
	"strconv"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
)

// takeOver gives free what a dead instance held: claimed goes back to the
// queue, dot becomes uncertain (DESIGN.md, Claims).
func (l *Ledger) takeOver(t *tx) error {
	type row struct {
		id       waxwing.ID
		instance int64
		dot      bool
		at       int64
		provider string
		trail    string
		attempts int64
		expires  int64
	}
	var rows []row
	err := t.c.query(`SELECT c.message, c.instance, c.dot, c.at, c.provider, c.trail, m.attempts, m.expires FROM claims c
		JOIN messages m ON m.id=c.message`, func(v []driver.Value) error {
		rows = append(rows, row{waxwing.ID(num(v[0])), num(v[1]), num(v[2]) != 0, num(v[3]), str(v[4]), str(v[5]), num(v[6]), num(v[7])})
		return nil
	})
	if err != nil {
		return fault{err}
	}
	for _, r := range rows {
		e := ledger.Entry{Confirmation: r.id &^ (idStep - 1), Message: r.id, From: waxwing.Claimed, To: waxwing.Queued,
			Cause: ledger.CauseTakeover, Detail: [][2]string{{"instance", strconv.FormatInt(r.instance, 10)}}}
		state, reason, next, attempts := waxwing.Queued, "", t.now.UnixMilli(), r.attempts
		if r.dot {
			e.From, e.To, state = waxwing.Dot, waxwing.Uncertain, waxwing.Uncertain
			lost, err := doubts(t.c, r.id)
			if err != nil {
				return fault{err}
			}
			wait, held := l.o.doubt().Next(lost + 1)
			if next = min(next+wait.Milliseconds(), r.expires); held { // until a person decides, or its time is over
				next, reason = r.expires, waxwing.HeldInDoubt
				e.Detail = append(e.Detail, [2]string{"reason", reason})
				l.o.Log.Error("a message is held in doubt: the answer to it was lost too often; send it again or cancel it",
					"confirmation", e.Confirmation, "message", r.id, "provider", r.provider, "lost", lost+1)
			}
			attempts++
			a := waxwing.Attempt{Provider: r.provider, Verdict: waxwing.UncertainVerdict, Phase: waxwing.PhaseDot,
				Began: time.UnixMilli(r.at), Ended: t.now}
			if err := t.insertAttempt(r.id, int(attempts), &a, nil); err != nil {
				return err
			}
		}
		_, err := t.exec("UPDATE messages SET state=?, reason=?, next_at=?, attempts=?, trail=trail||? WHERE id=?",
			string(state), reason, next, attempts, r.trail+t.batch, int64(r.id))
		if err != nil {
			return err
		}
		if _, err := t.exec("DELETE FROM claims WHERE message=?", int64(r.id)); err != nil {
			return err
		}
		t.entry(&e)
		l.taken++
	}
	return nil
}

package sqlite

import (
	"database/sql/driver"
	"fmt"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
)

// notReleased says in one sentence why there is nothing to release.
func (t *tx) notReleased(id waxwing.ID, state waxwing.State, erased bool) error {
	if erased {
		return fmt.Errorf("its person was erased, so that there is nothing to send: %w", waxwing.ErrState)
	}
	out, err := t.outcome(id, state)
	if err != nil {
		return err
	}
	if out == waxwing.Ignored {
		return fmt.Errorf("it is ignored, since it is no order: %w", waxwing.ErrState)
	}
	return fmt.Errorf("it is %s, and only what is held or quarantined can be released; to send a mail once more, use resend: %w", out, waxwing.ErrState)
}

// outcome is a confirmation's state as its messages have it.
func (t *tx) outcome(id waxwing.ID, state waxwing.State) (waxwing.State, error) {
	var states []waxwing.State
	err := t.c.query(`SELECT CASE WHEN c.dot=1 THEN 'dot' WHEN c.dot=0 THEN 'claimed' ELSE m.state END
		FROM messages m LEFT JOIN claims c ON c.message=m.id WHERE m.id>? AND m.id<?`, func(v []driver.Value) error {
		states = append(states, waxwing.State(str(v[0])))
		return nil
	}, int64(id), int64(id)+idStep)
	if err != nil {
		return "", fault{err}
	}
	return ledger.Outcome(state, states), nil
}

// actDetail is who asked for it, and why, in an entry of the trail.
func actDetail(a waxwing.Act) (d [][2]string) {
	if a.By != "" {
		d = append(d, [2]string{"by", clip(string(a.By), 64)})
	}
	if a.Reason != "" {
		d = append(d, [2]string{"why", clip(a.Reason, 800)})
	}
	return d
}

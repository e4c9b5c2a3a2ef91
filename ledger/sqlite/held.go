package sqlite

import (
	"database/sql/driver"
	"fmt"

	"github.com/waxwinghq/waxwing"
)

// desk is what the writer remembers of messages under way, so that the usual
// path asks the file nothing: fresh are queued and untouched since they were
// recorded, held have a row in claims. The writer alone uses it. It writes
// through; what is not in it is read from the file, and after a transaction
// that was undone it is empty.
type desk struct {
	fresh map[waxwing.ID]claimed
	held  map[waxwing.ID]hold
}

// hold is a row of claims.
type hold struct {
	dot   bool
	trail string
}

// maxFresh bounds the memory of a burst or an outage.
const maxFresh = 1 << 15

func newDesk() desk {
	return desk{fresh: map[waxwing.ID]claimed{}, held: map[waxwing.ID]hold{}}
}

func (d *desk) forget() {
	clear(d.fresh)
	clear(d.held)
}

func (d *desk) add(m claimed) {
	if len(d.fresh) < maxFresh {
		d.fresh[m.id] = m
	}
}

// message reads a message's row.
func (t *tx) message(id waxwing.ID) (*claimed, error) {
	if m, ok := t.l.desk.fresh[id]; ok {
		return &m, nil
	}
	var v [12]driver.Value
	ok, err := t.c.row("SELECT "+claimColumns+" FROM messages WHERE id=?", v[:], int64(id))
	if err != nil {
		return nil, fault{err}
	}
	if !ok {
		return nil, fmt.Errorf("message: %w", waxwing.ErrNotFound)
	}
	m := scanClaimed(v[:])
	return &m, nil
}

// take makes a claim; it says no where there is one.
func (t *tx) take(m *claimed) (bool, error) {
	n, err := t.exec("INSERT INTO claims (message, instance, at, expires, trail) VALUES (?,?,?,?,?) ON CONFLICT DO NOTHING",
		int64(m.id), t.l.instance, t.now.UnixMilli(), m.expires, t.batch)
	if err != nil || n == 0 {
		return false, err
	}
	delete(t.l.desk.fresh, m.id)
	t.l.desk.held[m.id] = hold{trail: t.batch}
	return true, nil
}

// holding reads this instance's claim on a message.
func (t *tx) holding(id waxwing.ID) (hold, bool, error) {
	if h, ok := t.l.desk.held[id]; ok {
		return h, true, nil
	}
	var v [2]driver.Value
	ok, err := t.c.row("SELECT dot, trail FROM claims WHERE message=? AND instance=?", v[:], int64(id), t.l.instance)
	if err != nil {
		return hold{}, false, fault{err}
	}
	return hold{dot: num(v[0]) != 0, trail: str(v[1])}, ok, nil
}

// reach moves a claim to its commit point and says whether it could.
func (t *tx) reach(id waxwing.ID, provider string) (bool, error) {
	n, err := t.exec("UPDATE claims SET dot=1, provider=?, at=?, trail=trail||? WHERE message=? AND instance=? AND dot=0 AND expires>?",
		provider, t.now.UnixMilli(), t.batch, int64(id), t.l.instance, t.now.UnixMilli())
	if err != nil || n == 0 {
		return false, err
	}
	if h, ok := t.l.desk.held[id]; ok {
		t.l.desk.held[id] = hold{dot: true, trail: h.trail + t.batch}
	}
	return true, nil
}

// let gives a claim up.
func (t *tx) let(id waxwing.ID) error {
	delete(t.l.desk.held, id)
	_, err := t.exec("DELETE FROM claims WHERE message=?", int64(id))
	return err
}

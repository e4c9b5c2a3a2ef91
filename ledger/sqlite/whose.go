package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
)

// Whose an event is is looked up, not searched for: whatever leaves the state received
// has a lookup for each address and number that its events name. What nobody can read as
// values has a lookup under unread, and those alone are searched by their bytes.

const (
	// unread is the kind of the lookup of events that are neither JSON nor a form.
	unread = "unread"
	// metaIndexed is the last confirmation of a program that did not do so.
	metaIndexed = "indexed"
	// maxIndexed bounds the lookups of an event, and maxValues the bytes in which they
	// are looked for when it comes.
	maxIndexed = 64
	maxValues  = 128 << 10
)

// people are whom an event names; ok is false where its format cannot read it.
func (l *Ledger) people(format, topic string, raw []byte) (p waxwing.People, ok bool) {
	if l.o.People == nil {
		return p, false
	}
	return l.o.People(format, topic, raw)
}

// whose gives the lookups of all whom an event names.
func (l *Ledger) whose(t *tenant, format, topic string, raw []byte) []ledger.Hash {
	who, ok := l.people(format, topic, raw)
	out := l.index(t, waxwing.Lookup{People: who.Named})
	if !ok {
		out = append(out, l.unreadable(t, raw)...)
	}
	return out
}

// unreadable gives the lookups of an event that its format cannot read: each value that
// may be an address or a number, or, where there are none to be told, or too many, unread.
func (l *Ledger) unreadable(t *tenant, raw []byte) []ledger.Hash {
	var lk waxwing.Lookup
	read := len(raw) <= maxValues && values(raw, func(key, v string) {
		if len(v) <= maxNamed && (strings.Contains(v, "@") || mayBePhone(key, v) && phoneDigits(v) != "") {
			lk.People = append(lk.People, v)
		}
	})
	if !read || len(lk.People) > maxIndexed {
		return []ledger.Hash{t.key.Index(unread)}
	}
	return l.index(t, lk)
}

// unindexed finds the confirmations of a tenant that name a person and have no lookup
// for it: received ones, what nobody could read, and what an older program left.
func (l *Ledger) unindexed(ctx context.Context, tn *tenant, p person) (found []waxwing.ID, err error) {
	var ids []waxwing.ID
	err = l.browse(ctx, tn, func(c *conn) error {
		add := func(v []driver.Value) error {
			ids = append(ids, waxwing.ID(num(v[0])))
			return nil
		}
		if err := c.query("SELECT id FROM confirmations INDEXED BY confirmations_due WHERE due IS NOT NULL AND state='received' AND tenant=?", add, tn.no); err != nil {
			return err
		}
		h := tn.key.Index(unread)
		if err := c.query("SELECT confirmation FROM lookups WHERE hash=?", add, h[:]); err != nil {
			return err
		}
		return c.query(`SELECT id FROM confirmations WHERE tenant=? AND id<=coalesce((SELECT v FROM meta WHERE k=?),0)
			AND state<>'ready' AND dek IS NOT NULL`, add, tn.no, metaIndexed)
	})
	for err == nil && len(ids) > 0 {
		some := ids[:min(len(ids), tracePiece)]
		ids = ids[len(some):]
		err = l.browse(ctx, tn, func(c *conn) error {
			for _, id := range some {
				f, err := l.openFile(c, id)
				if err != nil {
					return err
				}
				named, err := l.named(c, f, p)
				if err != nil {
					return err
				}
				if named {
					found = append(found, id)
				}
			}
			return nil
		})
	}
	return found, err
}

// named reports whether any event of a confirmation names a person.
func (l *Ledger) named(c *conn, f *file, p person) (bool, error) {
	for n := range int64(machine.MaxEvents) {
		raw, topic, err := l.openEvent(c, f, n)
		if errors.Is(err, waxwing.ErrNotFound) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		who, ok := l.people(f.format, topic, raw)
		if p.among(who.Named) || !ok && p.in(raw) {
			return true, nil
		}
	}
	return false, nil
}

package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/machine"
)

const (
	// eraseBatch is how many confirmations an op of the writer erases.
	eraseBatch = 32
	// scrubWait is how long an erasure waits for its end before it is answered.
	scrubWait = 2 * time.Second
	// tracePiece is how many confirmations a read connection is kept for.
	tracePiece = 200
)

// Erase destroys the data keys and the content of every confirmation that names a
// person by a whole address or number, as the formats of their events read them. What is under way and has
// not passed its commit point is stopped. The trail stays and still verifies.
//
// An address that is none by the strict grammar is a Permanent error. Where what was
// found is of several people and Confirm is not its number, nothing is done and the
// error is ErrState, with what was found. Copies in free places of the files go later:
// see Scrub.
func (l *Ledger) Erase(ctx context.Context, tid waxwing.TenantID, ask waxwing.Erase) (waxwing.Erasure, error) {
	var e waxwing.Erasure
	tn, err := l.tenant(tid)
	if err != nil {
		return e, err
	}
	p, err := l.newPerson(ask.Address)
	if err != nil {
		return e, err
	}
	if e.Found, err = l.trace(ctx, tn, p); err != nil {
		return e, err
	}
	if e.People, err = l.countPeople(ctx, tn, p, e.Found); err != nil {
		return e, err
	}
	e.Scrub = l.Scrub()
	switch {
	case ask.Dry:
		return e, nil
	case e.People > 1 && ask.Confirm != len(e.Found):
		return e, fmt.Errorf("%d confirmations name this address or number, and they are of %d people: "+
			"look at them, and confirm their number to erase them all: %w", len(e.Found), e.People, waxwing.ErrState)
	}
	n, err := l.erase(context.WithoutCancel(ctx), tn, e.Found, ask.Act, &e.Erased)
	if err != nil {
		return e, err
	}
	if n != 0 {
		l.scrubs.await(ctx, n, scrubWait)
	}
	e.Scrub = l.Scrub()
	return e, nil
}

// erase erases confirmations, some a group commit, and gives the number of the scrub
// that follows; 0: none does.
func (l *Ledger) erase(ctx context.Context, tn *tenant, ids []waxwing.ID, act waxwing.Act, count *int) (n uint64, err error) {
	first := true
	for first || len(ids) > 0 {
		some := ids[:min(len(ids), eraseBatch)]
		ids = ids[len(some):]
		said := !first
		first = false
		err := l.do(ctx, func(t *tx) error {
			if !said {
				t.entry(&machine.Entry{Cause: machine.CausePerson,
					Detail: append([][2]string{{"act", "erase"}, {"tenant", string(tn.name)}}, machine.Detail(act)...)})
			}
			erased := 0
			for _, id := range some {
				k, err := t.erase(id, act)
				if err != nil {
					return err
				}
				erased += k
			}
			if erased == 0 {
				return nil
			}
			if err := t.toScrub(false); err != nil {
				return err
			}
			t.after = append(t.after, func() {
				*count += erased
				n = l.scrubs.begin(t.now)
			})
			return nil
		})
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

func (t *tx) erase(id waxwing.ID, act waxwing.Act) (int, error) {
	s := t.begin()
	if err := t.loadWhole(s, id); err != nil {
		return 0, err
	}
	c, erased := s.Erase(id, act)
	if !erased {
		return 0, nil
	}
	t.after = append(t.after, func() { t.l.hot.drop(id) })
	return 1, t.apply(&c)
}

// trace finds the confirmations that name a person, oldest first: those without lookups
// before the others, so that none can be missed that has them meanwhile.
func (l *Ledger) trace(ctx context.Context, tn *tenant, p person) ([]waxwing.ID, error) {
	ids, err := l.unindexed(ctx, tn, p)
	if err != nil {
		return nil, err
	}
	err = l.browse(ctx, tn, func(c *conn) error {
		for _, form := range p.forms() {
			h := tn.key.Index("person", form)
			err := c.query("SELECT confirmation FROM lookups WHERE hash=?", func(v []driver.Value) error {
				ids = append(ids, waxwing.ID(num(v[0])))
				return nil
			}, h[:])
			if err != nil {
				return err
			}
		}
		return nil
	})
	slices.Sort(ids)
	return slices.Compact(ids), err
}

// countPeople counts the people of confirmations: the e-mail addresses that their
// events name, and the names of customers who gave none and have none elsewhere.
func (l *Ledger) countPeople(ctx context.Context, tn *tenant, p person, ids []waxwing.ID) (int, error) {
	mails, named, mailed := map[string]bool{}, map[string]bool{}, map[string]bool{}
	if p.email != "" && len(ids) > 0 {
		mails[p.email] = true
	}
	add := func(format, topic string, raw []byte) {
		who, _ := l.people(format, topic, raw) // what it could not read may name her yet
		name, mail := strings.ToLower(strings.Join(strings.Fields(who.Name), " ")), false
		for _, n := range who.Named {
			if strings.Contains(n, "@") {
				mails[l.mailbox(n)], mail = true, true
			}
		}
		if mail {
			mailed[name] = true
		} else if name != "" {
			named[name] = true
		}
	}
	for some := range slices.Chunk(ids, tracePiece) {
		err := l.browse(ctx, tn, func(c *conn) error {
			for _, id := range some {
				f, err := l.openFile(c, id)
				if err != nil {
					return err
				}
				if f.erased {
					continue
				}
				raw, topic, err := l.openEvent(c, f, f.version)
				if err == nil {
					add(f.format, topic, raw)
				} else if !errors.Is(err, waxwing.ErrNotFound) { // else its time is over
					return err
				}
			}
			return nil
		})
		if err != nil {
			return 0, err
		}
	}
	n := len(mails)
	for name := range named {
		if !mailed[name] {
			n++
		}
	}
	return max(n, min(len(ids), 1)), nil
}

package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/machine"
	"github.com/waxwinghq/waxwing/ledger/store"
)

const (
	// eraseBatch is how many confirmations an op of the writer erases.
	eraseBatch = 32
	// scrubWait is how long an erasure waits for its end before it is answered.
	scrubWait = 2 * time.Second
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
	tn, err := l.keys.Tenant(tid)
	if err != nil {
		return e, err
	}
	x, err := l.tracer.Trace(ctx, tn, ask.Address)
	e.Found, e.People = x.Found, x.People
	if err != nil {
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
func (l *Ledger) erase(ctx context.Context, tn *ledger.Tenant, ids []waxwing.ID, act waxwing.Act, count *int) (n uint64, err error) {
	first := true
	for first || len(ids) > 0 {
		some := ids[:min(len(ids), eraseBatch)]
		ids = ids[len(some):]
		said := !first
		first = false
		err := l.do(ctx, func(ctx context.Context, t *tx) error {
			if !said {
				t.entry(&machine.Entry{Cause: machine.CausePerson,
					Detail: append([][2]string{{"act", "erase"}, {"tenant", string(tn.Name)}}, machine.Detail(act)...)})
			}
			erased := 0
			for _, id := range some {
				k, err := t.erase(ctx, id, act)
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

func (t *tx) erase(ctx context.Context, id waxwing.ID, act waxwing.Act) (int, error) {
	s, err := t.load(ctx, &store.Keys{Whole: []waxwing.ID{id}})
	if err != nil {
		return 0, err
	}
	c, erased := s.Erase(id, act)
	if !erased {
		return 0, nil
	}
	t.after = append(t.after, func() { t.l.hot.Drop(id) })
	return 1, t.apply(ctx, &c)
}

package sqlite

import (
	"context"
	"database/sql/driver"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
)

// DueWork lists confirmations that wait for normalise..render, oldest first, from those on
// that are due since then. last is when the last of them became due: whoever goes on from
// there meets it again, with those of the same millisecond.
func (l *Ledger) DueWork(ctx context.Context, since time.Time, limit int) (ids []waxwing.ID, last time.Time, err error) {
	return l.due(ctx, waxwing.Received, since, limit)
}

// DueHolds lists confirmations whose time at the gate is over, oldest first.
func (l *Ledger) DueHolds(ctx context.Context, limit int) ([]waxwing.ID, error) {
	ids, _, err := l.due(ctx, waxwing.Held, time.Time{}, limit)
	return ids, err
}

func (l *Ledger) due(ctx context.Context, state waxwing.State, since time.Time, limit int) (ids []waxwing.ID, last time.Time, err error) {
	err = l.read(ctx, func(c *conn) error {
		return c.query("SELECT id, due FROM confirmations WHERE due>=? AND due<=? AND state=? ORDER BY due LIMIT ?", func(v []driver.Value) error {
			ids, last = append(ids, waxwing.ID(num(v[0]))), time.UnixMilli(num(v[1]))
			return nil
		}, ms(since), l.o.Clock().UnixMilli(), string(state), limit)
	})
	return ids, last, err
}

// Depth is what waits in the ledger, for metrics.
type Depth struct {
	Work, Messages int64
	// Oldest is when the oldest due message was due; zero: none is.
	Oldest time.Time
}

// maxDepth bounds the counting: a gauge need not walk a million rows.
const maxDepth = 100_000

// Depth counts what waits, up to maxDepth of each.
func (l *Ledger) Depth(ctx context.Context) (Depth, error) {
	var d Depth
	err := l.read(ctx, func(c *conn) error {
		var v [1]driver.Value
		if _, err := c.row("SELECT count(*) FROM (SELECT 1 FROM confirmations WHERE due IS NOT NULL LIMIT ?)", v[:], maxDepth); err != nil {
			return err
		}
		d.Work = num(v[0])
		if _, err := c.row("SELECT count(*) FROM (SELECT 1 FROM messages WHERE next_at IS NOT NULL LIMIT ?)", v[:], maxDepth); err != nil {
			return err
		}
		d.Messages = num(v[0])
		for _, ch := range waxwing.Channels {
			ok, err := c.row("SELECT next_at FROM messages WHERE channel=? AND next_at<=? ORDER BY next_at LIMIT 1", v[:], string(ch), l.o.Clock().UnixMilli())
			if err != nil {
				return err
			}
			if at := time.UnixMilli(num(v[0])); ok && (d.Oldest.IsZero() || at.Before(d.Oldest)) {
				d.Oldest = at
			}
		}
		return nil
	})
	return d, err
}

// Expire deletes content older than the given age, a batch a call, and says
// whether there is more. The trail stays. After the last batch the files are scrubbed
// of it.
func (l *Ledger) Expire(ctx context.Context, age time.Duration) (more bool, err error) {
	before := int64(waxwing.NewID(l.o.Clock().Add(-age), 0, 0))
	err = l.do(ctx, func(t *tx) error {
		more = false
		deleted := int64(0)
		for _, q := range []string{
			"DELETE FROM contents WHERE id IN (SELECT id FROM contents WHERE id<? ORDER BY id LIMIT 500)",
			"DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id<? ORDER BY id LIMIT 500)",
		} {
			n, err := t.exec(q, before)
			if err != nil {
				return err
			}
			more = more || n == 500
			deleted += n
		}
		// What a plugin was given is content too.
		n, err := t.pruneRuns(age)
		more = more || n
		if err == nil && deleted > 0 {
			err = t.toScrub(!more)
		}
		return err
	})
	return more, err
}

// Healthy says why the ledger cannot write; nil: it can.
func (l *Ledger) Healthy() error {
	if e := l.broken.Load(); e != nil {
		return fmt.Errorf("ledger: the disk has failed: %w", *e)
	}
	if l.closed.Load() {
		return waxwing.ErrStopping
	}
	if e := l.full.Load(); e {
		return fmt.Errorf("ledger: the disk is full: %w", waxwing.ErrUnavailable)
	}
	return nil
}

package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Expire deletes content older than the given age, a batch a call, and says
// whether there is more. The trail stays. After the last batch the files are scrubbed
// of it.
func (l *Ledger) Expire(ctx context.Context, age time.Duration) (more bool, err error) {
	before := int64(waxwing.NewID(l.o.Clock().Add(-age), 0, 0))
	err = l.do(ctx, func(ctx context.Context, t *tx) error {
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

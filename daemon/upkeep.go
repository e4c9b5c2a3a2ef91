package daemon

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/compose"
)

// upkeep is what is done to the ledger beside the orders: it learns dictionaries, and what is
// old is deleted. Each of its ways ends with its ctx.
type upkeep struct {
	ledger Ledger
	log    *slog.Logger
}

// teach gives the ledger a dictionary for each template set and language, made
// of an invented order's mail.
func (u *upkeep) teach(ctx context.Context, c *compose.Composer) {
	for i, x := range c.Dictionaries() {
		if i >= maxDictionaries || ctx.Err() != nil {
			return
		}
		passages, sample, err := c.Sample(x.Tenant, x.Locale)
		if err == nil {
			err = u.ledger.Teach(ctx, x.Name, passages, sample)
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, waxwing.ErrStopping) {
			u.log.Warn("no dictionary; contents take more room", "set", x.Name, "err", err)
		}
	}
}

// maxDictionaries bounds the memory of dictionaries: 64 KiB and tables each.
const maxDictionaries = 64

// prune deletes recorded runs of plugins older than age; 0 keeps them.
func (u *upkeep) prune(ctx context.Context, age time.Duration) {
	if age <= 0 {
		return
	}
	u.hourly(ctx, u.alone(ctx, "plugin runs", func() (bool, error) { return u.ledger.PrunePluginRuns(ctx, age) }))
}

// expire deletes content older than age; 0 keeps it.
func (u *upkeep) expire(ctx context.Context, age time.Duration) {
	if age <= 0 {
		return
	}
	u.hourly(ctx, u.alone(ctx, "old content", func() (bool, error) { return u.ledger.Expire(ctx, age) }))
}

// alone has one daemon of a ledger delete what is old, all of it: several would wait for each
// other's rows.
func (u *upkeep) alone(ctx context.Context, what string, some func() (more bool, err error)) func() (more bool, err error) {
	return func() (bool, error) {
		did, err := u.ledger.Alone(ctx, what, func() (err error) {
			for more := true; more && err == nil && ctx.Err() == nil; {
				more, err = some()
			}
			return err
		})
		if err == nil && !did {
			u.log.Debug("another daemon deletes what is old", "what", what)
		}
		return false, err
	}
}

// hourly deletes what is old, a part at a time, and looks again each hour.
func (u *upkeep) hourly(ctx context.Context, some func() (more bool, err error)) {
	t := time.NewTicker(time.Hour)
	defer t.Stop()
	for {
		for more := true; more && ctx.Err() == nil; {
			var err error
			if more, err = some(); err != nil && ctx.Err() == nil && !errors.Is(err, waxwing.ErrStopping) {
				u.log.Error("old content not deleted; tried again in an hour", "err", err)
			}
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}

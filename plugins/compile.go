package plugins

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

// background is what a Host does outside of anybody's way, until it is stopped.
type background struct {
	sync.WaitGroup
	ctx  context.Context
	stop context.CancelFunc
}

func newBackground() *background {
	b := &background{}
	b.ctx, b.stop = context.WithCancel(context.Background())
	return b
}

// compiling has versions loaded before orders need them, and those compiled that have no
// native code.
type compiling struct {
	engine *sandbox.Engine
	now    waxwing.Clock
	log    *slog.Logger
	work   *background

	mu    sync.Mutex
	busy  bool // versions are being compiled
	queue sandbox.FairQueue[*version]
}

// warm has a version loaded before an order needs it, after compiling it where that
// is needed. It does not wait.
func (c *compiling) warm(v *version) {
	if c.work.ctx.Err() != nil {
		return
	}
	c.engine.WarmLater(v.code, func(err error) {
		if errors.Is(err, sandbox.ErrNotCompiled) {
			c.again(v, c.now())
		}
	})
}

// again has a version compiled that has no native code: one at a time, and
// not at once again where it fails, since orders keep coming.
func (c *compiling) again(v *version, now time.Time) {
	last := v.compiled.Load()
	if last != 0 && now.UnixNano()-last < int64(sandbox.CompileEvery) || !v.compiling.CompareAndSwap(false, true) {
		return
	}
	v.compiled.Store(now.UnixNano())
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.work.ctx.Err() != nil {
		return
	}
	c.queue.Add(c.engine.Account(v.rec.Tenant), v, false)
	if !c.busy {
		c.busy = true
		c.work.Go(c.all)
	}
}

// all puts native code into the cache until nothing is left to compile,
// tenants in turns, and has it loaded, so that no order waits for it.
func (c *compiling) all() {
	for {
		c.mu.Lock()
		v, ok := c.queue.Next(time.Now())
		if !ok || c.work.ctx.Err() != nil {
			c.busy = false
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		err := c.engine.Compile(c.work.ctx, v.code)
		v.compiling.Store(false)
		switch {
		case err == nil:
			c.engine.WarmLater(v.code, nil)
		case c.work.ctx.Err() == nil:
			c.log.Error("a plugin cannot be compiled; it is left out", "tenant", v.rec.Tenant, "plugin", v.rec.Plugin, "err", err)
		}
	}
}

package daemon

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/source"
)

// sourceType is a component that makes sources of its settings.
type sourceType struct {
	config.Component
	open func(b config.Block, name string, log *slog.Logger) (source.Source, error)
}

// sourceOf lists a type whose settings S are opened as an O.
func sourceOf[S config.Block, O source.Source](c config.Component, open func(S, string, *slog.Logger) (O, error)) sourceType {
	return sourceType{c, func(b config.Block, name string, log *slog.Logger) (source.Source, error) {
		return open(b.(S), name, log)
	}}
}

// acceptFrom is how the pipeline takes an event of a source.
type acceptFrom func(context.Context, *waxwing.Event) (waxwing.Receipt, error)

// sources are those of a configuration, running.
type sources struct {
	open   map[string]source.Source
	log    *slog.Logger
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// openSources makes every source that the configuration names; none runs yet.
func openSources(c *config.Config, types []sourceType, log *slog.Logger) (*sources, error) {
	s := &sources{open: map[string]source.Source{}, log: log, cancel: func() {}}
	for name, x := range c.Sources {
		i := slices.IndexFunc(types, func(t sourceType) bool { return t.Name == x.Type })
		if i < 0 {
			return nil, fmt.Errorf("source %s: there is no type %q", name, x.Type)
		}
		made, err := types[i].open(x.Settings, name, log)
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", name, err)
		}
		s.open[name] = made
	}
	return s, nil
}

// run starts them, when ready is closed. They end with ctx, or by stop.
func (s *sources) run(ctx context.Context, ready <-chan struct{}, accept acceptFrom) {
	ctx, s.cancel = context.WithCancel(ctx)
	for name, x := range s.open {
		s.wg.Go(func() {
			select {
			case <-ready:
				s.keep(ctx, name, x, accept)
			case <-ctx.Done():
			}
		})
	}
}

// stop ends them and waits until each has returned. Nil: there are none.
func (s *sources) stop() {
	if s != nil {
		s.cancel()
		s.wg.Wait()
	}
}

// How long a source that failed is left alone; each time twice as long.
const (
	firstRest = time.Second
	longRest  = 30 * time.Second
)

// keep runs a source until ctx ends, and anew where it fails.
func (s *sources) keep(ctx context.Context, name string, x source.Source, accept acceptFrom) {
	rest := firstRest
	for {
		took := false
		err := x.Run(ctx, func(ctx context.Context, t waxwing.TenantID, shop waxwing.ShopID, topic string, raw []byte) (waxwing.Receipt, error) {
			// The ledger's cache and the order's strings share what they get: the source's
			// own bytes are its own again.
			rc, err := accept(ctx, &waxwing.Event{Tenant: t, Shop: shop, Source: name, Topic: topic, Raw: bytes.Clone(raw)})
			took = took || err == nil
			return rc, err
		})
		if ctx.Err() != nil {
			return
		}
		if took {
			rest = firstRest
		}
		s.log.Error("a source ended; it is started again", "source", name, "in", rest, "err", err)
		again := time.NewTimer(rest)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return
		}
		rest = min(2*rest, longRest)
	}
}

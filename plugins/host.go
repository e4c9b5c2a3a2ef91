package plugins

import (
	"cmp"
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

// Store keeps versions and their code. Each call is one transaction with its
// entries in the audit trail. The Host calls it with a context that does not end: a step
// in a version's life is recorded though whoever asked for it has left.
type Store interface {
	// SavePlugins records versions as they stand; module is the code of a new
	// one, kept under its hash.
	SavePlugins(ctx context.Context, versions []waxwing.PluginVersion, module []byte) error
	// PluginTenants are those that have versions, in no order.
	PluginTenants(ctx context.Context) ([]waxwing.TenantID, error)
	// PluginVersions are all that are kept of a tenant, oldest first.
	PluginVersions(ctx context.Context, tenant waxwing.TenantID) ([]waxwing.PluginVersion, error)
	// PluginModule is the code of a hash.
	PluginModule(ctx context.Context, hash string) ([]byte, error)
	// PluginNumber is the greatest number of a name's signatures, however long ago; 0: none.
	PluginNumber(ctx context.Context, tenant waxwing.TenantID, plugin string) (int64, error)
}

// HostOptions say how a Host is made.
type HostOptions struct {
	Engine  *sandbox.Engine
	Store   Store
	Rollout Rollout
	Clock   waxwing.Clock
	Log     *slog.Logger
	// Settings are the tenants' own at the start; see Configure.
	Settings
	// Signed refuses code without a signature by one of the tenant's keys.
	Signed bool
	// Quota bounds what a tenant may have, CheckBudget the processor time that its
	// uploads may take in an hour; a minute by default. Checks of so many tenants
	// run at once, two by default.
	Quota       waxwing.PluginQuota
	CheckBudget time.Duration
	Checks      int
	// Changes is how often the state of one plugin may change in a minute; 10 by
	// default.
	Changes int
}

// Settings are the tenants' own. They are not written once a Host has them.
type Settings struct {
	// Configs lay over a manifest's settings, by tenant and plugin.
	Configs map[waxwing.TenantID]map[string]map[string]string
	// Signers are the tenants' keys, by name.
	Signers map[waxwing.TenantID]map[string]PublicKey
}

// Host holds every tenant's plugins and asks them. Its methods are safe for
// concurrent use.
type Host struct {
	o       HostOptions
	set     atomic.Pointer[Settings]
	shelves *shelves
	uses    *uses
	rates   *rates
	turns   *turns // of checks
	life    *life
	compile *compiling
	work    *background

	mostNative, tidied atomic.Int64 // bytes, and when, in ns
}

// NewHost makes a host without plugins; Restore brings back what the store has.
func NewHost(o HostOptions) *Host {
	if o.Clock == nil {
		o.Clock = waxwing.SystemClock
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Changes = cmp.Or(o.Changes, usualChanges)
	if o.Rollout.Steps == nil {
		o.Rollout = DefaultRollout()
	}
	o.Quota = o.Quota.OrDefault()
	o.CheckBudget = cmp.Or(o.CheckBudget, time.Minute)
	o.Checks = cmp.Or(o.Checks, 2)
	h := &Host{o: o, turns: newTurns(o.Checks, o.CheckBudget, o.Clock), work: newBackground(),
		uses:  &uses{engine: o.Engine, used: map[waxwing.TenantID]map[string]*sandbox.Use{}},
		rates: &rates{now: o.Clock, most: o.Changes, changed: map[string]*minute{}}}
	h.Configure(o.Settings)
	h.shelves = &shelves{engine: o.Engine, uses: h.uses}
	h.compile = &compiling{engine: o.Engine, now: o.Clock, log: o.Log, work: h.work}
	h.life = &life{store: o.Store, rollout: o.Rollout, now: o.Clock, log: o.Log, shelves: h.shelves, rates: h.rates, work: h.work}
	return h
}

// Configure has versions that are put or restored from now on go by other settings.
func (h *Host) Configure(s Settings) { h.set.Store(&s) }

// Close stops work in the background and guests that run. The engine is closed by
// whoever made it.
func (h *Host) Close() {
	h.work.stop()
	h.o.Engine.Stop()
	h.work.Wait()
}

// Wants says what of an order's insight the tenant's plugins need. A tenant
// without plugins wants nothing, and asking costs one look into a table.
func (h *Host) Wants(t waxwing.TenantID) (any, candidates, baskets, lane bool) {
	s := h.shelves.of(t)
	if s == nil {
		return false, false, false, false
	}
	return len(s.plugins) > 0, s.needs.Has(abi.NeedCandidates), s.needs.Has(abi.NeedBaskets), s.needs.Has(abi.NeedLane)
}

// Ruling is what the plugins said of whether an order may pass.
type Ruling struct {
	Hold, Drop string // the reason; both empty: it may pass
}

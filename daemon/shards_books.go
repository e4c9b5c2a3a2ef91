package daemon

import (
	"context"
	"errors"

	"github.com/waxwinghq/waxwing"
)

// books are what all ledgers show and keep: each call is for the ledger of its tenant.
type books struct{ *shards }

var _ Books = books{}

// List is web.Books'.
func (x books) List(ctx context.Context, q waxwing.Query) ([]waxwing.ConfirmationView, error) {
	return x.of(q.Tenant).ledger.List(ctx, q)
}

// Count is web.Books'.
func (x books) Count(ctx context.Context, q waxwing.Query) (map[waxwing.State]int64, error) {
	return x.of(q.Tenant).ledger.Count(ctx, q)
}

// Get is web.Books'.
func (x books) Get(ctx context.Context, t waxwing.TenantID, id waxwing.ID) (*waxwing.ConfirmationView, error) {
	return x.of(t).ledger.Get(ctx, t, id)
}

// Raw is web.Books'.
func (x books) Raw(ctx context.Context, t waxwing.TenantID, id waxwing.ID) (format, topic string, raw []byte, err error) {
	return x.of(t).ledger.Raw(ctx, t, id)
}

// Bytes is web.Books'.
func (x books) Bytes(ctx context.Context, t waxwing.TenantID, id waxwing.ID, n int) (*waxwing.Outgoing, error) {
	return x.of(t).ledger.Bytes(ctx, t, id, n)
}

// Stop is web.Books'.
func (x books) Stop(ctx context.Context, t waxwing.TenantID, id waxwing.ID, act waxwing.Act) error {
	return x.of(t).ledger.Stop(ctx, t, id, act)
}

// Release is web.Books'.
func (x books) Release(ctx context.Context, t waxwing.TenantID, id waxwing.ID, act waxwing.Act) error {
	return x.of(t).ledger.Release(ctx, t, id, act)
}

// Suppress is web.Books'.
func (x books) Suppress(ctx context.Context, t waxwing.TenantID, address string, act waxwing.Act) error {
	return x.of(t).ledger.Suppress(ctx, t, address, act)
}

// Erase is web.Books'.
func (x books) Erase(ctx context.Context, t waxwing.TenantID, ask waxwing.Erase) (waxwing.Erasure, error) {
	return x.of(t).ledger.Erase(ctx, t, ask)
}

// Scrub is web.Books': it is done where it is in all ledgers.
func (x books) Scrub() waxwing.Scrub {
	out := x.all[0].ledger.Scrub()
	for _, s := range x.all[1:] {
		out = out.With(s.ledger.Scrub())
	}
	return out
}

// PluginVersions is web.Shelves' and plugins.Store's.
func (x books) PluginVersions(ctx context.Context, t waxwing.TenantID) ([]waxwing.PluginVersion, error) {
	return x.of(t).ledger.PluginVersions(ctx, t)
}

// PluginModule is web.Shelves' and plugins.Store's: the code of a hash is the same in each ledger.
func (x books) PluginModule(ctx context.Context, hash string) (code []byte, err error) {
	for _, s := range x.all {
		if code, err = s.ledger.PluginModule(ctx, hash); !errors.Is(err, waxwing.ErrNotFound) {
			return code, err
		}
	}
	return nil, err
}

// PluginRuns is web.Shelves'.
func (x books) PluginRuns(ctx context.Context, t waxwing.TenantID, plugin string, before int64, limit int) ([]waxwing.Run, error) {
	return x.of(t).ledger.PluginRuns(ctx, t, plugin, before, limit)
}

// PluginRunsFull is web.Shelves'.
func (x books) PluginRunsFull(ctx context.Context, t waxwing.TenantID, plugin string, after int64, limit int) ([]waxwing.Run, error) {
	return x.of(t).ledger.PluginRunsFull(ctx, t, plugin, after, limit)
}

// PluginRun is web.Shelves'.
func (x books) PluginRun(ctx context.Context, t waxwing.TenantID, id int64) (*waxwing.Run, error) {
	return x.of(t).ledger.PluginRun(ctx, t, id)
}

// SavePlugins is plugins.Store's: the versions are of one tenant.
func (x books) SavePlugins(ctx context.Context, versions []waxwing.PluginVersion, module []byte) error {
	if len(versions) == 0 {
		return nil
	}
	return x.of(versions[0].Tenant).ledger.SavePlugins(ctx, versions, module)
}

// PluginTenants is plugins.Store's.
func (x books) PluginTenants(ctx context.Context) (out []waxwing.TenantID, err error) {
	for _, s := range x.all {
		some, err := s.ledger.PluginTenants(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, some...)
	}
	return out, nil
}

// PluginNumber is plugins.Store's.
func (x books) PluginNumber(ctx context.Context, t waxwing.TenantID, plugin string) (int64, error) {
	return x.of(t).ledger.PluginNumber(ctx, t, plugin)
}

// Derive is the first ledger's, of this machine's own.
func (x books) Derive(purpose string) [32]byte { return x.all[0].ledger.Derive(purpose) }

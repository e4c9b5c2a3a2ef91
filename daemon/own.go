package daemon

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sandbox"
	"github.com/waxwinghq/waxwing/channel/webpush"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/reach"
	"github.com/waxwinghq/waxwing/feedback/callback"
	"github.com/waxwinghq/waxwing/pipeline"
)

// own are the tenants' own providers, by the name that the trail knows.
type own map[string]ownProvider

type ownProvider struct {
	settings config.Provider
	Provider
}

// openOwn makes the tenants' own providers, or takes those of before that nothing has changed
// of. The caller closes what it does not have from there, also where one fails.
func openOwn(tenants map[string]config.Tenant, before own, log *slog.Logger) (own, error) {
	all := own{}
	for _, tenant := range sortedNames(tenants) {
		if t := tenants[tenant]; t.InSandbox() {
			continue // nobody connects for it
		}
		for name, p := range tenants[tenant].Providers {
			full := pipeline.OwnName(tenant, name)
			if old, ok := before[full]; ok && reflect.DeepEqual(old.settings, p) {
				all[full] = old
				continue
			}
			made, err := newOnDemand(func() (Provider, error) { return OpenProvider(full, p, log) })
			if err != nil {
				return all, fmt.Errorf("tenants.%s.providers: %w", tenant, err)
			}
			all[full] = ownProvider{p, made}
		}
	}
	return all, nil
}

// of are the tenants' own as the pipeline takes them: in the order of their names. Tenants in
// sandbox have what catches their messages, and nothing else.
func (o own) of(tenants map[string]config.Tenant, caught *sandbox.Catcher) map[string][]pipeline.OwnProvider {
	out := map[string][]pipeline.OwnProvider{}
	for tenant, t := range tenants {
		if t.InSandbox() {
			for _, ch := range waxwing.Channels {
				out[tenant] = append(out[tenant], pipeline.OwnProvider{Name: config.Sandbox, Type: config.Sandbox, Carries: ch, Provider: caught})
			}
			continue
		}
		for _, name := range sortedNames(t.Providers) {
			p := o[pipeline.OwnName(tenant, name)]
			out[tenant] = append(out[tenant], pipeline.OwnProvider{Name: name, Type: p.settings.Type, Carries: typeOf(p.settings).Carries, Provider: p.Provider})
		}
	}
	return out
}

// without are those that another set does not have.
func (o own) without(other own) own {
	left := own{}
	for name, p := range o {
		if other[name].Provider != p.Provider {
			left[name] = p
		}
	}
	return left
}

// connections are how many they may have open together, as far as so many can be in use.
func ownConnections(c *config.Config) (n int) {
	for _, t := range c.Tenants {
		for _, p := range t.Providers {
			n += max(p.MaxConnections(), 1)
		}
	}
	return min(n, c.Limits.Send)
}

// retire closes providers that nothing is offered to any more. What they have taken gets its
// verdict first; what they have not begun with goes another way.
func (d *Daemon) retire(old own) {
	for _, name := range slices.Sorted(maps.Keys(old)) {
		d.keepers.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			if err := old[name].Close(ctx); err != nil {
				d.log.Warn("a tenant's provider was cut off: its server did not answer", "provider", name, "err", err)
			}
		})
	}
}

// callbackType makes of a provider's settings how its callbacks are known; nil: it takes none.
type callbackType func(b config.Block, c *callback.Certificates) callback.Provider

func callbackOf[S config.Block](open func(S, *callback.Certificates) callback.Provider) callbackType {
	return func(b config.Block, c *callback.Certificates) callback.Provider { return open(b.(S), c) }
}

// callbackDoors are those of the platform's providers and of the tenants' own, by their paths.
func callbackDoors(c *config.Config, certificates *callback.Certificates) map[string]callback.Door {
	doors := map[string]callback.Door{}
	add := func(at string, d callback.Door, p config.Provider) {
		if open := callbackTypes[p.Type]; open != nil {
			if d.Provider = open(p.Settings, certificates); d.Provider != nil {
				doors[at] = d
			}
		}
	}
	for name, p := range c.Providers {
		add(callback.Platform+"/"+name, callback.Door{Name: name}, p)
	}
	for tenant, t := range c.Tenants {
		for name, p := range t.Providers {
			full := pipeline.OwnName(tenant, name)
			add(full, callback.Door{Name: full, Tenant: waxwing.TenantID(tenant)}, p)
		}
	}
	return doors
}

// snsCertificates are fetched from public addresses only.
func snsCertificates() *callback.Certificates {
	return callback.NewCertificates(reach.Guard{}.Dial(5*time.Second), nil, nil)
}

// pushSettings are by what each tenant's customers subscribe to push messages: its own provider of
// browsers, else the first that its pipeline falls back to.
func pushSettings(c *config.Config, tenants map[string]config.Tenant) map[waxwing.TenantID]*webpush.Settings {
	out, common := map[waxwing.TenantID]*webpush.Settings{}, map[string]*webpush.Settings{}
	for name, stages := range c.EveryPipeline() {
		common[name] = firstPush(pipeline.FallbackProviders(stages), c.Providers)
	}
	for name, t := range tenants {
		p := firstPush(sortedNames(t.Providers), t.Providers)
		if p == nil && !t.OwnProvidersOnly {
			p = common[cmp.Or(t.Pipeline, config.DefaultPipeline)]
		}
		if p != nil {
			out[waxwing.TenantID(name)] = p
		}
	}
	return out
}

func firstPush(names []string, providers map[string]config.Provider) *webpush.Settings {
	for _, n := range names {
		if s, ok := providers[n].Settings.(*webpush.Settings); ok {
			return s
		}
	}
	return nil
}

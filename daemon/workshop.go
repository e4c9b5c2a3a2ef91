package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/compose"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/plugins"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
	"github.com/waxwinghq/waxwing/shop/foreign"
)

// workshop is where plugins live in the daemon: it asks them for the pipeline,
// and takes uploads for the API.
type workshop struct {
	engine   *sandbox.Engine
	host     *plugins.Host
	composer atomic.Pointer[compose.Composer]
	files    pluginFiles
}

// CompileChild is the hidden command that compiles plugins apart from the daemon.
const CompileChild = "plugin-compile"

func openWorkshop(c *config.Config, l Books, x *compose.Composer, clock waxwing.Clock, log *slog.Logger) (*workshop, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("plugins: %w", err)
	}
	w, key := &workshop{}, l.Derive("plugin cache")
	w.composer.Store(x)
	w.files.put = w.putFile
	w.engine, err = sandbox.NewEngine(sandbox.EngineOptions{Cache: filepath.Join(c.Data, "plugins"), Key: key[:],
		Child: []string{self, CompileChild}, Memory: int64(c.Plugins.Memory) << 20, TenantMemory: int64(c.Plugins.TenantMemory) << 20,
		TenantTime: c.Plugins.TenantTime.D(), Workers: c.Plugins.Workers, Log: log, Limits: pluginLimits(c.Plugins)})
	if err != nil {
		return nil, err
	}
	set, err := pluginSettings(c)
	if err != nil {
		return nil, errors.Join(err, w.engine.Close())
	}
	o := plugins.HostOptions{Quota: pluginQuota(c.Plugins), CheckBudget: c.Plugins.CheckBudget.D(), Checks: c.Plugins.Checks, Engine: w.engine, Store: l, Clock: clock, Log: log,
		Settings: set, Signed: c.Plugins.Signatures == "required"}
	if r := c.Plugins.Rollout; len(r.Steps) > 0 {
		o.Rollout = plugins.Rollout{Shadow: r.Shadow, Steps: r.Steps, Runs: r.Runs, Orders: r.Orders}
	}
	w.host = plugins.NewHost(o)
	return w, nil
}

// pluginSettings are what the tenants of a configuration say of their plugins.
func pluginSettings(c *config.Config) (plugins.Settings, error) {
	set := plugins.Settings{Configs: map[waxwing.TenantID]map[string]map[string]string{}, Signers: map[waxwing.TenantID]map[string]plugins.PublicKey{}}
	for name, t := range c.Tenants {
		id := waxwing.TenantID(name)
		for p, s := range t.Plugins {
			if len(s.Config) > 0 {
				if set.Configs[id] == nil {
					set.Configs[id] = map[string]map[string]string{}
				}
				set.Configs[id][p] = s.Config
			}
		}
		for k, s := range t.PluginKeys {
			pub, err := plugins.ParsePublicKey(s)
			if err != nil {
				return set, fmt.Errorf("tenants.%s.plugin_keys.%s: %w", name, k, err)
			}
			if set.Signers[id] == nil {
				set.Signers[id] = map[string]plugins.PublicKey{}
			}
			set.Signers[id][k] = pub
		}
	}
	return set, nil
}

func pluginQuota(p config.Plugins) waxwing.PluginQuota {
	return waxwing.PluginQuota{Names: p.Names, Versions: p.Versions, Modules: int64(p.Modules) << 20, Native: int64(p.Native) << 20,
		OrderRun: int64(p.RunsOrder) << 10, DayRuns: int64(p.RunsDay) << 20}
}

func pluginLimits(p config.Plugins) abi.Limits {
	return abi.Limits{Fuel: p.Fuel, Wall: p.Wall.D(), Order: p.Order.D(), Start: p.Start.D(), Types: p.Types}
}

// restore brings back what the ledger has, before the first order is asked
// about. What fails is logged and left out: a plugin never keeps the daemon
// from starting.
func (w *workshop) restore(c *config.Config, log *slog.Logger) {
	kept, err := w.host.Kept()
	if err != nil {
		log.Error("plugins not brought back", "err", err)
		return
	}
	for _, name := range sortedNames(c.Tenants) {
		if !kept[waxwing.TenantID(name)] {
			continue
		}
		if err := w.host.Restore(waxwing.TenantID(name)); err != nil {
			log.Error("plugins not brought back", "tenant", name, "err", err)
		}
	}
}

func (w *workshop) close() error {
	if w == nil || w.host == nil {
		return nil
	}
	w.host.Close()
	return w.engine.Close()
}

// Wants is pipeline.Plugins'.
func (w *workshop) Wants(t waxwing.TenantID) (any, candidates, baskets, lane bool) {
	return w.host.Wants(t)
}

// Ask is pipeline.Plugins'. The plugins' clock shows when the event came, and
// they are told the language that the mail will have.
func (w *workshop) Ask(work *waxwing.Work, o *waxwing.Order, hooks []waxwing.Hook) (hold, drop string, notes []string) {
	q := &abi.Question{Order: o, At: work.Created, Seed: seedOf(work)}
	if l := w.composer.Load().Locale(work.Tenant, o); l != nil {
		q.Locale, q.Format = l.Tag(), l.Format(o.Currency)
	}
	if work.Asked { // a person has let it through
		var rest []waxwing.Hook
		for _, h := range hooks {
			if h != waxwing.HookFilter {
				rest = append(rest, h)
			}
		}
		hooks = rest
	}
	r, runs, notes := w.host.Ask(work.Tenant, work.ID, q, hooks)
	work.Runs = append(work.Runs, runs...)
	return r.Hold, r.Drop, notes
}

// seedOf is the same at each try of one order.
func seedOf(w *waxwing.Work) string { return string(w.Tenant) + "/" + w.ID.String() }

// Put is web.Workshop's.
func (w *workshop) Put(ctx context.Context, u *waxwing.PluginUpload) (waxwing.PluginVersion, error) {
	up := &plugins.Upload{Tenant: u.Tenant, Name: u.Name, Manifest: u.Manifest, Code: u.Code, Signature: u.Signature, Source: "upload", Now: u.Now,
		ApproveNeeds: u.ApproveNeeds, By: u.By}
	for _, b := range u.Fixtures {
		f, err := abi.ParseFixture(b)
		if err != nil {
			return waxwing.PluginVersion{}, err
		}
		up.Fixtures = append(up.Fixtures, f)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return w.host.Put(ctx, up)
}

// Approve is web.Workshop's.
func (w *workshop) Approve(t waxwing.TenantID, name string, no int, needs []string, by waxwing.Actor) (waxwing.PluginVersion, error) {
	return w.host.Approve(t, name, no, needs, by)
}

// tidy removes compiled code that nobody needs, now and each hour.
func (w *workshop) tidy(all int, log *slog.Logger) (more bool, err error) {
	if all <= 0 {
		all = 2048 // a configuration that was not loaded from a file
	}
	n, err := w.host.Tidy(int64(all) << 20)
	if n > 0 {
		log.Info("compiled code of plugins that are gone was removed", "files", n)
	}
	return false, err
}

// RollBack is web.Workshop's.
func (w *workshop) RollBack(t waxwing.TenantID, name string) (waxwing.PluginVersion, error) {
	return w.host.RollBack(t, name)
}

// Promote is web.Workshop's.
func (w *workshop) Promote(t waxwing.TenantID, name string) (waxwing.PluginVersion, error) {
	return w.host.Promote(t, name)
}

// Withdraw is web.Workshop's.
func (w *workshop) Withdraw(t waxwing.TenantID, name string) error { return w.host.Withdraw(t, name) }

// pluginFormats are the shops that a plugin normalises: each is a format of its
// own, since its settings say where the order's id stands.
func (w *workshop) pluginFormats(c *config.Config, generic waxwing.Format) map[string]waxwing.Format {
	out := map[string]waxwing.Format{}
	for name, t := range c.Tenants {
		for store, s := range t.Shops {
			if s.Format != "plugin" {
				continue
			}
			f := foreign.Format(s.OrderID, s.UpdatedAt, s.Signature)
			f.Name = config.FormatOf(name, store, "plugin")
			foreign := foreignShop{settings: s, key: f.Key, generic: generic}
			read := func(topic string, raw []byte, at time.Time, seed string) (*waxwing.Order, []waxwing.Run, error) {
				q := &abi.Question{Shop: waxwing.ShopID(store), Topic: topic, Raw: raw, At: at, Seed: seed}
				b, runs, err := w.host.Normalise(waxwing.TenantID(name), s.Plugin, q)
				switch {
				case errors.Is(err, waxwing.ErrUnavailable): // tried again
					return nil, runs, err
				case err != nil && len(runs) == 0 && w.files.pending(): // it may be one of the files
					return nil, runs, fmt.Errorf("%w: %w", err, waxwing.ErrUnavailable)
				case err != nil:
					return nil, runs, waxwing.Permanent(err)
				}
				o, err := foreign.order(topic, raw, b)
				return o, runs, err
			}
			f.Normalise = func(topic string, raw []byte) (*waxwing.Order, error) {
				o, _, err := read(topic, raw, someDay, name+"/"+store)
				return o, err
			}
			f.NormaliseWork = func(work *waxwing.Work) (*waxwing.Order, error) {
				o, runs, err := read(work.Topic, work.Raw, work.Created, seedOf(work))
				work.Runs = append(work.Runs, runs...)
				return o, err
			}
			out[f.Name] = f
		}
	}
	return out
}

// someDay is a normaliser's clock where an event is looked at outside of its
// confirmation's work.
var someDay = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// foreignShop judges what the plugin of a shop makes of its events.
type foreignShop struct {
	settings config.Shop
	key      func(topic string, raw []byte) (waxwing.EventKey, error)
	generic  waxwing.Format // which a plugin must write
}

// order reads what the plugin made of an event.
func (s foreignShop) order(topic string, raw, made []byte) (*waxwing.Order, error) {
	if string(bytes.TrimSpace(made)) == "{}" {
		return nil, waxwing.Permanent(fmt.Errorf("the plugin %s says that the event is no order", s.settings.Plugin))
	}
	o, err := s.generic.Normalise("", made)
	if err != nil {
		return nil, fmt.Errorf("what the plugin %s made is no order: %w", s.settings.Plugin, err)
	}
	if key, err := s.key(topic, raw); err != nil || key.OrderID != o.ID {
		return nil, waxwing.Permanent(fmt.Errorf("the plugin %s gave another order's id than the event has at %s", s.settings.Plugin, s.settings.OrderID))
	}
	o.Format = "plugin"
	return o, nil
}

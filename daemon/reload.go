package daemon

import (
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/compose"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline"
)

// Reload takes the tenants and keys of another configuration while the daemon runs: all of
// it, or, where it returns an error, nothing. No connection is closed and no order lost:
// what is being worked on goes on with what it began with, and what was taken for a
// tenant that is gone is still sent as it was configured. Plugins' own settings change a
// moment before the rest. A value that cannot change while
// running is an error with its place; so is what Check finds.
func (d *Daemon) Reload(next *config.Config) (changes config.TenantChanges, err error) {
	d.reloads.Lock()
	defer d.reloads.Unlock()
	switch {
	case d.ctx.Err() != nil:
		return changes, waxwing.ErrStopping
	case d.sends:
		return changes, errWorkerReload
	}
	if err := next.Fixed(d.loaded); err != nil {
		return changes, err
	}
	for _, name := range sortedNames(next.Tenants) { // also of those that were gone for a while: their orders are where they were
		if old, ok := d.behind.Tenants[name]; ok && old.Ledger != next.Tenants[name].Ledger {
			return changes, fmt.Errorf("tenants.%s.ledger is not what it was when the daemon had this tenant, and cannot change while it runs: put it back, or restart the daemon", name)
		}
	}
	next.Forget()
	changes = next.TenantsSince(d.loaded)
	composer, err := compose.New(next, d.log)
	if err == nil {
		err = composer.Faults()
	}
	if err != nil {
		return changes, err
	}
	set, err := pluginSettings(next)
	if err != nil {
		return changes, err
	}
	composer.Keep(d.composer)
	behind, sets, opened, err := d.prepare(next, composer)
	if err == nil {
		err = d.shards.serve(d.ctx, next.Tenants)
	}
	if err != nil {
		for _, p := range opened.without(d.own) {
			CloseNow(p)
		}
		return changes, err
	}
	d.workshop.host.Configure(set)
	d.takePlugins(next, changes)
	d.use(next, composer, behind, sets)
	tellModes(d.loaded, next, d.log)
	d.retire(d.own.without(opened))
	d.loaded, d.composer, d.own = next, composer, opened
	for _, s := range d.shards.all {
		d.keepers.Go(func() { s.upkeep.teach(d.ctx, composer) })
	}
	return changes, nil
}

// tellModes says whose messages are caught from now on, and whose are sent again.
func tellModes(running, next *config.Config, log *slog.Logger) {
	for _, name := range sortedNames(next.Tenants) {
		was, is := running.Tenants[name], next.Tenants[name]
		switch {
		case is.InSandbox() && !was.InSandbox():
			log.Warn("a tenant is in sandbox: what is its is caught, and nothing is sent", "tenant", name)
		case !is.InSandbox() && was.InSandbox():
			log.Info("a tenant is live: what is its is sent", "tenant", name)
		}
	}
}

// prepare makes what the pipelines go by from the switch on, all together and each; it knows tenants that are gone,
// too. Providers that are open now stay so where nothing of them has changed.
func (d *Daemon) prepare(next *config.Config, composer *compose.Composer) (behind *pipeline.Settings, sets []*pipeline.Settings, opened own, err error) {
	formats := d.formatsOf(next)
	behind = &pipeline.Settings{Tenants: maps.Clone(d.behind.Tenants), Formats: maps.Clone(d.behind.Formats), Composer: composer}
	maps.Copy(behind.Tenants, next.Tenants)
	maps.Copy(behind.Formats, formats)
	if opened, err = openOwn(behind.Tenants, d.own, d.log); err != nil {
		return nil, nil, opened, err
	}
	behind.Own = opened.of(behind.Tenants, d.caught)
	sets = d.shards.settings(behind)
	for i, set := range sets {
		if err := d.shards.all[i].pipe.Prepare(set); err != nil {
			return nil, nil, opened, err
		}
	}
	return behind, sets, opened, nil
}

// formatsOf are the shops' of a configuration, those of plugins among them.
func (d *Daemon) formatsOf(next *config.Config) map[string]waxwing.Format {
	formats := FormatsOf(next)
	maps.Copy(formats, d.workshop.pluginFormats(next, formats["generic"]))
	return formats
}

// use switches over. Whatever lets orders in comes last, so that those behind it know
// the tenant; tenants that are gone are kept by all but the door.
func (d *Daemon) use(next *config.Config, composer *compose.Composer, behind *pipeline.Settings, sets []*pipeline.Settings) {
	d.behind = behind
	d.workshop.composer.Store(composer)
	d.shards.use(behind.Tenants)
	for i, set := range sets {
		d.shards.all[i].pipe.Use(set)
	}
	d.callbacks.Use(callbackDoors(next, snsCertificates()), tenantIDs(behind.Tenants))
	d.push.Use(pushSettings(next, behind.Tenants))
	d.server.Use(next, d.formatsOf(next))
}

// takePlugins brings back the plugins of tenants whose settings of them are new, and puts
// the files that do not serve yet.
func (d *Daemon) takePlugins(next *config.Config, changes config.TenantChanges) {
	names := slices.Clone(changes.Added)
	for _, name := range changes.Changed {
		was, is := d.loaded.Tenants[name], next.Tenants[name]
		if !reflect.DeepEqual(was.Plugins, is.Plugins) || !reflect.DeepEqual(was.PluginKeys, is.PluginKeys) {
			names = append(names, name)
		}
	}
	if len(names)+len(changes.Removed) == 0 {
		return
	}
	some := &config.Config{Tenants: map[string]config.Tenant{}}
	for _, name := range names {
		some.Tenants[name] = next.Tenants[name]
	}
	round := d.workshop.files.begin(some, changes.Removed...) // until it ends, what only they can read is tried again
	d.workshop.restore(some, d.log)
	d.keepers.Go(func() {
		<-d.restored // those of the start come first
		d.workshop.files.rest(d.ctx, round, d.workshop.files.first(d.ctx, round, d.log), d.log)
	})
}

func tenantIDs(tenants map[string]config.Tenant) (out []waxwing.TenantID) {
	for name := range tenants {
		out = append(out, waxwing.TenantID(name))
	}
	return out
}

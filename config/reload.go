package config

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
)

// loaded is what is kept of the files until the configuration is taken.
type loaded struct {
	files []*source
	spots map[string]spot // but for those of tenants' files
}

// changeable are the sections that a running daemon takes anew, and where they stand:
// all others are read at the start only.
var changeable = []string{"include", "tenants", "tenants_dir", "http.admin_keys", "log.level"}

// Fixed says which values of a newly loaded configuration differ from the running one's
// and cannot change while a daemon runs: an ErrorList with the place of each, nil if
// there are none.
func (c *Config) Fixed(running *Config) error {
	x := &comparison{&paths{source: newSource("the configuration", "", &lexicon{}), spots: map[string]spot{}}}
	files := []*source{x.source}
	if c.loaded != nil {
		x.spots, files = c.loaded.spots, append(files, c.loaded.files...)
		x.source = c.loaded.files[0]
	}
	for _, f := range shape(reflect.TypeFor[Config]()) {
		if f.name == "pipeline" && !x.given(f.name) {
			continue // it follows from the providers
		}
		x.fixed(f.name, f.in(reflect.ValueOf(*running)), f.in(reflect.ValueOf(*c)))
	}
	for _, name := range sorted(c.Tenants) {
		if old, ok := running.Tenants[name]; ok && old.Ledger != c.Tenants[name].Ledger {
			x.unchangeable("tenants."+name+".ledger", "has changed")
		}
	}
	if err := errorsOf(files); err != nil || reflect.DeepEqual(running.Pipeline, c.Pipeline) {
		return err
	}
	if at := "pipelines." + DefaultPipeline; x.given(at) {
		x.unchangeable(at, "has changed")
		return errorsOf(files)
	}
	x.unchangeable("pipeline", "was taken out")
	return errorsOf(files)
}

// Forget drops what is known of the files' text, which Fixed needs and a running
// daemon does not.
func (c *Config) Forget() { c.loaded = nil }

// comparison reports what differs between a configuration and the running one, and may not.
type comparison struct{ *paths }

// fixed compares two values of one type, section by section and name by name.
func (x *comparison) fixed(path string, old, new reflect.Value) {
	if slices.Contains(changeable, path) {
		return
	}
	switch new.Kind() {
	case reflect.Struct:
		for _, f := range shape(new.Type()) {
			x.fixed(join(path, f.name), f.in(old), f.in(new))
		}
		if _, ok := settingsOf(new.Type()); ok {
			x.fixedSettings(path, old.FieldByName("Settings"), new.FieldByName("Settings"))
		}
		return
	case reflect.Map:
		for _, k := range new.MapKeys() {
			if o := old.MapIndex(k); o.IsValid() {
				x.fixed(join(path, k.String()), o, new.MapIndex(k))
			} else {
				x.unchangeable(join(path, k.String()), "is new")
			}
		}
		for _, k := range old.MapKeys() {
			if path == "pipelines" {
				break // nobody goes by one that is gone: its last tenant may have left
			}
			if !new.MapIndex(k).IsValid() {
				x.unchangeable(join(path, k.String()), "is gone")
			}
		}
		return
	}
	if !reflect.DeepEqual(old.Interface(), new.Interface()) {
		x.unchangeable(path, "has changed")
	}
}

// fixedSettings compares the blocks of two components; of two types, that was said.
func (x *comparison) fixedSettings(path string, old, new reflect.Value) {
	if !old.IsNil() && !new.IsNil() && old.Elem().Type() == new.Elem().Type() {
		x.fixed(path, old.Elem().Elem(), new.Elem().Elem())
	}
}

// unchangeable points at what was changed, or where it was taken out of.
func (x *comparison) unchangeable(path, how string) {
	x.failKey(path, fmt.Sprintf("%s %s, and cannot while the daemon runs", path, how),
		"Put it back, or restart the daemon; only "+strings.Join(changeable[1:], ", ")+" change while it runs")
}

// TenantChanges are the names of tenants that differ between two configurations.
type TenantChanges struct{ Added, Changed, Removed []string }

// TenantsSince says which tenants a configuration adds to another one, changes and removes.
func (c *Config) TenantsSince(running *Config) (d TenantChanges) {
	for _, name := range sorted(c.Tenants) {
		if old, ok := running.Tenants[name]; !ok {
			d.Added = append(d.Added, name)
		} else if !reflect.DeepEqual(old, c.Tenants[name]) {
			d.Changed = append(d.Changed, name)
		}
	}
	for _, name := range sorted(running.Tenants) {
		if _, ok := c.Tenants[name]; !ok {
			d.Removed = append(d.Removed, name)
		}
	}
	return d
}

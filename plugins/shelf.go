package plugins

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

// shelf is one tenant's plugins. Orders read it without a lock.
type shelf struct {
	plugins []*plugin // in the order of their names
	needs   abi.NeedSet
	hooks   map[waxwing.Hook]bool
}

// plugin is one name of a tenant, with the versions that matter now.
type plugin struct {
	tenant waxwing.TenantID
	name   string
	slots  atomic.Pointer[slots]
	trial  trial
	use    *sandbox.Use
}

type slots struct {
	active, candidate, previous *version
}

// bytes is about what is kept of a name's versions while none is loaded.
func (s *slots) bytes() (n int64) {
	for _, v := range []*version{s.active, s.candidate, s.previous} {
		if v != nil { // the manifest as bytes and as it was read, and the trial's times
			n += 3*int64(len(v.rec.Manifest)) + 24<<10
		}
	}
	return n
}

type version struct {
	rec      waxwing.PluginVersion
	manifest *abi.Manifest
	code     *sandbox.Code
	config   map[string]string
	breaker  breaker

	compiling atomic.Bool  // it waits for that, or it is under way
	compiled  atomic.Int64 // when that was last asked for, in ns
}

// shelves are all tenants'. Orders read them without a lock; whoever puts something there
// holds life.changes.
type shelves struct {
	engine  *sandbox.Engine
	uses    *uses
	tenants sync.Map // TenantID -> *shelf
}

// of is a tenant's; nil: it has no plugins.
func (x *shelves) of(t waxwing.TenantID) *shelf {
	if v, ok := x.tenants.Load(t); ok {
		return v.(*shelf)
	}
	return nil
}

// find is a name that something of serves or is tried; else ErrNotFound.
func (x *shelves) find(t waxwing.TenantID, name string) (*plugin, error) {
	if s := x.of(t); s != nil {
		for _, p := range s.plugins {
			if p.name == name && p.slots.Load() != nil {
				return p, nil
			}
		}
	}
	return nil, fmt.Errorf("plugin: %w", waxwing.ErrNotFound)
}

// plugin finds or makes a name's place. The caller holds changes.
func (x *shelves) plugin(t waxwing.TenantID, name string) *plugin {
	s := x.of(t)
	if s != nil {
		if i := slices.IndexFunc(s.plugins, func(p *plugin) bool { return p.name == name }); i >= 0 {
			return s.plugins[i]
		}
	}
	return &plugin{tenant: t, name: name, use: x.uses.of(t, name)}
}

// put shows orders the versions that matter now. The caller holds changes.
func (x *shelves) put(p *plugin) {
	n := &shelf{hooks: map[waxwing.Hook]bool{}}
	if old := x.of(p.tenant); old != nil {
		n.plugins = slices.DeleteFunc(slices.Clone(old.plugins), func(o *plugin) bool { return o.name == p.name })
	}
	if *p.slots.Load() != (slots{}) { // withdrawn: its orders need not pay for it
		n.plugins = append(n.plugins, p)
	}
	slices.SortFunc(n.plugins, func(a, b *plugin) int {
		if a.name < b.name {
			return -1
		}
		return 1
	})
	kept := int64(0)
	for _, q := range n.plugins {
		s := q.slots.Load()
		kept += s.bytes()
		for _, v := range []*version{s.active, s.candidate} {
			if v != nil {
				n.needs |= v.manifest.NeedSet
				for _, k := range v.manifest.Hooks {
					n.hooks[k] = true
				}
			}
		}
	}
	x.tenants.Store(p.tenant, n)
	x.engine.Keep(p.tenant, kept)
}

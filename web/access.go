package web

import (
	"maps"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// access is who may come in, and by which door: what a reload changes. It is made whole
// and not written afterwards, so that no request sees a half of it.
type access struct {
	tenants map[string]config.Tenant
	formats map[string]waxwing.Format
	keys    map[waxwing.TenantID]keyring
	admin   keyring
	issued  map[[32]byte]bool // every door's keys, as sums
	shops   map[string]*hook  // by tenant/shop
	// anyFormat checks what is sent to no shop, mostSecrets is how many each check tries.
	anyFormat   waxwing.Format
	mostSecrets int
}

func (s *Server) access() *access { return s.door.Load() }

// Use has requests from now on see the tenants and keys of a configuration, and the
// formats of its shops, which are kept. Connections and what the server has counted stay.
func (s *Server) Use(c *config.Config, formats map[string]waxwing.Format) {
	a := &access{tenants: c.Tenants, formats: formats, keys: map[waxwing.TenantID]keyring{}, admin: newKeyring("admin/", c.HTTP.AdminKeys), issued: map[[32]byte]bool{}}
	for name, t := range c.Tenants {
		a.keys[waxwing.TenantID(name)] = newKeyring("", t.Keys)
	}
	for _, k := range append(slices.Collect(maps.Values(a.keys)), a.admin) {
		for _, sum := range k.sums {
			a.issued[sum] = true
		}
	}
	a.makeHooks(s.access())
	s.door.Store(a)
}

// makeHooks makes the shops' webhooks. before is what was in use; nil: nothing.
func (a *access) makeHooks(before *access) {
	a.shops, a.mostSecrets = map[string]*hook{}, 1
	for _, name := range slices.Sorted(maps.Keys(a.formats)) {
		if f := a.formats[name]; f.Verify != nil && a.anyFormat.Verify == nil {
			a.anyFormat = f
		}
	}
	for name, t := range a.tenants {
		for shop, c := range t.Shops {
			f, ok := a.formats[config.FormatOf(name, shop, c.Format)]
			if !ok || f.Verify == nil {
				continue
			}
			h := &hook{format: f, secrets: append([]waxwing.Secret(nil), c.Secrets...)}
			if c.Secret != "" {
				h.secrets = append(h.secrets, c.Secret)
			}
			if before != nil && before.shops[name+"/"+shop] != nil {
				h.pinged.Store(before.shops[name+"/"+shop].pinged.Load())
			}
			a.mostSecrets = max(a.mostSecrets, len(h.secrets))
			a.shops[name+"/"+shop] = h
		}
	}
}

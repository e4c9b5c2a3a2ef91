// Package compose makes messages of orders: it chooses the tenant's profile (brand,
// templates, sender) and the language, renders, builds the mail and signs it. It is
// pure but for the files that New reads; a Composer may be used by many at once.
package compose

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"runtime"
	"slices"
	"sync"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/locales"
	"github.com/waxwinghq/waxwing/templates"
)

// Composer makes messages of orders. It implements pipeline.Composer.
type Composer struct {
	profiles  map[waxwing.TenantID]*profile
	catalogue *locales.Catalogue
	builtin   *templateSet
	log       *slog.Logger
	scratch   sync.Pool
}

type scratch struct {
	mail    templates.Mail
	mime    []byte
	extents []waxwing.Extent
}

// New loads brands, templates and keys. Its errors name the tenant.
func New(c *config.Config, log *slog.Logger) (*Composer, error) {
	cat, err := locales.Builtin()
	if err != nil {
		return nil, err
	}
	set, err := templates.Builtin()
	if err != nil {
		return nil, err
	}
	builtin := newTemplateSet(set, "builtin")
	x := &Composer{profiles: map[waxwing.TenantID]*profile{}, catalogue: cat, builtin: builtin, log: log}
	x.scratch.New = func() any { return new(scratch) }
	all, err := newProfiles(c, builtin, log)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		x.profiles[p.tenant] = p.profile
	}
	return x, nil
}

// tenantProfile is what newProfile makes of a tenant.
type tenantProfile struct {
	tenant  waxwing.TenantID
	profile *profile
	err     error
}

// newProfiles makes all tenants', on all processors: there may be ten thousand.
func newProfiles(c *config.Config, builtin *templateSet, log *slog.Logger) ([]tenantProfile, error) {
	names := slices.Sorted(maps.Keys(c.Tenants))
	all := make([]tenantProfile, len(names))
	var work sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		work.Go(func() {
			for i := w; i < len(names); i += workers {
				t := c.Tenants[names[i]]
				p, err := newProfile(names[i], &t, builtin, log.With("tenant", names[i]))
				all[i] = tenantProfile{waxwing.TenantID(names[i]), p, err}
			}
		})
	}
	work.Wait()
	for _, p := range all {
		if p.err != nil {
			return nil, fmt.Errorf("tenant %s: %w", p.tenant, p.err)
		}
	}
	return all, nil
}

// Faults are the templates that did not load or are never used. They do not keep the daemon from
// starting, but whoever checks a configuration wants to know.
func (x *Composer) Faults() error {
	var errs []error
	for name, p := range x.profiles {
		if p.fault != nil {
			errs = append(errs, fmt.Errorf("tenant %s: %w", name, p.fault))
		}
	}
	return errors.Join(errs...)
}

// Keep has the composer write for tenants of an earlier one that are not in its own
// configuration: what was taken for them before they went is still to be sent. It is
// called before the composer is in use.
func (x *Composer) Keep(before *Composer) {
	for name, p := range before.profiles {
		if x.profiles[name] == nil {
			x.profiles[name] = p
		}
	}
}

var errNoTenant = errors.New("the tenant is not in the configuration")

// input chooses the language: the order's, else the tenant's rule, else the
// country's, else the tenant's first.
func (x *Composer) input(p *profile, o *waxwing.Order) *templates.Input {
	country := ""
	if o.Shipping != nil {
		country = o.Shipping.Country
	}
	if country == "" && o.Billing != nil {
		country = o.Billing.Country
	}
	tag := locales.Choose(p.t.Locales, locales.InCountry(o.Locale, country),
		locales.InCountry(p.t.Shops[string(o.Shop)].Locale, country), locales.ForCountry(country))
	l, ok := x.catalogue.Locale(tag)
	if !ok {
		l, _ = x.catalogue.Locale("en") // always built in
	}
	brand := p.brand
	if own, ok := p.brands[o.Shop]; ok {
		brand = own
	}
	return &templates.Input{Order: o, Brand: brand, Locale: l}
}

// Locale is what an order's mail will be written in; of a tenant that is not in the
// configuration English.
func (x *Composer) Locale(t waxwing.TenantID, o *waxwing.Order) *locales.Locale {
	p := x.profiles[t]
	if p == nil {
		l, _ := x.catalogue.Locale("en") // always built in
		return l
	}
	return x.input(p, o).Locale
}

// Dictionary names what mails of one template set and language have in common, and a
// tenant whose Sample shows it.
type Dictionary struct {
	Name, Locale string
	Tenant       waxwing.TenantID
}

// Dictionaries are those of all tenants, each name once, most bytes shared first:
// the built-in set's before tenants' own.
func (x *Composer) Dictionaries() (out []Dictionary) {
	seen := map[string]bool{}
	for _, own := range []bool{false, true} {
		for _, t := range slices.Sorted(maps.Keys(x.profiles)) {
			p := x.profiles[t]
			if own != (p.set != x.builtin) {
				continue
			}
			for _, tag := range p.t.Locales {
				if name := p.set.dictionary(tag); !seen[name] {
					seen[name] = true
					out = append(out, Dictionary{name, tag, t})
				}
			}
		}
	}
	return out
}

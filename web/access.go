package web

import (
	"crypto/sha256"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"

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

// doors say who comes in: with which keys and secrets, from where, and how many at once. They
// tell the operator whom they turned away.
type doors struct {
	current atomic.Pointer[access]
	refused refusals
	guesses guesses
	desks   *desks
}

func (d *doors) access() *access { return d.current.Load() }

// use has requests from now on see the tenants and keys of a configuration, and the
// formats of its shops, which are kept.
func (d *doors) use(c *config.Config, formats map[string]waxwing.Format) {
	a := &access{tenants: c.Tenants, formats: formats, keys: map[waxwing.TenantID]keyring{}, admin: newKeyring("admin/", c.HTTP.AdminKeys), issued: map[[32]byte]bool{}}
	for name, t := range c.Tenants {
		a.keys[waxwing.TenantID(name)] = newKeyring("", t.Keys)
	}
	for _, k := range append(slices.Collect(maps.Values(a.keys)), a.admin) {
		for _, sum := range k.sums {
			a.issued[sum] = true
		}
	}
	a.makeHooks(d.access())
	d.current.Store(a)
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
			h := &hook{format: f, url: c.URL, secrets: append([]waxwing.Secret(nil), c.Secrets...)}
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

// barred answers those who have tried too many keys.
func (d *doors) barred(w http.ResponseWriter, r *http.Request) bool {
	if !d.guesses.bars(r) {
		return false
	}
	d.refused.key("", "", tooManyKeys, r.Pattern)
	d.guesses.tooMany(w)
	return true
}

// proven notes that a request has shown a right key.
func (d *doors) proven(r *http.Request) {
	trust(r)
	d.guesses.hit(r)
}

// unauthorized answers a request whose key opens nothing here. No key is no guess, and
// one that opens another door is a mistake.
func (d *doors) unauthorized(w http.ResponseWriter, r *http.Request, detail string) {
	if key, ok := bearer(r); ok && !d.access().issued[sha256.Sum256([]byte(key))] && d.guesses.missed(r) {
		d.guesses.tooMany(w)
		return
	}
	w.Header().Set("WWW-Authenticate", "Bearer")
	Problem(w, http.StatusUnauthorized, "unauthorized", detail)
}

// refuseHook finds out why a webhook was refused, where reason does not say it.
func (d *doors) refuseHook(r *http.Request, h *hook, reason string) {
	tenant, shop := r.PathValue("tenant"), r.PathValue("shop")
	asked := shop
	t, known := d.access().tenants[tenant]
	if !known {
		tenant, shop, asked = "", "", tenant+"/"+shop
	} else if _, ok := t.Shops[shop]; !ok {
		shop = ""
	}
	switch {
	case shop == "": // whatever else is wrong with it
		reason = noSuchShop
	case reason != "":
	case h == nil:
		reason = noWebhooks
	case len(h.secrets) == 0:
		reason = noSecret
	case h.format.SignedIn != "" && r.Header.Get(h.format.SignedIn) == "":
		reason = noSignature
	case h.format.SignedAt != nil && !h.format.SignedAt(r.Header).IsZero() && !fresh(h.format, r.Header, d.refused.now()):
		reason = oldSignature
	default:
		reason = badSignature
	}
	d.refused.hook(tenant, shop, asked, reason)
}

func (d *doors) refuseKey(r *http.Request, t waxwing.TenantID, known bool) {
	tenant, asked, reason := string(t), "", whyNoKey(r)
	if !known {
		tenant, asked, reason = "", string(t), "no such tenant"
	} else if a := d.access(); len(a.keys[t].sums) == 0 && len(a.admin.sums) == 0 {
		reason = "the tenant has no keys"
	}
	d.refused.key(tenant, asked, reason, r.Pattern)
}

// adminOnly lets in who has an admin key, and everybody where there is none.
func (d *doors) adminOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		admin := d.access().admin
		if len(admin.sums) == 0 {
			h.ServeHTTP(w, r)
			return
		}
		if d.barred(w, r) {
			return
		}
		if !admin.opens(r) {
			d.refused.key("", "", whyNoKey(r), r.Pattern)
			d.unauthorized(w, r, "an admin key is needed: Authorization: Bearer ...")
			return
		}
		d.proven(r)
		h.ServeHTTP(w, r)
	})
}

// act is who makes a request, and why she says that she does.
func (d *doors) act(r *http.Request, t waxwing.TenantID, reason string) (waxwing.Act, error) {
	reason = strings.TrimSpace(reason)
	if err := waxwing.CheckReason(reason); err != nil {
		return waxwing.Act{}, fault{http.StatusBadRequest, "bad reason", err.Error()}
	}
	who, ok := d.access().keys[t].find(r)
	if !ok {
		who, _ = d.access().admin.find(r) // one of them let the request in
	}
	return waxwing.Act{By: who, Reason: reason}, nil
}

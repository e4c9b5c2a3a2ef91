package daemon

import (
	"errors"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
	"github.com/waxwinghq/waxwing/pipeline"
)

// spread are the ledgers of a configuration's sections, each in a folder.
func spread(t *testing.T, text string) (*shards, *config.Config, error) {
	t.Helper()
	r := Components()
	r.Stores = components(sheds, func(t storeType) config.Component { return t.Component })
	c := configtest.Load(t, r, "providers: {mail: {type: smtp, addr: \"mail.example:25\"}}\n"+text+"\n")
	c.Data = t.TempDir()
	x, err := openShards(c, func(s *config.Store, dir string, tenants []waxwing.TenantID, log *slog.Logger) (Ledger, error) {
		return openStore(t.Context(), s, sheds, sqlite.Options{Options: ledger.Options{Dir: dir, Tenants: tenants, Policy: "resend", Log: log,
			Master: config.Secret(strings.Repeat("5a", 32))}})
	}, slog.New(slog.DiscardHandler))
	t.Cleanup(func() {
		for _, err := range x.close() {
			if err != nil {
				t.Error(err)
			}
		}
	})
	return x, c, err
}

// TestShards: each tenant is in the ledger that it names, and has no key in another; what is asked
// for all is asked of each.
func TestShards(t *testing.T) {
	x, c, err := spread(t, `ledger: {type: shed, room: home}
ledgers: {north: {type: shed, room: far}, south: {type: shed, room: far off}}
tenants:
  acme: {name: Acme, from: a@acme.example}
  bolt: {name: Bolt, from: b@bolt.example, ledger: north}
  coil: {name: Coil, from: c@coil.example, ledger: south}
  drum: {name: Drum, from: d@drum.example, ledger: south}`)
	if err != nil {
		t.Fatal(err)
	}
	tags := map[string]bool{}
	for i, want := range []struct{ name, tenants, dir string }{{"", "acme", "home"}, {"north", "bolt", "ledgers/north/far"}, {"south", "coil drum", "ledgers/south/far off"}} {
		s := x.all[i]
		kept := slices.Sorted(slices.Values(s.ledger.(*sqlite.Ledger).Tenants()))
		var names []string
		for _, id := range kept {
			names = append(names, string(id))
			if x.of(id) != s {
				t.Errorf("%s is in another ledger than %q", id, want.name)
			}
		}
		if s.name != want.name || strings.Join(names, " ") != want.tenants {
			t.Errorf("%q has %v, want %+v", s.name, names, want)
		}
		if found, err := filepath.Glob(filepath.Join(c.Data, want.dir, sqlite.LedgerFile)); len(found) != 1 || err != nil {
			t.Errorf("%q is not in %s", want.name, want.dir)
		}
		tags[tagOf(s.ledger, s.name)] = true
	}
	if len(tags) != 3 {
		t.Errorf("topics on a broker are not each ledger's own: %v", tags)
	}
	for i, want := range []string{"acme", "bolt", "coil drum"} {
		set := x.settings(&pipeline.Settings{Tenants: c.Tenants, Own: map[string][]pipeline.OwnProvider{"coil": nil}})[i]
		if got := strings.Join(slices.Sorted(maps.Keys(set.Tenants)), " "); got != want || len(set.Own) != strings.Count(want, "coil") {
			t.Errorf("the pipeline %d has %q and %d with providers of their own", i, got, len(set.Own))
		}
	}
	accept := func(tenant waxwing.TenantID, order string) {
		_, err := x.of(tenant).ledger.Accept(t.Context(), &waxwing.Event{Tenant: tenant, Shop: waxwing.ShopID("of-" + tenant), Source: "webhook", Format: "generic", Topic: "order", Raw: []byte("{}"),
			At: time.Now(), Key: waxwing.EventKey{OrderID: order}})
		if err != nil {
			t.Fatal(err)
		}
	}
	accept("acme", "1")
	accept("coil", "1")
	accept("drum", "1")
	if w, err := x.waiting(); err != nil || w.Orders != 3 {
		t.Errorf("%d wait, of 3: %v", w.Orders, err)
	}
	b := books{x}
	for tenant, want := range map[waxwing.TenantID]int{"acme": 1, "bolt": 0, "coil": 1, "drum": 1, "nobody": 0} {
		all, err := b.List(t.Context(), waxwing.Query{Tenant: tenant, Limit: 9})
		if err != nil && tenant != "nobody" || len(all) != want {
			t.Errorf("%s has %d: %v", tenant, len(all), err)
		}
		for _, v := range all {
			for other := range c.Tenants {
				// Two ledgers may give one id in one millisecond: then it is each one's own.
				got, err := b.Get(t.Context(), waxwing.TenantID(other), v.ID)
				if err == nil && got.Shop != waxwing.ShopID("of-"+other) || err != nil && (other == string(tenant) || !errors.Is(err, waxwing.ErrNotFound)) {
					t.Errorf("%s of %s: %v", v.ID, other, err)
				}
			}
		}
	}
	if _, err := b.PluginModule(t.Context(), "abc"); !errors.Is(err, waxwing.ErrNotFound) {
		t.Error(err)
	}
	if s := b.Scrub(); !s.Done {
		t.Errorf("%+v", s)
	}
	for _, err := range []error{x.all[0].ledger.Close(), x.healthy()} { // as long as one writes
		if err != nil {
			t.Error(err)
		}
	}
	if w, err := x.waiting(); err != nil || w.Orders != 2 {
		t.Errorf("of those that answer %d wait, of 2: %v", w.Orders, err)
	}
	for _, err := range []error{x.all[1].ledger.Close(), x.healthy(), x.all[2].ledger.Close()} {
		if err != nil { // as long as one writes
			t.Error(err)
		}
	}
	if x.healthy() == nil {
		t.Error("it is healthy with no ledger")
	}
}

// TestShardsNamed: of a ledger that cannot be opened its name is told, and those that are open are closed.
func TestShardsNamed(t *testing.T) {
	x, _, err := spread(t, `ledgers: {north: {type: shed, room: far}, south: {type: shed, room: full}}
tenants: {acme: {name: Acme, from: a@acme.example, ledger: north}, bolt: {name: Bolt, from: b@bolt.example, ledger: south}}`)
	if err == nil || err.Error() != "ledgers.south: there is no room" || len(x.all) != 1 {
		t.Errorf("%v, and %d are open", err, len(x.all))
	}
}

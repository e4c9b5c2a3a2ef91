package main

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/postgres"
	"github.com/waxwinghq/waxwing/ledger/postgres/postgrestest"
)

// twoLedgers are the lines of a configuration with two, and a tenant in each.
const twoLedgers = `keys: {master: %q}
ledgers:
  north: {type: postgres, dsn: %q}
  south: {type: postgres, dsn: %q}
`

// TestPostgresSeveralLedgers: each tenant's orders are in the ledger that it names, and nothing of
// them in the other; where one database is away, the tenants of the other notice nothing.
func TestPostgresSeveralLedgers(t *testing.T) {
	here, there := postgrestest.Own(t), postgrestest.Own(t)
	north, south := here.Database(t), there.Database(t)
	var text string
	r := newRig(t, func(r *rig, _ *daemon.Extras) {
		text = fmt.Sprintf(twoLedgers+rigConfig, strings.Repeat("5a", 32), north.Reveal(), south.Reveal(), t.TempDir(), testShopSecret)
		text = strings.Replace(text, "    keys: [acme-key]\n", "    keys: [acme-key]\n    ledger: north\n", 1)
		text = strings.Replace(text, "pipeline:", "  bolt: {name: Bolt, from: orders@bolt.example, support_url: \"https://bolt.example\", tracking_url: \"https://bolt.example/{order}\", keys: [bolt-key], "+
			"ledger: south, shops: {shopify: {secret: "+testShopSecret+"}}}\npipeline:", 1)
		r.cfg = configtest.Load(t, daemon.Components(), text)
	})
	order := func(tenant string, id int) (int, receipt) {
		body := shopifyOrder(id, fmt.Sprintf("jana%d@example.com", id), "paid")
		code, b := r.do("POST", "/hooks/"+tenant+"/shopify", "", shopifyHeader(body), body)
		if code != http.StatusAccepted {
			return code, receipt{}
		}
		return code, parseReceipt(t, b)
	}
	_, a := order("acme", 1)
	_, b := order("bolt", 1) // the same number of another shop
	r.wait(2)
	get := func(tenant, id string) int {
		code, _ := r.do("GET", "/v1/tenants/"+tenant+"/confirmations/"+id, tenant+"-key", nil, nil)
		return code
	}
	if x, y, z, w := get("acme", a.ID), get("bolt", b.ID), get("acme", b.ID), get("bolt", a.ID); x != 200 || y != 200 || z != 404 || w != 404 {
		t.Errorf("their own: %d and %d; the other's: %d and %d", x, y, z, w)
	}
	_, metrics := r.do("GET", "/metrics", "", nil, nil)
	for _, want := range []string{`waxwing_instance_self{instance="1",ledger="north"} 1`, `waxwing_instance_self{instance="1",ledger="south"} 1`} {
		if !strings.Contains(metrics, want) {
			t.Errorf("the metrics have no %s", want)
		}
	}
	file := filepath.Join(t.TempDir(), "waxwing.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, twoLedgers+"providers: {mail: {type: smtp, addr: \"127.0.0.1:25\"}}\ntenants:\n  acme: {name: Acme, from: a@acme.example, ledger: north}\n"+
		"  bolt: {name: Bolt, from: b@bolt.example, ledger: south}\n", strings.Repeat("5a", 32), north.Reveal(), south.Reveal()), 0o600); err != nil {
		t.Fatal(err)
	}
	cli := func(args ...string) string {
		var out, errs bytes.Buffer
		run(append(args, "--config", file), streams{strings.NewReader(""), &out, &errs})
		return out.String() + errs.String()
	}
	for _, c := range []struct {
		args, has, hasNot string
	}{
		{"ledger list --tenant acme", a.ID, b.ID},
		{"ledger list --tenant bolt", b.ID, a.ID},
		{"ledger list --ledger south", b.ID, a.ID}, // it has one tenant
		{"ledger verify --ledger north", "1 confirmations", "no trouble"},
		{"ledger verify", "has the ledgers north, south: name one of them", a.ID},
		{"ledger verify --ledger west", `no ledger "west" among its ledgers: north, south`, a.ID},
	} {
		if got := cli(strings.Fields(c.args)...); !strings.Contains(got, c.has) || strings.Contains(got, c.hasNot) {
			t.Errorf("%s: %s", c.args, got)
		}
	}
	if err := there.End("immediate"); err != nil {
		t.Fatal(err)
	}
	r.poll("the outage is noticed", func() bool {
		code, _ := order("bolt", 2)
		return code == http.StatusServiceUnavailable
	})
	if code, _ := order("acme", 2); code != http.StatusAccepted {
		t.Errorf("the other ledger's tenant is told %d", code)
	}
	r.wait(1)
	if code, _ := r.do("GET", "/readyz", "", nil, nil); code != http.StatusOK {
		t.Errorf("ready: %d", code)
	}
	reload := func(change func(tenants map[string]config.Tenant)) error {
		c := configtest.Load(t, daemon.Components(), text)
		c.Providers = r.cfg.Providers
		change(c.Tenants)
		_, err := r.d.Reload(c)
		return err
	}
	moved := func(tenants map[string]config.Tenant) {
		bolt := tenants["bolt"]
		bolt.Ledger = "north"
		tenants["bolt"] = bolt
	}
	if err := reload(moved); err == nil || !strings.Contains(err.Error(), "tenants.bolt.ledger has changed, and cannot while the daemon runs") {
		t.Errorf("a tenant that changes its ledger: %v", err)
	}
	if err := there.Start(); err != nil {
		t.Fatal(err)
	}
	r.poll("the tenant is taken out", func() bool {
		return reload(func(tenants map[string]config.Tenant) { delete(tenants, "bolt") }) == nil
	})
	if err := reload(moved); err == nil || !strings.Contains(err.Error(), "tenants.bolt.ledger is not what it was") {
		t.Errorf("a tenant that comes back in another ledger: %v", err)
	}
	r.poll("the tenant is back", func() bool { return reload(func(map[string]config.Tenant) {}) == nil })
	r.poll("it is there again", func() bool {
		code, _ := order("bolt", 2)
		return code == http.StatusAccepted
	})
	r.wait(1)
	for _, dsn := range []waxwing.Secret{north, south} {
		l, err := postgres.Open(t.Context(), postgres.Options{DSN: dsn, Options: ledger.Options{Dir: t.TempDir(), Master: config.Secret(strings.Repeat("5a", 32))}, ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		if all := l.Tenants(); len(all) != 1 {
			t.Errorf("a ledger has keys of %v", all)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

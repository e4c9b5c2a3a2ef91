package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jhillyerd/enmime/v2"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/pipeline"
	"github.com/waxwinghq/waxwing/plugins/quickjs"
)

// withPlugins gives the tenant these scripts as files, by name, and the stage.
func withPlugins(t *testing.T, scripts map[string]string, hooks ...waxwing.Hook) rigOption {
	return func(r *rig, _ *daemon.Extras) {
		laneIsOn(t)
		// What these stories tell is not how fast the machine is that tells them.
		r.cfg.Plugins.Wall, r.cfg.Plugins.Order = config.Duration(time.Second), config.Duration(5*time.Second)
		acme := r.cfg.Tenants["acme"]
		acme.Plugins = map[string]config.Plugin{}
		for name, code := range scripts {
			dir := t.TempDir()
			var fills, needs []string
			for _, h := range hooks {
				if strings.Contains(code, "function "+string(h)) {
					fills = append(fills, fmt.Sprintf("%q", h))
				}
			}
			for _, n := range []string{"customer.first_name", "order.number", "items", "candidates"} {
				needs = append(needs, fmt.Sprintf("%q", n))
			}
			manifest := fmt.Sprintf(`{"name":%q,"version":"1","lang":"js","hooks":[%s],"needs":[%s]}`, name, strings.Join(fills, ","), strings.Join(needs, ","))
			p := config.Plugin{File: filepath.Join(dir, "p.js"), Manifest: filepath.Join(dir, "plugin.json")}
			if err := os.WriteFile(p.File, []byte(code), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(p.Manifest, []byte(manifest), 0o600); err != nil {
				t.Fatal(err)
			}
			acme.Plugins[name] = p
		}
		r.cfg.Tenants["acme"] = acme
		stage := &pipeline.PluginsStage{}
		for _, h := range hooks {
			stage.Hooks = append(stage.Hooks, string(h))
		}
		for i := range r.cfg.Pipeline {
			if _, ok := r.cfg.Pipeline[i].Settings.(*pipeline.Render); ok {
				r.cfg.Pipeline = append(r.cfg.Pipeline[:i:i], append([]config.Stage{pipeline.At(stage)}, r.cfg.Pipeline[i:]...)...)
				break
			}
		}
	}
}

// laneIsOn: make test switches the JavaScript lane on.
func laneIsOn(t *testing.T) {
	t.Helper()
	if _, err := quickjs.Module(); err != nil {
		if os.Getenv("WAXWING_REQUIRE_SERVICES") == "1" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
}

// serving waits until the daemon's plugins serve: on a busy machine one may be tried again.
func (r *rig) serving(names ...string) {
	r.t.Helper()
	<-r.d.Restored()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(5 * time.Minute)
	for _, n := range names {
		for !r.d.Plugins().Active("acme", n) {
			select {
			case <-tick.C:
			case <-limit:
				r.t.Fatalf("the plugin %s does not serve", n)
			}
		}
	}
}

func TestPluginSpeaksInTheMail(t *testing.T) {
	r := newRig(t, withPlugins(t, map[string]string{"hello": `
function personalise(x) {
  console.log("order", x.order.number);
  return {subject: "Danke, " + x.customer.first_name + "!", greeting: "Hallo <b>" + x.customer.first_name + "</b>,", vars: {message: "Bis bald & alles Gute"}};
}`}, waxwing.HookPersonalise))
	r.serving("hello")
	id := r.accepted(shopifyOrder(1001, "jana@example.com", "paid"))
	r.until(id, waxwing.Sent)
	m := r.lastMail()
	if got := m.subject; got != "Danke, Jana!" {
		t.Errorf("subject %q", got)
	}
	for _, want := range []string{"Hallo &lt;b&gt;Jana&lt;/b&gt;,", "Bis bald &amp; alles Gute"} {
		if !strings.Contains(m.html, want) {
			t.Errorf("the mail lacks %q", want)
		}
	}
}

func TestPluginThatFailsIsLeftOut(t *testing.T) {
	r := newRig(t, withPlugins(t, map[string]string{
		"a-loops":  `function personalise() { for (;;) {} }`,
		"b-header": `function personalise() { return {subject: "hi\r\nBcc: all@evil.example"} }`,
		"c-good":   `function personalise() { return {vars: {message: "still here"}} }`,
	}, waxwing.HookPersonalise))
	r.serving("c-good")
	for i := range 8 {
		r.until(r.accepted(shopifyOrder(2000+i, "jana@example.com", "paid")), waxwing.Sent)
	}
	m := r.lastMail()
	if strings.Contains(m.raw, "Bcc") || !strings.Contains(m.html, "still here") || strings.Contains(m.subject, "hi") {
		t.Errorf("%s", m.raw)
	}
}

func TestPluginHoldsAnOrder(t *testing.T) {
	r := newRig(t, withPlugins(t, map[string]string{
		"check": `function filter(x) { return {action: "hold", reason: "a person should look"} }`,
	}, waxwing.HookFilter))
	r.serving("check")
	id := r.accepted(shopifyOrder(3001, "jana@example.com", "paid"))
	r.until(id, waxwing.Held)
	if code, b := r.do("POST", "/v1/tenants/acme/confirmations/"+id+"/retry", "acme-key", nil, nil); code >= 300 {
		t.Fatal(code, b)
	}
	r.until(id, waxwing.Sent)
}

// TestPluginReadsAnUnknownShop: an event that only the tenant's plugin can read,
// signed in hex, becomes a mail; one without an id is quarantined.
func TestPluginReadsAnUnknownShop(t *testing.T) {
	plug := withPlugins(t, map[string]string{"till": `
function normalise(x) {
  const e = JSON.parse(x.raw), sum = {amount: (e.cents / 100).toFixed(2), currency: "EUR"};
  return {shop: x.shop, id: e.receipt.no, number: "B" + e.receipt.no, locale: "de", currency: "EUR", placed_at: "2026-11-25T10:00:00Z",
    customer: {first_name: e.who, email: e.mail}, items: [{sku: "T", name: e.what, quantity: 1, unit_price: sum.amount, total: sum.amount}],
    payment: {status: "paid"}, totals: {subtotal: sum.amount, total: sum.amount}};
}`}, waxwing.HookNormalise)
	r := newRig(t, func(r *rig, x *daemon.Extras) {
		plug(r, x)
		r.cfg.Tenants["acme"].Shops["till"] = config.Shop{Format: "plugin", Plugin: "till", OrderID: "/receipt/no", Secret: testShopSecret, Signature: "X-Till"}
	})
	r.serving("till")
	post := func(body, signature string) (int, string) {
		return r.do("POST", "/hooks/acme/till", "", http.Header{"X-Till": {signature}}, []byte(body))
	}
	event := `{"receipt":{"no":"77"},"who":"Jana","mail":"jana@example.com","what":"Becher","cents":1950}`
	if code, _ := post(event, hex.EncodeToString([]byte("not the signature of anything..."))); code != http.StatusUnauthorized {
		t.Error(code)
	}
	code, b := post(event, hexSign(event))
	if code != http.StatusAccepted {
		t.Fatal(code, b)
	}
	r.until(parseReceipt(t, b).ID, waxwing.Sent)
	if m := r.lastMail(); !strings.Contains(m.html, "Becher") || !strings.Contains(m.html, "19,50") {
		t.Error(m.html)
	}
	if code, b := post(event, hexSign(event)); code != http.StatusOK {
		t.Error("the same event again", code, b)
	}
	if runs, err := r.d.Ledger().PluginRuns(t.Context(), "acme", "till", 0, 10); err != nil || len(runs) != 1 || runs[0].Hook != waxwing.HookNormalise {
		t.Errorf("%v %v", runs, err)
	}
	for _, bad := range []string{`{"receipt":{}}`, `{"receipt":{"no":"78"},"cents":"x"}`} {
		if code, b := post(bad, hexSign(bad)); code != http.StatusAccepted {
			t.Error(code, b)
		} else {
			r.until(parseReceipt(t, b).ID, waxwing.Quarantined)
		}
	}
}

func hexSign(body string) string {
	b, _ := base64.StdEncoding.DecodeString(sign([]byte(body), testShopSecret)) // sign encoded it
	return hex.EncodeToString(b)
}

// letter is a mail as a customer's program reads it.
type letter struct{ subject, html, raw string }

func (r *rig) lastMail() letter {
	r.t.Helper()
	all := r.allMails()
	m := all[len(all)-1]
	e, err := enmime.ReadEnvelope(bytes.NewReader(m.Data))
	if err != nil {
		r.t.Fatal(err)
	}
	return letter{e.GetHeader("Subject"), e.HTML, string(m.Data)}
}

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jhillyerd/enmime/v2"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/plugins/quickjs"
)

// withPlugins gives the tenant these scripts as files, by name, and the stage.
func withPlugins(t *testing.T, scripts map[string]string, hooks ...waxwing.Hook) rigOption {
	return func(r *rig, _ *Extras) {
		laneIsOn(t)
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
		stage := &config.PluginsStage{}
		for _, h := range hooks {
			stage.Hooks = append(stage.Hooks, string(h))
		}
		for i := range r.cfg.Pipeline {
			if r.cfg.Pipeline[i].Render != nil {
				r.cfg.Pipeline = append(r.cfg.Pipeline[:i:i], append([]config.Stage{{Plugins: stage}}, r.cfg.Pipeline[i:]...)...)
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

// serving waits until the daemon's plugins have been put.
func (r *rig) serving(names ...string) {
	r.t.Helper()
	<-r.d.restored
	for _, n := range names {
		if !r.d.workshop.host.Active("acme", n) {
			r.t.Fatalf("the plugin %s does not serve", n)
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

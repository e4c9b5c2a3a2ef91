package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
)

const greeting = `function personalise(x) { return {vars: {message: "von acme"}} }`

// A tenant whose plugins have used their time has its mails all the same, and its
// trail, the API and the metrics say why they are plain.
func TestTenantWithoutTimeHasItsMails(t *testing.T) {
	plug := withPlugins(t, map[string]string{"hello": greeting}, waxwing.HookPersonalise)
	r := newRig(t, func(r *rig, x *daemon.Extras) {
		plug(r, x)
		r.cfg.Plugins.TenantTime = config.Duration(time.Millisecond) // loading it once takes more than a sixth of that
	})
	r.serving("hello")
	r.poll("it is loaded, and its time used up", func() bool {
		p := r.d.Plugins().Uses("acme").Plugins
		return len(p) == 1 && p[0].Memory > 0
	})
	id := r.accepted(shopifyOrder(1001, "jana@example.com", "paid"))
	v := r.until(id, waxwing.Sent)
	if m := r.lastMail(); strings.Contains(m.html, "von acme") {
		t.Error("the plugin spoke")
	}
	said := fmt.Sprint(v.Trail)
	if !strings.Contains(said, "hello.personalise was left out (quota)") {
		t.Error(said)
	}
	if got := r.metrics(); !strings.Contains(got, `waxwing_plugin_tenant_left_out_total{tenant="acme"} 1`) ||
		!strings.Contains(got, `waxwing_plugin_faults_total{fault="quota",plugin="hello",tenant="acme"} 1`) {
		t.Error("the metrics do not say it")
	}
	if code, b := r.do("GET", "/v1/tenants/acme/plugins", "acme-key", nil, nil); code != 200 || !strings.Contains(b, `"left_out":1`) || !strings.Contains(b, `"quota":1`) {
		t.Error(code, b)
	}
}

// After a restart plugins are loaded beside the orders, before anybody asks.
func TestPluginsAreLoadedAfterARestart(t *testing.T) {
	r := newRig(t, withPlugins(t, map[string]string{"hello": greeting, "other": strings.ReplaceAll(greeting, "von", "auch von")}, waxwing.HookPersonalise))
	r.serving("hello", "other")
	r.restart(daemon.Extras{})
	r.poll("both are loaded", func() bool {
		loads := int64(0)
		for _, p := range r.d.Plugins().Uses("acme").Plugins {
			loads += min(p.Memory, 1)
		}
		return loads == 2
	})
	r.until(r.accepted(shopifyOrder(1002, "jana@example.com", "paid")), waxwing.Sent)
	for _, p := range r.d.Plugins().Uses("acme").Plugins {
		if p.Loads != 1 || p.Calls != 1 {
			t.Errorf("%+v", p)
		}
	}
}

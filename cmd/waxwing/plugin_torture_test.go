package main

import (
	"bytes"
	"cmp"
	"context"
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/pipeline"
	"github.com/waxwinghq/waxwing/plugins"
	"github.com/waxwinghq/waxwing/plugins/attack"
)

var torturePlugins = flag.Bool("torture.plugins", false, "run every attack on a daemon's plugins under load")

// roundOrders is how many orders each tenant gets while an attack is on, one in 10 ms.
const roundOrders = 60

// post office: when each order was posted and when its mail came.
type postOffice struct {
	mu     sync.Mutex
	posted map[string]time.Time
	took   map[string][]time.Duration // by tenant, of this round
	all    map[string][]time.Duration // of all rounds since the last clear
	plain  int                        // the victim's mails without the plugin's words
	spoilt int                        // with words that must not be there
}

func (p *postOffice) mail(m sink.Mail) {
	at := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	since, ok := p.posted[m.To]
	if !ok {
		return
	}
	delete(p.posted, m.To)
	tenant := strings.SplitN(m.To, "-", 2)[0]
	p.took[tenant] = append(p.took[tenant], at.Sub(since))
	if tenant == "victim" {
		p.plain++
		if head, _, _ := bytes.Cut(m.Data, []byte("\r\n\r\n")); bytes.Contains(head, []byte("evil.example")) {
			p.spoilt++
		}
	}
}

func (p *postOffice) p99(tenant string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p99(p.took[tenant])
}

// pooled is the p99 over all rounds. One round has 80 mails of a tenant, so that
// its p99 is the worst but one and says more of the machine than of us.
func (p *postOffice) pooled(tenant string) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p99(p.all[tenant])
}

// keep adds this round to all of them.
func (p *postOffice) keep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for tenant, took := range p.took {
		p.all[tenant] = append(p.all[tenant], took...)
	}
}

func (p *postOffice) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = map[string][]time.Duration{}
}

func p99(took []time.Duration) time.Duration {
	if len(took) == 0 {
		return 0
	}
	s := slices.Clone(took)
	slices.Sort(s)
	return s[len(s)*99/100]
}

func (p *postOffice) reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.took, p.plain, p.spoilt = map[string][]time.Duration{}, 0, 0
}

func (p *postOffice) left() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.posted)
}

// TestTorturePlugins puts each attack as a tenant's plugin while she, a tenant
// with a good plugin and one without any get orders, and prints what it did to
// whom. It measures time, so that it runs where nothing else does.
func TestTorturePlugins(t *testing.T) {
	if !*torturePlugins {
		t.Skip("run it with make torture-plugins")
	}
	laneIsOn(t)
	daemon.TuneMemory(configtest.With(nil), t.TempDir())
	office := &postOffice{posted: map[string]time.Time{}, took: map[string][]time.Duration{}, all: map[string][]time.Duration{}}
	r := newRig(t, func(r *rig, _ *daemon.Extras) {
		r.watch = office.mail
		r.cfg.Plugins.CheckBudget = config.Duration(time.Hour) // she uploads more than anybody may
		for _, name := range []string{"plain", "other", "victim"} {
			acme := r.cfg.Tenants["acme"]
			acme.Name = name
			r.cfg.Tenants[name] = acme
		}
		r.cfg.Pipeline = slices.Insert(r.cfg.Pipeline, 2, pipeline.At(&pipeline.PluginsStage{Hooks: []string{"filter", "personalise"}}))
	})
	<-r.d.Restored()
	put := func(tenant, name, lang string, body []byte) (waxwing.PluginVersion, error) {
		u := &plugins.Upload{Tenant: waxwing.TenantID(tenant), Name: name, Code: body, Source: "upload", Now: true, ApproveNeeds: true,
			Manifest: fmt.Appendf(nil, `{"name":%q,"version":"1","lang":%q,"hooks":["personalise"],"needs":["customer.first_name","items.name","items.price"]}`, name, lang)}
		return r.d.Plugins().Put(context.Background(), u)
	}
	if _, err := put("other", "good", "js", []byte(`function personalise(x) { return {vars: {message: "Hallo " + x.customer.first_name}} }`)); err != nil {
		t.Fatal(err)
	}
	n := 0
	once := func(void func() bool) {
		office.reset()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		var posts sync.WaitGroup
		for i := 0; i < roundOrders && !void(); i++ {
			<-tick.C
			for _, tenant := range []string{"plain", "other", "victim"} {
				if tenant == "other" && i%2 == 1 {
					continue
				}
				n++
				to := fmt.Sprintf("%s-%d@example.com", tenant, n)
				body := shopifyOrder(n, to, "paid")
				office.mu.Lock()
				office.posted[to] = time.Now()
				office.mu.Unlock()
				posts.Go(func() {
					if code, b := r.do("POST", "/hooks/"+tenant+"/shopify", "", shopifyHeader(body), body); code != 202 {
						t.Errorf("%d %s", code, b)
					}
				})
			}
		}
		posts.Wait()
		for limit := time.Now().Add(30 * time.Second); office.left() > 0; runtime.Gosched() {
			if time.Now().After(limit) {
				t.Fatalf("%d mails did not come", office.left())
			}
		}
	}
	beside := newWitness(t)
	load := func() { // a round in which the machine did not stand still
		beside.undisturbed(once)
		office.keep()
	}
	load()
	idle := resident(t) // before the rig has kept many mails
	office.clear()
	for range 10 { // rounds like those of the attacks, without one
		load()
	}
	quiet := map[string]time.Duration{"plain": office.pooled("plain"), "other": office.pooled("other")}
	office.clear()
	t.Logf("%-36s %-22s %9s %9s %9s %8s", "attack", "what became of it", "plain p99", "other p99", "her mails", "memory")
	t.Logf("%-36s %-22s %9s %9s %9s %7dM", "none", "", quiet["plain"].Round(time.Microsecond), quiet["other"].Round(time.Microsecond), "", idle>>20)
	worst := map[string]time.Duration{}
	round := func(what, lang string, body []byte) {
		r.mu.Lock()
		r.mails = nil // the rig keeps them all, and they would count as the daemon's memory
		r.mu.Unlock()
		name := fmt.Sprintf("a%d", n)
		_, err := put("victim", name, lang, body)
		fate := "refused"
		if err == nil {
			fate = "put"
		}
		load()
		// A disk that holds its breath does so once: a round that was slow takes place twice more,
		// and the middle counts.
		slow := []time.Duration{office.p99("other")}
		for slow[0] > quiet["other"]+100*time.Millisecond && len(slow) < 3 {
			load()
			slow = append(slow, office.p99("other"))
		}
		if err == nil {
			if runs, err := r.d.Ledger().PluginRuns(t.Context(), "victim", name, 0, 1); err == nil && len(runs) > 0 {
				fate = cmp.Or(runs[0].Fault, "answered, judged")
			}
			if err := r.d.Plugins().Withdraw("victim", name); err != nil {
				t.Error(err)
			}
		}
		mem := resident(t)
		t.Logf("%-36s %-22s %9s %9s %9d %7dM", clipped(what, 36), clipped(fate, 22), office.p99("plain").Round(time.Microsecond),
			office.p99("other").Round(time.Microsecond), office.plain, mem>>20)
		if office.plain != roundOrders || office.spoilt > 0 {
			t.Errorf("%s: %d of her %d mails came, %d spoilt", what, office.plain, roundOrders, office.spoilt)
		}
		if mem > idle+300<<20 {
			t.Errorf("%s: %d MB of memory, %d MB when idle", what, mem>>20, idle>>20)
		}
		worst["plain"] = max(worst["plain"], office.p99("plain"))
		slices.Sort(slow)
		p := slow[len(slow)/2]
		if worst["other"] = max(worst["other"], p); p > quiet["other"]+100*time.Millisecond {
			t.Errorf("%s: the p99 of tenants with plugins is %s, %s when quiet", what, p, quiet["other"])
		}
	}
	atOnce, running, scripts := attack.AtOnce(), attack.Running(), attack.Scripts()
	for _, what := range slices.Sorted(maps.Keys(atOnce)) {
		round(what, "c", atOnce[what].Body)
	}
	for _, what := range slices.Sorted(maps.Keys(running)) {
		round(what, "c", running[what].Body)
	}
	for _, what := range slices.Sorted(maps.Keys(scripts)) {
		round("js: "+what, "js", scripts[what].Body)
	}
	if p := office.pooled("plain"); p > 2*max(quiet["plain"], leastP99) {
		t.Errorf("the p99 of tenants without plugins is %s during the attacks, %s when quiet", p, quiet["plain"])
	}
	t.Log(beside.says())
	t.Logf("p99 of all rounds: without plugins %s (quiet %s), with plugins %s (quiet %s)", office.pooled("plain"), quiet["plain"],
		office.pooled("other"), quiet["other"])
	t.Logf("worst p99 of a round: without plugins %s (quiet %s), with plugins %s (quiet %s)", worst["plain"], quiet["plain"], worst["other"], quiet["other"])
}

// resident is this process's memory, in bytes.
func resident(t *testing.T) int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("memory cannot be read here: ", err)
	}
	var size, rss int64
	_, _ = fmt.Sscan(string(b), &size, &rss)
	return rss * int64(os.Getpagesize())
}

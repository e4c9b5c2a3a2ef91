package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"maps"
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

var tortureTaking = flag.String("torture.taking", "", "only attacks on what tenants share whose name has this in it")

// street is a row of shops: what the neighbours of an attacker see of it.
type street struct {
	mu       sync.Mutex
	posted   map[string]time.Time
	took     map[string][]time.Duration // by kind of tenant: plain, near (with plugins), attacker
	answered map[string]int             // mails with the plugin's words in them
}

func (s *street) mail(m sink.Mail) {
	at := time.Now()
	spoke := bytes.Contains(m.Data, []byte("der Nachbar"))
	s.mu.Lock()
	defer s.mu.Unlock()
	if since, ok := s.posted[m.To]; ok {
		delete(s.posted, m.To)
		kind, _, _ := strings.Cut(m.To, "-")
		s.took[kind] = append(s.took[kind], at.Sub(since))
		if spoke {
			s.answered[kind]++
		}
	}
}

func (s *street) waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.posted)
}

// seen is what one round came to.
type seen struct {
	plain50, plain99, near50, near99 time.Duration
	answered                         float64 // of the neighbours' orders, in percent
}

func (s *street) take() seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, n := s.took["plain"], s.took["near"]
	slices.Sort(p)
	slices.Sort(n)
	out := seen{p[len(p)/2], p[len(p)*99/100], n[len(n)/2], n[len(n)*99/100], 100 * float64(s.answered["near"]) / float64(len(n))}
	s.took, s.answered = map[string][]time.Duration{}, map[string]int{}
	return out
}

// neighbourhood is a daemon with shops with and without plugins, and attackers.
type neighbourhood struct {
	*rig
	s      *street
	posts  sync.WaitGroup
	n      int
	quiet  seen     // the last round without an attack
	beside *witness // says when the machine stood still
}

const (
	nearTenants = 6
	roundLasts  = 3 * time.Second
	leastPosts  = 8 // of a round that is void, so that there is a figure of each kind
)

func newNeighbourhood(t *testing.T, attackers int) *neighbourhood {
	laneIsOn(t)
	daemon.TuneMemory(configtest.With(nil), t.TempDir())
	h := &neighbourhood{s: &street{posted: map[string]time.Time{}, took: map[string][]time.Duration{}, answered: map[string]int{}}}
	h.rig = newRig(t, func(r *rig, _ *daemon.Extras) {
		r.watch = func(m sink.Mail) {
			h.s.mail(m)
			r.mu.Lock()
			r.mails = nil // they would count as the daemon's memory
			r.mu.Unlock()
		}
		acme := r.cfg.Tenants["acme"]
		add := func(name string) {
			acme.Name = name
			r.cfg.Tenants[name] = acme
		}
		add("plain")
		for i := range nearTenants {
			add(fmt.Sprint("near", i))
		}
		for i := range attackers {
			add(fmt.Sprint("attacker", i))
		}
		r.cfg.Plugins.TenantTime = config.Duration(6 * time.Second)
		r.cfg.Pipeline = slices.Insert(r.cfg.Pipeline, 2, pipeline.At(&pipeline.PluginsStage{Hooks: []string{"filter", "personalise"}}))
	})
	h.beside = newWitness(t)
	<-h.d.Restored()
	for i := range nearTenants {
		if i%2 == 0 {
			h.put(fmt.Sprint("near", i), "greets", "js", []byte(`function personalise(x) { return {vars: {message: "der Nachbar, " + x.customer.first_name}} }`))
		} else {
			h.put(fmt.Sprint("near", i), "greets", "c", attack.Says(`{"vars":{"message":"der Nachbar"}}`))
		}
	}
	return h
}

func (h *neighbourhood) put(tenant, name, lang string, body []byte) {
	h.t.Helper()
	u := &plugins.Upload{Tenant: waxwing.TenantID(tenant), Name: name, Code: body, Source: "upload", Now: true, ApproveNeeds: true,
		Manifest: fmt.Appendf(nil, `{"name":%q,"version":"1","lang":%q,"hooks":["personalise"],"needs":["customer.first_name","items.name","items.price"]}`, name, lang)}
	begun := time.Now()
	if v, err := h.d.Plugins().Put(context.Background(), u); err != nil || v.State != waxwing.PluginActive {
		h.t.Fatalf("%s of %s: %s %v", name, tenant, v.State, err)
	}
	h.t.Logf("put %s of %s in %s", name, tenant, time.Since(begun).Round(time.Millisecond))
}

func (h *neighbourhood) post(kind, tenant string) {
	h.n++
	n := h.n
	to := fmt.Sprintf("%s-%d@example.com", kind, n)
	body := shopifyOrder(n, to, "paid")
	h.s.mu.Lock()
	h.s.posted[to] = time.Now()
	h.s.mu.Unlock()
	h.posts.Go(func() {
		if code, b := h.do("POST", "/hooks/"+tenant+"/shopify", "", shopifyHeader(body), body); code != 202 {
			h.t.Errorf("%d %s", code, b)
		}
	})
}

// round is one in which the machine did not stand still.
func (h *neighbourhood) round(attacker string, rate int) (out seen) {
	h.t.Helper()
	h.beside.undisturbed(func(void func() bool) { out = h.once(attacker, rate, void) })
	return out
}

// once has the neighbours sell, 40 orders a second without plugins and 30 with, and
// the attacker so many a second.
func (h *neighbourhood) once(attacker string, rate int, void func() bool) seen {
	h.t.Helper()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	rounds := int(roundLasts / (25 * time.Millisecond))
	for i := 0; i < rounds && (i < leastPosts || !void()); i++ {
		<-tick.C
		h.post("plain", "plain")
		if i%4 != 3 {
			h.post("near", fmt.Sprint("near", i%nearTenants))
		}
		if rate > 0 && (i+1)*rate/40 > i*rate/40 {
			h.post("attacker", attacker)
		}
	}
	h.posts.Wait()
	for limit := time.Now().Add(30 * time.Second); h.s.waiting() > 0; runtime.Gosched() {
		if time.Now().After(limit) {
			h.t.Fatalf("%d mails did not come", h.s.waiting())
		}
	}
	return h.s.take()
}

// outcome is what an attack came to, and the same without it.
type outcome struct {
	what        string
	rate        int
	seen, quiet seen
	rounds      int
}

// leastP99 is what a p99 counts as at least: the second worst of 160 mails is a matter
// of chance where it is shorter than a slice of Go's scheduler.
const leastP99 = 10 * time.Millisecond

// harm says what the neighbours suffered more than they may; "": nothing.
func (o *outcome) harm() string {
	switch {
	case o.seen.answered < 97:
		return fmt.Sprintf("neighbours' plugins answered for %.1f %% of their orders", o.seen.answered)
	case o.seen.near50 > o.quiet.near50*3/2:
		return fmt.Sprintf("the neighbours' median is %s, %s when quiet", o.seen.near50, o.quiet.near50)
	case o.seen.plain99 > 2*max(o.quiet.plain99, leastP99):
		return fmt.Sprintf("the p99 without plugins is %s, %s when quiet", o.seen.plain99, o.quiet.plain99)
	}
	return ""
}

// attack is one attack beside the last quiet round. One that does harm stands between two quiet
// rounds, since what else runs on the machine comes and goes, and takes place twice more if it
// still does: the median of each figure counts, so that the machine's own noise goes, and what
// the attack does stays.
func (h *neighbourhood) attack(what, attacker string, rate int) outcome {
	seens, quiets := []seen{h.round(attacker, rate)}, []seen{h.quiet}
	for {
		o := outcome{what, rate, middle(seens), middle(quiets), len(seens)}
		if o.harm() == "" || len(seens) == 3 {
			return o
		}
		before := h.quiet
		h.quiet = h.round("", 0)
		quiets[len(quiets)-1] = noisier(before, h.quiet)
		if o.quiet = middle(quiets); o.harm() == "" {
			return o
		}
		seens, quiets = append(seens, h.round(attacker, rate)), append(quiets, h.quiet)
	}
}

// middle is the median of each figure.
func middle(of []seen) seen {
	duration := func(get func(*seen) time.Duration) time.Duration {
		var all []time.Duration
		for i := range of {
			all = append(all, get(&of[i]))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	var answered []float64
	for _, s := range of {
		answered = append(answered, s.answered)
	}
	slices.Sort(answered)
	return seen{duration(func(s *seen) time.Duration { return s.plain50 }), duration(func(s *seen) time.Duration { return s.plain99 }),
		duration(func(s *seen) time.Duration { return s.near50 }), duration(func(s *seen) time.Duration { return s.near99 }), answered[len(answered)/2]}
}

// TestTorturePluginNeighbours attacks what tenants share, at 1, 5 and 20 orders a
// second of one tenant, and looks at what the others have of it.
func TestTorturePluginNeighbours(t *testing.T) {
	if !*torturePlugins {
		t.Skip("run it with make torture-plugins")
	}
	sets := attack.Taking()
	maps.DeleteFunc(sets, func(what string, _ []attack.Taker) bool { return !strings.Contains(what, *tortureTaking) })
	h := newNeighbourhood(t, 3*len(sets))
	h.round("", 0)
	var all []outcome
	no := 0
	for _, what := range slices.Sorted(maps.Keys(sets)) {
		h.quiet = h.round("", 0)
		for _, rate := range []int{1, 5, 20} {
			attacker := fmt.Sprint("attacker", no)
			no++
			for i, p := range sets[what] {
				h.put(attacker, fmt.Sprint("a", i), p.Lang, p.Body)
			}
			all = append(all, h.attack(what, attacker, rate))
		}
	}
	ms := func(d time.Duration) string { return fmt.Sprintf("%.1f", d.Seconds()*1000) }
	t.Logf("%-22s %8s %9s %21s %21s %6s", "attack", "orders/s", "answered", "near p50 (quiet) ms", "plain p99 (quiet) ms", "rounds")
	for _, o := range all {
		t.Logf("%-22s %8d %8.1f%% %12s (%6s) %12s (%6s) %6d", o.what, o.rate, o.seen.answered, ms(o.seen.near50), ms(o.quiet.near50),
			ms(o.seen.plain99), ms(o.quiet.plain99), o.rounds)
	}
	t.Log(h.beside.says())
	for _, o := range all {
		if why := o.harm(); why != "" {
			t.Errorf("%s at %d/s: %s", o.what, o.rate, why)
		}
	}
	for _, u := range h.d.Plugins().TenantUses() {
		t.Logf("%-12s %8s of a processor, %d calls left out, %d KiB", u.Tenant, u.Time.Round(time.Millisecond), u.LeftOut, u.Memory>>10)
	}
}

// noisier is the larger of each time, of the rounds before and after an attack.
func noisier(a, b seen) seen {
	return seen{max(a.plain50, b.plain50), max(a.plain99, b.plain99), max(a.near50, b.near50), max(a.near99, b.near99), min(a.answered, b.answered)}
}

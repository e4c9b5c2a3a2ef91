package plugins

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

// putC puts a module for a tenant so that it serves at once.
func putC(t *testing.T, h *Host, tenant, name, lang string, body []byte) waxwing.PluginVersion {
	t.Helper()
	m := fmt.Sprintf(`{"name":%q,"version":"1","lang":%q,"hooks":["personalise"]}`, name, lang)
	v, err := h.Put(t.Context(), &Upload{Tenant: waxwing.TenantID(tenant), Name: name, Manifest: []byte(m), Code: body, Now: true})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// askFor asks a tenant's plugins about an order.
func askFor(h *Host, tenant string, n int) (subject string, runs []waxwing.Run, notes []string) {
	o := &waxwing.Order{ID: fmt.Sprint(n), Shop: "main", Currency: "EUR"}
	_, runs, notes = h.Ask(waxwing.TenantID(tenant), waxwing.ID(n), &abi.Question{Order: o, Locale: "en", At: moment, Seed: fmt.Sprint(n)},
		[]waxwing.Hook{waxwing.HookPersonalise})
	if o.Personal != nil {
		subject = o.Personal.Subject
	}
	return subject, runs, notes
}

// An order whose plugin is not loaded goes without it, says so and blames nobody;
// meanwhile the slot is free for others, and the next order has the plugin.
func TestOrderGoesWithoutWhatIsNotLoaded(t *testing.T) {
	h := host(t, newShelfStore(), func(o *HostOptions) {
		o.Engine.Inspect().Options().Limits.Wall, o.Engine.Inspect().Options().Limits.Order = time.Minute, time.Minute
	})
	e := h.o.Engine
	putC(t, h, "cold", "p", "c", attack.Says(`{"subject":"cold"}`))
	putC(t, h, "good", "p", "c", attack.Says(`{"subject":"good"}`))
	warmed(t, h, "cold")
	warmed(t, h, "good")
	e.Forget(h.shelves.of("cold").plugins[0].slots.Load().active.code.Hash)
	end := blocked(t, e, "cold")
	defer end()
	for n := range 20 {
		if subject, runs, notes := askFor(h, "cold", n); subject != "" || len(runs) != 0 || !slices.Equal(notes, []string{"plugin: p.personalise was left out (load)"}) {
			t.Fatal(subject, runs, notes)
		}
		if subject, _, notes := askFor(h, "good", n); subject != "good" {
			t.Fatal(subject, notes)
		}
	}
	end()
	warmed(t, h, "cold")
	if subject, _, notes := askFor(h, "cold", 99); subject != "cold" {
		t.Fatal(subject, notes)
	}
	if u := h.Uses("cold").Plugins[0]; u.Faults[sandbox.FaultLoad] != 20 || u.Calls != 1 || u.Rests != 0 {
		t.Errorf("%+v", u)
	}
}

func TestTenantThatHasUsedItsTimeGoesWithout(t *testing.T) {
	h := host(t, newShelfStore(), nil)
	h.o.Engine.Inspect().Options().TenantTime = 6 * time.Second
	putC(t, h, "greedy", "p", "c", attack.Says(`{"subject":"greedy"}`))
	putC(t, h, "good", "p", "c", attack.Says(`{"subject":"good"}`))
	h.o.Engine.Inspect().Charge("greedy", time.Hour)
	subject, runs, notes := askFor(h, "greedy", 1)
	if subject != "" || len(runs) != 0 || !slices.Equal(notes, []string{"plugin: p.personalise was left out (quota)"}) {
		t.Error(subject, runs, notes)
	}
	warmed(t, h, "good")
	if subject, _, notes := askFor(h, "good", 1); subject != "good" {
		t.Error(subject, notes)
	}
	if u := h.Uses("greedy"); u.LeftOut != 1 || u.Time < time.Hour || u.Plugins[0].Faults[sandbox.FaultQuota] != 1 {
		t.Errorf("%+v", u)
	}
	h.o.Engine.Inspect().Charge("greedy", -11*time.Hour) // as if that had passed
	warmed(t, h, "greedy")
	if subject, _, notes := askFor(h, "greedy", 2); subject != "greedy" {
		t.Error(subject, notes)
	}
}

// Loading, restoring and setting back are their tenant's time, and nobody else's.
func TestLoadingAndRestoringCount(t *testing.T) {
	h := host(t, newShelfStore(), func(o *HostOptions) {
		o.Engine.Inspect().Options().Limits.Order, o.Engine.Inspect().Options().Limits.Wall, o.Engine.Inspect().Options().Limits.Start = time.Minute, 30*time.Second, time.Minute
	})
	sets := attack.Taking()
	for what, want := range map[string]int{"evict and initialise": 3, "grow at each call": 1} {
		t.Run(what, func(t *testing.T) {
			tenant := strings.ReplaceAll(what, " ", "-")
			for i, p := range sets[what] {
				putC(t, h, tenant, fmt.Sprint("p", i), p.Lang, p.Body)
			}
			putC(t, h, "good", "p", "c", attack.Says(`{"subject":"good"}`))
			warmed(t, h, "good")
			before, near := h.Uses(waxwing.TenantID(tenant)), h.Uses("good").Plugins[0].Loads
			took := time.Duration(0)
			for n := range 3 {
				_, runs, notes := askFor(h, tenant, n)
				if len(runs) != want || len(notes) > 0 {
					t.Fatal(len(runs), notes)
				}
				for _, r := range runs {
					took += time.Duration(r.Micros) * time.Microsecond
				}
				if subject, _, notes := askFor(h, "good", n); subject != "good" {
					t.Fatal(subject, notes)
				}
			}
			after := h.Uses(waxwing.TenantID(tenant))
			if got := after.Time - before.Time; got < took || took == 0 {
				t.Errorf("%s were counted, its calls alone took %s", got, took)
			}
			if n := h.Uses("good").Plugins[0].Loads - near; n != 0 {
				t.Errorf("the neighbour was loaded %d times anew", n)
			}
			if held, _ := h.o.Engine.Usage(); held > h.o.Engine.Inspect().Options().Memory {
				t.Errorf("%d KiB are held", held>>10)
			}
		})
	}
}

// A start that takes too long by the clock is the plugin's fault, and is not tried
// again for every order.
func TestStartHasAClock(t *testing.T) {
	s := newShelfStore()
	h := host(t, s, nil)
	v := putC(t, h, "acme", "p", "c", attack.Says(`{"subject":"good"}`))
	h.o.Engine.Forget(v.Hash)
	h.o.Engine.Inspect().Options().Limits.Start = 1
	for n := range rowToOpen + 3 {
		_, runs, notes := askFor(h, "acme", n)
		if len(notes) != 1 || n < rowToOpen && (len(runs) != 1 || !strings.HasPrefix(runs[0].Fault, sandbox.FaultWall+": ")) {
			t.Fatal(n, runs, notes)
		}
	}
	if u := h.Uses("acme").Plugins[0]; u.Loads > 2 || u.Rests != 1 || u.Faults[sandbox.FaultWall] != rowToOpen {
		t.Errorf("%+v", u)
	}
}

// What is kept of versions is not their code, and counts as memory.
func TestVersionsKeepNoCode(t *testing.T) {
	s := newShelfStore()
	h := host(t, s, nil)
	for i := range 3 {
		putC(t, h, "acme", "p", "c", attack.Says(fmt.Sprintf(`{"subject":"%d"}`, i)))
	}
	again := host(t, s, nil)
	if err := again.Restore("acme"); err != nil {
		t.Fatal(err)
	}
	for _, h := range []*Host{h, again} {
		warmed(t, h, "acme")
		sl := h.shelves.of("acme").plugins[0].slots.Load()
		for _, v := range []*version{sl.active, sl.previous} {
			if !h.o.Engine.Inspect().Bare(v.code) {
				t.Errorf("version %d holds its code", v.rec.No)
			}
		}
		if _, _, whole := h.o.Engine.Inspect().Loaded(); whole != 0 {
			t.Errorf("%d that are loaded hold their modules", whole)
		}
		if _, kept, _ := h.o.Engine.Inspect().Held("acme"); kept < 2*24<<10 {
			t.Errorf("%d bytes are counted for two versions", kept)
		}
		if subject, _, notes := askFor(h, "acme", 1); subject != "2" {
			t.Error(subject, notes)
		}
		if err := h.Withdraw("acme", "p"); err != nil && h != again {
			t.Error(err)
		}
	}
}

// The state of a plugin changes ten times a minute at most: people are told, and a
// rollout waits.
func TestChangesOfStateHaveARate(t *testing.T) {
	now := moment
	h := host(t, newShelfStore(), func(o *HostOptions) { o.Clock = func() time.Time { return now } })
	for i := range usualChanges / 2 {
		putC(t, h, "acme", "p", "c", attack.Says(fmt.Sprintf(`{"subject":"%d"}`, i)))
		if _, err := h.RollBack("acme", "p"); err != nil {
			t.Fatal(err)
		}
	}
	m := []byte(`{"name":"p","version":"1","lang":"c","hooks":["personalise"]}`)
	put := func(name string) error {
		_, err := h.Put(t.Context(), &Upload{Tenant: "acme", Name: name, Manifest: []byte(strings.Replace(string(m), `"p"`, `"`+name+`"`, 1)),
			Code: attack.Says(`{"subject":"new"}`), Now: true})
		return err
	}
	var later *waxwing.LaterError
	if err := put("p"); !errors.As(err, &later) || !later.Quota || later.After != time.Minute {
		t.Error(err)
	}
	if err := h.Withdraw("acme", "q"); errors.As(err, &later) {
		t.Error("what is not there was counted", err)
	}
	if err := put("q"); err != nil {
		t.Error("another plugin:", err)
	}
	now = now.Add(time.Minute)
	if err := put("p"); err != nil {
		t.Error("a minute later:", err)
	}
}

package plugins

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/attack"
)

func TestTurnsGoByTimeUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q fairQueue[string]
		busy, calm := newAccount("busy", 6*time.Second), newAccount("calm", 6*time.Second)
		busy.charge(time.Second)
		for _, x := range []string{"b1", "b2"} {
			q.add(busy, x, false)
		}
		q.add(calm, "c1", false)
		q.add(calm, "c2", false)
		q.add(calm, "c0", true)
		q.hasten(busy, func(s string) bool { return s == "b2" })
		var got []string
		for x, ok := q.next(time.Now()); ok; x, ok = q.next(time.Now()) {
			got = append(got, x)
		}
		if want := []string{"c0", "c1", "c2", "b2", "b1"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		// Of equals each has its turn.
		a, b := newAccount("a", 0), newAccount("b", 0)
		for i := range 3 {
			q.add(a, fmt.Sprint("a", i), false)
		}
		q.add(b, "b0", false)
		_, _ = q.next(time.Now())
		if x, _ := q.next(time.Now()); x != "b0" {
			t.Errorf("%s comes before b0", x)
		}
	})
}

func TestShareOfTimeIsPaidBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newAccount("acme", 6*time.Second) // a second at once, and a tenth of a processor
		a.charge(999 * time.Millisecond)
		if a.spent(100) {
			t.Error("it is spent before a second")
		}
		a.charge(time.Second)
		time.Sleep(9900 * time.Millisecond)
		if !a.spent(100) {
			t.Error("two seconds are paid back after ten")
		}
		time.Sleep(200 * time.Millisecond)
		if a.spent(100) || !a.spent(50) {
			t.Errorf("%s are owed after ten seconds", a.owed(time.Now()))
		}
		if free := newAccount("free", 0); free.spent(100) {
			t.Error("no bound is spent")
		} else if free.charge(time.Hour); free.spent(100) {
			t.Error("no bound is spent after an hour")
		}
	})
}

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
	_, runs, notes = h.Ask(waxwing.TenantID(tenant), waxwing.ID(n), &Question{Order: o, Locale: "en", At: moment, Seed: fmt.Sprint(n)},
		[]waxwing.Hook{waxwing.HookPersonalise})
	if o.Personal != nil {
		subject = o.Personal.Subject
	}
	return subject, runs, notes
}

// An order whose plugin is not loaded goes without it, says so and blames nobody;
// meanwhile the slot is free for others, and the next order has the plugin.
func TestOrderGoesWithoutWhatIsNotLoaded(t *testing.T) {
	h := host(t, newShelfStore(), func(o *HostOptions) { o.Engine.o.Limits.Wall, o.Engine.o.Limits.Order = time.Minute, time.Minute })
	e := h.o.Engine
	putC(t, h, "cold", "p", "c", attack.Says(`{"subject":"cold"}`))
	putC(t, h, "good", "p", "c", attack.Says(`{"subject":"good"}`))
	warmed(t, h, "cold")
	warmed(t, h, "good")
	e.Forget(h.shelf("cold").plugins[0].slots.Load().active.code.Hash)
	end := blocked(e, "cold")
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
	if u := h.Uses("cold").Plugins[0]; u.Faults[FaultLoad] != 20 || u.Calls != 1 || u.Rests != 0 {
		t.Errorf("%+v", u)
	}
}

// What a restart loads it loads in turns, and what an order asks for comes first.
func TestLoadsAreInTurns(t *testing.T) {
	e := engine(t, nil)
	var mu sync.Mutex
	var got []string
	code := func(tenant, name string) *Code {
		c := newCode(LangC, name, Limits{})
		c.Tenant, c.read = waxwing.TenantID(tenant), func() (*Code, error) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, tenant+name)
			return nil, errors.New("not there")
		}
		return c
	}
	end := blocked(e, "a")
	defer end()
	for i := 1; i < 4; i++ {
		e.warm(code("a", fmt.Sprint(i)), nil)
	}
	e.warm(code("b", "1"), nil)
	_, _ = e.load(code("a", "3"), time.Now()) // an order
	end()
	last := code("z", "9")
	if err := e.Warm(last); err == nil {
		t.Error("it was there")
	}
	for _, name := range []string{"1", "2"} {
		_ = e.Warm(code("a", name)) // its load is over, or this waits for it
	}
	mu.Lock()
	defer mu.Unlock()
	at := func(s string) int { return slices.Index(got, s) }
	if at("b1") > at("a1") || at("b1") > at("a2") || at("a3") > at("a1") || at("a3") > at("a2") || at("b1") < 0 || at("a3") < 0 {
		t.Errorf("%v", got)
	}
}

// One tenant's plugins, however many and however often they are called, evict their
// own and nobody else's.
func TestEvictionStaysWithinTheTenant(t *testing.T) {
	e := engine(t, func(o *EngineOptions) { o.Memory, o.TenantMemory = 24<<20, 6<<20 })
	load := func(tenant string, body []byte, lang string) *Code {
		c := prepared(t, e, lang, body)
		c.Tenant = waxwing.TenantID(tenant)
		if err := e.Warm(c); err != nil {
			t.Fatal(err)
		}
		return c
	}
	var near []*Code
	for i := range 8 {
		near = append(near, load(fmt.Sprint("near", i), attack.Says(fmt.Sprintf(`{"subject":"%d"}`, i)), LangC))
	}
	for round := range 3 {
		for i := range 40 {
			load("greedy", attack.Says(fmt.Sprintf(`{"subject":"greedy %d"}`, i)), LangC)
		}
		e.mu.Lock()
		if a := e.accounts["greedy"]; a.bytes > 6<<20 || a.loaded == 0 {
			t.Errorf("round %d: %d KiB of %d modules", round, a.bytes>>10, a.loaded)
		}
		e.mu.Unlock()
	}
	// One that is larger than its tenant's part has room while nobody else needs it.
	big := load("huge", attack.Taking()["grow at each call"][0].Body, LangGo)
	for i, c := range near {
		e.mu.Lock()
		l := e.loaded[c.key()]
		e.mu.Unlock()
		if l == nil {
			t.Errorf("neighbour %d was evicted", i)
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.bytes > e.o.Memory && e.loaded[big.key()] != nil {
		t.Errorf("%d KiB are held", e.bytes>>10)
	}
}

// Where there is no room for all of them, those that were not used for longest go,
// of whoever is above the fair part.
func TestEvictionOfEqualsIsByTime(t *testing.T) {
	e := engine(t, func(o *EngineOptions) { o.Memory = 2 << 20 })
	var codes []*Code
	for i := range 12 {
		c := prepared(t, e, LangC, attack.Says(fmt.Sprintf(`{"subject":"%d"}`, i)))
		c.Tenant = waxwing.TenantID(fmt.Sprint("t", i))
		if err := e.Warm(c); err != nil {
			t.Fatal(err)
		}
		codes = append(codes, c)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.loaded[codes[0].key()] != nil || e.loaded[codes[11].key()] == nil || e.bytes > e.o.Memory || len(e.loaded) < 3 {
		t.Errorf("%d KiB, %d loaded", e.bytes>>10, len(e.loaded))
	}
}

func TestTenantThatHasUsedItsTimeGoesWithout(t *testing.T) {
	h := host(t, newShelfStore(), nil)
	h.o.Engine.o.TenantTime = 6 * time.Second
	putC(t, h, "greedy", "p", "c", attack.Says(`{"subject":"greedy"}`))
	putC(t, h, "good", "p", "c", attack.Says(`{"subject":"good"}`))
	a := h.shelf("greedy").account
	a.charge(time.Hour)
	subject, runs, notes := askFor(h, "greedy", 1)
	if subject != "" || len(runs) != 0 || !slices.Equal(notes, []string{"plugin: p.personalise was left out (quota)"}) {
		t.Error(subject, runs, notes)
	}
	warmed(t, h, "good")
	if subject, _, notes := askFor(h, "good", 1); subject != "good" {
		t.Error(subject, notes)
	}
	if u := h.Uses("greedy"); u.LeftOut != 1 || u.Time < time.Hour || u.Plugins[0].Faults[FaultQuota] != 1 {
		t.Errorf("%+v", u)
	}
	a.mu.Lock()
	a.at = a.at.Add(-11 * time.Hour) // as if that had passed
	a.mu.Unlock()
	warmed(t, h, "greedy")
	if subject, _, notes := askFor(h, "greedy", 2); subject != "greedy" {
		t.Error(subject, notes)
	}
}

// Loading, restoring and setting back are their tenant's time, and nobody else's.
func TestLoadingAndRestoringCount(t *testing.T) {
	h := host(t, newShelfStore(), func(o *HostOptions) {
		o.Engine.o.Limits.Order, o.Engine.o.Limits.Wall, o.Engine.o.Limits.Start = time.Minute, 30*time.Second, time.Minute
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
			if held, _ := h.o.Engine.Usage(); held > h.o.Engine.o.Memory {
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
	h.o.Engine.o.Limits.Start = 1
	for n := range rowToOpen + 3 {
		_, runs, notes := askFor(h, "acme", n)
		if len(notes) != 1 || n < rowToOpen && (len(runs) != 1 || !strings.HasPrefix(runs[0].Fault, FaultWall+": ")) {
			t.Fatal(n, runs, notes)
		}
	}
	if u := h.Uses("acme").Plugins[0]; u.Loads > 2 || u.Rests != 1 || u.Faults[FaultWall] != rowToOpen {
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
		sl := h.shelf("acme").plugins[0].slots.Load()
		for _, v := range []*version{sl.active, sl.previous} {
			if v.code.Script != nil || v.code.wasm != nil || v.code.read == nil {
				t.Errorf("version %d holds its code", v.rec.No)
			}
		}
		e := h.o.Engine
		e.mu.Lock()
		for _, l := range e.loaded {
			if l.code.wasm.Bytes != nil {
				t.Error("loaded code holds its module")
			}
		}
		if kept := e.accounts["acme"].kept; kept < 2*24<<10 {
			t.Errorf("%d bytes are counted for two versions", kept)
		}
		e.mu.Unlock()
		if subject, _, notes := askFor(h, "acme", 1); subject != "2" {
			t.Error(subject, notes)
		}
		if err := h.Withdraw("acme", "p"); err != nil && h != again {
			t.Error(err)
		}
	}
}

// An engine that has loaded and closed very many types holds none of them.
func TestTypesOfModulesAreNotKept(t *testing.T) {
	e := engine(t, func(o *EngineOptions) { o.Interpret = true })
	heap := func() int64 {
		runtime.GC()
		runtime.GC() // finalisers
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	load := func(from, to int) {
		for i := from; i < to; i++ {
			c, err := Prepare(manifestFor(t, LangC), attack.Types(i), Limits{})
			if err == nil {
				err = e.Warm(c)
			}
			if err != nil {
				t.Fatal(err)
			}
			e.Forget(c.Hash)
		}
	}
	load(0, 20)
	before := heap()
	load(20, 320) // 60,000 types, each of 70 bytes and its place in a table
	if grown := heap() - before; grown > 3<<20 {
		t.Errorf("%d KiB are left of closed modules", grown>>10)
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

// TestHalfOfTheSlots: one tenant's calls leave slots to others, whether they came first
// or wait, and nobody's wait is forgotten when a slot is free that may not be theirs.
func TestHalfOfTheSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkers(4)
		greedy, calm := newAccount("greedy", 0), newAccount("calm", 0)
		until := time.Now().Add(time.Minute)
		var in [2]atomic.Int32 // of each tenant
		call := func(i int, a *account) {
			go func() {
				if w.enter(a, until) {
					in[i].Add(1)
				}
			}()
			synctest.Wait()
		}
		has := func(g, c int32) {
			t.Helper()
			synctest.Wait()
			if in[0].Load() != g || in[1].Load() != c {
				t.Fatalf("%d and %d calls have run, want %d and %d", in[0].Load(), in[1].Load(), g, c)
			}
		}
		for range 4 {
			call(0, greedy)
		}
		has(2, 0)
		call(1, calm)
		has(2, 1)
		w.leave(calm, 0) // two slots are free, and two of hers wait all the same
		has(2, 1)
		w.leave(greedy, 0)
		has(3, 1)
		w.leave(greedy, 0)
		w.leave(greedy, 0)
		w.leave(greedy, 0)
		has(4, 1)
		if w.free != 4 || len(w.held) > 0 || len(w.queued) > 0 {
			t.Errorf("%d are free at the end: %v %v", w.free, w.held, w.queued)
		}
	})
}

// TestLoadsForOrdersAreBounded: some at once and then one a second, whatever was left
// unused before.
func TestLoadsForOrdersAreBounded(t *testing.T) {
	a, now := newAccount("acme", 0), moment
	loads := func() (n int) {
		for a.mayLoad(now) {
			n++
		}
		return n
	}
	if n := loads(); n != loadBurst {
		t.Errorf("%d loads at once, want %d", n, loadBurst)
	}
	now = now.Add(loadGap)
	if n := loads(); n != 1 {
		t.Errorf("%d loads after %s, want 1", n, loadGap)
	}
	now = now.Add(time.Hour)
	if n := loads(); n != loadBurst {
		t.Errorf("%d loads after an hour, want %d", n, loadBurst)
	}
}

package sandbox

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
)

func TestTurnsGoByTimeUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q FairQueue[string]
		busy, calm := newAccount("busy", 6*time.Second), newAccount("calm", 6*time.Second)
		busy.charge(time.Second)
		for _, x := range []string{"b1", "b2"} {
			q.Add(busy, x, false)
		}
		q.Add(calm, "c1", false)
		q.Add(calm, "c2", false)
		q.Add(calm, "c0", true)
		q.hasten(busy, func(s string) bool { return s == "b2" })
		var got []string
		for x, ok := q.Next(time.Now()); ok; x, ok = q.Next(time.Now()) {
			got = append(got, x)
		}
		if want := []string{"c0", "c1", "c2", "b2", "b1"}; !slices.Equal(got, want) {
			t.Errorf("%v, want %v", got, want)
		}
		// Of equals each has its turn.
		a, b := newAccount("a", 0), newAccount("b", 0)
		for i := range 3 {
			q.Add(a, fmt.Sprint("a", i), false)
		}
		q.Add(b, "b0", false)
		_, _ = q.Next(time.Now())
		if x, _ := q.Next(time.Now()); x != "b0" {
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

// What a restart loads it loads in turns, and what an order asks for comes first.
func TestLoadsAreInTurns(t *testing.T) {
	e := engine(t, func(o *EngineOptions) { o.TenantTime = 0 }) // however long the block takes
	var mu sync.Mutex
	var got []string
	code := func(tenant, name string) *Code {
		c := newCode(abi.LangC, name, abi.Limits{})
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
		e.WarmLater(code("a", fmt.Sprint(i)), nil)
	}
	e.WarmLater(code("b", "1"), nil)
	_, _ = e.loads.load(code("a", "3"), time.Now(), true) // an order
	e.loads.memory.mu.Lock()
	waiting := slices.Collect(maps.Values(e.loads.asked))
	e.loads.memory.mu.Unlock()
	end()
	for _, r := range waiting { // who asked for one again would hasten it
		<-r.done
	}
	mu.Lock()
	defer mu.Unlock()
	at := func(s string) int { return slices.Index(got, s) }
	if len(got) != 4 || at("b1") > at("a1") || at("b1") > at("a2") || at("a3") > at("a1") || at("a3") > at("a2") {
		t.Errorf("%v", got)
	}
}

// A push has its code loaded however many of its tenant's loads there were for orders.
func TestReadyIsNoOrdersLoad(t *testing.T) {
	e := engine(t, func(o *EngineOptions) { o.TenantTime = 0 })
	for i := range 2 * loadBurst {
		c := prepared(t, e, abi.LangC, attack.Says(fmt.Sprintf(`{"subject":"%d"}`, i)))
		c.Tenant = "acme"
		e.Ready(&abi.Manifest{Hooks: []waxwing.Hook{waxwing.HookPersonalise}}, c, true)
		e.memory.mu.Lock()
		if e.memory.loaded[c.key()] == nil {
			t.Errorf("push %d is not loaded", i)
		}
		e.memory.mu.Unlock()
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
		near = append(near, load(fmt.Sprint("near", i), attack.Says(fmt.Sprintf(`{"subject":"%d"}`, i)), abi.LangC))
	}
	for round := range 3 {
		for i := range 40 {
			load("greedy", attack.Says(fmt.Sprintf(`{"subject":"greedy %d"}`, i)), abi.LangC)
		}
		e.memory.mu.Lock()
		if a := e.memory.accounts["greedy"]; a.bytes > 6<<20 || a.loaded == 0 {
			t.Errorf("round %d: %d KiB of %d modules", round, a.bytes>>10, a.loaded)
		}
		e.memory.mu.Unlock()
	}
	// One that is larger than its tenant's part has room while nobody else needs it.
	big := load("huge", attack.Taking()["grow at each call"][0].Body, abi.LangGo)
	for i, c := range near {
		e.memory.mu.Lock()
		l := e.memory.loaded[c.key()]
		e.memory.mu.Unlock()
		if l == nil {
			t.Errorf("neighbour %d was evicted", i)
		}
	}
	e.memory.mu.Lock()
	defer e.memory.mu.Unlock()
	if e.memory.bytes > e.o.Memory && e.memory.loaded[big.key()] != nil {
		t.Errorf("%d KiB are held", e.memory.bytes>>10)
	}
}

// Where there is no room for all of them, those that were not used for longest go,
// of whoever is above the fair part.
func TestEvictionOfEqualsIsByTime(t *testing.T) {
	e := engine(t, func(o *EngineOptions) { o.Memory = 2 << 20 })
	var codes []*Code
	for i := range 12 {
		c := prepared(t, e, abi.LangC, attack.Says(fmt.Sprintf(`{"subject":"%d"}`, i)))
		c.Tenant = waxwing.TenantID(fmt.Sprint("t", i))
		if err := e.Warm(c); err != nil {
			t.Fatal(err)
		}
		codes = append(codes, c)
	}
	e.memory.mu.Lock()
	defer e.memory.mu.Unlock()
	if e.memory.loaded[codes[0].key()] != nil || e.memory.loaded[codes[11].key()] == nil || e.memory.bytes > e.o.Memory || len(e.memory.loaded) < 3 {
		t.Errorf("%d KiB, %d loaded", e.memory.bytes>>10, len(e.memory.loaded))
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
			c, err := Prepare(manifestFor(t, abi.LangC), attack.Types(i), abi.Limits{})
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

// TestHalfOfTheSlots: one tenant's calls leave slots to others, whether they came first
// or wait, and nobody's wait is forgotten when a slot is free that may not be theirs.
func TestHalfOfTheSlots(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorkers(4)
		greedy, calm := newAccount("greedy", 0), newAccount("calm", 0)
		until := time.Now().Add(time.Minute)
		var in [2]atomic.Int32 // of each tenant
		call := func(i int, a *Account) {
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

package plugins

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

// shelfStore is a Store in memory.
type shelfStore struct {
	mu       sync.Mutex
	versions []waxwing.PluginVersion
	modules  map[string][]byte
	history  []string
	changed  chan struct{}
}

func newShelfStore() *shelfStore {
	return &shelfStore{modules: map[string][]byte{}, changed: make(chan struct{}, 1000)}
}

func (s *shelfStore) SavePlugins(ctx context.Context, vs []waxwing.PluginVersion, module []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range vs {
		i := slices.IndexFunc(s.versions, func(o waxwing.PluginVersion) bool { return o.Plugin == v.Plugin && o.No == v.No })
		if i < 0 {
			s.versions = append(s.versions, v)
		} else {
			s.versions[i] = v
		}
		if module != nil {
			s.modules[v.Hash] = module
		}
		s.history = append(s.history, fmt.Sprintf("%d %s %d", v.No, v.State, v.Percent))
		s.changed <- struct{}{}
	}
	return nil
}

func (s *shelfStore) PluginTenants(context.Context) ([]waxwing.TenantID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []waxwing.TenantID
	for _, v := range s.versions {
		all = append(all, v.Tenant)
	}
	return all, nil
}

func (s *shelfStore) PluginVersions(context.Context, waxwing.TenantID) ([]waxwing.PluginVersion, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.versions), nil
}

func (s *shelfStore) PluginModule(ctx context.Context, hash string) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.modules[hash], nil
}

func (s *shelfStore) PluginNumber(ctx context.Context, _ waxwing.TenantID, name string) (n int64, _ error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.versions {
		if v.Plugin == name && v.State != waxwing.PluginRefused {
			n = max(n, v.Number)
		}
	}
	return n, nil
}

func (s *shelfStore) state(no int) waxwing.PluginVersion {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range s.versions {
		if v.No == no {
			return v
		}
	}
	return waxwing.PluginVersion{}
}

func host(t *testing.T, s Store, change func(*HostOptions)) *Host {
	t.Helper()
	o := HostOptions{Engine: engine(t, nil), Store: s, Rollout: Rollout{Shadow: 30, Steps: []int{10, 50, 100}, Runs: 60, Orders: 400}}
	// A machine that does other things as well must not decide what a test sees.
	o.Engine.Inspect().Options().Limits.Order, o.Engine.Inspect().Options().Limits.Wall, o.Engine.Inspect().Options().Limits.Start = 2*time.Minute, time.Minute, time.Minute
	o.CheckBudget = time.Hour
	if change != nil {
		change(&o)
	}
	h := NewHost(o)
	t.Cleanup(h.Close)
	return h
}

func put(t *testing.T, h *Host, name, code string, now bool) (waxwing.PluginVersion, error) {
	t.Helper()
	m := fmt.Sprintf(`{"name":%q,"version":"1","lang":"js","hooks":["personalise"],"needs":["order.number"]}`, name)
	v, err := h.Put(t.Context(), &Upload{Tenant: "acme", Name: name, Manifest: []byte(m), Code: []byte(code), Source: "upload", Now: now, ApproveNeeds: true})
	if err != nil && errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	return v, err
}

// sell asks the plugins about the n-th order and gives its subject.
func sell(h *Host, n int) string {
	o := &waxwing.Order{ID: fmt.Sprint(n), Number: fmt.Sprint(n), Shop: "main", Currency: "EUR"}
	q := &abi.Question{Order: o, Locale: "en", At: moment, Seed: fmt.Sprint("acme/", n)}
	h.Ask("acme", waxwing.ID(n), q, []waxwing.Hook{waxwing.HookPersonalise})
	if o.Personal == nil {
		return ""
	}
	return o.Personal.Subject
}

// warmed waits until what serves of a tenant is loaded.
func warmed(t *testing.T, h *Host, tenant waxwing.TenantID) {
	t.Helper()
	for _, p := range h.shelves.of(tenant).plugins {
		if a := p.slots.Load().active; a != nil {
			if err := h.o.Engine.Warm(a.code); err != nil {
				t.Fatal(err)
			}
		}
	}
}

const oldVersion = `function personalise(x) { let n = 0; for (let i = 0; i < 300; i++) n += i; return {subject: "old"} }`

func TestWorseVersionsAreStopped(t *testing.T) {
	for what, code := range map[string]string{
		"fails for one order in a hundred": `function personalise(x) { if (+x.order.number % 100 === 77) throw new Error("rare"); let n = 0; for (let i = 0; i < 300; i++) n += i; return {subject: "new"} }`,
		"doubles its fuel":                 `function personalise(x) { let n = 0; for (let i = 0; i < 1250; i++) n += i; return {subject: "new"} }`,
		"says what is refused":             `function personalise(x) { return {subject: "a\r\nb"} }`,
	} {
		t.Run(what, func(t *testing.T) {
			s := newShelfStore()
			h := host(t, s, nil)
			if _, err := put(t, h, "p", oldVersion, true); err != nil {
				t.Fatal(err)
			}
			if v, err := put(t, h, "p", code, false); err != nil || v.State != waxwing.PluginShadow {
				t.Fatal(v, err)
			}
			for n := range 20_000 {
				if got := sell(h, n); got != "old" && got != "new" {
					t.Fatalf("order %d got nothing", n)
				}
				if s.state(2).State == waxwing.PluginStopped {
					break
				}
			}
			h.work.Wait()
			if v := s.state(2); v.State != waxwing.PluginStopped || v.Why == "" {
				t.Fatalf("%+v; %v", v, s.history)
			}
			if v := s.state(1); v.State != waxwing.PluginActive {
				t.Errorf("the old version is %s", v.State)
			}
			if got := sell(h, 77); got != "old" {
				t.Errorf("the old version does not serve on: %q", got)
			}
			t.Log(s.state(2).Why, s.history)
		})
	}
}

func TestGoodVersionComesToServe(t *testing.T) {
	s := newShelfStore()
	h := host(t, s, func(o *HostOptions) { o.Rollout = Rollout{Shadow: 20, Steps: []int{10, 100}, Runs: 20, Orders: 100} })
	if _, err := put(t, h, "p", oldVersion, true); err != nil {
		t.Fatal(err)
	}
	if _, err := put(t, h, "p", oldVersion+"// newer", false); err != nil {
		t.Fatal(err)
	}
	for n := range 20_000 {
		if got := sell(h, n); got != "old" {
			t.Fatalf("order %d got %q", n, got)
		}
		if s.state(2).State == waxwing.PluginActive {
			break
		}
	}
	h.work.Wait()
	want := []string{"1 active 0", "2 shadow 0", "2 canary 10", "2 canary 100", "2 active 0", "1 retired 0"}
	if !slices.Equal(s.history, want) {
		t.Fatalf("%v", s.history)
	}
	// A restart finds it as it was, and a person can go back.
	again := host(t, s, nil)
	if err := again.Restore("acme"); err != nil {
		t.Fatal(err)
	}
	warmed(t, again, "acme")
	if got := sell(again, 1); got != "old" {
		t.Fatalf("after a restart %q", got)
	}
	if v, err := again.RollBack("acme", "p"); err != nil || v.No != 1 || s.state(2).State != waxwing.PluginRolled {
		t.Fatal(v, err, s.history)
	}
}

// TestRollBackUnderLoad: while eight workers sell, versions are put and rolled
// back; no order goes without.
func TestRollBackUnderLoad(t *testing.T) {
	s := newShelfStore()
	h := host(t, s, func(o *HostOptions) {
		o.Engine.Inspect().Options().Limits.Order, o.Engine.Inspect().Options().Limits.Wall, o.Changes = time.Minute, time.Minute, 1000
	})
	for _, v := range []string{"// one", "// two"} {
		if _, err := put(t, h, "p", oldVersion+v, true); err != nil {
			t.Fatal(err)
		}
	}
	var sold sync.WaitGroup
	for w := range 8 {
		sold.Go(func() {
			for n := range 40 {
				if got := sell(h, w*1000+n); got != "old" {
					t.Errorf("order %d got %q", w*1000+n, got)
				}
			}
		})
	}
	for i := range 10 {
		if _, err := h.RollBack("acme", "p"); err != nil {
			t.Error(err)
		}
		if _, err := put(t, h, "p", fmt.Sprint(oldVersion, "// ", i), true); err != nil {
			t.Error(err)
		}
	}
	sold.Wait()
}

func TestTrialsVerdict(t *testing.T) {
	runs := func(n int, fuel int64, took time.Duration) (out tally) {
		for range n {
			out.add(&sandbox.Result{Fuel: fuel, Took: took})
		}
		return out
	}
	for what, c := range map[string]struct {
		new, old tally
		stopped  bool
	}{
		"alike":              {runs(100, 1000, time.Millisecond), runs(100, 1000, time.Millisecond), false},
		"slower":             {runs(100, 1000, 9*time.Millisecond), runs(100, 1000, time.Millisecond), true},
		"too few to tell":    {runs(10, 9000, 9*time.Millisecond), runs(10, 1000, time.Millisecond), false},
		"more fuel":          {runs(30, 90_000, time.Millisecond), runs(30, 40_000, time.Millisecond), true},
		"nothing to compare": {runs(1000, 90_000, 9*time.Millisecond), tally{}, false},
	} {
		x := trial{new: c.new, old: c.old}
		if why := x.verdict(); (why != "") != c.stopped {
			t.Errorf("%s: %q", what, why)
		}
	}
}

func TestBreaker(t *testing.T) {
	var b breaker
	now := moment
	for i := range 5 {
		if !b.closed(now) {
			t.Fatal("open after", i)
		}
		b.note(true, now)
	}
	if b.closed(now) || b.closed(now.Add(29*time.Second)) || !b.closed(now.Add(31*time.Second)) {
		t.Error("it should rest for 30 s and then be probed")
	}
	if b.closed(now.Add(31 * time.Second)) {
		t.Error("two probes at once")
	}
	b.release()
	tooOften := false
	for range 3 {
		now = now.Add(2 * time.Hour)
		for range 5 {
			if b.closed(now) {
				_, often := b.note(true, now)
				tooOften = tooOften || often
			}
		}
	}
	if !tooOften {
		t.Error("three openings in a day should be too many")
	}
}

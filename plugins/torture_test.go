package plugins

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"slices"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

var (
	torture      = flag.Bool("plugins.torture", false, "run every attack with the usual limits, and print how long each held what")
	tortureCases = flag.String("plugins.cases", "", "a folder with more modules (*.wasm, *.js) to run, however deep")
)

// What a call, an order and a stop of the world may take, whatever runs. A module
// is at its clock's mercy for one slice more, and its memory is made and set back.
const (
	longestCall  = 35 * time.Millisecond
	longestOrder = 120 * time.Millisecond
	longestStop  = 2 * time.Millisecond // beyond the machine's own noise
)

type tortured struct {
	name, lang string
	body       []byte
}

func tortures(t *testing.T) (out []tortured) {
	running, scripts := attack.Running(), attack.Scripts()
	for _, what := range slices.Sorted(maps.Keys(running)) {
		out = append(out, tortured{what, abi.LangC, running[what].Body})
	}
	for _, c := range attack.Costs() {
		lang := abi.LangC
		if c.Go {
			lang = abi.LangGo
		}
		out = append(out, tortured{c.Name, lang, c.Body})
	}
	for _, what := range slices.Sorted(maps.Keys(scripts)) {
		out = append(out, tortured{"js: " + what, abi.LangJS, scripts[what].Body})
	}
	if *tortureCases == "" {
		return out
	}
	err := filepath.WalkDir(*tortureCases, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		lang := map[string]string{".wasm": abi.LangGo, ".js": abi.LangJS}[filepath.Ext(path)] // Go's limits are the widest
		if lang == "" {
			return nil
		}
		body, err := os.ReadFile(path)
		out = append(out, tortured{filepath.Base(path), lang, body})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// stops is the longest that the world waited for all to stop, since the last time
// it was asked; seen are the counts of then.
func stops(seen *[]uint64) time.Duration {
	s := []metrics.Sample{{Name: "/sched/pauses/stopping/gc:seconds"}}
	metrics.Read(s)
	h := s[0].Value.Float64Histogram()
	longest := 0.0
	for i, n := range h.Counts {
		if i < len(*seen) && n > (*seen)[i] {
			if longest = h.Buckets[i+1]; math.IsInf(longest, 0) {
				longest = h.Buckets[i]
			}
		}
	}
	*seen = slices.Clone(h.Counts)
	return time.Duration(longest * float64(time.Second))
}

// noise is how long the world waits for all to stop where no guest runs, but somebody who
// copies two megabytes into fresh memory and yields in between. That is what wazero does when
// a guest's stack grows (it may to 5 MB), and a copy cannot be interrupted: it is the machine's own
// price, and moves with what else the machine does.
func noise(d time.Duration, seen *[]uint64) time.Duration {
	stops(seen)
	stack := make([]byte, 2<<20)
	for until := time.Now().Add(d); time.Now().Before(until); runtime.Gosched() {
		copy(make([]byte, 2*len(stack)), stack)
	}
	return stops(seen)
}

// TestTortureSandbox calls every attack with the usual limits, alone and as five
// plugins of one order, while the collector runs all the time, and prints the
// longest of each. It measures time, so that it runs where nothing else does.
func TestTortureSandbox(t *testing.T) {
	if !*torture {
		t.Skip("run it with -plugins.torture")
	}
	done, collected := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(collected)
		for {
			select {
			case <-done:
				return
			default:
				runtime.GC()
			}
		}
	}()
	defer func() { close(done); <-collected }()
	e := engine(t, func(o *sandbox.EngineOptions) { o.Limits = abi.Limits{} })
	script(t, e, "function personalise() { return {} }") // the JavaScript engine itself is loaded once
	var rows []tortureRow
	var seen []uint64
	stops(&seen)
	quiet := noise(3*time.Second, &seen)
	t.Logf("without a guest the world stops within %s", quiet)
	for _, x := range tortures(t) {
		var r tortureRow
		bad := true
		for try := 0; try < 5 && bad; try++ {
			if try > 0 {
				quiet = max(quiet, noise(300*time.Millisecond, &seen))
			}
			again := tortureOne(t, e, x)
			again.stop = stops(&seen)
			if try == 0 {
				r = again
			}
			r.least(again)
			bad = r.call > longestCall || r.order > longestOrder || r.stop > longestStop+quiet
		}
		rows = append(rows, r)
		if bad {
			t.Errorf("%s: %s a call, %s an order, %s to stop the world", x.name, r.call, r.order, r.stop)
		}
	}
	slices.SortFunc(rows, func(a, b tortureRow) int { return cmp.Compare(b.call, a.call) })
	t.Logf("%-36s %-24s %9s %9s %9s %9s %9s", "module", "what became of it", "ms start", "ms call", "ms work", "ms order", "ms stop")
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	for _, r := range rows {
		t.Logf("%-36.36s %-24.24s %9.2f %9.2f %9.2f %9.2f %9.2f", r.name, r.fate, ms(r.start), ms(r.call), ms(r.work), ms(r.order), ms(r.stop))
	}
}

// tortureRow is the longest of each: the start, a call, the processor's time in
// it, an order, and a stop of the world.
type tortureRow struct {
	name, fate                     string
	start, call, work, order, stop time.Duration
}

// least takes the shorter of each: what others do on the machine can only add to it.
func (r *tortureRow) least(o tortureRow) {
	r.start, r.call, r.work = min(r.start, o.start), min(r.call, o.call), min(r.work, o.work)
	r.order, r.stop = min(r.order, o.order), min(r.stop, o.stop)
}

// tortureOne runs one attack.
func tortureOne(t *testing.T, e *sandbox.Engine, x tortured) (r tortureRow) {
	r.name, r.fate = x.name, "refused"
	m := manifestFor(t, x.lang)
	c, err := sandbox.Prepare(m, x.body, e.Limits())
	if err == nil {
		err = e.Compile(t.Context(), c)
	}
	if err != nil {
		return r
	}
	defer e.Forget(c.Hash)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	at := time.Now()
	_ = e.Warm(c) // what fails is what the calls say
	r.start = time.Since(at)
	for range 3 {
		at, work := time.Now(), processorTime()
		res := e.Call(c, sandbox.HookCall{Hook: waxwing.HookPersonalise, Input: []byte(smallInput), At: moment, Seed: "order"})
		r.call, r.work = max(r.call, time.Since(at)), max(r.work, processorTime()-work)
		r.fate = "answered"
		if res.Fault != nil {
			r.fate = res.Fault.Error()
		}
	}
	h := NewHost(HostOptions{Engine: e, Store: newShelfStore()})
	defer h.work.stop() // not Close: the engine goes on
	s := &shelf{hooks: map[waxwing.Hook]bool{waxwing.HookPersonalise: true}}
	for i := range 5 {
		p := &plugin{tenant: "acme", name: fmt.Sprint("p", i), use: &sandbox.Use{}}
		p.slots.Store(&slots{active: &version{code: c, manifest: m}})
		s.plugins = append(s.plugins, p)
	}
	h.shelves.tenants.Store(waxwing.TenantID("acme"), s)
	for n := range 2 {
		at := time.Now()
		h.Ask("acme", 1, &abi.Question{Order: &waxwing.Order{ID: fmt.Sprint(n), Currency: "EUR"}, At: moment}, abi.Hooks())
		r.order = max(r.order, time.Since(at))
	}
	return r
}

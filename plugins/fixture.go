package plugins

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/wasm"
)

// Fixture is an input of the author's with the output that it must give.
type Fixture struct {
	Name   string          `json:"name"`
	Hook   waxwing.Hook    `json:"hook"`
	Input  json.RawMessage `json:"input"`
	Output json.RawMessage `json:"output,omitempty"` // none: any that passes
}

const (
	maxFixtures = 100
	// fixtureFuel is for all of them together: the interpreter takes thirty times
	// the compiler's time for it, while other uploads wait.
	fixtureFuel = 200_000_000
)

// ParseFixture reads one fixture exactly, as a manifest is read.
func ParseFixture(b []byte) (Fixture, error) {
	var f Fixture
	r := &reader{b: b, depth: maxDepth + 1}
	raw := func() json.RawMessage {
		r.space()
		from := r.i
		r.skip()
		return json.RawMessage(b[from:r.i])
	}
	r.object(func(k string) {
		switch k {
		case "name":
			f.Name = r.shown(k)
		case "hook":
			f.Hook = waxwing.Hook(r.shown(k))
		case "input":
			f.Input = raw()
		case "output":
			f.Output = raw()
		default:
			r.unknown(k, []string{"name", "hook", "input", "output"})
		}
	})
	if err := r.end(); err != nil {
		return f, waxwing.Permanent(fmt.Errorf("fixture: %w", err))
	}
	var c bytes.Buffer
	if err := json.Compact(&c, f.Input); err != nil || len(f.Input) == 0 {
		return f, waxwing.Permanent(fmt.Errorf("fixture %.60s: it has no input", f.Name))
	}
	f.Input = c.Bytes()
	return f, nil
}

// seedOfFixtures is the seed of every fixture: the author sees the same
// wherever it runs.
const seedOfFixtures = "fixture"

// at is the fixture's own moment.
func (f *Fixture) at() time.Time {
	var in struct {
		At time.Time `json:"at"`
	}
	if json.Unmarshal(f.Input, &in) != nil || in.At.IsZero() {
		return initTime
	}
	return in.At
}

// Run calls the plugin with the fixture's input and judges the output.
func (f *Fixture) Run(e *Engine, c *Code, wall time.Duration) (Result, error) {
	res := e.Call(c, f.Hook, f.Input, f.at(), seedOfFixtures, wall)
	if res.Fault != nil {
		return res, fmt.Errorf("fixture %s: %w", f.Name, res.Fault)
	}
	if _, err := Decode(f.Hook, res.Output, f.candidates()); err != nil {
		return res, fmt.Errorf("fixture %s: the output is refused: %w", f.Name, err)
	}
	if len(f.Output) > 0 && !sameJSON(res.Output, f.Output) {
		return res, fmt.Errorf("fixture %s: the output differs\n  got  %s\n  want %s", f.Name, oneLine(string(res.Output), 1000), oneLine(string(f.Output), 1000))
	}
	return res, nil
}

// candidates are those that the fixture's input names.
func (f *Fixture) candidates() []waxwing.Candidate {
	var in struct {
		Candidates []struct {
			SKU string `json:"sku"`
		} `json:"candidates"`
	}
	_ = json.Unmarshal(f.Input, &in) // none, then
	out := make([]waxwing.Candidate, len(in.Candidates))
	for i, c := range in.Candidates {
		out[i].SKU = c.SKU
	}
	return out
}

func sameJSON(a, b []byte) bool {
	var x, y any
	if json.Unmarshal(a, &x) != nil || json.Unmarshal(b, &y) != nil {
		return false
	}
	p, err1 := json.Marshal(x)
	q, err2 := json.Marshal(y)
	return err1 == nil && err2 == nil && bytes.Equal(p, q)
}

// Try runs the author's fixtures on the compiler and on the interpreter: output
// and fuel must be the same to the byte. A plugin without fixtures is asked each
// of its hooks once with next to nothing.
func Try(ctx context.Context, e *Engine, m *Manifest, c *Code, fixtures []Fixture) error {
	if len(fixtures) > maxFixtures {
		return waxwing.Permanent(fmt.Errorf("%d fixtures, at most %d are allowed", len(fixtures), maxFixtures))
	}
	strict := len(fixtures) > 0
	if !strict {
		for _, h := range m.Hooks {
			fixtures = append(fixtures, Fixture{Name: "empty " + string(h), Hook: h, Input: json.RawMessage(
				`{"abi":1,"hook":` + strconv.Quote(string(h)) + `,"at":"2026-01-01T00:00:00Z","locale":"en","currency":"EUR","shop":"main"}`)})
		}
	}
	oracle, err := NewEngine(EngineOptions{Interpret: true, Limits: e.o.Limits, Workers: 1})
	if err != nil {
		return err
	}
	defer func() { _ = oracle.Close() }()
	if err := sameStart(e, oracle, c); err != nil {
		return err
	}
	spent := int64(0)
	for i := range fixtures {
		f := &fixtures[i]
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if !m.Fills(f.Hook) {
			return waxwing.Permanent(fmt.Errorf("fixture %s: plugin.json does not name its hook %s", f.Name, f.Hook))
		}
		a, err := f.Run(e, c, 10*c.limits.Wall) // an upload must not fail because the machine is busy
		if err != nil && strict {
			return waxwing.Permanent(err)
		}
		if spent += a.Fuel; spent > fixtureFuel {
			return waxwing.Permanent(fmt.Errorf("the fixtures together use more than %d fuel: send fewer or smaller ones", fixtureFuel))
		}
		if c.Lang == LangJS {
			continue // the engine is ours and the same for all
		}
		b, _ := f.Run(oracle, c, time.Minute)
		if !sameRun(&a, &b) {
			return waxwing.Permanent(fmt.Errorf("fixture %s: compiler and interpreter differ (fuel %d and %d, %v and %v)", f.Name, a.Fuel, b.Fuel, a.Fault, b.Fault)) //nolint:errorlint // a fault may be nil
		}
	}
	return nil
}

// sameStart starts a module or script, and compares what a module's start comes to
// on both engines: its fuel, the size of its memory, and every byte and global that
// the snapshot keeps, which all orders share. The engine of scripts is ours and the
// same for all.
func sameStart(e, oracle *Engine, c *Code) error {
	a, err := e.load(c, time.Time{})
	if err != nil {
		return startRefused(c, err)
	}
	defer e.release(a)
	if c.Lang == LangJS {
		return nil
	}
	b, err := oracle.load(c, time.Time{})
	if err != nil {
		return startRefused(c, err)
	}
	defer oracle.release(b)
	switch {
	case a.started != b.started:
		return waxwing.Permanent(fmt.Errorf("_initialize: compiler and interpreter differ (fuel %d and %d)", a.started, b.started))
	case !a.snap.same(b.snap):
		return waxwing.Permanent(fmt.Errorf("_initialize: compiler and interpreter leave a different memory (%d and %d bytes)", a.snap.size, b.snap.size))
	}
	return nil
}

// startRefused is the error of a start that failed: the author's where the module
// is to blame.
func startRefused(c *Code, err error) error {
	var f *Fault
	what := "module"
	if c.Lang == LangJS {
		what = "script"
	}
	if errors.As(err, &f) && blames(f.Kind) {
		return waxwing.Permanent(fmt.Errorf("the %s does not start: %w", what, err))
	}
	return err
}

func (s *snapshot) same(o *snapshot) bool {
	return s.size == o.size && slices.Equal(s.globals, o.globals) &&
		slices.EqualFunc(s.parts, o.parts, func(a, b part) bool { return a.at == b.at && bytes.Equal(a.bytes, b.bytes) })
}

func sameRun(a, b *Result) bool {
	if a.Fault != nil && (a.Fault.Kind == FaultWall || a.Fault.Kind == FaultHost || a.Fault.Kind == FaultStack) {
		return true // the clock's doing, and the interpreter has fewer frames and more time
	}
	kind := func(r *Result) string {
		if r.Fault == nil {
			return ""
		}
		return r.Fault.Kind
	}
	return kind(a) == kind(b) && a.Fuel == b.Fuel && bytes.Equal(a.Output, b.Output) && bytes.Equal(a.Log, b.Log)
}

// CostVersion is the version of what instructions cost in fuel, see Run.Costs.
const CostVersion = wasm.CostVersion

// Replay calls a recorded run's hook again. Output and fuel are the same as
// then, unless the clock ended it, or its Costs are another version: then fuel
// differs, and what came from random numbers may.
func Replay(e *Engine, c *Code, r *waxwing.Run) (Result, error) {
	if c.Hash != r.Hash {
		return Result{}, fmt.Errorf("the code has the hash %.12s, the run was of %.12s", c.Hash, r.Hash)
	}
	return e.Call(c, r.Hook, r.Input, r.At, r.Seed, time.Minute), nil
}

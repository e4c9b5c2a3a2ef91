package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/wasm"
)

const (
	maxFixtures = 100
	// fixtureFuel is for all of them together: the interpreter takes thirty times
	// the compiler's time for it, while other uploads wait.
	fixtureFuel = 200_000_000
)

// Fixture calls the plugin with a fixture's input and judges the output. wall 0 is the
// limit's own.
func (e *Engine) Fixture(c *Code, f *abi.Fixture, wall time.Duration) (Result, error) {
	res := e.Call(c, HookCall{f.Hook, f.Input, f.At(), abi.SeedOfFixtures, wall})
	if res.Fault != nil {
		return res, fmt.Errorf("fixture %s: %w", f.Name, res.Fault)
	}
	if _, err := abi.Decode(f.Hook, res.Output, f.Candidates()); err != nil {
		return res, fmt.Errorf("fixture %s: the output is refused: %w", f.Name, err)
	}
	if len(f.Output) > 0 && !sameJSON(res.Output, f.Output) {
		return res, fmt.Errorf("fixture %s: the output differs\n  got  %s\n  want %s", f.Name, OneLine(string(res.Output), 1000), OneLine(string(f.Output), 1000))
	}
	return res, nil
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
func Try(ctx context.Context, e *Engine, m *abi.Manifest, c *Code, fixtures []abi.Fixture) error {
	if len(fixtures) > maxFixtures {
		return waxwing.Permanent(fmt.Errorf("%d fixtures, at most %d are allowed", len(fixtures), maxFixtures))
	}
	strict := len(fixtures) > 0
	if !strict {
		for _, h := range m.Hooks {
			fixtures = append(fixtures, abi.Fixture{Name: "empty " + string(h), Hook: h, Input: json.RawMessage(
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
		a, err := e.Fixture(c, f, 10*c.limits.Wall) // an upload must not fail because the machine is busy
		if err != nil && strict {
			return waxwing.Permanent(err)
		}
		if spent += a.Fuel; spent > fixtureFuel {
			return waxwing.Permanent(fmt.Errorf("the fixtures together use more than %d fuel: send fewer or smaller ones", fixtureFuel))
		}
		if c.Lang == abi.LangJS {
			continue // the engine is ours and the same for all
		}
		b, _ := oracle.Fixture(c, f, time.Minute)
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
	a, err := e.loads.load(c, time.Time{}, false)
	if err != nil {
		return startRefused(c, err)
	}
	defer e.memory.release(a)
	if c.Lang == abi.LangJS {
		return nil
	}
	b, err := oracle.loads.load(c, time.Time{}, false)
	if err != nil {
		return startRefused(c, err)
	}
	defer oracle.memory.release(b)
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
	if c.Lang == abi.LangJS {
		what = "script"
	}
	if errors.As(err, &f) && Blames(f.Kind) {
		return waxwing.Permanent(fmt.Errorf("the %s does not start: %w", what, err))
	}
	return err
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
	return e.Call(c, HookCall{r.Hook, r.Input, r.At, r.Seed, time.Minute}), nil
}

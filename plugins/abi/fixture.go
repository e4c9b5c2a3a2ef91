package abi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Fixture is an input of the author's with the output that it must give.
type Fixture struct {
	Name   string          `json:"name"`
	Hook   waxwing.Hook    `json:"hook"`
	Input  json.RawMessage `json:"input"`
	Output json.RawMessage `json:"output,omitempty"` // none: any that passes
}

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

// SeedOfFixtures is the seed of every fixture: the author sees the same
// wherever it runs.
const SeedOfFixtures = "fixture"

// At is the fixture's own moment.
func (f *Fixture) At() time.Time {
	var in struct {
		At time.Time `json:"at"`
	}
	if json.Unmarshal(f.Input, &in) != nil || in.At.IsZero() {
		return InitTime
	}
	return in.At
}

// Candidates are those that the fixture's input names.
func (f *Fixture) Candidates() []waxwing.Candidate {
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

// InitTime is what the guest's clock shows while it initialises: all orders
// share what comes of it.
var InitTime = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

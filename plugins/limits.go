package plugins

import (
	"maps"
	"slices"
	"time"
)

// Limits bound one plugin's calls (docs/plugins.md). The zero value of a field is
// its default.
type Limits struct {
	Fuel     int64         // of a call, in instructions
	InitFuel int64         // of _initialize or of a script's first run
	Wall     time.Duration // of a call
	Order    time.Duration // of all of an order's calls, waiting for a worker included
	Stack    int           // bytes, by the depth counter
	StackGo  int           // of Go's larger frames
	StackJS  int           // of the JavaScript engine, whose interpreter takes 42 KB a call
	Input    int           // bytes
	Output   int
	Log      int
	Module   int // bytes of a module
	ModuleGo int
	Script   int // bytes of a script
	Types    int // function types of a module; what the runtime keeps of them outlives it
	Pages    uint32
	PagesGo  uint32
	PagesJS  uint32
	// Start is for _initialize or a script's first run, with its instance and
	// snapshot, by the clock.
	Start time.Duration
}

// goFuel is how many times the fuel Go modules have: their memory is too large for
// processors' caches, so that a load costs them four times as much. The clock is the same.
const goFuel = 5

// jsFuel is the same for scripts: each step of the interpreter takes branches and loads
// that are priced for code that nobody knows, and take a third of that in the
// engine's. A turn of a loop that adds costs 2,200 fuel.
const jsFuel = 5

// DefaultLimits are those of docs/plugins.md.
func DefaultLimits() Limits {
	return Limits{Fuel: 20e6, InitFuel: 50e6, Wall: 25 * time.Millisecond, Order: 100 * time.Millisecond, Stack: 1 << 20, StackGo: 4 << 20, StackJS: 64 << 20,
		Input: 64 << 10, Output: 32 << 10, Log: 4 << 10, Module: 512 << 10, ModuleGo: 4 << 20, Script: 256 << 10, Types: 256,
		Pages: 64, PagesGo: 512, PagesJS: 256, Start: 250 * time.Millisecond}
}

func (l Limits) orDefault() Limits {
	d := DefaultLimits()
	fill(&l.Fuel, d.Fuel)
	fill(&l.InitFuel, d.InitFuel)
	fill(&l.Wall, d.Wall)
	fill(&l.Order, d.Order)
	fill(&l.Stack, d.Stack)
	fill(&l.StackGo, d.StackGo)
	fill(&l.StackJS, d.StackJS)
	fill(&l.Input, d.Input)
	fill(&l.Output, d.Output)
	fill(&l.Log, d.Log)
	fill(&l.Module, d.Module)
	fill(&l.ModuleGo, d.ModuleGo)
	fill(&l.Script, d.Script)
	fill(&l.Types, d.Types)
	fill(&l.Pages, d.Pages)
	fill(&l.PagesGo, d.PagesGo)
	fill(&l.PagesJS, d.PagesJS)
	fill(&l.Start, d.Start)
	return l
}

func fill[T comparable](dst *T, v T) {
	var zero T
	if *dst == zero {
		*dst = v
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

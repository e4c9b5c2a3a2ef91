package abi

import (
	"cmp"
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

// GoFuel is how many times the fuel Go modules have: their memory is too large for
// processors' own caches, so that a load costs them seven times as much. The clock is the same.
const GoFuel = 8

// JSFuel is the same for scripts: each step of the interpreter takes branches and loads
// that are priced for code that nobody knows, and take a third of that in the
// engine's. A turn of a loop that adds costs 2,400 fuel.
const JSFuel = 6

// DefaultLimits are those of docs/plugins.md.
func DefaultLimits() Limits {
	return Limits{Fuel: 20e6, InitFuel: 50e6, Wall: 25 * time.Millisecond, Order: 100 * time.Millisecond, Stack: 1 << 20, StackGo: 4 << 20, StackJS: 64 << 20,
		Input: 64 << 10, Output: 32 << 10, Log: 4 << 10, Module: 512 << 10, ModuleGo: 4 << 20, Script: 256 << 10, Types: 256,
		Pages: 64, PagesGo: 512, PagesJS: 256, Start: 250 * time.Millisecond}
}

// OrDefault are the limits with the default in each field that is zero.
func (l Limits) OrDefault() Limits {
	d := DefaultLimits()
	l.Fuel = cmp.Or(l.Fuel, d.Fuel)
	l.InitFuel = cmp.Or(l.InitFuel, d.InitFuel)
	l.Wall = cmp.Or(l.Wall, d.Wall)
	l.Order = cmp.Or(l.Order, d.Order)
	l.Stack = cmp.Or(l.Stack, d.Stack)
	l.StackGo = cmp.Or(l.StackGo, d.StackGo)
	l.StackJS = cmp.Or(l.StackJS, d.StackJS)
	l.Input = cmp.Or(l.Input, d.Input)
	l.Output = cmp.Or(l.Output, d.Output)
	l.Log = cmp.Or(l.Log, d.Log)
	l.Module = cmp.Or(l.Module, d.Module)
	l.ModuleGo = cmp.Or(l.ModuleGo, d.ModuleGo)
	l.Script = cmp.Or(l.Script, d.Script)
	l.Types = cmp.Or(l.Types, d.Types)
	l.Pages = cmp.Or(l.Pages, d.Pages)
	l.PagesGo = cmp.Or(l.PagesGo, d.PagesGo)
	l.PagesJS = cmp.Or(l.PagesJS, d.PagesJS)
	l.Start = cmp.Or(l.Start, d.Start)
	return l
}

package wasm

import (
	"fmt"
	"slices"
	"strings"
)

// Breach is one limit or rule that a module breaks.
type Breach struct {
	// Limit names it: a field of Limits in words ("body bytes"), a feature
	// ("threads"), "malformed", "invalid", "reserved name" and so on.
	Limit string
	// Func is the function it is in, imported ones counted; -1 for none.
	Func int
	// Name is that function's name, from the exports or the name section,
	// where that can be read; it is the author's text.
	Name string
	// Got and Max are set where the limit is a number.
	Got, Max uint64
	// Offset is the place in the file, in bytes.
	Offset int
	// Text says what is wrong and what to do.
	Text string
}

// Error is the breach in one line.
func (b Breach) Error() string {
	var s strings.Builder
	if b.Func >= 0 {
		fmt.Fprintf(&s, "function %d ", b.Func)
		if b.Name != "" {
			fmt.Fprintf(&s, "%q ", b.Name)
		}
	}
	fmt.Fprintf(&s, "at byte %d: %s", b.Offset, b.Limit)
	if b.Got > b.Max {
		fmt.Fprintf(&s, " %d, at most %d", b.Got, b.Max)
	}
	return s.String() + ": " + b.Text
}

// Breaches are all that could be told at once, at most 20.
type Breaches []Breach

const mostBreaches = 20

// Error has a line for each.
func (bs Breaches) Error() string {
	lines := make([]string, len(bs))
	for i, b := range bs {
		lines[i] = b.Error()
	}
	return strings.Join(lines, "\n")
}

// Has says whether a limit is among the broken ones.
func (bs Breaches) Has(limit string) bool {
	return slices.ContainsFunc(bs, func(b Breach) bool { return b.Limit == limit })
}

// remedies say what an author can do about a broken limit.
var remedies = map[string]string{
	"module bytes":     "build with optimisation for size and strip debug information (-s, wasm-opt -Oz)",
	"custom bytes":     "strip names and debug information (-s, --strip-debug)",
	"body bytes":       "split the function, or inline less (-Os)",
	"locals":           "split the function, or inline less (-Os)",
	"all locals":       "optimise for size (-Os, wasm-opt -Oz): it merges locals",
	"operands":         "split the expression",
	"nesting":          "split the function: its blocks are nested too deep",
	"loop nesting":     "split the function: its loops are nested too deep",
	"blocks":           "split the function, or inline less (-Os)",
	"branch work":      "split the functions that have most loops, branches and locals: what compiling takes grows with the square of their number",
	"branch targets":   "split the switch, or look the cases up in a table",
	"table":            "take the address of fewer functions",
	"functions":        "drop what is not called (--gc-sections, wasm-opt)",
	"types":            "use fewer different signatures, or ask the operator for more (plugins.types)",
	"params":           "pass a pointer to a struct instead",
	"results":          "return a pointer to a struct instead",
	"imports":          "import only ww_1 and what WASI needs",
	"exports":          "export only what the host calls (no --export-all)",
	"globals":          "keep data in memory instead of globals",
	"data segments":    "merge the data (wasm-opt --memory-packing)",
	"element segments": "merge the element segments (wasm-opt)",
	"name bytes":       "use shorter names",
	"memory pages":     "lower the initial memory (-z stack-size, --initial-memory)",

	"threads":            "build without atomics and shared memory",
	"exceptions":         "build without exceptions (-fno-exceptions, panic=abort)",
	"tail calls":         "build without -mtail-call",
	"SIMD":               "build without -msimd128",
	"GC":                 "build for linear memory",
	"multi-memory":       "use one memory",
	"memory64":           "build for wasm32",
	"reference types":    "build with -mno-reference-types; only calls through table 0 are let in",
	"extended constants": "build with -mno-extended-const and without relocation",
	"wide arithmetic":    "build without -mwide-arithmetic",
	"table mutation":     "fill the table by active element segments only",
	"data.drop":          "build without -mbulk-memory for passive data: a reset could not bring the segment back",
	"several tables":     "use one table",
	"passive elements":   "fill the table by active element segments only",
	"start":              "build a reactor (-mexec-model=reactor): its start runs as _initialize",
	"imported memory":    "define and export the memory",
	"imported table":     "define the table",
	"imported global":    "define the global; link statically",
	"reserved name":      "rename it: the prefix and the module belong to the host",
	"malformed":          "it is no WebAssembly module; build and upload it anew",
	"invalid":            "it does not type-check; validate it (wasm-validate)",

	"instrumented bytes":      "the code is nearly all calls and branches; inline more (-O2)",
	"instrumented body bytes": "the code is nearly all calls and branches; split the function",
}

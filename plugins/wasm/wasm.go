// Package wasm reads a merchant's WebAssembly module before any engine does,
// refuses what could hurt a daemon that compiles or runs it, and writes the
// module anew with fuel and stack counters injected into its code. It is a pure
// function of bytes: it knows no engine.
//
// The binary format and the validation algorithm are those of the WebAssembly
// Core Specification 2.0, sections 5 and 3, and its appendix.
package wasm

import "slices"

// ValType is the type of a value, by its byte in the binary format (5.3.1).
type ValType byte

// The number types. Vectors are refused, references exist in tables only.
const (
	I32 ValType = 0x7f
	I64 ValType = 0x7e
	F32 ValType = 0x7d
	F64 ValType = 0x7c

	funcref ValType = 0x70
	// unknown is a value on the stack of code that cannot be reached.
	unknown ValType = 0
)

// String is the type's name in the text format.
func (v ValType) String() string {
	switch v {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	case funcref:
		return "funcref"
	}
	return "unknown"
}

func (v ValType) number() bool { return v >= F64 && v <= I32 }

// FuncType is the type of a function.
type FuncType struct{ Params, Results []ValType }

// Is compares with a type written as two lists.
func (f FuncType) Is(params, results []ValType) bool {
	return slices.Equal(f.Params, params) && slices.Equal(f.Results, results)
}

// String is the type as in "(i32 i32) -> (i64)".
func (f FuncType) String() string { return list(f.Params) + " -> " + list(f.Results) }

func list(ts []ValType) string {
	s := "("
	for i, t := range ts {
		if i > 0 {
			s += " "
		}
		s += t.String()
	}
	return s + ")"
}

// Kind is what an import or export is.
type Kind byte

// The kinds, by their byte in the binary format (5.5.5).
const (
	KindFunc Kind = iota
	KindTable
	KindMemory
	KindGlobal
)

// Import is a function that the module asks its host for. Nothing else may be
// imported.
type Import struct {
	Module, Name string
	Type         FuncType
}

// Export is something that the module shows its host. Index counts within the
// kind, imported functions first.
type Export struct {
	Name  string
	Kind  Kind
	Index uint32
}

// Module is a module within the limits, and valid. It keeps the bytes that it
// was parsed from: they must not change.
type Module struct {
	b         []byte
	types     []FuncType
	imports   []imported // as they stand, all kinds
	importedF int        // functions of these
	importedG int
	funcs     []uint32 // type of every function, imported ones first
	table     *table
	memory    *memory
	globals   []global // imported ones first
	exports   []Export
	start     int // -1 none; refused outside of tests
	elements  []element
	dataCount int // -1 no such section
	code      []code
	sections  [13]span // contents of the known sections
}

type imported struct {
	module, name string
	kind         Kind
	desc         span // its description as bytes, with the kind
	typ          FuncType
}

type span struct{ from, to int }

type table struct {
	min      uint32
	imported bool
}

type memory struct {
	min, max uint32
	bounded  bool
	imported bool
}

type global struct {
	typ      ValType
	mutable  bool
	imported bool
}

// element is a segment of the table's contents; raw where its function indices
// do not stand as a plain list.
type element struct {
	offset span // constant expression with its end
	funcs  []uint32
	null   []bool // nil when none is null
}

// code is a function's body.
type code struct {
	locals   span // the declarations, with their count
	expr     span // the instructions, with the last end
	groups   uint32
	declared int // locals, parameters not counted
	operands int // greatest height of the operand stack
	values   int // bound of the values that live over a call, beyond locals
}

// Imports are the functions that the module asks for, in its order.
func (m *Module) Imports() []Import {
	out := make([]Import, 0, m.importedF)
	for _, im := range m.imports {
		if im.kind == KindFunc {
			out = append(out, Import{im.module, im.name, im.typ})
		}
	}
	return out
}

// Exports are what the module shows, in its order.
func (m *Module) Exports() []Export { return slices.Clone(m.exports) }

// Memory is the least and the greatest size of the memory in pages of 64 KiB;
// 0 and 0 without one, and 65,536 where the module sets no maximum.
func (m *Module) Memory() (least, most uint32) {
	if m.memory == nil {
		return 0, 0
	}
	return m.memory.min, m.memory.max
}

// ExportedFunc is the type of the function that is exported under a name.
func (m *Module) ExportedFunc(name string) (FuncType, bool) {
	for _, e := range m.exports {
		if e.Name == name && e.Kind == KindFunc {
			return m.funcType(e.Index), true
		}
	}
	return FuncType{}, false
}

// Functions is the number of functions, imported ones too.
func (m *Module) Functions() int { return len(m.funcs) }

func (m *Module) funcType(i uint32) FuncType { return m.types[m.funcs[i]] }

package wasm

// Limits are what a module may have, so that compiling and instantiating it
// stays cheap. A module that sits at every limit at once still has to pass the
// compiler's own limits of time and memory.
type Limits struct {
	ModuleBytes int // the whole file
	CustomBytes int // custom sections together: names and debug information
	BodyBytes   int // one function's code, with its locals
	Locals      int // of one function, its parameters not counted
	AllLocals   int // of all functions together
	Operands    int // greatest height of one function's operand stack

	Nesting       int // blocks in blocks
	LoopNesting   int // loops in loops
	Blocks        int // block, loop and if of one function
	BranchTargets int // entries of all of one function's br_tables
	// BranchWork is the sum over all functions of n*(n+40*locals), where n counts blocks, branches and, four times more, loops:
	// compiling takes some 5 ns for each.
	BranchWork int

	Table           int // elements of the table
	Functions       int // imported ones too
	Types           int
	Params, Results int // of one type
	Imports         int
	Exports         int
	Globals         int
	DataSegments    int
	ElementSegments int
	NameBytes       int // of one name of an import or export

	MemoryPages uint32 // least size of the memory, in pages of 64 KiB
}

// DefaultLimits are those of modules from C, Rust and AssemblyScript: 512 KiB,
// and 4 MiB of memory.
func DefaultLimits() Limits {
	return Limits{
		ModuleBytes: 512 << 10, CustomBytes: 512 << 10, BodyBytes: 64 << 10,
		Locals: 512, AllLocals: 64 << 10, Operands: 1024,
		Nesting: 1024, LoopNesting: 24, Blocks: 2048, BranchTargets: 2048, BranchWork: 40e6,
		Table: 8192, Functions: 8192, Types: 256, Params: 64, Results: 16,
		Imports: 64, Exports: 1024, Globals: 1024, DataSegments: 4096, ElementSegments: 256, NameBytes: 256,
		MemoryPages: 64,
	}
}

// GoLimits are those of modules from Go, whose runtime comes along: 4 MiB, and
// 32 MiB of memory.
func GoLimits() Limits {
	l := DefaultLimits()
	l.ModuleBytes, l.CustomBytes = 4<<20, 4<<20
	l.AllLocals, l.Functions = 256<<10, 16<<10
	l.BranchWork = 200e6       // its runtime alone has 108 million, 4 MiB of its standard library 150
	l.DataSegments = 128 << 10 // its linker writes one for each run of bytes that are not zero
	l.MemoryPages = 512
	return l
}

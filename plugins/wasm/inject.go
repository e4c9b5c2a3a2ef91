package wasm

import (
	"fmt"
	"slices"
	"strings"
)

// Config says how to inject. Its zero value is a working one.
type Config struct {
	// YieldModule and YieldName are the import that the code calls, a function
	// () -> (): "ww_fuel" and "yield" unless set.
	YieldModule, YieldName string
	// ExportPrefix begins the names of exports that are added: "ww:" unless set.
	ExportPrefix string
	// Slice is the fuel that an instance begins with, in units.
	Slice int64
	// MaxPages is the most that the memory may grow to, in pages of 64 KiB; 0
	// leaves the module's own.
	MaxPages uint32
	// Trusted code's loads cost what they cost in a small memory, however large its
	// own may grow: it is known not to chase pointers without doing much for each.
	Trusted bool
	// DepthLimit is the most stack in estimated bytes: 1 MiB unless set.
	DepthLimit int32
}

// Instrumented is a module with counters, without its custom sections.
//
// Its code takes units of fuel from the global Fuel, an i64, and calls yield when that is
// below zero: at the entry of a function, in each turn of a loop, after a call,
// before an operation on memory whose length is an operand, and in a line of code
// every few thousand fuel. yield refills the global or does not return. What was
// used is exact: refills plus the first filling, less what is left.
//
// Around a call it adds the caller's frame to the global Depth, an i32, and calls
// yield when that is over the limit as unsigned numbers: yield has to look at
// Depth first, and not to return in this case. A trap leaves Depth as it was at
// that moment; the host puts it back with all other globals.
type Instrumented struct {
	Bytes []byte
	// Fuel and Depth are the names of the exported counters.
	Fuel, Depth string
	// Globals are all mutable globals of the module itself, exported so that
	// the host can save and restore them.
	Globals []GlobalExport
	// MemoryExport is a name of the memory's export; "" without a memory.
	MemoryExport string
}

// GlobalExport is a mutable global and the name it is exported under.
type GlobalExport struct {
	Name string
	Type ValType
}

// Inject writes the module anew with fuel and depth counted. It fails, with
// Breaches, for names that the configuration reserves, for a memory that is
// greater than MaxPages from the start, and for code that is nearly all calls
// and branches: counters would make it many times larger, and compiling slow.
func (m *Module) Inject(c Config) (*Instrumented, error) {
	if c.YieldModule == "" {
		c.YieldModule = DefaultYieldModule
	}
	if c.YieldName == "" {
		c.YieldName = DefaultYieldName
	}
	if c.ExportPrefix == "" {
		c.ExportPrefix = DefaultExportPrefix
	}
	if c.DepthLimit <= 0 {
		c.DepthLimit = 1 << 20
	}
	if bs := m.clashes(c); len(bs) > 0 {
		return nil, bs
	}
	n := &injector{m: m, c: c, out: &Instrumented{
		Fuel:  c.ExportPrefix + "fuel",
		Depth: c.ExportPrefix + "depth",
	}}
	n.write()
	if most := 7*len(m.b) + 64<<10; len(n.b) > most {
		n.breaches = append(n.breaches, Breach{Limit: "instrumented bytes", Func: -1, Got: uint64(len(n.b)), Max: uint64(most), Text: remedies["instrumented bytes"]})
	}
	if len(n.breaches) > 0 {
		nameFunctions(m.b, m, n.breaches)
		return nil, n.breaches
	}
	return n.out, nil
}

// clashes are what the module has and the configuration wants for itself.
func (m *Module) clashes(c Config) (bs Breaches) {
	add := func(limit, what string) {
		if len(bs) < mostBreaches {
			bs = append(bs, Breach{Limit: limit, Func: -1, Text: what + "; " + remedies[limit]})
		}
	}
	for _, im := range m.imports {
		if im.module == c.YieldModule {
			add("reserved name", fmt.Sprintf("it imports %q %q", im.module, im.name))
		}
	}
	for _, e := range m.exports {
		if strings.HasPrefix(e.Name, c.ExportPrefix) {
			add("reserved name", fmt.Sprintf("it exports %q", e.Name))
		}
	}
	if m.memory != nil && c.MaxPages > 0 && m.memory.min > c.MaxPages {
		bs = append(bs, Breach{Limit: "memory pages", Func: -1, Got: uint64(m.memory.min), Max: uint64(c.MaxPages), Text: remedies["memory pages"]})
	}
	return bs
}

type injector struct {
	m     *Module
	c     Config
	out   *Instrumented
	b     []byte // the module so far
	s     []byte // the present section
	typ   uint32 // () -> ()
	bulk  uint32 // (i32 i32 i32) -> ()
	fuel  uint32
	depth uint32

	breaches Breaches
}

// end writes the section that was collected.
func (n *injector) end(id byte) {
	n.b = appendSection(n.b, id, n.s)
	n.s = n.s[:0]
}

// items appends what stands in a section behind its count.
func (n *injector) items(id int) {
	if sp := n.m.sections[id]; sp.to > sp.from {
		_, from := u32At(n.m.b, sp.from)
		n.s = append(n.s, n.m.b[from:sp.to]...)
	}
}

// keep copies a section as it stands.
func (n *injector) keep(id byte) {
	if sp := n.m.sections[id]; sp.to > sp.from {
		n.s = append(n.s, n.m.b[sp.from:sp.to]...)
		n.end(id)
	}
}

func (n *injector) write() {
	m := n.m
	n.b = append(make([]byte, 0, len(m.b)+len(m.b)/2+1024), m.b[:8]...)
	n.fuel = uint32(len(m.globals))
	n.depth = n.fuel + 1

	n.types()
	n.imports()
	n.functions()
	n.keep(sectionTable)
	if m.memory != nil && !m.memory.imported {
		n.s = append(n.s, 1)
		n.memory()
		n.end(sectionMemory)
	}
	n.s = appendU32(n.s, uint32(len(m.globals)-m.importedG+2))
	n.items(sectionGlobal)
	n.s = appendSigned(append(n.s, byte(I64), 1, opI64Const), n.c.Slice)
	n.s = append(n.s, opEnd, byte(I32), 1, opI32Const, 0, opEnd)
	n.end(sectionGlobal)
	n.exports()
	if m.start >= 0 {
		n.s = appendU32(n.s, n.shifted(uint32(m.start)))
		n.end(sectionStart)
	}
	n.elements()
	n.keep(sectionDataCount)
	n.code()
	n.keep(sectionData)
	n.out.Bytes = n.b
}

// types adds those of what is injected, where the module has none like them.
func (n *injector) types() {
	m, next := n.m, uint32(len(n.m.types))
	var more []byte
	index := func(t FuncType) uint32 {
		if i := slices.IndexFunc(m.types, func(own FuncType) bool { return own.Is(t.Params, t.Results) }); i >= 0 {
			return uint32(i)
		}
		more = append(appendU32(append(more, 0x60), uint32(len(t.Params))), valBytes(t.Params)...)
		more = append(more, 0)
		next++
		return next - 1
	}
	n.typ = index(FuncType{})
	if m.memory != nil {
		n.bulk = index(FuncType{Params: []ValType{I32, I32, I32}})
	}
	if len(more) == 0 {
		n.keep(sectionType)
		return
	}
	n.s = appendU32(n.s, next)
	n.items(sectionType)
	n.s = append(n.s, more...)
	n.end(sectionType)
}

func valBytes(ts []ValType) (b []byte) {
	for _, t := range ts {
		b = append(b, byte(t))
	}
	return b
}

// functions declares the module's and, behind them, those for bulk operations.
func (n *injector) functions() {
	if n.m.memory == nil {
		n.keep(sectionFunction)
		return
	}
	n.s = appendU32(n.s, uint32(len(n.m.code)+2))
	n.items(sectionFunction)
	n.s = appendU32(appendU32(n.s, n.bulk), n.bulk)
	n.end(sectionFunction)
}

// shifted is a function's index after the import was added as the last one.
func (n *injector) shifted(f uint32) uint32 {
	if f >= uint32(n.m.importedF) {
		f++
	}
	return f
}

// pages is how far the memory may grow.
func (n *injector) pages() uint32 {
	most := n.m.memory.max
	if n.c.MaxPages > 0 {
		most = min(most, n.c.MaxPages)
	}
	return most
}

func (n *injector) memory() {
	n.s = appendU32(append(n.s, 1), n.m.memory.min)
	n.s = appendU32(n.s, n.pages())
}

func (n *injector) imports() {
	m := n.m
	n.s = appendU32(n.s, uint32(len(m.imports)+1))
	for _, im := range m.imports {
		n.s = appendName(appendName(n.s, im.module), im.name)
		n.s = append(n.s, m.b[im.desc.from:im.desc.to]...)
	}
	n.s = appendName(appendName(n.s, n.c.YieldModule), n.c.YieldName)
	n.s = appendU32(append(n.s, byte(KindFunc)), n.typ)
	n.end(sectionImport)
}

func (n *injector) exports() {
	m := n.m
	all := slices.Clone(m.exports)
	all = append(all, Export{n.out.Fuel, KindGlobal, n.fuel}, Export{n.out.Depth, KindGlobal, n.depth})
	for i, g := range m.globals {
		if g.mutable && !g.imported {
			name := fmt.Sprintf("%sg%d", n.c.ExportPrefix, i)
			n.out.Globals = append(n.out.Globals, GlobalExport{name, g.typ})
			all = append(all, Export{name, KindGlobal, uint32(i)})
		}
	}
	if m.memory != nil {
		at := slices.IndexFunc(m.exports, func(e Export) bool { return e.Kind == KindMemory })
		if at < 0 {
			at = len(all)
			all = append(all, Export{n.c.ExportPrefix + "memory", KindMemory, 0})
		}
		n.out.MemoryExport = all[at].Name
	}
	n.s = appendU32(n.s, uint32(len(all)))
	for _, e := range all {
		n.s = append(appendName(n.s, e.Name), byte(e.Kind))
		if e.Kind == KindFunc {
			e.Index = n.shifted(e.Index)
		}
		n.s = appendU32(n.s, e.Index)
	}
	n.end(sectionExport)
}

// elements writes segments of plain functions in the first form, 5.5.12, and
// those with null as expressions.
func (n *injector) elements() {
	if len(n.m.elements) == 0 {
		return
	}
	n.s = appendU32(n.s, uint32(len(n.m.elements)))
	for _, e := range n.m.elements {
		flags := byte(0)
		if e.null != nil {
			flags = 4
		}
		n.s = append(append(n.s, flags), n.m.b[e.offset.from:e.offset.to]...)
		n.s = appendU32(n.s, uint32(len(e.funcs)))
		for i, f := range e.funcs {
			switch {
			case e.null == nil:
				n.s = appendU32(n.s, n.shifted(f))
			case e.null[i]:
				n.s = append(n.s, opRefNull, byte(funcref), opEnd)
			default:
				n.s = append(appendU32(append(n.s, opRefFunc), n.shifted(f)), opEnd)
			}
		}
	}
	n.end(sectionElement)
}

func (n *injector) code() {
	if len(n.m.code) == 0 && n.m.memory == nil {
		return
	}
	w := &writer{m: n.m, yield: uint32(n.m.importedF), fuel: n.fuel, depth: n.depth, limit: n.c.DepthLimit}
	count := len(n.m.code)
	if n.m.memory != nil {
		w.pages = n.pages()
		w.scan.load = loadCost(w.pages)
		if n.c.Trusted {
			w.scan.load = costLoad
		}
		w.copy = uint32(len(n.m.funcs) + 1)
		w.fill = w.copy + 1
		count += 2
	}
	n.s = appendU32(n.s, uint32(count))
	for i := range n.m.code {
		n.s = w.function(n.s, i)
		c := &n.m.code[i]
		if most := 7*(c.expr.to-c.locals.from) + 16<<10; len(w.body) > most && len(n.breaches) < mostBreaches {
			n.breaches = append(n.breaches, Breach{Limit: "instrumented body bytes", Func: n.m.importedF + i,
				Got: uint64(len(w.body)), Max: uint64(most), Offset: c.locals.from, Text: remedies["instrumented body bytes"]})
		}
	}
	if n.m.memory != nil {
		n.s = w.bulkFunction(n.s, opMisc, miscMemoryCopy, 0, 0)
		n.s = w.bulkFunction(n.s, opMisc, miscMemoryFill, 0)
	}
	n.end(sectionCode)
}

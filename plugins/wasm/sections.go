package wasm

import (
	"fmt"
	"strings"
)

func (p *parser) typeSection() {
	n := p.count("types", p.l.Types)
	p.m.types = make([]FuncType, 0, n)
	for range n {
		if !p.ok() || p.stopped() {
			return
		}
		p.steps++
		at := p.pos
		switch c := p.byte(); {
		case !p.ok():
		case c == 0x60:
		case c == 0x5f || c == 0x5e || c == 0x50 || c == 0x4f || c == 0x4e || c == 0x4d:
			p.breach("GC", at, "it has a type that is no function's")
			p.stop()
		default:
			p.fail("malformed type", at)
		}
		params := p.valTypes("params", p.l.Params)
		results := p.valTypes("results", p.l.Results)
		p.m.types = append(p.m.types, FuncType{params, results})
	}
}

func (p *fileReader) valTypes(limit string, most int) []ValType {
	n := p.count(limit, most)
	if n == 0 || !p.ok() {
		return nil
	}
	ts := make([]ValType, 0, n)
	for range n {
		p.steps++
		ts = append(ts, p.valType())
	}
	return ts
}

// valType reads the type of a value; what is no number stops the reading.
func (p *fileReader) valType() ValType {
	at := p.pos
	v := ValType(p.byte())
	if !p.ok() || v.number() {
		return v
	}
	if rule := refusedType(v); rule != "" {
		p.breach(rule, at, "it has values of such a type")
		p.stop()
	} else {
		p.fail("malformed value type", at)
	}
	return I32
}

// refusedType names the feature that a type of values belongs to.
func refusedType(v ValType) string {
	switch v {
	case 0x7b:
		return "SIMD"
	case funcref, 0x6f:
		return "reference types"
	case 0x69, 0x74:
		return "exceptions"
	case 0x63, 0x64, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x71, 0x72, 0x73, 0x77, 0x78:
		return "GC"
	}
	return ""
}

// shortName reads a name of an import or export.
func (p *parser) shortName() string {
	at := p.pos
	s := p.name()
	if len(s) > p.l.NameBytes {
		p.over("name bytes", at, len(s), p.l.NameBytes)
		return s[:0]
	}
	return s
}

func (p *parser) importSection() {
	n := p.count("imports", p.l.Imports)
	for range n {
		if !p.ok() || p.stopped() {
			return
		}
		p.steps++
		at := p.pos
		im := imported{module: p.shortName(), name: p.shortName()}
		if !p.may.reserved && (im.module == DefaultYieldModule || strings.HasPrefix(im.module, DefaultExportPrefix) || strings.HasPrefix(im.name, DefaultExportPrefix)) {
			p.breach("reserved name", at, fmt.Sprintf("it imports %q %q", im.module, im.name))
		}
		im.desc.from = p.pos
		kind := p.byte()
		im.kind = Kind(kind)
		switch {
		case !p.ok():
		case kind == 0:
			if t := p.typeIndex(); p.ok() && !p.stopped() {
				im.typ = p.m.types[t]
				p.m.funcs = append(p.m.funcs, t)
				p.m.importedF++
			}
		case kind == 1:
			p.foreign("imported table", at)
			p.tableType(true)
		case kind == 2:
			p.foreign("imported memory", at)
			p.memoryType(true)
		case kind == 3:
			p.foreign("imported global", at)
			if g := p.globalType(); p.ok() {
				g.imported = true
				p.m.globals = append(p.m.globals, g)
				p.m.importedG++
			}
		case kind == 4:
			p.breach("exceptions", at, "it imports a tag")
			p.stop()
		default:
			p.fail("malformed import kind", at)
		}
		im.desc.to = p.pos
		p.m.imports = append(p.m.imports, im)
	}
}

func (p *parser) foreign(rule string, at int) {
	if !p.may.imports {
		p.breach(rule, at, "only functions may be imported")
	}
}

func (p *parser) typeIndex() uint32 {
	at := p.pos
	t := p.u32()
	if p.ok() && uint64(t) >= uint64(len(p.m.types)) {
		p.invalid(at, "unknown type %d", t)
	}
	return t
}

func (p *parser) functionSection() {
	at := p.pos
	n := p.count("functions", p.l.Functions)
	if all := n + p.m.importedF; all > p.l.Functions {
		p.over("functions", at, all, p.l.Functions)
		p.stop()
		return
	}
	funcs := make([]uint32, p.m.importedF, p.m.importedF+n)
	copy(funcs, p.m.funcs)
	p.m.funcs = funcs
	for range n {
		if !p.ok() || p.stopped() {
			return
		}
		p.steps++
		p.m.funcs = append(p.m.funcs, p.typeIndex())
	}
}

func (p *parser) tableSection() {
	n := p.count("several tables", -1)
	for range n {
		if !p.ok() || p.stopped() {
			return
		}
		p.tableType(false)
	}
}

func (p *parser) tableType(foreign bool) {
	at := p.pos
	if t := ValType(p.byte()); p.ok() && t != funcref {
		if t == 0x40 || refusedType(t) != "" {
			p.breach("reference types", at, "its table holds no plain functions")
			p.stop()
		} else {
			p.fail("malformed reference type", at)
		}
		return
	}
	least, _, _ := p.sizes(false)
	if !p.ok() || p.stopped() {
		return
	}
	if p.m.table != nil {
		p.breach("several tables", at, "it has a second table")
		p.stop()
		return
	}
	if uint64(least) > uint64(p.l.Table) {
		p.over("table", at, int(least), p.l.Table)
	}
	p.m.table = &table{least, foreign}
}

// sizes reads limits, 5.3.7, of a table or a memory.
func (p *fileReader) sizes(pages bool) (least, most uint32, bounded bool) {
	at := p.pos
	flags := p.byte()
	switch {
	case !p.ok():
		return
	case flags > 7 || !pages && flags&2 != 0:
		p.fail("malformed limits flags", at)
		return
	case flags&4 != 0:
		p.breach("memory64", at, "it has 64-bit addresses")
	case flags&2 != 0:
		p.breach("threads", at, "its memory is shared")
	}
	if flags > 1 {
		p.stop()
		return
	}
	least, most = p.u32(), 1<<32-1
	if pages {
		most = 1 << 16
	}
	greatest := most
	if bounded = flags == 1; bounded {
		most = p.u32()
	}
	if p.ok() && (least > greatest || most > greatest) {
		p.invalid(at, "memory size must be at most 65536 pages (4GiB)")
	} else if p.ok() && least > most {
		p.invalid(at, "size minimum must not be greater than maximum")
	}
	return
}

func (p *parser) memorySection() {
	n := p.count("multi-memory", -1)
	for range n {
		if !p.ok() || p.stopped() {
			return
		}
		p.memoryType(false)
	}
}

func (p *parser) memoryType(foreign bool) {
	at := p.pos
	least, most, bounded := p.sizes(true)
	if !p.ok() || p.stopped() {
		return
	}
	if p.m.memory != nil {
		p.breach("multi-memory", at, "it has a second memory")
		p.stop()
		return
	}
	if least > p.l.MemoryPages {
		p.over("memory pages", at, int(least), int(p.l.MemoryPages))
	}
	p.m.memory = &memory{least, most, bounded, foreign}
}

func (p *fileReader) globalType() global {
	g := global{typ: p.valType()}
	at := p.pos
	m := p.byte()
	if p.ok() && m > 1 {
		p.fail("malformed mutability", at)
	}
	g.mutable = m == 1
	return g
}

func (p *parser) globalSection() {
	n := p.count("globals", p.l.Globals)
	for range n {
		if !p.ok() || p.stopped() {
			return
		}
		p.steps++
		g := p.globalType()
		if p.ok() && !p.stopped() {
			p.constant(g.typ)
		}
		p.m.globals = append(p.m.globals, g)
	}
}

func (p *parser) exportSection() {
	n := p.count("exports", p.l.Exports)
	p.m.exports = make([]Export, 0, n)
	seen := make(map[string]bool, n)
	for range n {
		if !p.ok() || p.stopped() {
			return
		}
		p.steps++
		at := p.pos
		long := len(p.breaches)
		e := Export{Name: p.shortName()}
		long = len(p.breaches) - long
		kind := p.byte()
		e.Kind, e.Index = Kind(kind), p.u32()
		if !p.ok() {
			return
		}
		if kind == 4 {
			p.breach("exceptions", at, "it exports a tag")
			p.stop()
			return
		}
		if kind > 3 {
			p.fail("malformed export kind", at)
			return
		}
		if uint64(e.Index) >= uint64(p.space(e.Kind)) {
			p.invalid(at, "export %q of what does not exist", e.Name)
			return
		}
		if long == 0 && seen[e.Name] {
			p.invalid(at, "duplicate export name %q", e.Name)
			return
		}
		if !p.may.reserved && strings.HasPrefix(e.Name, DefaultExportPrefix) {
			p.breach("reserved name", at, fmt.Sprintf("it exports %q", e.Name))
		}
		seen[e.Name] = true
		p.m.exports = append(p.m.exports, e)
	}
}

// space is the number of things of a kind.
func (p *parser) space(k Kind) int {
	switch {
	case k == KindFunc:
		return len(p.m.funcs)
	case k == KindGlobal:
		return len(p.m.globals)
	case k == KindTable && p.m.table != nil, k == KindMemory && p.m.memory != nil:
		return 1
	}
	return 0
}

func (p *parser) startSection() {
	at := p.pos
	f := p.u32()
	if !p.ok() {
		return
	}
	if uint64(f) >= uint64(len(p.m.funcs)) {
		p.invalid(at, "unknown function %d", f)
		return
	}
	if t := p.m.funcType(f); !t.Is(nil, nil) {
		p.invalid(at, "start function of type %s", t)
		return
	}
	if !p.may.start {
		p.breach("start", at, "code would run before the host can bound it")
	}
	p.m.start = int(f)
}

package wasm

import (
	"fmt"
	"strings"
)

// Names that belong to the host: a module that imports or exports them could
// meddle with its own fuel.
const (
	DefaultYieldModule  = "ww_fuel"
	DefaultYieldName    = "yield"
	DefaultExportPrefix = "ww:"
)

// allowances open rules for tests, so that the specification's own modules can
// be compared.
type allowances struct {
	imports  bool // of memories, tables and globals
	start    bool
	reserved bool // names: what the injector wrote is read back
}

// fileReader reads what stands outside of functions, and notes what is wrong there. Its
// work is linear in the bytes of the file: steps counts it, for tests.
type fileReader struct {
	reader
	breaches Breaches
	steps    int
	halted   bool
}

// parser reads one module, section by section.
type parser struct {
	fileReader
	l      Limits
	may    allowances
	m      *Module
	bodies int       // of the code section
	datas  int       // segments in the data section; -1 too many to read
	v      validator // its stacks are used again for every function
}

// Parse decodes and validates a module within limits. Its error is Breaches. It
// allocates for what is in the file, never for a number that the file names; it
// takes linear time and does not recurse.
func Parse(b []byte, l Limits) (*Module, error) {
	return newParser(b, l, allowances{}).parse()
}

func newParser(b []byte, l Limits, may allowances) *parser {
	return &parser{fileReader: fileReader{reader: reader{b: b}}, l: l, may: may, m: &Module{b: b, start: -1, dataCount: -1}}
}

func (p *parser) parse() (*Module, error) {
	if len(p.b) > p.l.ModuleBytes {
		p.over("module bytes", 0, len(p.b), p.l.ModuleBytes)
	} else {
		p.module()
	}
	if !p.ok() && !p.halted {
		p.breach("malformed", p.at, p.fault)
	}
	if len(p.breaches) > 0 {
		nameFunctions(p.b, p.m, p.breaches)
		return nil, p.breaches
	}
	return p.m, nil
}

// add notes a breach; beyond the twentieth they are dropped, and full says so.
func (p *fileReader) add(b Breach) {
	if len(p.breaches) < mostBreaches {
		p.breaches = append(p.breaches, b)
	}
}

func (p *fileReader) full() bool { return len(p.breaches) >= mostBreaches }

// breach notes a rule that is broken outside of functions.
func (p *fileReader) breach(rule string, at int, what string) {
	p.add(Breach{Limit: rule, Func: -1, Offset: at, Text: what + "; " + remedies[rule]})
}

// over notes a number that is too great, outside of functions.
func (p *fileReader) over(limit string, at, got, most int) {
	p.add(Breach{Limit: limit, Func: -1, Got: uint64(got), Max: uint64(most), Offset: at, Text: remedies[limit]})
}

// invalid ends the reading: what follows depends on what is wrong here.
func (p *fileReader) invalid(at int, format string, args ...any) {
	if p.ok() && !p.halted {
		p.breach("invalid", at, fmt.Sprintf(format, args...))
	}
	p.stop()
}

// stop ends the reading without a further word; what is read after it is void.
func (p *fileReader) stop() {
	p.pos = len(p.b)
	p.halted = true
}

func (p *fileReader) stopped() bool { return p.halted || p.full() }

// The sections' ids, 5.5.2, in the order of the file: the data count stands
// before the code.
const (
	sectionCustom = iota
	sectionType
	sectionImport
	sectionFunction
	sectionTable
	sectionMemory
	sectionGlobal
	sectionExport
	sectionStart
	sectionElement
	sectionCode
	sectionData
	sectionDataCount
)

// rank is a section's place in the file.
var rank = [13]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 10}

func (p *parser) module() {
	const header = "\x00asm\x01\x00\x00\x00"
	if !strings.HasPrefix(string(p.b[:min(len(p.b), 8)]), header) {
		p.fail("no WebAssembly 1 header", 0)
		return
	}
	p.pos = 8
	last, custom := 0, 0
	for p.ok() && p.left() > 0 && !p.stopped() {
		p.steps++
		at := p.pos
		id := p.byte()
		s := p.sub(p.u32())
		if !p.ok() {
			return
		}
		if id == sectionCustom {
			custom += len(s.b) - at
			if s.name(); !s.ok() {
				p.fail(s.fault, s.at)
			}
			continue
		}
		if id == 13 {
			p.breach("exceptions", at, "it has a tag section")
			return
		}
		if id > 13 {
			p.fail("malformed section id", at)
			return
		}
		if rank[id] <= last {
			p.fail("section out of order or twice", at)
			return
		}
		last = rank[id]
		p.m.sections[id] = span{s.pos, len(s.b)}
		p.section(id, s)
	}
	if custom > p.l.CustomBytes {
		p.over("custom bytes", 8, custom, p.l.CustomBytes)
	}
	if p.ok() && !p.stopped() {
		p.counts()
	}
}

// section reads one section in its own bounds.
func (p *parser) section(id byte, s reader) {
	whole := p.reader
	p.reader = s
	switch id {
	case sectionType:
		p.typeSection()
	case sectionImport:
		p.importSection()
	case sectionFunction:
		p.functionSection()
	case sectionTable:
		p.tableSection()
	case sectionMemory:
		p.memorySection()
	case sectionGlobal:
		p.globalSection()
	case sectionExport:
		p.exportSection()
	case sectionStart:
		p.startSection()
	case sectionElement:
		p.elementSection()
	case sectionDataCount:
		p.m.dataCount = int(p.u32())
	case sectionCode:
		p.codeSection()
	case sectionData:
		p.dataSection()
	}
	if p.ok() && p.left() > 0 && !p.stopped() {
		p.fail("section size mismatch", p.pos)
	}
	if p.ok() {
		p.reader = whole
	}
}

// counts are what two sections have to agree on.
func (p *parser) counts() {
	if p.bodies != len(p.m.funcs)-p.m.importedF {
		p.fail("function and code section have inconsistent lengths", len(p.b))
		return
	}
	if p.m.dataCount >= 0 && p.datas >= 0 && p.m.dataCount != p.datas {
		p.fail("data count and data section have inconsistent lengths", len(p.b))
	}
}

// count reads the length of a vector of which each item has at least one byte,
// and refuses more than a limit. A limit below zero is none.
func (p *fileReader) count(limit string, most int) int {
	at := p.pos
	n := p.u32()
	if most >= 0 && n > uint32(most) {
		p.over(limit, at, int(n), most)
		switch limit {
		case "exports", "element segments", "data segments":
			p.pos = len(p.b) // nothing depends on them: read on after the section
		default:
			p.stop()
		}
		return 0
	}
	if uint64(n) > uint64(p.left()) {
		p.fail("length out of bounds", at)
		return 0
	}
	return int(n)
}

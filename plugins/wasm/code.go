package wasm

import "fmt"

// codeSection validates the functions one by one. A function that breaks a rule
// is left there, and the next one is read: an author wants to hear of all.
func (p *parser) codeSection() {
	at := p.pos
	n := p.count("functions", -1)
	p.bodies = n
	if p.ok() && n != len(p.m.funcs)-p.m.importedF {
		p.fail("function and code section have inconsistent lengths", at)
		return
	}
	p.m.code = make([]code, 0, n)
	all, work := 0, 0
	for i := range n {
		if !p.ok() || p.stopped() {
			return
		}
		p.steps++
		at := p.pos
		size := p.u32()
		body := p.sub(size)
		if !p.ok() {
			return
		}
		v := &p.v
		v.begin(p, p.m.importedF+i, body)
		if size > uint32(max(p.l.BodyBytes, 0)) {
			v.over("body bytes", at, uint64(size), p.l.BodyBytes)
		} else {
			v.function()
		}
		if !v.ok() && !v.halted {
			v.broken("malformed", v.at, v.fault)
		}
		all += v.code.declared
		work += v.work()
		p.m.code = append(p.m.code, v.code)
	}
	if work > p.l.BranchWork {
		p.over("branch work", at, work, p.l.BranchWork)
	}
	if all > p.l.AllLocals {
		p.over("all locals", at, all, p.l.AllLocals)
	}
}

// bodyReader reads one function, and notes what is wrong there: the first breach ends it.
type bodyReader struct {
	reader
	file   *fileReader // which has the breaches
	fn     int
	halted bool // a breach was noted
}

// validator checks one function, with the algorithm of the specification's
// appendix: a stack of operand types and a stack of frames.
type validator struct {
	bodyReader
	p        *parser
	m        *Module
	typ      FuncType
	code     code
	locals   []ValType
	operands []ValType
	frames   []frame
	loops    int // now
	blocks   int // so far
	targets  int
	jumps    int // branches so far, each entry of a br_table one
	looped   int // loops so far
	sets     int // of locals, so far
	setsThen int // at the last call
	lowest   int // height of the operand stack since then
}

// work is what compiling the function takes beyond reading it: the compiler
// goes from each basic block up through those before it, so that it is the
// square of their number, and where ways meet each local may become a value of its
// own. A loop becomes several blocks: its fuel is looked at.
func (v *validator) work() int {
	const perLocal = 40 // measured: 200 ns for a block and local, where a pair of blocks takes 5
	n := v.blocks + 4*v.looped + v.jumps
	return n * (n + perLocal*len(v.locals))
}

// frame is a block that is open.
type frame struct {
	op             byte // opBlock, opLoop, opIf, opElse; opCall for the function
	dead           bool // what follows cannot be reached
	params, result []ValType
	height         int // of the operand stack under it
	sets           int // when it was opened
	branches       int // to its label
}

func (v *validator) begin(p *parser, fn int, body reader) {
	v.bodyReader = bodyReader{reader: body, file: &p.fileReader, fn: fn}
	v.p, v.m = p, p.m
	v.typ = p.m.funcType(uint32(fn))
	v.code = code{}
	v.locals, v.operands, v.frames = v.locals[:0], v.operands[:0], v.frames[:0]
	v.loops, v.blocks, v.targets, v.jumps, v.looped = 0, 0, 0, 0, 0
	v.sets, v.setsThen, v.lowest = 0, 0, 0
}

// over notes a number that is too great, and leaves the function.
func (v *bodyReader) over(limit string, at int, got uint64, most int) {
	v.note(Breach{Limit: limit, Got: got, Max: uint64(most), Offset: at, Text: remedies[limit]})
}

// broken notes a rule that is broken, and leaves the function.
func (v *bodyReader) broken(rule string, at int, what string) {
	v.note(Breach{Limit: rule, Offset: at, Text: what + "; " + remedies[rule]})
}

func (v *bodyReader) invalid(at int, format string, args ...any) {
	if v.ok() && !v.halted { // not for what was read beyond the end
		v.broken("invalid", at, fmt.Sprintf(format, args...))
	}
}

func (v *bodyReader) note(b Breach) {
	if !v.halted {
		b.Func = v.fn
		v.file.add(b)
	}
	v.halted = true
}

func (v *validator) function() {
	v.locals = append(v.locals, v.typ.Params...)
	v.code.locals.from = v.pos
	at := v.pos
	v.code.groups = v.u32()
	if uint64(v.code.groups) > uint64(v.left()) {
		v.fail("length out of bounds", at)
	}
	declared := uint64(0)
	for range v.code.groups {
		if !v.ok() || v.halted {
			return
		}
		v.p.steps++
		n := v.u32()
		t := v.valType()
		declared += uint64(n)
		if declared > uint64(v.p.l.Locals) {
			v.over("locals", at, declared, v.p.l.Locals)
			return
		}
		for range n {
			v.locals = append(v.locals, t)
		}
	}
	// A local takes two bytes of declaration at least once, but its count is
	// free: that work is bounded by the limit for each function.
	v.p.steps += int(declared)
	v.code.declared = int(declared)
	v.code.locals.to = v.pos
	v.code.expr.from = v.pos
	v.frames = append(v.frames, frame{op: opCall, result: v.typ.Results})
	for v.ok() && !v.halted && len(v.frames) > 0 {
		v.p.steps++
		v.instruction()
		if len(v.operands) > v.code.operands {
			v.code.operands = len(v.operands)
			if v.code.operands > v.p.l.Operands {
				v.over("operands", v.pos, uint64(v.code.operands), v.p.l.Operands)
			}
		}
	}
	v.code.expr.to = v.pos
	if v.ok() && !v.halted && v.left() > 0 {
		v.fail("instructions after the function's end", v.pos)
	}
}

func (v *bodyReader) valType() ValType {
	at := v.pos
	t := ValType(v.byte())
	if v.ok() && !t.number() {
		if rule := refusedType(t); rule != "" {
			v.broken(rule, at, "it has values of such a type")
		} else {
			v.fail("malformed value type", at)
		}
	}
	return t
}

// single are the lists of one type, so that no block needs an allocation.
var single = [4][]ValType{{F64}, {F32}, {I64}, {I32}}

func (v *validator) blockType() (params, results []ValType) {
	if v.left() == 0 {
		v.byte()
		return nil, nil
	}
	switch c := v.b[v.pos]; {
	case c == blockEmpty:
		v.pos++
		return nil, nil
	case ValType(c).number():
		v.pos++
		return nil, single[c-byte(F64)]
	case c&0xc0 == 0x40: // a negative number of one byte
		v.valType()
		return nil, nil
	}
	at := v.pos
	i := v.signed(33)
	if v.ok() && (i < 0 || i >= int64(len(v.m.types))) {
		v.invalid(at, "unknown type %d", i)
	}
	if !v.ok() || v.halted {
		return nil, nil
	}
	t := v.m.types[i]
	return t.Params, t.Results
}

package wasm

// constant reads a constant expression, 3.3.8, and says where it stands. Of
// globals only imported ones may be read, so in practice none.
func (p *parser) constant(want ValType) span {
	s := span{from: p.pos}
	at := p.pos
	got := unknown
	switch op := p.byte(); {
	case !p.ok():
		return s
	case op == opI32Const:
		p.signed(32)
		got = I32
	case op == opI64Const:
		p.signed(64)
		got = I64
	case op == opF32Const:
		p.skip(4)
		got = F32
	case op == opF64Const:
		p.skip(8)
		got = F64
	case op == opGlobalGet:
		g := p.u32()
		if p.ok() && (uint64(g) >= uint64(p.m.importedG) || p.m.globals[g].mutable) {
			p.invalid(at, "constant expression reads the global %d", g)
			return s
		}
		if p.ok() {
			got = p.m.globals[g].typ
		}
	case op == opRefNull || op == opRefFunc:
		p.breach("reference types", at, "a constant is a reference")
		p.stop()
	case op == opEnd:
		p.pos--
	case instructions[op].form == formNone && refused(op) == "":
		p.fail("illegal opcode", at)
	default:
		p.invalid(at, "constant expression required")
	}
	if !p.ok() || p.stopped() {
		return s
	}
	at = p.pos
	switch op := p.byte(); {
	case !p.ok():
	case op == opEnd:
		if got != want {
			p.invalid(s.from, "constant of type %s where %s is needed", got, want)
		}
	case op >= 0x41 && op <= 0x44 || op == opGlobalGet || op == 0x6a || op == 0x6b || op == 0x6c || op >= 0x7c && op <= 0x7e:
		p.breach("extended constants", at, "a constant expression has several instructions")
		p.stop()
	case instructions[op].form == formNone && refused(op) == "":
		p.fail("illegal opcode", at)
	default:
		p.invalid(at, "constant expression required")
	}
	s.to = p.pos
	return s
}

// elementSection reads 5.5.12 as far as it fills table 0 when the module is
// instantiated.
func (p *parser) elementSection() {
	n := p.count("element segments", p.l.ElementSegments)
	for range n {
		if !p.ok() || p.stopped() {
			return
		}
		p.steps++
		p.element()
	}
}

func (p *parser) element() {
	at := p.pos
	flags := p.u32()
	if !p.ok() {
		return
	}
	if flags > 7 {
		p.fail("malformed element segment kind", at)
		return
	}
	if flags&1 != 0 {
		p.breach("passive elements", at, "an element segment is not active")
		p.stop()
		return
	}
	index := uint32(0)
	if flags&2 != 0 {
		index = p.u32()
	}
	if p.ok() && (index != 0 || p.m.table == nil) {
		p.invalid(at, "unknown table %d", index)
		return
	}
	e := element{offset: p.constant(I32)}
	if flags&2 != 0 && p.ok() && !p.stopped() {
		at = p.pos
		kind := p.byte()
		switch {
		case !p.ok():
		case flags == 2 && kind != 0:
			p.fail("malformed element kind", at)
		case flags == 6 && kind != byte(funcref):
			p.breach("reference types", at, "an element segment holds no functions")
			p.stop()
		}
	}
	if !p.ok() || p.stopped() {
		return
	}
	count := p.count("", -1)
	if p.ok() {
		e.funcs = make([]uint32, 0, count)
	}
	for i := range count {
		p.steps++
		f, null := p.elementItem(flags&4 != 0)
		if !p.ok() || p.stopped() {
			return
		}
		if null && e.null == nil {
			e.null = make([]bool, count)
		}
		if null {
			e.null[i] = true
		}
		e.funcs = append(e.funcs, f)
	}
	p.m.elements = append(p.m.elements, e)
}

func (p *parser) elementItem(expression bool) (f uint32, null bool) {
	at := p.pos
	if expression {
		switch op := p.byte(); {
		case !p.ok():
			return
		case op == opRefNull:
			if t := p.byte(); p.ok() && t != byte(funcref) {
				p.breach("reference types", at, "an element is no function")
				p.stop()
			}
			null = true
		case op == opRefFunc:
			f = p.u32()
		default:
			p.breach("reference types", at, "an element is neither a function nor null")
			p.stop()
			return
		}
		if end := p.pos; p.ok() && p.byte() != opEnd && p.ok() {
			p.invalid(end, "constant expression required")
		}
	} else {
		f = p.u32()
	}
	if p.ok() && !null && uint64(f) >= uint64(len(p.m.funcs)) {
		p.invalid(at, "unknown function %d", f)
	}
	return f, null
}

func (p *parser) dataSection() {
	n := p.count("data segments", p.l.DataSegments)
	if p.datas = n; len(p.breaches) > 0 {
		p.datas = -1
	}
	for range n {
		if !p.ok() || p.stopped() {
			return
		}
		p.steps++
		at := p.pos
		flags := p.u32()
		if p.ok() && flags > 2 {
			p.fail("malformed data segment kind", at)
			return
		}
		index := uint32(0)
		if flags == 2 {
			index = p.u32()
		}
		if p.ok() && flags != 1 {
			if index != 0 || p.m.memory == nil {
				p.invalid(at, "unknown memory %d", index)
				return
			}
			p.constant(I32)
		}
		if p.ok() && !p.stopped() {
			p.skip(int(min(p.u32(), 1<<31-1)))
		}
	}
}

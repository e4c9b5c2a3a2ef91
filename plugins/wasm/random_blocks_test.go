package wasm

import "slices"

// The statements and blocks of random modules.

func (g *random) blockType(t FuncType) {
	switch {
	case len(t.Params) == 0 && len(t.Results) == 0 && g.one(2):
		g.emit(blockEmpty)
	case len(t.Params) == 0 && len(t.Results) == 1 && g.one(2):
		g.emit(byte(t.Results[0]))
	default:
		g.b = appendSigned(g.b, int64(g.typeIndex(t)))
	}
}

func (g *random) drops(n int) {
	for range n {
		g.emit(opDrop)
	}
}

// inside is a block's inside, with its parameters on the stack.
func (g *random) inside(t FuncType, depth int) {
	g.labels = append(g.labels, t.Results)
	if g.one(3) {
		g.drops(len(t.Params))
		g.statements(depth - 1)
	} else {
		g.statements(depth - 1)
		g.drops(len(t.Params))
	}
	g.exprs(t.Results, depth-1)
	if g.one(6) {
		g.op(opBr, 0)
		g.dead()
	}
	g.labels = g.labels[:len(g.labels)-1]
}

func (g *random) block(t FuncType, depth int) {
	g.exprs(t.Params, depth-1)
	g.emit(opBlock)
	g.blockType(t)
	g.inside(t, depth)
	g.emit(opEnd)
}

func (g *random) conditional(t FuncType, depth int) {
	g.exprs(t.Params, depth-1)
	g.expr(I32, depth-1)
	g.emit(opIf)
	g.blockType(t)
	g.inside(t, depth)
	if len(t.Params) > 0 || len(t.Results) > 0 || g.one(2) {
		g.emit(opElse)
		g.inside(t, depth)
	}
	g.emit(opEnd)
}

// loop runs a few times, with parameters that each turn hands on.
func (g *random) loop(depth int) {
	if g.loops >= len(g.counters) {
		return
	}
	c := int(g.counters[g.loops])
	params := g.list(2)
	g.exprs(params, depth-1) // in which there may be loops
	g.emit(opI32Const, byte(1+g.n(5)))
	g.op(opLocalSet, c)
	g.emit(opLoop)
	g.blockType(FuncType{params, params})
	g.loops++
	g.labels = append(g.labels, []ValType{unknown}) // only the counter goes back
	g.drops(len(params))
	g.statements(depth - 1)
	g.exprs(params, depth-1)
	g.op(opLocalGet, c)
	g.emit(opI32Const, 1, opI32Sub)
	g.op(opLocalTee, c)
	g.op(opBrIf, 0)
	g.labels = g.labels[:len(g.labels)-1]
	g.loops--
	g.emit(opEnd)
	g.drops(len(params))
}

// dead is code that cannot be reached, and is valid as such.
func (g *random) dead() {
	for range g.n(4) {
		switch g.n(6) {
		case 0:
			g.emit(opI32Add, opDrop)
		case 1:
			g.emit(opBlock, blockEmpty, opI32Const, 1, opBrIf, 0, opEnd)
		case 2:
			g.emit(opIf, blockEmpty, opElse, opUnreachable, opEnd)
		case 3:
			g.op(opBr, g.n(len(g.labels)))
		case 4:
			g.op(opCall, g.n(len(g.funcs)))
			g.emit(opUnreachable)
		case 5:
			g.emit(opSelect, opDrop, opLoop, blockEmpty, opBr, 0, opEnd)
		}
	}
	g.emit(opUnreachable)
}

// outward is a label that may be branched to, as a depth.
func (g *random) outward() int {
	d := g.n(len(g.labels))
	if slices.Contains(g.label(d), unknown) {
		return 0 // perhaps a loop: the caller looks again
	}
	return d
}

func (g *random) label(depth int) []ValType { return g.labels[len(g.labels)-1-depth] }

func (g *random) branch(depth int) {
	d := g.outward()
	ts := g.label(d)
	if slices.Contains(ts, unknown) {
		return
	}
	switch g.n(4) {
	case 0, 1:
		g.exprs(ts, depth-1)
		g.expr(I32, depth-1)
		g.op(opBrIf, d)
		g.drops(len(ts))
	case 2: // a switch, in a block of its own so that code goes on behind it
		g.emit(opBlock, blockEmpty)
		g.labels = append(g.labels, nil)
		g.expr(I32, depth-1)
		g.emit(opIf, blockEmpty)
		g.labels = append(g.labels, nil)
		g.exprs(ts, depth-1)
		g.expr(I32, depth-1)
		var fit []int
		for i := range g.labels {
			if slices.Equal(g.label(i), ts) {
				fit = append(fit, i)
			}
		}
		n := g.n(5)
		g.op(opBrTable, n)
		for range n + 1 {
			g.b = appendU32(g.b, uint32(fit[g.n(len(fit))]))
		}
		g.dead()
		g.labels = g.labels[:len(g.labels)-2]
		g.emit(opEnd, opEnd)
	case 3:
		g.expr(I32, depth-1)
		g.emit(opIf, blockEmpty)
		g.labels = append(g.labels, nil)
		g.exprs(g.labels[0], depth-1)
		g.emit(opReturn)
		g.dead()
		g.labels = g.labels[:len(g.labels)-1]
		g.emit(opEnd)
	}
}

func (g *random) statements(depth int) {
	for range 1 + g.n(4) {
		if g.budget <= 0 || depth <= 0 {
			return
		}
		g.statement(depth)
	}
}

func (g *random) statement(depth int) {
	g.budget--
	switch g.n(12) {
	case 0:
		if len(g.locals) > 0 {
			i := g.n(len(g.locals))
			g.expr(g.locals[i], depth)
			g.op(opLocalSet, i)
		}
	case 1:
		if len(g.globals) > 0 {
			i := g.n(len(g.globals))
			g.expr(g.globals[i], depth)
			g.op(opGlobalSet, i)
		}
	case 2, 3:
		op := byte(0x36 + g.n(9))
		d := instructions[op]
		g.address(depth - 1)
		g.expr(d.in, depth-1)
		g.emit(op, byte(g.n(int(d.align)+1)), byte(g.n(100)))
	case 4:
		g.block(FuncType{nil, nil}, depth)
	case 5, 6:
		g.loop(depth)
	case 7:
		g.conditional(FuncType{g.list(1), nil}, depth)
	case 8, 9:
		g.branch(depth)
	case 10:
		g.bulk(depth)
	case 11:
		t := g.any()
		g.callFor(t, depth)
		g.emit(opDrop)
	}
}

func (g *random) bulk(depth int) {
	small := func() {
		g.expr(I32, depth-1)
		g.emit(opI32Const, 0x3f, 0x71)
	}
	switch g.n(3) {
	case 0:
		g.address(depth - 1)
		g.expr(I32, depth-1)
		small()
		g.emit(opMisc, miscMemoryFill, 0)
	case 1:
		g.address(depth - 1)
		g.address(depth - 1)
		small()
		g.emit(opMisc, miscMemoryCopy, 0, 0)
	case 2:
		g.address(depth - 1)
		g.emit(opI32Const, byte(g.n(8)), opI32Const, byte(g.n(6)))
		g.emit(opMisc, miscMemoryInit, 1, 0)
	}
}

// callFor leaves a value of a type that perhaps comes from a call.
func (g *random) callFor(t ValType, depth int) {
	if g.calls == 0 || g.loops > 1 {
		g.constant(t)
		return
	}
	g.calls--
	last := len(g.funcs) - 1
	f := g.n(len(g.funcs))
	if f >= g.foreign && f <= g.fn {
		if f = g.fn + 1; f > last {
			g.constant(t)
			return
		}
	}
	c := g.funcs[f]
	g.exprs(c.Params, depth-1)
	if (f == last || f < g.foreign) && g.fn != last && g.one(2) {
		g.emit(opI32Const, byte(g.n(18)))
		g.op(opCallIndirect, g.typeIndex(c))
		g.emit(0)
	} else {
		g.op(opCall, f)
	}
	if len(c.Results) > 0 && c.Results[0] == t {
		g.drops(len(c.Results) - 1)
		return
	}
	g.drops(len(c.Results))
	g.constant(t)
}

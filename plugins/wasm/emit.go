package wasm

// How the output is written.

func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendSigned(b []byte, v int64) []byte {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func appendName(b []byte, s string) []byte {
	return append(appendU32(b, uint32(len(s))), s...)
}

func appendSection(b []byte, id byte, content []byte) []byte {
	return append(appendU32(append(b, id), uint32(len(content))), content...)
}

// writer writes functions with their counters.
type writer struct {
	m     *Module
	scan  scanner
	body  []byte // of the present function
	yield uint32 // the imported function
	copy  uint32 // injected functions
	fill  uint32
	fuel  uint32 // globals
	depth uint32
	limit int32     // of the depth
	pages uint32    // to which the memory may grow
	at    [4]uint32 // scratch locals
	frame int32     // the present function's cost in depth
}

// Costs of frames in bytes, an estimate of the compiler's: it keeps what is live
// over a call in slots of eight bytes, see values.go.
const (
	frameFixed = 32
	frameSlot  = 8
)

// entry is what entering a function costs: values are moved in and out, and its
// locals are zeroed. The function pays for the call too, so that little is left
// for the line that a call ends.
func entry(t FuncType, locals int) uint64 {
	return costEntry + half(len(t.Params)) + half(len(t.Results)) + uint64(len(t.Params)+locals)/8
}

// function appends a body and its length.
func (w *writer) function(out []byte, i int) []byte {
	m, c := w.m, w.m.code[i]
	t := m.funcType(uint32(m.importedF + i))
	w.scan.scan(m, c, t)
	w.frame = int32(min(frameFixed+frameSlot*(len(t.Params)+c.declared+c.operands+c.values), 1<<30))
	b := w.locals(w.body[:0], c, uint32(len(t.Params)+c.declared))
	pos := c.expr.from
	for _, e := range w.scan.edits {
		b = append(b, m.b[pos:e.pos]...)
		b = w.edit(b, e)
		pos = e.pos + e.size
	}
	b = append(b, m.b[pos:c.expr.to]...)
	w.body = b
	return append(appendU32(out, uint32(len(b))), b...)
}

// locals declares the function's own and those that counting needs, first being
// the first of these.
func (w *writer) locals(b []byte, c code, first uint32) []byte {
	_, groups := u32At(w.m.b, c.locals.from)
	var types []byte
	for i, t := range []ValType{I32, F32, F64, I64} {
		if w.scan.scratch[i] {
			w.at[i] = first + uint32(len(types))
			types = append(types, byte(t))
		}
	}
	b = appendU32(b, c.groups+uint32(len(types)))
	b = append(b, w.m.b[groups:c.locals.to]...)
	for _, t := range types {
		b = append(b, 1, t)
	}
	return b
}

// u32At reads a number that was read before, and says where it ends.
func u32At(b []byte, pos int) (uint32, int) {
	r := reader{b: b, pos: pos}
	return r.u32(), r.pos
}

func (w *writer) edit(b []byte, e edit) []byte {
	kept := w.m.b[e.pos : e.pos+e.size]
	switch e.kind {
	case editCharge:
		return w.charge(b, int(e.arg))
	case editCall:
		if e.arg < uint32(w.m.importedF) {
			return append(b, kept...) // the host's stack is not the guest's
		}
		b = w.deeper(b)
		b = w.op(b, opCall, e.arg+1)
		return w.shallower(b)
	case editCallIndirect:
		b = w.deeper(b)
		b = append(b, kept...)
		return w.shallower(b)
	case editGrow:
		// A size that cannot be had fails at once: only pages that may come
		// are paid for.
		n := w.at[scratchI32]
		b = w.op(b, opLocalTee, n)
		b = w.op(b, opGlobalGet, w.fuel)
		b = append(w.op(b, opLocalGet, n), opI64ExtendU)
		b = append(appendSigned(append(b, opI64Const), costGrownPage), opI64Mul)
		b = w.op(b, opLocalGet, n)
		b = append(appendSigned(append(b, opI32Const), int64(w.pages)), opI32LeU, opI64ExtendU, opI64Mul)
		b = append(appendSigned(append(b, opI64Const), costGrow), opI64Add)
		return append(w.pay(b), kept...)
	case editInit:
		b = w.op(b, opLocalTee, w.at[scratchI32])
		b = w.op(b, opGlobalGet, w.fuel)
		b = w.bytes(b, w.at[scratchI32])
		return append(w.pay(b), kept...)
	case editCopy:
		return w.op(b, opCall, w.copy)
	case editFill:
		return w.op(b, opCall, w.fill)
	case editCanonical:
		return w.canonical(b, ValType(e.arg))
	}
	return b // editDrop
}

// charge takes a segment's fuel.
func (w *writer) charge(b []byte, i int) []byte {
	g := &w.scan.segments[i]
	switch {
	case g.paidBy != i || g.cost == 0 && !g.check:
		return b
	case g.check:
		b = w.op(b, opGlobalGet, w.fuel)
		return w.pay(appendSigned(append(b, opI64Const), int64(g.cost)))
	}
	b = w.op(b, opGlobalGet, w.fuel)
	b = appendSigned(append(b, opI64Const), int64(g.cost))
	return w.op(append(b, opI64Sub), opGlobalSet, w.fuel)
}

// pay takes what lies on the stack, over the fuel, and calls the host when that
// is below zero then. What is left is kept in a local for the look at it: read back
// from the global it would wait for its own store.
func (w *writer) pay(b []byte) []byte {
	left := w.at[scratchI64]
	b = w.op(w.op(append(b, opI64Sub), opLocalTee, left), opGlobalSet, w.fuel)
	b = append(w.op(b, opLocalGet, left), opI64Const, 0, opI64LtS, opIf, blockEmpty)
	return append(w.op(b, opCall, w.yield), opEnd)
}

// bytes is what an operation on as many bytes as a local says costs.
func (w *writer) bytes(b []byte, local uint32) []byte {
	b = append(w.op(b, opLocalGet, local), opI64ExtendU)
	return append(appendSigned(append(b, opI64Const), costBulk), opI64Add)
}

func (w *writer) op(b []byte, op byte, arg uint32) []byte { return appendU32(append(b, op), arg) }

// deeper puts the caller's frame on the depth before a call, and calls the host
// when that is over the limit.
func (w *writer) deeper(b []byte) []byte {
	b = appendSigned(append(w.op(b, opGlobalGet, w.depth), opI32Const), int64(w.frame))
	b = w.op(append(b, opI32Add), opGlobalSet, w.depth)
	b = appendSigned(append(w.op(b, opGlobalGet, w.depth), opI32Const), int64(w.limit))
	b = append(b, opI32GtU, opIf, blockEmpty)
	return append(w.op(b, opCall, w.yield), opEnd)
}

func (w *writer) shallower(b []byte) []byte {
	b = appendSigned(append(w.op(b, opGlobalGet, w.depth), opI32Const), int64(w.frame))
	return w.op(append(b, opI32Sub), opGlobalSet, w.depth)
}

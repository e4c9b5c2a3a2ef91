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
	fuel  uint32 // globals
	depth uint32
	limit int32  // of the depth
	pages uint32 // to which the memory may grow
	local uint32 // scratch
	frame int32  // the present function's cost in depth
}

// Costs of frames in bytes, an estimate of the compiler's: it keeps what is live
// over a call in slots of eight bytes, see values.go.
const (
	frameFixed = 32
	frameSlot  = 8
)

// entry is what entering a function costs: its locals are zeroed.
func entry(params, locals int) uint64 { return uint64(params+locals)/8 + 1 }

// function appends a body and its length.
func (w *writer) function(out []byte, i int) []byte {
	m, c := w.m, w.m.code[i]
	params := len(m.funcType(uint32(m.importedF + i)).Params)
	w.scan.scan(m, c, entry(params, c.declared))
	w.local = uint32(params + c.declared)
	w.frame = int32(min(frameFixed+frameSlot*(params+c.declared+c.operands+c.values), 1<<30))
	b := w.body[:0]
	if w.scan.scratch {
		_, groups := u32At(m.b, c.locals.from)
		b = appendU32(b, c.groups+1)
		b = append(b, m.b[groups:c.locals.to]...)
		b = append(b, 1, byte(I32))
	} else {
		b = append(b, m.b[c.locals.from:c.locals.to]...)
	}
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

// u32At reads a number that was read before, and says where it ends.
func u32At(b []byte, pos int) (uint32, int) {
	r := reader{b: b, pos: pos}
	return r.u32(), r.pos
}

func (w *writer) edit(b []byte, e edit) []byte {
	kept := w.m.b[e.pos : e.pos+e.size]
	switch e.kind {
	case editCharge:
		g := &w.scan.segments[e.arg]
		if g.paidBy == int(e.arg) && g.cost > 0 {
			b = w.op(b, opGlobalGet, w.fuel)
			b = appendSigned(append(b, opI64Const), int64(g.cost))
			b = w.op(append(b, opI64Sub), opGlobalSet, w.fuel)
		}
		if g.check {
			b = w.check(b)
		}
	case editCall:
		if e.arg < uint32(w.m.importedF) {
			return append(b, kept...) // the host's stack is not the guest's
		}
		b = w.deeper(b)
		b = w.op(b, opCall, e.arg+1)
		b = w.shallower(b)
	case editCallIndirect:
		b = w.deeper(b)
		b = append(b, kept...)
		b = w.shallower(b)
	case editGrow:
		// A size that cannot be had fails at once: only pages that may come
		// are paid for.
		b = w.op(b, opLocalTee, w.local)
		b = w.op(b, opGlobalGet, w.fuel)
		b = append(w.op(b, opLocalGet, w.local), opI64ExtendU)
		b = append(appendSigned(append(b, opI64Const), costGrownPage), opI64Mul)
		b = w.op(b, opLocalGet, w.local)
		b = append(appendSigned(append(b, opI32Const), int64(w.pages)), opI32LeU, opI64ExtendU, opI64Mul)
		b = append(appendSigned(append(b, opI64Const), costGrow), opI64Add, opI64Sub)
		b = w.check(w.op(b, opGlobalSet, w.fuel))
		b = append(b, kept...)
	case editBulk:
		b = w.op(b, opLocalTee, w.local)
		b = w.op(b, opGlobalGet, w.fuel)
		b = append(w.op(b, opLocalGet, w.local), opI32Const, 2, opI32ShrU, opI64ExtendU)
		b = append(appendSigned(append(b, opI64Const), costBulk), opI64Add, opI64Sub)
		b = w.check(w.op(b, opGlobalSet, w.fuel))
		b = append(b, kept...)
	case editDrop:
	}
	return b
}

func (w *writer) op(b []byte, op byte, arg uint32) []byte { return appendU32(append(b, op), arg) }

// check calls the host when the fuel is below zero.
func (w *writer) check(b []byte) []byte {
	b = append(w.op(b, opGlobalGet, w.fuel), opI64Const, 0, opI64LtS, opIf, blockEmpty)
	return append(w.op(b, opCall, w.yield), opEnd)
}

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

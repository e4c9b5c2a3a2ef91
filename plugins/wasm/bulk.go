package wasm

// memory.copy and memory.fill are calls of two functions that the injector adds.
// They take the fuel, and do what is long in pieces: no single instruction then
// runs for milliseconds in which nobody can stop it.

// piece is how many bytes are moved at once.
const piece = 64 << 10

// The locals of both functions.
const (
	bulkTo   = iota
	bulkFrom // or the value
	bulkSize
	bulkLeft // of the fuel
)

// bulkFunction is the body of one, with its length. op are the opcode and what
// follows it.
func (w *writer) bulkFunction(out []byte, op ...byte) []byte {
	copies := len(op) == 4
	b := append(w.body[:0], 1, 1, byte(I64))
	w.at[scratchI64] = bulkLeft
	get := func(i uint32) { b = w.op(b, opLocalGet, i) }
	number := func(n int64) { b = appendSigned(append(b, opI32Const), n) }
	move := func(i uint32, op byte) { // a local by a piece
		get(i)
		number(piece)
		b = w.op(append(b, op), opLocalSet, i)
	}
	whole := func() {
		get(bulkTo)
		get(bulkFrom)
		get(bulkSize)
		b = append(b, op...)
	}
	one := func() { // piece, whose operands lie on the stack but for its size
		number(piece)
		b = append(b, op...)
	}
	b = append(b, opBlock, blockEmpty)
	get(bulkSize)
	number(piece)
	b = append(b, opI32LeU, opBrIf, 0)
	// What does not fit into the memory traps as a whole.
	outside := func(i uint32) {
		get(i)
		b = append(b, opI64ExtendU)
		get(bulkSize)
		b = append(b, opI64ExtendU, opI64Add, opMemorySize, 0, opI64ExtendU, opI64Const, 16, opI64Shl, opI64GtU, opBrIf, 0)
	}
	outside(bulkTo)
	if copies {
		outside(bulkFrom)
	}
	b = append(b, opLoop, blockEmpty)
	b = w.op(b, opGlobalGet, w.fuel)
	b = w.pay(appendSigned(append(b, opI64Const), costBulk+piece))
	if copies { // backwards where the ends overlap
		get(bulkTo)
		get(bulkFrom)
		b = append(b, opI32GtU, opIf, blockEmpty)
		move(bulkSize, opI32Sub)
		for _, i := range []uint32{bulkTo, bulkFrom} {
			get(i)
			get(bulkSize)
			b = append(b, opI32Add)
		}
		one()
		b = append(b, opElse)
	}
	get(bulkTo)
	get(bulkFrom)
	one()
	move(bulkTo, opI32Add)
	if copies {
		move(bulkFrom, opI32Add)
	}
	move(bulkSize, opI32Sub)
	if copies {
		b = append(b, opEnd)
	}
	get(bulkSize)
	number(piece)
	b = append(b, opI32GtU, opBrIf, 0, opEnd, opEnd)
	b = w.op(b, opGlobalGet, w.fuel)
	b = w.bytes(b, bulkSize)
	b = w.pay(b)
	whole()
	b = append(b, opEnd)
	w.body = b
	return append(appendU32(out, uint32(len(b))), b...)
}

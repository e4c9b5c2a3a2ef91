package wasm

// What a calculation gives that has no number as its result is a NaN, and which
// of the many NaNs is the processor's choice, the compiler's and the
// interpreter's. A guest can look: it stores the value and reads its bits, or
// copies its sign. So every instruction that calculates with floats is followed
// by a few that put the one usual NaN in the place of any other. That is what
// the specification lets an engine choose (4.3.3), so that a correct module sees
// nothing that it might not have seen anyway.
//
// What only moves bits is left alone: loads, stores, constants, locals, select,
// reinterpretations, abs, neg and copysign are the same everywhere, and have to
// keep a NaN that came from elsewhere. And where the next instruction calculates
// with the value or compares it, the value is seen by nobody else.

// calculates reports whether an instruction's result may be a NaN of any bits.
func calculates(op byte) bool {
	switch {
	case op >= 0x8d && op <= 0x97, op >= 0x9b && op <= 0xa5: // ceil to max
		return true
	}
	return op == 0xb6 || op == 0xbb // demote, promote
}

// blind reports whether an instruction takes the float on top of the stack, and
// nothing of its result tells one NaN from another.
func blind(op byte) bool {
	switch {
	case op >= 0x5b && op <= 0x66: // comparisons
		return true
	case op >= 0xa8 && op <= 0xab, op >= 0xae && op <= 0xb1: // truncations
		return true
	}
	return calculates(op)
}

func (s *scanner) canonical(op byte) {
	if !calculates(op) || s.pos < len(s.b) && blind(s.b[s.pos]) {
		return
	}
	t := instructions[op].out
	i := scratchF64
	if t == F32 {
		i = scratchF32
	}
	s.scratch[i] = true
	s.edits = append(s.edits, edit{pos: s.pos, kind: editCanonical, arg: uint32(t)})
}

// canonical puts the usual NaN in the place of any other on top of the stack.
func (w *writer) canonical(b []byte, t ValType) []byte {
	i, equal := w.at[scratchF64], byte(opF64Eq)
	if t == F32 {
		i, equal = w.at[scratchF32], opF32Eq
	}
	b = w.op(b, opLocalTee, i)
	if t == F32 {
		b = append(b, opF32Const, 0, 0, 0xc0, 0x7f)
	} else {
		b = append(b, opF64Const, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f)
	}
	b = w.op(b, opLocalGet, i)
	b = w.op(b, opLocalGet, i)
	return append(b, equal, opSelect)
}

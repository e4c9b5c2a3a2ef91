package wasm

// A compiler in SSA form makes a value of each assignment to a local, and one
// more wherever ways meet on which it was assigned; wazero's keeps each value
// that lives over a call in a slot of its own. A function of few locals can so
// have a frame of megabytes. What follows is an upper bound of such values by
// counting, for the depth that a call costs.

// crosses is a call, with its parameters off the stack: what was assigned or
// pushed since the last one may live over it.
func (v *validator) crosses() {
	if v.halted || v.frames[len(v.frames)-1].dead {
		return
	}
	v.code.values += min(v.sets-v.setsThen, len(v.locals)) + max(len(v.operands)-v.lowest, 0)
	v.setsThen, v.lowest = v.sets, len(v.operands)
}

// merge is the end of a block: ways meet here, or at a loop's head.
func (v *validator) merge(f *frame) {
	ways := f.branches
	if f.op == opLoop || !f.dead {
		ways++
	}
	if f.op == opIf || f.op == opElse {
		ways++ // the other arm
	}
	if ways > 1 {
		v.code.values += min(v.sets-f.sets, len(v.locals)) + len(f.result) + len(f.params)
	}
}

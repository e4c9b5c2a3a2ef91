package wasm

func (v *validator) push(t ValType) { v.operands = append(v.operands, t) }

func (v *validator) pushAll(ts []ValType) {
	v.p.steps += len(ts)
	v.operands = append(v.operands, ts...)
}

// pop takes an operand of a type, or of any when want is unknown.
func (v *validator) pop(want ValType) ValType {
	f := &v.frames[len(v.frames)-1]
	if len(v.operands) == f.height {
		if !f.dead {
			v.invalid(v.pos, "type mismatch: an operand is missing, of type %s", want)
		}
		return unknown
	}
	t := v.operands[len(v.operands)-1]
	v.operands = v.operands[:len(v.operands)-1]
	v.lowest = min(v.lowest, len(v.operands))
	if t != want && t != unknown && want != unknown {
		v.invalid(v.pos, "type mismatch: %s where %s is needed", t, want)
	}
	return t
}

func (v *validator) popAll(ts []ValType) {
	v.p.steps += len(ts)
	for i := len(ts) - 1; i >= 0 && !v.halted; i-- {
		v.pop(ts[i])
	}
}

// open enters a block whose parameters lie on the stack.
func (v *validator) open(op byte, params, results []ValType) {
	v.frames = append(v.frames, frame{op: op, params: params, result: results, height: len(v.operands), sets: v.sets})
	v.pushAll(params)
}

func (v *validator) enter(op byte, at int) {
	params, results := v.blockType()
	if op == opIf {
		v.pop(I32)
	}
	v.popAll(params)
	if !v.ok() || v.halted {
		return
	}
	l := &v.p.l
	if op == opLoop {
		v.loops++
		v.looped++
	}
	v.blocks++
	switch {
	case v.blocks > l.Blocks:
		v.over("blocks", at, uint64(v.blocks), l.Blocks)
	case len(v.frames) > l.Nesting:
		v.over("nesting", at, uint64(len(v.frames)), l.Nesting)
	case v.loops > l.LoopNesting:
		v.over("loop nesting", at, uint64(v.loops), l.LoopNesting)
	default:
		v.open(op, params, results)
	}
}

// leave closes the innermost block.
func (v *validator) leave() (frame, bool) {
	f := v.frames[len(v.frames)-1]
	v.popAll(f.result)
	if len(v.operands) != f.height {
		v.invalid(v.pos, "type mismatch: values are left at the end of a block")
	}
	if !v.ok() || v.halted {
		return f, false
	}
	v.frames = v.frames[:len(v.frames)-1]
	if f.op == opLoop {
		v.loops--
	}
	v.merge(&f)
	return f, true
}

// label is what a branch to a depth carries.
func (v *validator) label(depth uint32, at int) []ValType {
	if uint64(depth) >= uint64(len(v.frames)) {
		v.invalid(at, "unknown label %d", depth)
		return nil
	}
	v.jumps++
	f := &v.frames[len(v.frames)-1-int(depth)]
	if !v.frames[len(v.frames)-1].dead {
		f.branches++
	}
	if f.op == opLoop {
		return f.params
	}
	return f.result
}

func (v *validator) unreachable() {
	if v.halted {
		return
	}
	f := &v.frames[len(v.frames)-1]
	v.operands = v.operands[:f.height]
	f.dead = true
}

func (v *validator) instruction() {
	at := v.pos
	op := v.byte()
	if !v.ok() {
		return
	}
	switch d := &instructions[op]; d.form {
	case formNumeric:
		v.pop(d.in)
		if d.takes == 2 {
			v.pop(d.in)
		}
		v.push(d.out)
	case formLoad:
		v.memarg(d.align, at)
		v.pop(I32)
		v.push(d.out)
	case formStore:
		v.memarg(d.align, at)
		v.pop(d.in)
		v.pop(I32)
	case formOther:
		if op <= opCallIndirect {
			v.control(op, at)
		} else {
			v.other(op, at)
		}
	default:
		if rule := refused(op); rule != "" {
			v.broken(rule, at, "it uses an instruction of it")
		} else {
			v.fail("illegal opcode", at)
		}
	}
}

func (v *validator) control(op byte, at int) {
	switch op {
	case opNop:
	case opUnreachable:
		v.unreachable()
	case opBlock, opLoop, opIf:
		v.enter(op, at)
	case opElse:
		if v.frames[len(v.frames)-1].op != opIf {
			v.fail("else without if", at)
			return
		}
		if f, ok := v.leave(); ok {
			v.open(opElse, f.params, f.result)
		}
	case opEnd:
		f, ok := v.leave()
		if !ok {
			return
		}
		if f.op == opIf && !(FuncType{f.params, f.result}).Is(f.result, f.params) {
			v.invalid(at, "type mismatch: an if without else changes the stack")
			return
		}
		v.pushAll(f.result)
	case opBr:
		v.popAll(v.label(v.u32(), at))
		v.unreachable()
	case opBrIf:
		ts := v.label(v.u32(), at)
		v.pop(I32)
		v.popAll(ts)
		v.pushAll(ts)
	case opBrTable:
		v.branchTable(at)
	case opReturn:
		v.popAll(v.frames[0].result)
		v.unreachable()
	case opCall:
		f := v.u32()
		if v.ok() && uint64(f) >= uint64(len(v.m.funcs)) {
			v.invalid(at, "unknown function %d", f)
		}
		if v.ok() && !v.halted {
			v.apply(v.m.funcType(f))
		}
	case opCallIndirect:
		t := v.u32()
		tableAt := v.pos
		if table := v.u32(); v.ok() && table != 0 {
			v.broken("reference types", tableAt, "it calls through another table")
			return
		}
		if v.ok() && v.m.table == nil {
			v.invalid(at, "unknown table 0")
		}
		if v.ok() && uint64(t) >= uint64(len(v.m.types)) {
			v.invalid(at, "unknown type %d", t)
		}
		v.pop(I32)
		if v.ok() && !v.halted {
			v.apply(v.m.types[t])
		}
	}
}

func (v *validator) apply(t FuncType) {
	v.popAll(t.Params)
	v.crosses()
	v.pushAll(t.Results)
}

func (v *validator) branchTable(at int) {
	n := v.u32()
	if !v.ok() {
		return
	}
	v.targets += int(min(n, 1<<30))
	if v.targets > v.p.l.BranchTargets {
		v.over("branch targets", at, uint64(v.targets), v.p.l.BranchTargets)
		return
	}
	if uint64(n) >= uint64(v.left()) {
		v.fail("length out of bounds", at)
		return
	}
	v.pop(I32)
	first := v.pos
	arity := -1
	for range n + 1 {
		ts := v.label(v.u32(), at)
		v.p.steps++
		if !v.ok() || v.halted {
			return
		}
		if arity >= 0 && arity != len(ts) {
			v.invalid(first, "type mismatch: labels of br_table take different numbers of values")
			return
		}
		arity = len(ts)
		v.carries(ts)
		if v.halted {
			return
		}
	}
	v.unreachable()
}

// carries checks that the topmost operands fit a label, and leaves them as they
// are: in dead code they stay unknown.
func (v *validator) carries(ts []ValType) {
	v.p.steps += len(ts)
	f := &v.frames[len(v.frames)-1]
	for i := 1; i <= len(ts); i++ {
		at := len(v.operands) - i
		if at < f.height {
			if !f.dead {
				v.invalid(v.pos, "type mismatch: an operand is missing")
			}
			return
		}
		if got, want := v.operands[at], ts[len(ts)-i]; got != want && got != unknown {
			v.invalid(v.pos, "type mismatch: %s where %s is needed", got, want)
			return
		}
	}
}

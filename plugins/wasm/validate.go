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

func (v *validator) memarg(align byte, at int) {
	a := v.u32()
	if v.ok() && a >= 32 {
		if a&^0x40 < 32 {
			v.broken("multi-memory", at, "it names a memory")
		} else {
			v.fail("malformed memop flags", at)
		}
		return
	}
	v.u32()
	v.needMemory(at)
	if v.ok() && a > uint32(align) {
		v.invalid(at, "alignment must not be larger than natural")
	}
}

func (v *validator) needMemory(at int) {
	if v.ok() && v.m.memory == nil {
		v.invalid(at, "unknown memory 0")
	}
}

// zero reads the byte where a memory's index is reserved.
func (v *validator) zero() {
	at := v.pos
	if c := v.byte(); v.ok() && c != 0 {
		v.broken("multi-memory", at, "zero byte expected where a memory is named")
	}
}

func (v *validator) other(op byte, at int) {
	switch op {
	case opDrop:
		v.pop(unknown)
	case opSelect:
		v.pop(I32)
		a := v.pop(unknown)
		b := v.pop(a)
		if a == unknown {
			a = b
		}
		v.push(a)
	case opSelectT:
		n := v.u32()
		if v.ok() && n != 1 {
			v.invalid(at, "invalid result arity")
		}
		if !v.ok() || v.halted {
			return
		}
		t := v.valType()
		v.pop(I32)
		v.pop(t)
		v.pop(t)
		v.push(t)
	case opLocalGet, opLocalSet, opLocalTee:
		i := v.u32()
		if v.ok() && uint64(i) >= uint64(len(v.locals)) {
			v.invalid(at, "unknown local %d", i)
		}
		if !v.ok() || v.halted {
			return
		}
		if op != opLocalGet {
			v.sets++
			v.pop(v.locals[i])
		}
		if op != opLocalSet {
			v.push(v.locals[i])
		}
	case opGlobalGet, opGlobalSet:
		i := v.u32()
		if v.ok() && uint64(i) >= uint64(len(v.m.globals)) {
			v.invalid(at, "unknown global %d", i)
		}
		if !v.ok() || v.halted {
			return
		}
		g := v.m.globals[i]
		if op == opGlobalGet {
			v.push(g.typ)
			return
		}
		if !g.mutable {
			v.invalid(at, "global %d is immutable", i)
		}
		v.pop(g.typ)
	case opMemorySize, opMemoryGrow:
		v.zero()
		v.needMemory(at)
		if op == opMemoryGrow {
			v.pop(I32)
		}
		v.push(I32)
	case opI32Const:
		v.signed(32)
		v.push(I32)
	case opI64Const:
		v.signed(64)
		v.push(I64)
	case opF32Const:
		v.skip(4)
		v.push(F32)
	case opF64Const:
		v.skip(8)
		v.push(F64)
	case opMisc:
		v.misc(at)
	}
}

func (v *validator) misc(at int) {
	op := v.u32()
	if !v.ok() {
		return
	}
	switch {
	case op < 8:
		d := &truncations[op]
		v.pop(d.in)
		v.push(d.out)
		return
	case op == miscMemoryInit:
		i := v.u32()
		if v.ok() && v.m.dataCount < 0 {
			v.fail("data count section required", at)
		}
		if v.ok() && uint64(i) >= uint64(v.m.dataCount) {
			v.invalid(at, "unknown data segment %d", i)
		}
		v.zero()
	case op == miscMemoryCopy:
		v.zero()
		v.zero()
	case op == miscMemoryFill:
		v.zero()
	default:
		if rule := refusedMisc(op); rule != "" {
			v.broken(rule, at, "it uses an instruction of it")
		} else {
			v.fail("illegal opcode", at)
		}
		return
	}
	v.needMemory(at)
	v.pop(I32)
	v.pop(I32)
	v.pop(I32)
}

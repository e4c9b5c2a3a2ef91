package wasm

// The instructions that are no control flow.

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
func (v *bodyReader) zero() {
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

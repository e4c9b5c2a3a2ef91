package wasm

// bulk reads an instruction on memory whose cost depends on an operand, or a
// conversion.
func (s *scanner) bulk(at int) {
	from := s.pos
	kind := editInit
	switch op := s.u32(); op {
	case miscMemoryInit:
		s.scratch[scratchI32] = true
	case miscMemoryCopy:
		kind = editCopy
	case miscMemoryFill:
		kind = editFill
	default:
		s.charge(costTruncate - 1)
		return
	}
	s.pos = from
	s.misc()
	s.edits = append(s.edits, edit{at, kind, 0, s.pos - at})
}

// loads charges for a load, which was read up to its immediates.
func (s *scanner) loads(at int) {
	s.u32() // the alignment
	if s.touched.load(at, s.u32()) {
		s.charge(costLoadBeside)
	} else {
		s.charge(s.load)
	}
}

// misc passes what follows the prefix 0xfc.
func (s *scanner) misc() {
	switch s.u32() {
	case miscMemoryInit:
		s.u32()
		s.skip(1)
	case miscMemoryCopy:
		s.skip(2)
	case miscMemoryFill:
		s.skip(1)
	}
}

// blockType passes a block's type and says how many values go in and come out.
func (s *scanner) blockType() (params, results int) {
	c := s.b[s.pos]
	switch i := s.signed(33); {
	case c == blockEmpty:
		return 0, 0
	case i < 0:
		return 0, 1
	default:
		t := s.m.types[i]
		return len(t.Params), len(t.Results)
	}
}

// immediates passes what follows an opcode.
func (s *scanner) immediates(op byte) {
	switch op {
	case opBlock, opLoop, opIf:
		s.signed(33)
	case opBr, opBrIf, opCall, opLocalGet, opLocalSet, opLocalTee, opGlobalGet, opGlobalSet:
		s.u32()
	case opCallIndirect, opSelectT:
		s.u32()
		s.u32()
	case opBrTable:
		for range s.u32() + 1 {
			s.u32()
		}
	case opMemorySize, opMemoryGrow:
		s.skip(1)
	case opI32Const:
		s.signed(32)
	case opI64Const:
		s.signed(64)
	case opF32Const:
		s.skip(4)
	case opF64Const:
		s.skip(8)
	case opMisc:
		s.misc()
	default:
		if f := instructions[op].form; f == formLoad || f == formStore {
			s.u32()
			s.u32()
		}
	}
}

package wasm

// The charge for a straight line of code is taken where the line begins. Lines
// are short, though, and a charge costs four instructions, so that a short line
// is paid for by the line that always runs before it: what follows a br_if by
// the line before it, an arm of an if by the line with the if, what follows a
// block's end by the line that opened the block. The price is that code which
// is jumped over may be paid for as well, by no more than mostAhead in one
// charge. Fuel is an upper bound of the work done, and the same on every run.
const mostAhead = 24

// edit is a place in a function's code where something is written instead of,
// or before, what stands there.
type edit struct {
	pos  int // in the file
	kind editKind
	arg  uint32 // a segment, a function, or where to go on reading
	size int    // bytes that it replaces
}

type editKind byte

const (
	editCharge       editKind = iota // before pos; arg is the segment
	editCall                         // arg is the function
	editCallIndirect                 // kept, between changes of the depth
	editGrow                         // kept, after a charge by its operand
	editBulk                         // the same
	editDrop                         // size bytes that cannot be reached
)

// segment is a straight line of code.
type segment struct {
	cost   uint64
	ahead  uint64 // of the cost, what is paid for later segments
	parent int    // always runs before; -1 none
	paidBy int    // the segment that pays for this one: itself, or an earlier one
	check  bool   // the fuel is looked at
}

// scanner finds the segments and edits of one function, which is valid.
type scanner struct {
	reader
	m        *Module
	edits    []edit
	segments []segment
	blocks   []openBlock
	now      int  // the segment
	dead     bool // nothing gets here
	deadFrom int
	nested   int // blocks opened in dead code
	scratch  bool
}

type openBlock struct {
	op       byte
	segment  int  // that it was opened in
	targeted bool // by a branch
}

func (s *scanner) scan(m *Module, c code, entry uint64) {
	*s = scanner{
		reader: reader{b: m.b[:c.expr.to], pos: c.expr.from}, m: m,
		edits: s.edits[:0], segments: s.segments[:0], blocks: s.blocks[:0],
	}
	s.segment(-1, true)
	s.segments[0].cost = entry
	s.blocks = append(s.blocks, openBlock{op: opCall})
	for len(s.blocks) > 0 && s.ok() {
		if s.dead {
			s.skipDead()
		} else {
			s.instruction()
		}
	}
}

// segment begins one here.
func (s *scanner) segment(parent int, check bool) {
	s.now = len(s.segments)
	s.segments = append(s.segments, segment{parent: parent, paidBy: s.now, check: check})
	s.edits = append(s.edits, edit{pos: s.pos, kind: editCharge, arg: uint32(s.now)})
}

// payer is the segment that pays for one. Paths are short, for each segment is
// given to one that pays for itself.
func (s *scanner) payer(i int) int {
	root := i
	for s.segments[root].paidBy != root {
		root = s.segments[root].paidBy
	}
	for s.segments[i].paidBy != root {
		s.segments[i].paidBy, i = root, s.segments[i].paidBy
	}
	return root
}

// close ends the present segment: if it is cheap, an earlier one pays.
func (s *scanner) close() {
	g := &s.segments[s.now]
	if g.check || g.paidBy != s.now {
		return
	}
	p := &s.segments[s.payer(g.parent)]
	if p.ahead+g.cost <= mostAhead {
		p.cost += g.cost
		p.ahead += g.cost
		g.paidBy = s.payer(g.parent)
	}
}

func (s *scanner) charge(c uint64) { s.segments[s.now].cost += c }

func (s *scanner) die() {
	s.close()
	s.dead, s.deadFrom, s.nested = true, s.pos, 0
}

// skipDead passes one instruction that cannot be reached; the whole run of them
// is left out, which is valid since nothing then lies on the stack.
func (s *scanner) skipDead() {
	at := s.pos
	op := s.byte()
	switch op {
	case opBlock, opLoop, opIf:
		s.nested++
	case opElse, opEnd:
		if s.nested == 0 {
			if at > s.deadFrom {
				s.edits = append(s.edits, edit{pos: s.deadFrom, kind: editDrop, size: at - s.deadFrom})
			}
			s.dead = false
			s.boundary(op)
			return
		}
		if op == opEnd {
			s.nested--
		}
		return
	}
	s.immediates(op)
}

func (s *scanner) target(depth uint32) {
	s.blocks[len(s.blocks)-1-int(depth)].targeted = true
}

// boundary is an else or end that was just read.
func (s *scanner) boundary(op byte) {
	top := &s.blocks[len(s.blocks)-1]
	if op == opElse {
		top.op = opElse
		s.segment(top.segment, false)
		return
	}
	b := *top
	s.blocks = s.blocks[:len(s.blocks)-1]
	if len(s.blocks) > 0 {
		s.segment(b.segment, false)
	}
}

func (s *scanner) instruction() {
	at := s.pos
	op := s.byte()
	s.charge(uint64(instructions[op].cost))
	switch op {
	case opBlock:
		s.immediates(op)
		s.blocks = append(s.blocks, openBlock{op: op, segment: s.now})
	case opLoop:
		s.immediates(op)
		s.blocks = append(s.blocks, openBlock{op: op, segment: s.now})
		s.close()
		s.segment(-1, true)
	case opIf:
		s.immediates(op)
		s.blocks = append(s.blocks, openBlock{op: op, segment: s.now})
		s.close()
		s.segment(s.now, false)
	case opElse:
		s.close()
		s.boundary(op)
	case opEnd:
		if top := s.blocks[len(s.blocks)-1]; top.op == opBlock && !top.targeted {
			// Only a straight line leads out of it.
			s.blocks = s.blocks[:len(s.blocks)-1]
			return
		}
		s.close()
		s.boundary(op)
	case opBr:
		s.target(s.u32())
		s.die()
	case opBrIf:
		s.target(s.u32())
		s.close()
		s.segment(s.now, false)
	case opBrTable:
		for range s.u32() + 1 {
			s.target(s.u32())
		}
		s.die()
	case opReturn, opUnreachable:
		s.die()
	case opCall:
		f := s.u32()
		s.edits = append(s.edits, edit{at, editCall, f, s.pos - at})
	case opCallIndirect:
		s.immediates(op)
		s.edits = append(s.edits, edit{at, editCallIndirect, 0, s.pos - at})
	case opMemoryGrow:
		s.immediates(op)
		s.scratch = true
		s.edits = append(s.edits, edit{at, editGrow, 0, s.pos - at})
	case opMisc:
		if s.misc() {
			s.scratch = true
			s.edits = append(s.edits, edit{at, editBulk, 0, s.pos - at})
		}
	default:
		s.immediates(op)
	}
}

// misc reads what follows the prefix 0xfc, and says whether its cost depends on
// an operand.
func (s *scanner) misc() bool {
	switch op := s.u32(); op {
	case miscMemoryInit:
		s.u32()
		s.skip(1)
	case miscMemoryCopy:
		s.skip(2)
	case miscMemoryFill:
		s.skip(1)
	default:
		s.charge(costTruncate - 1)
		return false
	}
	return true
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

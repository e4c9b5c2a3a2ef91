package wasm

// The charge for a straight line of code is taken where the line begins. Lines
// are short, though, and a charge costs four instructions, so that a short line
// is paid for by the line that always runs before it: what follows a br_if by
// the line before it, an arm of an if by the line with the if, what follows a
// block's end by the line that opened the block. The price is that code which
// is jumped over may be paid for as well, by no more than mostAhead in one
// charge. Fuel is an upper bound of the work done, and the same on every run.
//
// Whether there is fuel left is looked at when a function is entered, in each
// turn of a loop, after a call, and on every way through code after mostBetween
// at the latest. What follows a call is paid for after it: else a guest could
// pay for a whole stack of callers on the way down, and then run on the way up
// without being looked at. Only as little as mostAfterCall is paid before.
const (
	mostAhead     = 24
	mostAfterCall = 8
	mostBetween   = 2000
)

// edit is a place in a function's code where something is written instead of,
// or before, what stands there.
type edit struct {
	pos  int // in the file
	kind editKind
	arg  uint32 // a segment, a function, a type, or where to go on reading
	size int    // bytes that it replaces
}

type editKind byte

const (
	editCharge       editKind = iota // before pos; arg is the segment
	editCall                         // arg is the function
	editCallIndirect                 // kept, between changes of the depth
	editGrow                         // kept, after a charge by its operand
	editInit                         // the same
	editCopy                         // the injected function instead
	editFill                         // the same
	editCanonical                    // a NaN on the stack, of the type arg, is made the usual one
	editDrop                         // size bytes that cannot be reached
)

// segment is a straight line of code.
type segment struct {
	cost      uint64
	ahead     uint64 // of the cost, what is paid for later segments
	aheadCall uint64 // of the cost, what is paid for what follows a call
	parent    int    // always runs before; -1 none
	paidBy    int    // the segment that pays for this one: itself, or an earlier one
	check     bool   // the fuel is looked at, where it pays for itself
	afterCall bool   // right after one: its check may go with its charge
	early     bool   // what it follows is paid for before a call
}

// scanner finds the segments and edits of one function, which is valid.
type scanner struct {
	reader
	m        *Module
	edits    []edit
	segments []segment
	blocks   []openBlock
	locals   int
	now      int    // the segment
	since    uint64 // the most that any way to here costs since the fuel was looked at
	sets     int    // of locals, so far
	calls    int    // so far
	dead     bool   // nothing gets here
	deadFrom int
	nested   int // blocks opened in dead code
	scratch  [4]bool
	load     uint64 // what a load costs
	touched  touched
}

// The locals that a function may need beside its own.
const (
	scratchI32 = iota
	scratchF32
	scratchF64
	scratchI64
)

type openBlock struct {
	op       byte
	segment  int    // that it was opened in
	turn     int    // of a loop: the segment of each turn
	arity    int    // values that a branch to it carries
	targeted bool   // by a branch
	since    uint64 // the most of all branches to it
	opened   uint64 // since, where it was opened
	sets     int    // when it was opened
	calls    int
}

func (s *scanner) scan(m *Module, c code, t FuncType) {
	*s = scanner{
		reader: reader{b: m.b[:c.expr.to], pos: c.expr.from}, m: m, locals: len(t.Params) + c.declared,
		load: s.load, edits: s.edits[:0], segments: s.segments[:0], blocks: s.blocks[:0],
	}
	s.scratch[scratchI64] = true
	s.segment(-1, true)
	s.charge(entry(t, c.declared))
	s.blocks = append(s.blocks, openBlock{op: opCall, arity: len(t.Results)})
	for len(s.blocks) > 0 && s.ok() {
		if s.dead {
			s.skipDead()
			continue
		}
		s.instruction()
		if s.segments[s.now].cost > mostBetween && !s.dead && len(s.blocks) > 0 {
			s.close()
			s.segment(-1, true)
		}
	}
}

// segment begins one here.
func (s *scanner) segment(parent int, check bool) {
	if s.since > mostBetween {
		check = true
	}
	if check {
		s.since = 0
	}
	s.now = len(s.segments)
	g := segment{parent: parent, paidBy: s.now, check: check}
	if parent >= 0 {
		p := &s.segments[parent]
		g.early = (p.afterCall || p.early) && p.paidBy != parent
	}
	s.segments = append(s.segments, g)
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
	if g.parent < 0 || g.paidBy != s.now || g.check && !g.afterCall {
		return
	}
	at := s.payer(g.parent)
	p := &s.segments[at]
	if g.afterCall || g.early {
		if p.aheadCall+g.cost > mostAfterCall {
			return
		}
		p.aheadCall += g.cost
	}
	if p.ahead+g.cost <= mostAhead {
		p.cost += g.cost
		p.ahead += g.cost
		g.paidBy = at
	}
}

func (s *scanner) charge(c uint64) {
	s.segments[s.now].cost += c
	s.since += c
}

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
			s.since = 0
			s.boundary(op)
			s.dead = false
			return
		}
		if op == opEnd {
			s.nested--
		}
		return
	}
	s.immediates(op)
}

// target is a branch to a block. It moves the values that the label carries.
func (s *scanner) target(depth uint32) {
	b := &s.blocks[len(s.blocks)-1-int(depth)]
	b.targeted = true
	b.since = max(b.since, s.since)
}

func (s *scanner) carried(depth uint32) uint64 {
	return half(s.blocks[len(s.blocks)-1-int(depth)].arity)
}

func half(n int) uint64 { return uint64(n+1) / 2 }

// open enters a block, whose opcode was charged for.
func (s *scanner) open(op byte) {
	params, results := s.blockType()
	b := openBlock{op: op, segment: s.now, arity: results, sets: s.sets, calls: s.calls}
	if op == opLoop {
		b.arity = params
	}
	s.charge(half(params) + half(results))
	b.opened = s.since
	s.blocks = append(s.blocks, b)
}

// boundary is an else or end that was just read.
func (s *scanner) boundary(op byte) {
	s.touched.forget()
	top := &s.blocks[len(s.blocks)-1]
	if op == opElse {
		top.op = opElse
		top.since = max(top.since, s.since) // of the first arm
		s.since = top.opened
		s.segment(top.segment, false)
		return
	}
	b := *top
	s.blocks = s.blocks[:len(s.blocks)-1]
	if len(s.blocks) == 0 {
		return
	}
	s.since = max(s.since, b.since)
	if b.op == opIf { // without an else
		s.since = max(s.since, b.opened)
	}
	parent := b.segment
	if s.calls != b.calls {
		parent = -1 // it would be paid for before a call
	}
	s.segment(parent, false)
	if b.op != opLoop {
		s.charge(s.merge(&b))
	} else if b.targeted {
		s.segments[b.turn].cost += s.merge(&b) // each turn
	}
}

// merge is what it costs where ways meet: each local that was assigned on one of
// them since the block began has to be found in one place.
func (s *scanner) merge(b *openBlock) uint64 { return uint64(min(s.sets-b.sets, s.locals)) / 8 }

func (s *scanner) instruction() {
	at := s.pos
	op := s.byte()
	if instructions[op].form == formLoad {
		s.loads(at)
		return
	}
	s.charge(uint64(instructions[op].cost))
	switch op {
	case opBlock:
		s.open(op)
	case opLoop:
		s.open(op)
		s.close()
		s.touched.forget()
		s.segment(-1, true)
		s.charge(costTurn)
		s.blocks[len(s.blocks)-1].turn = s.now
	case opIf:
		s.open(op)
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
		depth := s.u32()
		s.charge(s.carried(depth))
		s.target(depth)
		s.die()
	case opBrIf:
		depth := s.u32()
		s.charge(s.carried(depth))
		s.target(depth)
		s.close()
		s.segment(s.now, false)
	case opBrTable:
		s.branchTable()
	case opReturn:
		s.charge(s.carried(uint32(len(s.blocks) - 1)))
		s.die()
	case opUnreachable:
		s.die()
	case opCall, opCallIndirect:
		s.call(op, at)
	case opLocalGet:
		s.touched.base(s.u32(), s.pos)
	case opLocalSet, opLocalTee:
		s.sets++
		x := s.u32()
		s.touched.set(x)
		if op == opLocalTee {
			s.touched.base(x, s.pos)
		}
	case opMemoryGrow:
		s.immediates(op)
		s.scratch[scratchI32] = true
		s.edits = append(s.edits, edit{at, editGrow, 0, s.pos - at})
	case opMisc:
		s.bulk(at)
	default:
		s.immediates(op)
		s.canonical(op)
	}
}

func (s *scanner) branchTable() {
	again := s.reader
	most := uint64(0)
	for range s.u32() + 1 {
		most = max(most, s.carried(s.u32()))
	}
	s.charge(most)
	for range again.u32() + 1 {
		s.target(again.u32())
	}
	s.die()
}

// call ends the line unless the host is called, which takes its fuel itself.
func (s *scanner) call(op byte, at int) {
	i := s.u32()
	if op == opCallIndirect {
		s.u32() // the table
		s.edits = append(s.edits, edit{at, editCallIndirect, 0, s.pos - at})
	} else {
		s.edits = append(s.edits, edit{at, editCall, i, s.pos - at})
		if i < uint32(s.m.importedF) {
			return
		}
	}
	s.calls++
	s.touched.forget()
	s.close()
	s.segment(s.now, true)
	s.segments[s.now].afterCall = true
}

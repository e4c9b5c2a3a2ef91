package wasm

// A leaf function calls nothing. One that is also short, has no loop and is only
// called by name is paid for by its callers, as if its code stood in theirs: its own counters, the
// look at the fuel when it is entered and after it, and the count of the stack around
// its call took as long as what such functions do, and compilers write many of
// them. Its callers pay for all of its lines, also for those that are jumped over,
// hence the bound.

const (
	leafCost  = 400  // the most that one may cost, in units: eight loads, or a hundred plain instructions
	leafFrame = 1024 // the most stack that one may take beyond the depth's limit, in estimated bytes
	leafBytes = 256  // a longer body is not looked at: it would cost more
)

// leaves finds the module's short leaf functions, and gives what a call of each costs,
// by index without the imported ones; 0 for all others.
func (w *writer) leaves() []uint64 {
	m := w.m
	out := make([]uint64, len(m.code))
	elsewhere := m.calledElsewhere()
	for i, c := range m.code {
		if c.expr.to-c.expr.from > leafBytes || elsewhere[i] || w.frameOf(i) > leafFrame {
			continue
		}
		w.scan.scan(m, c, m.funcType(uint32(m.importedF+i)))
		out[i] = w.scan.asLeaf()
	}
	return out
}

// calledElsewhere are the functions that something else than a call instruction can
// run: the host, the table, the start.
func (m *Module) calledElsewhere() []bool {
	out := make([]bool, len(m.code))
	mark := func(f int) {
		if f >= m.importedF {
			out[f-m.importedF] = true
		}
	}
	for _, e := range m.exports {
		if e.Kind == KindFunc {
			mark(int(e.Index))
		}
	}
	for _, e := range m.elements {
		for i, f := range e.funcs {
			if e.null == nil || !e.null[i] {
				mark(int(f))
			}
		}
	}
	if m.start >= 0 {
		mark(m.start)
	}
	return out
}

// asLeaf is what all lines of the function that was scanned cost together, where it
// is a short leaf; else 0.
func (s *scanner) asLeaf() uint64 {
	for _, e := range s.edits {
		switch e.kind {
		case editCharge, editCanonical, editDrop:
		default:
			return 0
		}
	}
	all := uint64(0)
	for i, g := range s.segments {
		if g.paidBy == i {
			all += g.cost
		}
	}
	if s.loops > 0 || all > leafCost {
		return 0
	}
	return all
}

package wasm

import "testing"

// TestLoadsBesideOthers: a load is cheap only where every way to it has paid for one from beside
// it, of the same address.
func TestLoadsBesideOthers(t *testing.T) {
	load := func(local byte, offset byte) []byte {
		return cat([]byte{opLocalGet, local, 0x28, 2}, u32(uint32(offset)), []byte{opDrop})
	}
	a, b := load(0, 0), load(1, 0)
	block := func(op byte, code ...byte) []byte { return cat([]byte{op, blockEmpty}, code, []byte{opEnd}) }
	when := []byte{opLocalGet, 1} // a condition that is never so
	for name, c := range map[string]struct {
		code []byte
		full int64 // of the loads that are run
	}{
		"one":                    {a, 1},
		"twice":                  {cat(a, a), 1},
		"fields":                 {cat(a, load(0, 4), load(0, 8), load(0, 32)), 1},
		"too far":                {cat(a, load(0, 33)), 2},
		"before it":              {cat(load(0, 40), load(0, 8)), 1},
		"not by way of others":   {cat(a, load(0, 32), load(0, 64)), 2},
		"another address":        {cat(a, b), 2},
		"of no local":            {cat(a, []byte{opI32Const, 0, 0x28, 2, 0, opDrop}), 2},
		"calculated":             {cat(a, []byte{opLocalGet, 0, opI32Const, 8, opI32Add, 0x28, 2, 0, opDrop}), 2},
		"what was loaded":        {[]byte{opLocalGet, 0, 0x28, 2, 0, 0x28, 2, 0, opDrop}, 2},
		"a chase":                {times(3, opLocalGet, 0, 0x28, 2, 0, opLocalSet, 0), 3},
		"set":                    {cat(a, []byte{opLocalGet, 1, opLocalSet, 0}, a), 2},
		"another is set":         {cat(a, []byte{opI32Const, 0, opLocalSet, 1}, a), 1},
		"tee":                    {cat(a, []byte{opLocalGet, 1, opLocalTee, 0, 0x28, 2, 0, opDrop}, a), 2},
		"in a block":             {cat(a, block(opBlock, a...), a), 1},
		"behind a branch":        {cat(a, block(opBlock, cat(when, []byte{opBrIf, 0}, a)...)), 1},
		"where ways meet":        {block(opBlock, cat(when, []byte{opBrIf, 0}, a)...), 1},
		"behind where ways meet": {cat(block(opBlock, cat(when, []byte{opBrIf, 0}, a)...), a), 2},
		"in an arm":              {cat(a, []byte{opLocalGet, 2}, block(opIf, a...)), 1},
		"behind an arm":          {cat(when, block(opIf, a...), a), 1},
		"in the other arm":       {cat(when, []byte{opIf, blockEmpty}, a, []byte{opElse}, a, []byte{opEnd}), 1},
		"a turn":                 {cat(a, block(opLoop, a...)), 2},
		"behind a loop":          {cat(block(opLoop, a...), a), 2},
		"behind a call":          {cat(a, []byte{opCall, 1}, a), 2},
		"behind what is dead":    {cat(block(opBlock, cat([]byte{opBr, 0}, a)...), a), 1},
		"as many as are kept":    {cat(places(0, 8), places(0, 8), places(0, 8)), 8},
		"one more":               {cat(places(0, 9), places(0, 9)), 18},
		"the newest":             {cat(places(0, 20), places(12, 20)), 20},
	} {
		t.Run(name, func(t *testing.T) {
			// Those that are paid in full are dearer in a large memory.
			small, large := loadsUsed(t, c.code, nearPages), loadsUsed(t, c.code, nearPages+1)
			if full := (large - small) / (costLoadFar - costLoad); full != c.full {
				t.Errorf("%d loads are paid in full, want %d", full, c.full)
			}
		})
	}
}

// loadsUsed is the units that code takes with a memory of so many pages at most, and three
// locals: an address, nought, and one.
func loadsUsed(t *testing.T, code []byte, pages byte) int64 {
	t.Helper()
	m := &binary{memory: []byte{1, 1, 1, pages}}
	m.funcs = append(m.funcs, m.typ(nil, nil), 0)
	m.bodies = append(m.bodies, body([]byte{1, 3, byte(I32)}, cat([]byte{opI32Const, 1, opLocalSet, 2}, code)...), body(nil))
	m.exports = append(m.exports, exported("f", KindFunc, 0))
	return unitsOf(t, m, Config{})
}

// TestALoadBesideAnotherIsNotFree: it costs what the nearest cache does, in each memory.
func TestALoadBesideAnotherIsNotFree(t *testing.T) {
	load := []byte{opLocalGet, 0, 0x28, 2, 0, opDrop}
	for _, pages := range []byte{nearPages, nearPages + 1} {
		if got := loadsUsed(t, times(51, load...), pages) - loadsUsed(t, load, pages); got != 50*(costLoadBeside+2) {
			t.Errorf("50 loads of one place take %d units, want %d", got, 50*(costLoadBeside+2))
		}
	}
}

// places loads from so many that lie apart.
func places(from, to int) (code []byte) {
	for i := from; i < to; i++ {
		code = cat(code, []byte{opLocalGet, 0, 0x28, 2}, u32(uint32(i*100)), []byte{opDrop})
	}
	return code
}

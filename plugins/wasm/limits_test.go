package wasm

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
)

// plain is a module with one function of a given code.
func plain(code ...byte) *binary {
	m := &binary{}
	m.memory = []byte{1, 0, 1}
	m.function(body(nil, code...))
	return m
}

func with(change func(m *binary), code ...byte) []byte {
	m := plain(code...)
	change(m)
	return m.bytes()
}

func times(n int, b ...byte) []byte { return bytes.Repeat(b, n) }

// vector is a section's content with a count that may be a lie.
func vector(n int, item []byte) []byte { return cat(u32(uint32(n)), times(n, item...)) }

func section(id byte, content []byte) []byte {
	return cat([]byte("\x00asm\x01\x00\x00\x00"), appendSection(nil, id, content))
}

// breaches are modules that break one limit or rule each.
func breaches() []struct {
	limit string
	fn    int
	got   uint64
	b     []byte
} {
	none := func(*binary) {}
	locals := func(n uint32) []byte { return cat([]byte{1}, u32(n), []byte{byte(I64)}) }
	tableOf := func(n uint32) func(*binary) {
		return func(m *binary) { m.table = cat([]byte{1, byte(funcref), 0}, u32(n)) }
	}
	global := cat([]byte{byte(I32), 0}, []byte{opI32Const, 0, opEnd})
	type row = struct {
		limit string
		fn    int
		got   uint64
		b     []byte
	}
	return []row{
		{"module bytes", -1, 524289, make([]byte, 524289)},
		{"custom bytes", -1, 0, with(func(m *binary) { m.customs = [][]byte{cat(named("name"), make([]byte, 1<<10))} })},
		{"body bytes", 0, 65540, plain(times(65538, opNop)...).bytes()},
		{"locals", 1, 513, with(func(m *binary) { m.function(body(locals(513))) })},
		{"locals", 1, 1<<32 - 1, with(func(m *binary) { m.function(body(locals(1<<32 - 1))) })},
		{"all locals", -1, 512 * 129, with(func(m *binary) {
			for range 129 {
				m.function(body(locals(512)))
			}
		})},
		{"operands", 0, 1025, plain(cat(times(1025, opI32Const, 0), times(1025, opDrop))...).bytes()},
		{"nesting", 0, 1025, plain(cat(times(1025, opBlock, blockEmpty), times(1025, opEnd))...).bytes()},
		{"loop nesting", 0, 25, plain(cat(times(25, opLoop, blockEmpty), times(25, opEnd))...).bytes()},
		{"blocks", 0, 2049, plain(times(2049, opBlock, blockEmpty, opEnd)...).bytes()},
		{"branch targets", 0, 2049, plain(cat([]byte{opI32Const, 0, opBrTable}, u32(2049), make([]byte, 2050))...).bytes()},
		{"branch work", -1, 10000 * 10000, plain(times(2000, opLoop, blockEmpty, opEnd)...).bytes()},
		{"branch work", -1, 3 * 4000 * 4000, with(func(m *binary) { // what each of them may have
			for range 3 {
				m.function(body(nil, times(4000, opI32Const, 0, opBrIf, 0)...))
			}
		})},
		{"branch work", -1, 2000 * (2000 + 40*500), with(func(m *binary) {
			m.function(body(locals(500), times(1000, opI32Const, 0, opIf, blockEmpty, opEnd, opBlock, blockEmpty, opEnd)...))
		})},
		{"table", -1, 8193, with(tableOf(8193))},
		{"functions", -1, 8193, cat([]byte("\x00asm\x01\x00\x00\x00"), appendSection(nil, 1, vec(signature(nil, nil))), appendSection(nil, 3, vector(8193, []byte{0})))},
		{"types", -1, 257, section(1, vector(257, signature(nil, nil)))},
		{"params", -1, 65, section(1, cat([]byte{1, 0x60}, vector(65, []byte{byte(I32)}), []byte{0}))},
		{"params", -1, 100000, section(1, cat([]byte{1, 0x60}, vector(100000, []byte{byte(I32)}), []byte{0}))},
		{"results", -1, 17, section(1, cat([]byte{1, 0x60, 0}, vector(17, []byte{byte(I32)})))},
		{"imports", -1, 65, section(2, vector(65, cat(named("a"), named("b"), []byte{0, 0})))},
		{"exports", -1, 1025, with(func(m *binary) {
			for i := range 1025 {
				m.exports = append(m.exports, exported(fmt.Sprint(i), KindFunc, 0))
			}
		})},
		{"globals", -1, 1025, section(6, vector(1025, global))},
		{"data segments", -1, 4097, with(func(m *binary) { m.datas = slicesOf(4097, []byte{1, 0}) })},
		{"element segments", -1, 257, with(func(m *binary) { m.elements = slicesOf(257, []byte{0, opI32Const, 0, opEnd, 0}) })},
		{"name bytes", -1, 257, with(func(m *binary) { m.exports = [][]byte{exported(strings.Repeat("x", 257), KindFunc, 0)} })},
		{"memory pages", -1, 65, with(func(m *binary) { m.memory = []byte{1, 0, 65} })},

		{"threads", -1, 0, with(func(m *binary) { m.memory = []byte{1, 3, 1, 1} })},
		{"threads", 0, 0, with(none, 0xfe, 0x03, 0)},
		{"memory64", -1, 0, with(func(m *binary) { m.memory = []byte{1, 4, 1} })},
		{"multi-memory", -1, 0, with(func(m *binary) { m.memory = []byte{2, 0, 1, 0, 1} })},
		{"exceptions", -1, 0, section(13, []byte{0})},
		{"exceptions", 0, 0, with(none, 0x08, 0)},
		{"tail calls", 0, 0, with(none, 0x12, 0)},
		{"SIMD", 0, 0, with(none, 0xfd, 0x0c)},
		{"SIMD", -1, 0, section(1, []byte{1, 0x60, 1, 0x7b, 0})},
		{"GC", 0, 0, with(none, 0xfb, 0)},
		{"reference types", 0, 0, with(none, 0xd2, 0, opDrop)},
		{"reference types", 0, 0, with(tableOf(1), opI32Const, 0, 0x25, 0, opDrop)},
		{"table mutation", 0, 0, with(tableOf(1), opI32Const, 0, 0x26, 0)},
		{"table mutation", 0, 0, with(tableOf(1), opMisc, 12, 0, 0)},
		{"data.drop", 0, 0, with(none, opMisc, miscDataDrop, 0)},
		{"several tables", -1, 0, with(func(m *binary) { m.table = []byte{2, byte(funcref), 0, 1, byte(funcref), 0, 1} })},
		{"passive elements", -1, 0, with(func(m *binary) { m.elements = [][]byte{{1, 0, 1, 0}} })},
		{"extended constants", -1, 0, section(6, cat([]byte{1, byte(I32), 0, opI32Const, 1, opI32Const, 1, opI32Add, opEnd}))},
		{"start", -1, 0, with(func(m *binary) { m.start = []byte{0} })},
		{"imported memory", -1, 0, section(2, vec(cat(named("a"), named("b"), []byte{2, 0, 1})))},
		{"imported table", -1, 0, section(2, vec(cat(named("a"), named("b"), []byte{1, byte(funcref), 0, 1})))},
		{"imported global", -1, 0, section(2, vec(cat(named("a"), named("b"), []byte{3, byte(I32), 0})))},
		{"reserved name", -1, 0, with(func(m *binary) { m.exports = [][]byte{exported("ww:fuel", KindFunc, 0)} })},
		{"reserved name", -1, 0, with(func(m *binary) { m.imports = [][]byte{cat(named("ww_fuel"), named("yield"), []byte{0, 0})} })},
		{"malformed", -1, 0, []byte("\x00asm\x02\x00\x00\x00")},
		{"malformed", -1, 0, section(1, []byte{0xff, 0xff, 0xff, 0xff, 0x7f})},
		{"invalid", 0, 0, with(none, opI32Const, 0)},
	}
}

func slicesOf(n int, b []byte) (out [][]byte) {
	for range n {
		out = append(out, b)
	}
	return out
}

func TestLimits(t *testing.T) {
	named := map[string]bool{}
	for i, c := range breaches() {
		t.Run(fmt.Sprint(i, " ", c.limit), func(t *testing.T) {
			l := DefaultLimits()
			if c.limit == "custom bytes" {
				l.CustomBytes = 1 << 10
			}
			m, err := Parse(c.b, l)
			var bs Breaches
			if m != nil || !errors.As(err, &bs) {
				t.Fatalf("it is let in: %v", err)
			}
			b := bs[0]
			if len(bs) != 1 || b.Limit != c.limit || b.Func != c.fn {
				t.Fatalf("%d breaches: %v", len(bs), err)
			}
			if c.got > 0 && (b.Got != c.got || b.Max == 0 || b.Max >= b.Got) {
				t.Errorf("%d, at most %d, not %d", b.Got, b.Max, c.got)
			}
			if remedies[b.Limit] == "" || !strings.HasSuffix(b.Text, remedies[b.Limit]) {
				t.Errorf("no remedy in %q", b.Text)
			}
			if s := b.Error(); !strings.Contains(s, b.Limit) || c.fn >= 0 && !strings.Contains(s, fmt.Sprintf("function %d ", c.fn)) {
				t.Error(s)
			}
		})
		named[c.limit] = true
	}
	for limit := range remedies {
		if !named[limit] && limit != "wide arithmetic" && !strings.HasPrefix(limit, "instrumented") {
			t.Errorf("no module breaks %q", limit)
		}
	}
}

// TestLimitsAreReached: what sits at a limit is let in.
func TestLimitsAreReached(t *testing.T) {
	for name, b := range map[string][]byte{
		"body":    plain(times(65533, opNop)...).bytes(),
		"locals":  with(func(m *binary) { m.function(body([]byte{1, 0x80, 4, byte(F32)})) }),
		"nesting": plain(cat(times(1024, opBlock, blockEmpty), times(1024, opEnd))...).bytes(),
		"loops":   plain(cat(times(24, opLoop, blockEmpty), times(24, opEnd))...).bytes(),
		"blocks":  plain(times(2048, opBlock, blockEmpty, opEnd)...).bytes(),
		"targets": plain(cat([]byte{opI32Const, 0, opBrTable}, u32(2048), make([]byte, 2049))...).bytes(),
		"table":   with(func(m *binary) { m.table = []byte{1, byte(funcref), 0, 0x80, 0x40} }),
		"memory":  with(func(m *binary) { m.memory = []byte{1, 0, 64} }),
	} {
		if _, err := Parse(b, DefaultLimits()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestManyBreaches: an author hears of many at once, with names.
func TestManyBreaches(t *testing.T) {
	m := plain()
	for i := range 30 {
		m.function(body(nil, 0xfd, 0x0c))
		m.exports = append(m.exports, exported(fmt.Sprint("f", i), KindFunc, uint32(i)))
	}
	_, err := Parse(m.bytes(), DefaultLimits())
	var bs Breaches
	if !errors.As(err, &bs) || len(bs) != mostBreaches || bs[4].Name != "f5" || bs[4].Func != 5 {
		t.Fatal(err)
	}
	// The name section says it where no export does, if it is sane.
	m.exports = nil
	m.customs = [][]byte{cat(named("name"), []byte{1}, sized(vec(cat(u32(3), named("drei")), cat(u32(4), named("v\xff")))))}
	_, err = Parse(m.bytes(), DefaultLimits())
	if !errors.As(err, &bs) || bs[2].Name != "drei" || bs[3].Name != "" || !bs.Has("SIMD") || bs.Has("threads") {
		t.Fatal(err)
	}
	if !strings.Contains(err.Error(), `function 3 "drei" at byte`) {
		t.Error(err)
	}
}

// TestBombs: numbers in a file buy no memory and no time.
func TestBombs(t *testing.T) {
	header := "\x00asm\x01\x00\x00\x00"
	huge := []byte{0xff, 0xff, 0xff, 0xff, 0x0f}
	bombs := map[string][]byte{
		"locals of 39 bytes":    with(func(m *binary) { m.memory = nil; m.bodies[0] = body(cat([]byte{1}, huge, []byte{byte(I32)})) }),
		"2^32 locals in groups": with(func(m *binary) { m.bodies[0] = body(vec(slicesOf(4000, cat(huge, []byte{byte(I32)}))...)) }),
		"250,000 functions":     cat([]byte(header), appendSection(nil, 1, vec(signature(nil, nil))), appendSection(nil, 3, vector(250000, []byte{0})), appendSection(nil, 10, vector(50000, []byte{2, 0, opEnd}))),
		"100,000 exports":       with(func(m *binary) { m.exports = slicesOf(70000, exported("x", KindFunc, 0)) }),
		"70,000 globals":        section(6, vector(70000, []byte{byte(I32), 1, opI32Const, 0, opEnd})),
		"functions x locals": with(func(m *binary) {
			m.funcs = make([]uint32, 8000)
			m.bodies = slicesOf(8000, body([]byte{1, 0x80, 4, byte(I64)}))
		}),
		"a name of 4 GiB":         section(0, cat(huge, []byte("x"))),
		"a data segment of 4 GiB": with(func(m *binary) { m.datas = [][]byte{cat([]byte{1}, huge)} }),
		"a table of 4 Gi":         with(func(m *binary) { m.table = cat([]byte{1, byte(funcref), 0}, huge) }),
		"br_table of 4 Gi":        plain(cat([]byte{opI32Const, 0, opBrTable}, huge)...).bytes(),
		"nested blocks":           plain(times(32000, opBlock, blockEmpty)...).bytes(),
		"an element count": with(func(m *binary) {
			m.table = []byte{1, byte(funcref), 0, 1}
			m.elements = [][]byte{cat([]byte{0, opI32Const, 0, opEnd}, huge)}
		}),
	}
	for id := byte(1); id <= 12; id++ {
		bombs[fmt.Sprint("count of section ", id)] = section(id, huge)
	}
	for name, b := range bombs {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		p := newParser(b, DefaultLimits(), allowances{})
		_, err := p.parse()
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s is let in", name)
		}
		if p.steps > stepsFor(len(b)) {
			t.Errorf("%s: %d steps for %d bytes", name, p.steps, len(b))
		}
		if got, most := after.TotalAlloc-before.TotalAlloc, uint64(64*len(b)+256<<10); got > most {
			t.Errorf("%s: %d bytes allocated for %d", name, got, len(b))
		}
	}
}

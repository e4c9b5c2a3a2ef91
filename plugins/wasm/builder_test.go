package wasm

// A builder of modules, sane or not, for tests.

// binary is a module in pieces; a section is written where it has content.
type binary struct {
	types    [][]byte
	imports  [][]byte
	funcs    []uint32
	table    []byte
	memory   []byte
	globals  [][]byte
	exports  [][]byte
	start    []byte
	elements [][]byte
	count    []byte // data count
	bodies   [][]byte
	datas    [][]byte
	customs  [][]byte // at the end
}

func cat(parts ...[]byte) (b []byte) {
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

func u32(v uint32) []byte    { return appendU32(nil, v) }
func sleb(v int64) []byte    { return appendSigned(nil, v) }
func named(s string) []byte  { return appendName(nil, s) }
func vec(b ...[]byte) []byte { return cat(u32(uint32(len(b))), cat(b...)) }
func sized(b []byte) []byte  { return cat(u32(uint32(len(b))), b) }

func types(ts ...ValType) []byte {
	b := u32(uint32(len(ts)))
	for _, t := range ts {
		b = append(b, byte(t))
	}
	return b
}

func signature(params, results []ValType) []byte {
	return cat([]byte{0x60}, types(params...), types(results...))
}

// body is a function's code with its declarations of locals and its end.
func body(locals []byte, code ...byte) []byte {
	if locals == nil {
		locals = []byte{0}
	}
	return sized(cat(locals, code, []byte{opEnd}))
}

func exported(name string, k Kind, i uint32) []byte {
	return cat(named(name), []byte{byte(k)}, u32(i))
}

func (m *binary) typ(params, results []ValType) uint32 {
	m.types = append(m.types, signature(params, results))
	return uint32(len(m.types) - 1)
}

// function adds one of type 0, which is () -> () unless there is another.
func (m *binary) function(b []byte) {
	if len(m.types) == 0 {
		m.typ(nil, nil)
	}
	m.funcs = append(m.funcs, 0)
	m.bodies = append(m.bodies, b)
}

func (m *binary) bytes() []byte {
	b := []byte("\x00asm\x01\x00\x00\x00")
	vector := func(id byte, items [][]byte) {
		if len(items) > 0 {
			b = appendSection(b, id, vec(items...))
		}
	}
	raw := func(id byte, content []byte) {
		if len(content) > 0 {
			b = appendSection(b, id, content)
		}
	}
	vector(sectionType, m.types)
	vector(sectionImport, m.imports)
	var funcs [][]byte
	for _, f := range m.funcs {
		funcs = append(funcs, u32(f))
	}
	vector(sectionFunction, funcs)
	raw(sectionTable, m.table)
	raw(sectionMemory, m.memory)
	vector(sectionGlobal, m.globals)
	vector(sectionExport, m.exports)
	raw(sectionStart, m.start)
	vector(sectionElement, m.elements)
	raw(sectionDataCount, m.count)
	vector(sectionCode, m.bodies)
	vector(sectionData, m.datas)
	for _, c := range m.customs {
		raw(sectionCustom, c)
	}
	return b
}

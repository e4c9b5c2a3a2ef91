package wasm

import (
	"unicode/utf8"
)

// nameFunctions puts names to the functions of breaches: from the exports, else
// from the name section. The names are the author's and may be anything, so a
// section that is not sane is passed over in silence.
func nameFunctions(b []byte, m *Module, bs Breaches) {
	wanted := map[uint32]string{}
	for _, x := range bs {
		if x.Func >= 0 {
			wanted[uint32(x.Func)] = ""
		}
	}
	if len(wanted) == 0 {
		return
	}
	for _, e := range m.exports {
		if n, ok := wanted[e.Index]; ok && n == "" && e.Kind == KindFunc {
			wanted[e.Index] = e.Name
		}
	}
	r := reader{b: b, pos: 8}
	for r.ok() && r.left() > 0 {
		id := r.byte()
		s := r.sub(r.u32())
		if r.ok() && id == sectionCustom && s.name() == "name" && s.ok() {
			readNames(s, wanted)
		}
	}
	for i := range bs {
		if bs[i].Func >= 0 {
			bs[i].Name = wanted[uint32(bs[i].Func)]
		}
	}
}

func readNames(s reader, wanted map[uint32]string) {
	for s.ok() && s.left() > 0 {
		id := s.byte()
		sub := s.sub(s.u32())
		if id != 1 || !s.ok() {
			continue
		}
		for n := sub.u32(); n > 0 && sub.ok() && sub.left() > 0; n-- {
			i := sub.u32()
			text := sub.sub(sub.u32())
			if !sub.ok() {
				return
			}
			name := text.b[text.pos:]
			if had, ok := wanted[i]; ok && had == "" && len(name) <= 120 && utf8.Valid(name) {
				wanted[i] = string(name)
			}
		}
	}
}

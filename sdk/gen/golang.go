package main

import (
	"fmt"
	"go/format"
	"strings"
)

// writeGo writes structs for encoding/json. What may be unknown and has a
// meaningful zero is a pointer.
func writeGo(m *model) ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "// %s\n\npackage waxwing\n", notice)
	for _, r := range m.records {
		fmt.Fprintf(&b, "\n%stype %s struct {\n", wrap("//", r.name+": "+lower(r.doc)), r.name)
		for _, f := range r.fields {
			tag := f.name
			if !f.required {
				tag += ",omitempty"
			}
			fmt.Fprintf(&b, "%s\t%s %s `json:%q`\n", wrap("\t//", f.doc), camel(f.name), goType(f.typ, f.required), tag)
		}
		b.WriteString("}\n")
	}
	for _, w := range m.words {
		fmt.Fprintf(&b, "\n%sconst (\n", wrap("//", w.doc))
		for _, v := range w.values {
			fmt.Fprintf(&b, "\t%s%s = %q\n", w.prefix, camel(v), v)
		}
		b.WriteString(")\n")
	}
	return format.Source([]byte(b.String()))
}

func goType(t typ, required bool) string {
	star := "*"
	if required {
		star = ""
	}
	switch t.kind {
	case text:
		return "string"
	case truth:
		return "bool"
	case whole:
		return star + "int64"
	case number:
		return star + "float64"
	case object:
		return star + t.name
	case list:
		return "[]" + goType(*t.elem, true)
	case dict:
		return "map[string]" + goType(*t.elem, true)
	}
	panic("no such kind")
}

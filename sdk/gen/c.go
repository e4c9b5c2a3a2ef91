package main

import (
	"fmt"
	"strings"
)

// writeCHeader writes the structs, and a shape of each, by which json.c reads
// and writes them: tables are smaller than code.
func writeCHeader(m *model) ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "/* %s */\n\n#ifndef WAXWING_TYPES_H\n#define WAXWING_TYPES_H\n\n#include \"json.h\"\n\n", notice)
	for _, r := range m.records {
		fmt.Fprintf(&b, "typedef struct ww_%s ww_%s;\n", snake(r.name), snake(r.name))
	}
	for _, r := range m.records {
		fmt.Fprintf(&b, "\n%sstruct ww_%s {\n", comment("", r.doc), snake(r.name))
		for _, f := range r.fields {
			fmt.Fprintf(&b, "%s  %s;\n", comment("  ", f.doc), cField(f))
		}
		fmt.Fprintf(&b, "};\nextern const ww_shape ww_%s_shape;\n", snake(r.name))
	}
	for _, w := range m.words {
		fmt.Fprintf(&b, "\n%s", comment("", w.doc))
		for _, v := range w.values {
			fmt.Fprintf(&b, "#define WW_%s WW_STR(%q)\n", upper(w.prefix, v), v)
		}
	}
	b.WriteString("\n#endif\n")
	return []byte(b.String()), nil
}

// writeC writes the shapes.
func writeC(m *model) ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "/* %s */\n\n#include \"types.h\"\n#include <stddef.h>\n", notice)
	for _, r := range m.records {
		n := snake(r.name)
		fmt.Fprintf(&b, "\nstatic const ww_field %s_fields[] = {\n", n)
		for _, f := range r.fields {
			kind, of := cKind(f.typ)
			fmt.Fprintf(&b, "  {%q, offsetof(ww_%s, %s), %s, %d, %s},\n", f.name, n, f.name, kind, bit(f.required), of)
		}
		fmt.Fprintf(&b, "};\nconst ww_shape ww_%s_shape = {%s_fields, %d, sizeof(ww_%s)};\n", n, n, len(r.fields), n)
	}
	return []byte(b.String()), nil
}

func cField(f field) string {
	switch t := f.typ; t.kind {
	case text:
		return "ww_str " + f.name
	case truth:
		return "bool " + f.name
	case whole:
		return "ww_int " + f.name
	case number:
		return "ww_num " + f.name
	case object:
		return "ww_" + snake(t.name) + " *" + f.name
	case list:
		switch t.elem.kind {
		case text:
			return "ww_strs " + f.name
		case number:
			return "ww_nums " + f.name
		case list:
			return "ww_lists " + f.name
		case object:
			return "struct { ww_" + snake(t.elem.name) + " *at; size_t len; } " + f.name
		}
	case dict:
		if t.elem.kind == truth {
			return "ww_flags " + f.name
		}
		return "ww_texts " + f.name
	}
	panic("no C for " + f.name)
}

func cKind(t typ) (kind, of string) {
	switch t.kind {
	case text:
		return "WW_TEXT", "0"
	case truth:
		return "WW_TRUTH", "0"
	case whole:
		return "WW_WHOLE", "0"
	case number:
		return "WW_NUMBER", "0"
	case object:
		return "WW_OBJECT", "&ww_" + snake(t.name) + "_shape"
	case list:
		switch t.elem.kind {
		case text:
			return "WW_TEXT_LIST", "0"
		case number:
			return "WW_NUMBER_LIST", "0"
		case list:
			return "WW_LIST_LIST", "0"
		case object:
			return "WW_OBJECT_LIST", "&ww_" + snake(t.elem.name) + "_shape"
		}
	case dict:
		if t.elem.kind == truth {
			return "WW_TRUTH_DICT", "0"
		}
		return "WW_TEXT_DICT", "0"
	}
	panic("no C for it")
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}

// snake writes GenericOrder as generic_order.
func snake(s string) string {
	var b strings.Builder
	for i, c := range s {
		if i > 0 && c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(c)
	}
	return strings.ToLower(b.String())
}

func comment(indent, s string) string {
	return strings.Replace(strings.TrimSuffix(wrap(indent+"  ", s), "\n"), indent+"  ", indent+"/*", 1) + " */\n"
}

package main

import (
	"fmt"
	"strings"
)

// writeAssemblyScript writes classes that read and write themselves. A number
// that may be unknown has a second field, since the language has no unknown
// numbers.
func writeAssemblyScript(m *model) ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "// %s\n\nimport { Reader, Writer } from \"./json\";\n", notice)
	for _, r := range m.records {
		fmt.Fprintf(&b, "\n/** %s */\nexport class %s {\n", r.doc, r.name)
		for _, f := range r.fields {
			typ, zero := asType(f.typ)
			fmt.Fprintf(&b, "  /** %s */\n  %s: %s = %s;\n", f.doc, f.name, typ, zero)
			if asMaybe(f) {
				fmt.Fprintf(&b, "  /** Whether %s is known. */\n  has_%s: bool = false;\n", f.name, f.name)
			}
		}
		if r.answer {
			asWrite(&b, r)
		} else {
			asRead(&b, r)
		}
		b.WriteString("}\n")
	}
	for _, w := range m.words {
		b.WriteString("\n")
		for _, v := range w.values {
			fmt.Fprintf(&b, "/** %s */\nexport const %s = %q;\n", w.doc, upper(w.prefix, v), v)
		}
	}
	return []byte(b.String()), nil
}

// asMaybe: a number that may be unknown.
func asMaybe(f field) bool {
	return !f.required && (f.typ.kind == whole || f.typ.kind == number)
}

func asType(t typ) (name, zero string) {
	switch t.kind {
	case text:
		return "string", `""`
	case truth:
		return "bool", "false"
	case whole:
		return "i64", "0"
	case number:
		return "f64", "0"
	case object:
		return t.name + " | null", "null"
	case list:
		e, _ := asType(*t.elem)
		e = "Array<" + strings.TrimSuffix(e, " | null") + ">"
		return e, "new " + e + "()"
	case dict:
		e, _ := asType(*t.elem)
		e = "Map<string, " + e + ">"
		return e, "new " + e + "()"
	}
	panic("no such kind")
}

func asRead(b *strings.Builder, r record) {
	fmt.Fprintf(b, "\n  static read(r: Reader): %s {\n    const v = new %s();\n    if (r.begin(\"{\")) {\n      while (r.more(\"}\")) {\n        const key = r.key();\n        if (r.skipNull()) continue;\n", r.name, r.name)
	for i, f := range r.fields {
		other := "else "
		if i == 0 {
			other = ""
		}
		known := ""
		if asMaybe(f) {
			known = fmt.Sprintf(" v.has_%s = true;", f.name)
		}
		fmt.Fprintf(b, "        %sif (key == %q) {%s %s }\n", other, f.name, known, asReadField(f))
	}
	b.WriteString("        else r.skip(); // of a newer host\n      }\n    }\n    return v;\n  }\n")
}

func asReadField(f field) string {
	v := "v." + f.name
	one := func(t typ) string {
		switch t.kind {
		case text:
			return "r.text()"
		case truth:
			return "r.truth()"
		case whole:
			return "r.whole()"
		case number:
			return "r.number()"
		case object:
			return t.name + ".read(r)"
		case list:
			return "r.texts()" // the only lists of lists
		}
		panic("no such kind")
	}
	switch f.typ.kind {
	case list:
		return fmt.Sprintf("if (r.begin(\"[\")) while (r.more(\"]\")) %s.push(%s);", v, one(*f.typ.elem))
	case dict:
		return fmt.Sprintf("if (r.begin(\"{\")) while (r.more(\"}\")) { const k = r.key(); %s.set(k, %s); }", v, one(*f.typ.elem))
	}
	return v + " = " + one(f.typ) + ";"
}

func asWrite(b *strings.Builder, r record) {
	b.WriteString("\n  write(w: Writer): void {\n    w.begin(\"{\");\n")
	for _, f := range r.fields {
		v := "this." + f.name
		given := ""
		switch f.typ.kind {
		case text, list:
			given = v + ".length > 0"
		case truth:
			given = v
		case dict:
			given = v + ".size > 0"
		case object:
			given = v + " !== null"
		default:
			given = "this.has_" + f.name
		}
		line := fmt.Sprintf("w.key(%q); %s", f.name, asWriteField(f))
		if f.required && f.typ.kind != object {
			fmt.Fprintf(b, "    %s\n", line)
		} else {
			fmt.Fprintf(b, "    if (%s) { %s }\n", given, line)
		}
	}
	b.WriteString("    w.end(\"}\");\n  }\n")
}

func asWriteField(f field) string {
	v := "this." + f.name
	one := func(t typ, v string) string {
		switch t.kind {
		case text:
			return "w.text(" + v + ");"
		case truth:
			return "w.truth(" + v + ");"
		case whole:
			return "w.whole(" + v + ");"
		case number:
			return "w.number(" + v + ");"
		case object:
			return v + ".write(w);"
		}
		panic("no such kind")
	}
	switch f.typ.kind {
	case list:
		return fmt.Sprintf("w.begin(\"[\"); for (let i = 0; i < %s.length; i++) { %s } w.end(\"]\");", v, one(*f.typ.elem, v+"[i]"))
	case dict:
		return fmt.Sprintf("w.begin(\"{\"); for (let k = %s.keys(), i = 0; i < k.length; i++) { w.key(k[i]); %s } w.end(\"}\");", v, one(*f.typ.elem, v+".get(k[i])"))
	case object:
		return "this." + f.name + "!.write(w);"
	}
	return one(f.typ, v)
}

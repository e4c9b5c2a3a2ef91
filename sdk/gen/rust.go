package main

import (
	"fmt"
	"slices"
	"strings"
)

// writeRust writes structs that read and write themselves, since the SDK uses
// no crates.
func writeRust(m *model) ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "// %s\n\nuse crate::json::{Decode, Encode, Error, Reader, Value, Writer};\nuse std::collections::BTreeMap;\n", notice)
	for _, r := range m.records {
		fmt.Fprintf(&b, "\n%s#[derive(Clone, Debug, Default, PartialEq)]\npub struct %s {\n", wrap("///", r.doc), r.name)
		for _, f := range r.fields {
			fmt.Fprintf(&b, "%s    pub %s: %s,\n", wrap("    ///", f.doc), rustName(f.name), rustType(f.typ, f.required))
		}
		b.WriteString("}\n")
		if r.answer {
			rustEncode(&b, r)
		} else {
			rustDecode(&b, r)
		}
	}
	for _, w := range m.words {
		b.WriteString("\n")
		for _, v := range w.values {
			fmt.Fprintf(&b, "%spub const %s: &str = %q;\n", wrap("///", w.doc), upper(w.prefix, v), v)
		}
	}
	return []byte(b.String()), nil
}

func rustType(t typ, required bool) string {
	maybe := func(s string) string {
		if required {
			return s
		}
		return "Option<" + s + ">"
	}
	switch t.kind {
	case text:
		return "String"
	case truth:
		return "bool"
	case whole:
		return maybe("i64")
	case number:
		return maybe("f64")
	case object:
		return maybe(t.name)
	case list:
		return "Vec<" + rustType(*t.elem, true) + ">"
	case dict:
		return "BTreeMap<String, " + rustType(*t.elem, true) + ">"
	}
	panic("no such kind")
}

// rustKeywords are the words that a field of an order may bear and Rust keeps for
// itself (the Rust reference, 2021 edition).
var rustKeywords = []string{"abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum", "extern",
	"false", "final", "fn", "for", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return",
	"static", "struct", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield"}

// rustName is a field's name as Rust takes it.
func rustName(name string) string {
	if slices.Contains(rustKeywords, name) {
		return "r#" + name
	}
	return name
}

// upper writes DelayReason and "carrier" as DELAY_REASON_CARRIER.
func upper(prefix, value string) string {
	var b strings.Builder
	for i, c := range prefix {
		if i > 0 && c >= 'A' && c <= 'Z' {
			b.WriteByte('_')
		}
		b.WriteRune(c)
	}
	return strings.ToUpper(b.String() + "_" + value)
}

func rustDecode(b *strings.Builder, r record) {
	fmt.Fprintf(b, "\nimpl Decode for %s {\n    fn decode(r: &mut Reader) -> Result<Self, Error> {\n        let mut v = Self::default();\n        r.object(&mut |r, key| {\n            match key {\n", r.name)
	for _, f := range r.fields {
		fmt.Fprintf(b, "                %q => v.%s = r.value()?,\n", f.name, rustName(f.name))
	}
	b.WriteString("                _ => drop(Value::decode(r)?), // of a newer host\n            }\n            Ok(())\n        })?;\n        Ok(v)\n    }\n}\n")
}

func rustEncode(b *strings.Builder, r record) {
	fmt.Fprintf(b, "\nimpl Encode for %s {\n    fn encode(&self, w: &mut Writer) {\n        w.begin(b'{');\n", r.name)
	for _, f := range r.fields {
		if f.required {
			fmt.Fprintf(b, "        w.key(%q);\n        self.%s.encode(w);\n", f.name, rustName(f.name))
		} else {
			fmt.Fprintf(b, "        if !self.%s.unknown() {\n            w.key(%q);\n            self.%s.encode(w);\n        }\n", rustName(f.name), f.name, rustName(f.name))
		}
	}
	b.WriteString("        w.end(b'}');\n    }\n}\n")
}

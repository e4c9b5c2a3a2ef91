package main

import (
	"fmt"
	"strings"
)

// writeTypeScript writes the declarations that an editor checks a plugin in
// JavaScript with.
func writeTypeScript(m *model) ([]byte, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "// %s\n", notice)
	for _, r := range m.records {
		fmt.Fprintf(&b, "\n/** %s */\nexport interface %s {\n", r.doc, r.name)
		for _, f := range r.fields {
			maybe := "?"
			if f.required {
				maybe = ""
			}
			fmt.Fprintf(&b, "  /** %s */\n  %s%s: %s;\n", f.doc, f.name, maybe, typeScriptType(m, r, f))
		}
		b.WriteString("}\n")
	}
	b.WriteString(`
/** An answer; an empty object, null or undefined: nothing to say. */
export type Answer<T> = T | Record<string, never> | null | undefined;

export type Personalise = (input: Input) => Answer<PersonaliseOutput>;
export type Recommend = (input: Input) => Answer<RecommendOutput>;
export type PredictDelay = (input: Input) => Answer<PredictDelayOutput>;
export type Filter = (input: Input) => Answer<FilterOutput>;
export type Normalise = (input: NormaliseInput) => Answer<GenericOrder>;

declare global {
  /** Writes to the plugin's log: at most 4 KiB a call. Name no customers. */
  var console: Record<"debug" | "log" | "info" | "warn" | "error", (...what: unknown[]) => void>;
  /** Writes a day ("2026-11-28", or a time of RFC 3339) as the confirmation's language does: "November 28, 2026".
   * Give it input.format; where that is missing, or the day is none, the day comes back as it is. */
  function formatDate(format: TextFormat | undefined, day: string): string;
  /** formatDate with the weekday: "Sat, November 28, 2026". */
  function formatWeekday(format: TextFormat | undefined, day: string): string;
  /** Writes an amount as the confirmation's language does: "12,50 €". Without input.format, or in another currency than
   * the order's, it is amount and code: "12.50 USD". */
  function formatMoney(format: TextFormat | undefined, money: Money): string;
}
`)
	return []byte(b.String()), nil
}

func typeScriptType(m *model, r record, f field) string {
	for _, w := range m.words {
		if strings.HasSuffix(r.name, "Output") && strings.HasSuffix(w.prefix, camel(f.name)) && strings.HasPrefix(w.prefix, strings.TrimPrefix(strings.TrimSuffix(r.name, "Output"), "Predict")) {
			return `"` + strings.Join(w.values, `" | "`) + `"`
		}
	}
	return typeScript(f.typ)
}

func typeScript(t typ) string {
	switch t.kind {
	case text:
		return "string"
	case truth:
		return "boolean"
	case whole, number:
		return "number"
	case object:
		return t.name
	case list:
		return typeScript(*t.elem) + "[]"
	case dict:
		return "Record<string, " + typeScript(*t.elem) + ">"
	}
	panic("no such kind")
}

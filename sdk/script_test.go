package sdk

import (
	"strings"
	"testing"
)

func TestDefinesHook(t *testing.T) {
	for src, want := range map[string]string{
		"function personalise(input) {}":                 "",
		"// x\n  function personalise (input) {}":        "",
		"globalThis.personalise = (i) => ({})":           "",
		"var personalise = function () {}":               "",
		"\nasync function personalise(input) {}":         "main.js:2: personalise is async, which cannot work",
		"globalThis.personalise = async (input) => ({})": "main.js:1: personalise is async",
		"export async function personalise(input) {}":    "main.js:1: personalise is async",
		"export default async function personalise() {}": "main.js:1: personalise is async",
		"export const personalise = async () => ({})":    "main.js:1: personalise is async",
		"export const personalise = () => ({})":          "it is exported, but a script is no module: write function",
		"const personalise = async () => ({})":           "personalise is async",
		"const personalise = () => ({})":                 "let and const do not make it global",
		"function* personalise() {}":                     "it is a generator",
		"\n\nexport function personalise(i) {}":          "main.js:3: no global function personalise: it is exported",
		"export default function personalise(i) {}":      "it is exported",
		"function greet() {}\nmodule.exports = {greet}":  "a script is no module",
		"function personalize(input) {}":                 "found personalize",
		"function Personalise(input) {}":                 "found Personalise",
		"function hello() {}":                            "main.js defines no global function personalise",
	} {
		err := definesHook("main.js", src, "personalise")
		if got := ""; err != nil {
			got = err.Error()
			if want == "" || !strings.Contains(got, want) {
				t.Errorf("%q: %q, want %q", src, got, want)
			}
		} else if want != "" {
			t.Errorf("%q: no error, want %q", src, want)
		}
	}
	if err := definesHook("main.js", "function predictDelay(i) {}", "predict_delay"); err == nil || !strings.Contains(err.Error(), "found predictDelay") {
		t.Errorf("camel case: %v", err)
	}
}

func TestScriptWarnings(t *testing.T) {
	src := "const a = d.toLocaleDateString('de');\n// x.toLocaleString()\nnew Intl.NumberFormat('de');\nn.toLocaleString(); s.toLocaleUpperCase()\na.localeCompare(b)\nformatDate(input.format, d)"
	got := ScriptWarnings("src/main.js", src)
	want := []string{"src/main.js:1: warning: toLocaleDateString", "src/main.js:3: warning: Intl", "src/main.js:4: warning: toLocaleString",
		"src/main.js:4: warning: toLocaleUpperCase", "src/main.js:5: warning: localeCompare"}
	if len(got) != len(want) {
		t.Fatalf("%q", got)
	}
	for i := range want {
		if !strings.HasPrefix(got[i], want[i]) {
			t.Errorf("%q, want %q", got[i], want[i])
		}
	}
}

package sandbox

import (
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
)

// TestWhatIsNoModuleIsNamed: "at byte 0" helps nobody who has sent another file.
func TestWhatIsNoModuleIsNamed(t *testing.T) {
	for body, want := range map[string]string{
		"":                        "header: the file is empty; build it first",
		"\x00a":                   "it begins with 00 61",
		"\x00asm\x01":             "ends within its first eight bytes",
		"\x00asm\x02\x00\x00\x00": "of version 02000000",
		"\x00asm\x0d\x00\x01\x00": "a WebAssembly component (version 13",
		"\x1f\x8b\x08\x00":        "gzip",
		"\x7fELF\x02":             "ELF",
		"PK\x03\x04":              "zip",
		"!<arch>\n":               "before linking",
		"(module)":                "text format",
		"\n ;; hello\n(module)":   "text format",
		"function personalise(input) { return {} }": "a text, such as a script; for JavaScript",
		"\xef\xbb\xbffunction":                      "byte order mark",
		"\x93\x00\x01\xff\xfe":                      "begins with 93 00 01 ff",
	} {
		_, err := Prepare(manifestFor(t, abi.LangC), []byte(body), abi.Limits{})
		if !waxwing.IsPermanent(err) || !strings.Contains(err.Error(), "at byte 0: header: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", body, err)
		}
	}
	for body, want := range map[string]string{string(attack.Says("{}")): "a WebAssembly module, and plugin.json says that it is JavaScript", "\x1f\x8b\x08": "gzip"} {
		if _, err := Prepare(manifestFor(t, abi.LangJS), []byte(body), abi.Limits{}); !waxwing.IsPermanent(err) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", body, err)
		}
	}
}

// TestWordsOfModulesInScripts are named with their line; the same words in texts and comments are nobody's business.
func TestWordsOfModulesInScripts(t *testing.T) {
	const good = "function personalise(input) { return {} }\n"
	for src, want := range map[string]string{
		"\nexport " + good:                                               "plugin.js:2: export: a script is no module; take the word export out",
		good + "export { personalise }":                                  "plugin.js:2: export",
		good + "export{personalise}":                                     "plugin.js:2: export",
		good + "; export default personalise":                            "plugin.js:2: export",
		"/* a\n b */ \nimport x from 'x'\n" + good:                       "plugin.js:3: import: a script is no module; put what it imports",
		"import 'x'\n" + good:                                            "plugin.js:1: import",
		"async " + good:                                                  "plugin.js:1: personalise is async",
		"// x\nasync function\n personalise(i) {}":                       "plugin.js:2: personalise is async",
		"var personalise = async (i) => ({})":                            "plugin.js:1: personalise is async",
		"export async " + good:                                           "personalise is async",
		"function other() {}":                                            "has no function personalise",
		good + "// export default x\n/*\nexport y */":                    "",
		good + "const s = 'export default x', t = `\nexport {y}\n`":      "",
		good + "const s = \"it's\"; /* \" */ const r = /[/'\"]export x/": "",
		good + "const o = {export: 1}; o.export = 2; o.import = 3":       "",
		good + "const exported = 1; var importer = exported / 2 / 3":     "",
		good + "function wait() { return async () => 1 }":                "",
		good + "const s = 'async function personalise('":                 "",
	} {
		_, err := Prepare(manifestFor(t, abi.LangJS), []byte(src), abi.Limits{})
		if want == "" && err != nil || want != "" && (!waxwing.IsPermanent(err) && !strings.Contains(err.Error(), want) || err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: %v, want %q", src, err, want)
		}
	}
	// Every byte keeps its place, however the text ends.
	for _, src := range []string{"'", "/*", "`a\n", "/x", "a = /[", "\"\\", "é // é\n'é'"} {
		if got := codeOnly(src); len(got) != len(src) || strings.Count(got, "\n") != strings.Count(src, "\n") {
			t.Errorf("%q became %q", src, got)
		}
	}
}

package sdk

import (
	"fmt"
	"regexp"
	"strings"
)

// americanNames are hooks as an American would write them.
var americanNames = map[string]string{"personalise": "personalize", "normalise": "normalize"}

// definesHook reports why a script has no global function of the hook's name,
// or nil. It says what it found in its place.
func definesHook(file, src, hook string) error {
	name := regexp.QuoteMeta(hook)
	async := regexp.MustCompile(`(?m)^\s*(?:export\s+(?:default\s+)?)?(async\s+function\b[^(]*\b` + name + `\s*\(|async\s+function\s*\*?\s*` + name + `\b|(globalThis\.|var\s+|let\s+|const\s+)` + name + `\s*=\s*async\b)`)
	if m := async.FindStringIndex(src); m != nil {
		return fmt.Errorf("%s:%d: %s is async, which cannot work: a hook answers at once, without waiting. Take the word async (and every await) out", file, lineOf(src, m[0]), hook)
	}
	if regexp.MustCompile(`(?m)^\s*function\s+` + name + `\s*\(|^\s*(globalThis\.|var\s+)` + name + `\s*=`).MatchString(src) {
		return nil
	}
	var found string
	for _, c := range []struct{ form, say string }{
		{`^\s*function\s*\*\s*` + name + `\b`, "it is a generator: write function " + hook + "(input) { ... }"},
		{`^\s*(let|const)\s+` + name + `\s*=`, "let and const do not make it global: write function " + hook + "(input) { ... }"},
		{`^\s*export\s+(let|const)\s+` + name + `\s*=`, "it is exported, but a script is no module: write function " + hook + "(input) { ... }"},
		{`^\s*export\s+(default\s+)?(function|var)\s+` + name + `\b`, "it is exported, but a script is no module: take the word export out"},
		{`\b(module\.)?exports\.` + name + `\s*=|module\.exports\s*=`, "it is exported, but a script is no module: write function " + hook + "(input) { ... }"},
	} {
		if m := regexp.MustCompile(`(?m)` + c.form).FindStringIndex(src); m != nil {
			return fmt.Errorf("%s:%d: no global function %s: %s", file, lineOf(src, m[0]), hook, c.say)
		}
	}
	other := americanNames[hook]
	if other != "" && regexp.MustCompile(`\b`+other+`\b`).MatchString(src) {
		found = fmt.Sprintf("; found %s: hooks are spelled with an s", other)
	} else if m := regexp.MustCompile(`(?mi)^\s*function\s+(` + name + `|` + strings.ReplaceAll(name, "_", "_?") + `)\s*\(`).FindStringSubmatch(src); m != nil {
		found = "; found " + m[1]
	}
	return fmt.Errorf("%s defines no global function %s%s", file, hook, found)
}

func lineOf(src string, at int) int {
	// The match may begin with the line breaks before it.
	at += len(src[at:]) - len(strings.TrimLeft(src[at:], " \t\r\n"))
	return 1 + strings.Count(src[:at], "\n")
}

// withoutLocales are what scripts find of JavaScript but what knows English
// only: the engine has no CLDR. A wrong format is worse than a missing one.
var withoutLocales = regexp.MustCompile(`\.(toLocale(?:Date|Time|Upper|Lower|)(?:String|Case))\s*\(|\b(Intl)\s*\.|\.(localeCompare)\s*\(`)

// ScriptWarnings names what a script uses that the engine has, but that does not
// do what its author expects: one line each, with the file's place.
func ScriptWarnings(file, src string) []string {
	var out []string
	for i, line := range strings.Split(src, "\n") {
		if code, _, _ := strings.Cut(line, "//"); code != line {
			line = code
		}
		for _, m := range withoutLocales.FindAllStringSubmatch(line, -1) {
			out = append(out, fmt.Sprintf("%s:%d: warning: %s knows no languages here: the engine has no Intl and formats as in America, "+
				"without a word. Use formatDate(input.format, day) and formatMoney(input.format, money), with \"format\" among the needs",
				file, i+1, m[1]+m[2]+m[3]))
		}
	}
	return out
}

package sandbox

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
)

// checkScript checks a script before the engine sees it: what the engine would
// only call a syntax error, or what only fails with the first order, is named
// with its line and what to do.
func checkScript(m *abi.Manifest, body []byte, l abi.Limits) error {
	refuse := func(format string, args ...any) error { return waxwing.Permanent(fmt.Errorf(format, args...)) }
	if looks := abi.LooksLike(body); looks != "" {
		return refuse("the script is refused: %s, and plugin.json says that it is JavaScript: send the script's text, or mend lang", looks)
	}
	switch {
	case len(body) > l.Script:
		return refuse("the script has %d bytes, at most %d are allowed", len(body), l.Script)
	case !utf8.Valid(body):
		return refuse("the script is not UTF-8")
	case strings.IndexByte(string(body), 0) >= 0:
		return refuse("the script holds a NUL")
	}
	code := codeOnly(string(body))
	var errs []error
	if m := moduleWord.FindStringSubmatchIndex(code); m != nil {
		word, line := code[m[2]:m[3]], 1+strings.Count(code[:m[2]], "\n")
		say := "take the word export out: a hook is a global function, function NAME(input) { ... }"
		if word == "import" {
			say = "put what it imports into the script itself: there is nothing to import from"
		}
		errs = append(errs, refuse("plugin.js:%d: %s: a script is no module; %s", line, word, say))
	}
	for _, h := range m.Hooks {
		if at := asyncHook(code, string(h)); at >= 0 {
			errs = append(errs, refuse("plugin.js:%d: %s is async, which cannot work: a hook answers at once, without waiting; take the word async, and each await in it, out",
				1+strings.Count(code[:at], "\n"), h))
		}
		if !strings.Contains(string(body), string(h)) {
			errs = append(errs, refuse("the script has no function %s, which plugin.json names under hooks", h))
		}
	}
	return errors.Join(errs...)
}

// moduleWord is export or import where a statement begins.
var moduleWord = regexp.MustCompile(`(?:^|[;{}\n])[ \t\r]*(export|import)(?:[ \t\r\n]+[\w${*"'\x60]|[ \t]*[{*"'\x60])`)

// asyncHook is where a hook is defined as async, or -1.
func asyncHook(code, hook string) int {
	name := regexp.QuoteMeta(hook)
	re := regexp.MustCompile(`\b(async\s+function\s*\*?\s*` + name + `\s*\(|` + name + `\s*=\s*async\b)`)
	m := re.FindStringIndex(code)
	if m == nil {
		return -1
	}
	return m[0]
}

// codeOnly is a script with blanks for its comments, texts and regular
// expressions, line for line and byte for byte.
func codeOnly(src string) string {
	out := []byte(src)
	last := byte('\n') // the last byte of code that is no blank
	blank := func(from, to int) int {
		for i := from; i < min(to, len(out)); i++ {
			if out[i] != '\n' {
				out[i] = ' '
			}
		}
		return to
	}
	for i := 0; i < len(src); {
		c := src[i]
		switch {
		case strings.HasPrefix(src[i:], "//"):
			i = blank(i, i+lengthUntil(src[i:], "\n"))
		case strings.HasPrefix(src[i:], "/*"):
			i = blank(i, i+2+lengthUntil(src[i+2:], "*/")+2)
		case c == '"' || c == '\'' || c == '`':
			end := i + 1 + quotedLength(src[i+1:], c)
			i, last = blank(i+1, end-1)+1, c // the quotes stay
		case c == '/' && strings.IndexByte("(,=:[!&|?{};\n+-*%<>~^", last) >= 0:
			i, last = blank(i, i+1+quotedLength(src[i+1:], '/')), 'r'
		default:
			if c != ' ' && c != '\t' && c != '\r' {
				last = c
			}
			i++
		}
	}
	return string(out)
}

func lengthUntil(s, end string) int {
	if i := strings.Index(s, end); i >= 0 {
		return i
	}
	return len(s)
}

// quotedLength is how far a text goes on behind its opening quote, its closing one counted.
func quotedLength(s string, quote byte) int {
	class := false // of a regular expression
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			i++
		case c == '\n' && quote != '`':
			return i // it has no end
		case quote == '/' && c == '[':
			class = true
		case quote == '/' && c == ']':
			class = false
		case c == quote && !class:
			return i + 1
		}
	}
	return len(s)
}

package sandbox

import (
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
)

// TestDeepScriptsGoAsDeepAsBefore: an ordinary recursion of some hundred calls,
// and nesting that data really has, are no error.
func TestDeepScriptsGoAsDeepAsBefore(t *testing.T) {
	e := engine(t, nil)
	c := script(t, e, `const down = (n) => n && 1 + down(n - 1)
function personalise() { return {subject: down(200) + " " + JSON.parse("[".repeat(200) + "]".repeat(200)).flat(Infinity).length + " " + /^(a|b)+$/.test("ab".repeat(500))} }`)
	if res := ask(e, c, waxwing.HookPersonalise, smallInput); string(res.Output) != `{"subject":"200 0 true"}` {
		t.Errorf("%v %s", res.Fault, res.Output)
	}
}

// TestDeepScripts: whatever a script nests too deep is an error that it can
// catch, and its next call works.
func TestDeepScripts(t *testing.T) {
	e := engine(t, func(o *EngineOptions) { o.Limits.Fuel, o.Limits.Wall = 2e9, 1<<40 })
	for what, code := range map[string]string{
		"parsing JSON":           `JSON.parse("[".repeat(200000))`,
		"parsing JSON objects":   `JSON.parse('{"a":'.repeat(100000))`,
		"a reviver":              `JSON.parse("[".repeat(3000) + "]".repeat(3000), (k, v) => v); f()`,
		"writing JSON":           `const o = {toJSON() { return JSON.stringify(o) }}; JSON.stringify(o)`,
		"an array as text":       `let a = []; for (let i = 0; i < 20000; i++) a = [a]; String(a)`,
		"flattening":             `let a = []; for (let i = 0; i < 100000; i++) a = [a]; a.flat(Infinity)`,
		"recursion":              `f()`,
		"methods":                `const o = {toString() { return "" + this }}; "" + o`,
		"getters":                `const o = {get x() { return this.x }}; o.x`,
		"a regular expression":   `new RegExp("(".repeat(100000) + ")".repeat(100000))`,
		"classes in expressions": `new RegExp("(?=".repeat(50000) + ")".repeat(50000)).test("a")`,
		"backtracking":           `/^(?:a|a)*$/.test("a".repeat(1000000) + "b"); f()`,
		"proxies":                `let p = {}; for (let i = 0; i < 10000; i++) p = new Proxy(p, {}); p.x`,
		"prototypes":             `let p = {}; for (let i = 0; i < 5000; i++) p = new Proxy(Object.create(p), {}); p.x; f()`,
		"bound functions":        `let g = () => 1; for (let i = 0; i < 20000; i++) g = g.bind(null); g()`,
		"a comparator":           `const c = () => { [2, 1].sort(c); return 0 }; c()`,
		"brackets in source":     `(0, eval)("(".repeat(100000))`,
		"arrays in source":       `(0, eval)("[".repeat(100000))`,
		"blocks in source":       `(0, eval)("{".repeat(100000))`,
		"functions in source":    `(0, eval)("()=>".repeat(100000) + "1")`,
		"patterns in source":     `(0, eval)("var " + "[".repeat(100000) + "a" + "]".repeat(100000) + "=[]")`,
		"operators in source":    `(0, eval)("-".repeat(1) + "!".repeat(100000) + "1")`,
		"templates in source":    "(0, eval)('`${'.repeat(100000))",
		"spreading":              `const g = (...a) => g(...a, 1); g()`,
		"replacing":              `const g = () => "a".replace(/a/, g); g()`,
		"iterating":              `const o = {[Symbol.iterator]() { return [...o] }}; [...o]`,
		"comparing":              `const o = {valueOf() { return o < 1 }}; o < 1`,
		"a rope of texts":        `let s = "a"; for (let i = 0; i < 5000; i++) s = "b" + s; s.length; f()`,
		"causes":                 `let x; for (let i = 0; i < 2000; i++) x = new Error("a", {cause: x}); String(x); f()`,
	} {
		t.Run(what, func(t *testing.T) {
			c := script(t, e, "function f() { return f() + 1 }\nfunction personalise() { try { "+code+" } catch (e) { return {subject: e.name + \": \" + e.message} } return {subject: \"went through\"} }")
			res := ask(e, c, waxwing.HookPersonalise, smallInput)
			if res.Fault != nil || !strings.Contains(string(res.Output), "Error") {
				t.Errorf("%v %.100s, %d fuel", res.Fault, res.Output, res.Fuel)
			} else {
				t.Logf("%.100s, %d fuel", res.Output, res.Fuel)
			}
		})
	}
}

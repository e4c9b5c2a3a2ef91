package sandbox

import (
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
)

// spy puts functions of its own in the place of all that a script can reach, and
// tells what they see.
const spy = `
const seen = [], say = (v) => { if (typeof v === "string" || typeof v === "number" || typeof v === "bigint") seen[seen.length] = typeof v + ":" + v };
let on = false;
for (const home of [globalThis, String, String.prototype, Number, Number.prototype, Math, Array, Array.prototype, Object, Object.prototype,
    JSON, Function.prototype, RegExp.prototype, Symbol.prototype, Reflect, BigInt.prototype, Error.prototype]) {
  for (const k of Object.getOwnPropertyNames(home)) {
    try {
      const f = home[k], apply = Reflect.apply;
      if (typeof f !== "function" || k === "constructor" || f.prototype || k.startsWith("__")) continue;
      home[k] = function (...args) { if (on) { say(this); for (const a of args) say(a) } return apply(f, this, args) };
    } catch {} // a getter that must not be called so
  }
}
on = true;
function personalise() { on = false; return {subject: Math.random() + "", vars: {seen: seen.join("|")}} }`

// TestSeedIsUnreadable: what a script's random source begins with is not to be
// had from inside, and tells neither the tenant nor the order.
func TestSeedIsUnreadable(t *testing.T) {
	e := engine(t, nil)
	c := script(t, e, spy)
	call := func(seed string) string {
		res := e.Call(c, HookCall{Hook: waxwing.HookPersonalise, Input: []byte(smallInput), At: moment, Seed: seed, Wall: time.Minute})
		if res.Fault != nil {
			t.Fatal(res.Fault)
		}
		for _, secret := range []string{"tenant", "confirmation", "0x7a69", c.Hash[:8]} {
			if strings.Contains(string(res.Output), secret) || strings.Contains(string(res.Log), secret) {
				t.Errorf("the script knows %q: %s", secret, res.Output)
			}
		}
		return string(res.Output)
	}
	a, b := call("tenant/confirmation-0x7a69"), call("tenant/confirmation-0x7a70")
	if a == b || a != call("tenant/confirmation-0x7a69") {
		t.Errorf("%s, then %s", a, b)
	}
	random := func(s string) string { s, _, _ = strings.Cut(s, ","); return s }
	if strings.TrimPrefix(a, random(a)) != strings.TrimPrefix(b, random(b)) {
		t.Errorf("beside the random number, the script sees another order:\n%s\n%s", a, b)
	}
}

// TestRandomBytesAreSeeded: WASI's source is the seed's, and none of its bytes.
func TestRandomBytesAreSeeded(t *testing.T) {
	e := engine(t, nil)
	c := prepared(t, e, abi.LangC, attack.Dice())
	out := map[string]bool{}
	for _, seed := range []string{"a", "b", "a"} {
		res := e.Call(c, HookCall{Hook: waxwing.HookPersonalise, Input: []byte(smallInput), At: moment, Seed: seed, Wall: time.Minute})
		if res.Fault != nil {
			t.Fatal(res.Fault)
		}
		out[string(res.Output)] = true
	}
	if len(out) != 2 {
		t.Errorf("%d outputs of two seeds", len(out))
	}
}

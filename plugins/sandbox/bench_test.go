package sandbox

import (
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/plugins/abi"
)

// BenchmarkScript is a script that reads a 3 KB order and gives most of it back.
func BenchmarkScript(b *testing.B) {
	e := engine(b, nil)
	m := manifestFor(b, abi.LangJS)
	for _, n := range []string{"items.name", "items.price", "customer.first_name"} {
		m.NeedSet.Add(n)
	}
	c := script(b, e, `function personalise(x) { const vars = {}; x.items.forEach((it, i) => { vars["line" + i] = it.name + " " + it.unit_price.amount + " ".repeat(60) }); return {subject: x.items[0].name, vars} }`)
	in := abi.SampleInput(waxwing.HookPersonalise, m, 3<<10)
	b.SetBytes(int64(len(in)))
	out := 0
	for b.Loop() {
		r := e.Call(c, HookCall{Hook: waxwing.HookPersonalise, Input: in, At: moment, Seed: "seed"})
		if r.Fault != nil {
			b.Fatal(r.Fault)
		}
		out = len(r.Output)
	}
	b.ReportMetric(float64(out), "output-bytes")
}

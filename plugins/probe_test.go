package plugins

import (
	"os"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

func TestProbe(t *testing.T) {
	path := os.Getenv("PROBE")
	body, err := os.ReadFile(path)
	if err != nil {
		t.Skip()
	}
	mb, _ := os.ReadFile(os.Getenv("PROBE_MANIFEST"))
	m, err := ParseManifest(mb)
	if err != nil {
		t.Fatal(err)
	}
	st := time.Now()
	c, err := Prepare(m, body, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("prepare", time.Since(st))
	e, err := NewEngine(EngineOptions{Cache: "/tmp/ppcache", Key: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	st = time.Now()
	if err := e.Compile(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	t.Log("compile", time.Since(st))
	in := []byte(os.Getenv("PROBE_IN"))
	for range 5 {
		st = time.Now()
		r := e.Call(c, waxwing.Hook(os.Getenv("PROBE_HOOK")), in, time.Now(), "x", time.Second)
		t.Log("call", time.Since(st), r.Took, r.Fuel, string(r.Output), string(r.Log), r.Fault)
	}
	b, n := e.Usage()
	t.Log(b, n)
}

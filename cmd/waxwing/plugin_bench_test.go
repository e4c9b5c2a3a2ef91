package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
)

// What a plugin takes is told of what its own language may take: Go has more fuel.
func TestBenchTellsOfTheLanguagesLimit(t *testing.T) {
	for lang, times := range map[string]float64{abi.LangC: 1, abi.LangGo: abi.GoFuel} {
		t.Run(lang, func(t *testing.T) {
			dir := t.TempDir()
			write := func(name string, body []byte) {
				t.Helper()
				if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, name), body, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			write("plugin.json", fmt.Appendf(nil, `{"name":"hello","version":"1.0.0","lang":%q,"hooks":["personalise"],"needs":[],"description":"It greets."}`, lang))
			write("hello.wasm", attack.Works(500_000, `{"subject":"hello"}`))
			write("fixtures/a.json", []byte(`{"name":"one","hook":"personalise","input":{"abi":1,"hook":"personalise","at":"2026-01-01T00:00:00Z"}}`))
			var out bytes.Buffer
			c := pluginBenchCmd{pluginDir: pluginDir{Dir: dir}, Calls: 1}
			if err := c.Run(streams{out: &out, err: &out}); err != nil {
				t.Fatal(err, out.String())
			}
			m := regexp.MustCompile(`(?m)^one +(\d+) +([0-9.]+)%`).FindStringSubmatch(out.String())
			if m == nil {
				t.Fatal(out.String())
			}
			fuel, _ := strconv.ParseFloat(m[1], 64)
			if want := fmt.Sprintf("%.1f", 100*fuel/(20e6*times)); m[2] != want || want == "0.0" {
				t.Errorf("%s fuel are %s %%, want %s", m[1], m[2], want)
			}
		})
	}
}

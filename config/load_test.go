package config

import (
	"os"
	"testing"
)

func always(name string) (string, bool) { return "value-of-" + name, true }

func TestIssueExample(t *testing.T) {
	for _, f := range []string{"examples/shop.yaml", "examples/minimal.yaml"} {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Parse(f, src, always)
		if err != nil {
			t.Fatal(err)
		}
		t.Logf("%+v", c)
		for _, s := range c.Pipeline {
			t.Logf("%s %+v", s.name(), s)
		}
	}
}

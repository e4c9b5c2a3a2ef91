package plugins

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/plugins/abi"
	"github.com/waxwinghq/waxwing/plugins/attack"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

// TestTortureCompiling prints how much processor time it takes to check what is at the limits of size, of each kind, and of a
// quarter of it, and holds that it ends within what a check may take.
func TestTortureCompiling(t *testing.T) {
	if !*torture {
		t.Skip("run it with -plugins.torture")
	}
	e := engine(t, nil)
	took := func(lang string, body []byte) time.Duration {
		m := manifestFor(t, lang)
		c, err := sandbox.Prepare(m, body, abi.Limits{})
		if err != nil {
			t.Log(err)
			return 0
		}
		manifest := []byte(`{"name":"test","version":"1","lang":"` + lang + `","hooks":["personalise"]}`)
		d, err := e.Check(t.Context(), &sandbox.Submission{Manifest: m, Text: manifest, Code: c, Body: body}, sandbox.CheckTime)
		if err != nil {
			t.Log(err)
		}
		if d > sandbox.CheckTime+time.Second {
			t.Errorf("it took %s", d)
		}
		return d
	}
	quarters, wholes := attack.Webs(1, 4), attack.Webs(1, 1)
	for _, what := range slices.Sorted(maps.Keys(wholes)) {
		q, w := took(abi.LangC, quarters[what]), took(abi.LangC, wholes[what])
		t.Logf("%-40s %7d bytes %8s   a quarter %8s", what, len(wholes[what]), w.Round(time.Millisecond), q.Round(time.Millisecond))
	}
	bombs := attack.Compiling(1)
	for _, what := range slices.Sorted(maps.Keys(bombs)) {
		lang, _, _ := strings.Cut(what, ":")
		t.Logf("%-40s %7d bytes %8s", what, len(bombs[what]), took(lang, bombs[what]).Round(time.Millisecond))
	}
}

package plugins

import (
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/plugins/attack"
)

// TestWebsPassTheLimits: what is to be measured as a bomb is at the limits, and is not refused by them.
func TestWebsPassTheLimits(t *testing.T) {
	refused := 0
	for what, body := range attack.Webs(1, 1) {
		if _, err := Prepare(manifestFor(t, LangC), body, Limits{}); err != nil {
			// What is nearly all calls is refused by what counting adds to it: another limit, as good.
			if !strings.Contains(err.Error(), "instrumented bytes") {
				t.Errorf("%s: %v", what, err)
			}
			refused++
		}
	}
	if refused > 3 {
		t.Errorf("%d kinds are refused before they are compiled: make them smaller", refused)
	}
}

// TestTortureCompiling prints how much processor time it takes to check what is at the limits of size, of each kind, and of a
// quarter of it, and holds that it ends within what a check may take.
func TestTortureCompiling(t *testing.T) {
	if !*torture {
		t.Skip("run it with -plugins.torture")
	}
	e := engine(t, nil)
	took := func(lang string, body []byte) time.Duration {
		m := manifestFor(t, lang)
		c, err := Prepare(m, body, Limits{})
		if err != nil {
			t.Log(err)
			return 0
		}
		manifest := []byte(`{"name":"test","version":"1","lang":"` + lang + `","hooks":["personalise"]}`)
		d, err := e.Check(t.Context(), m, manifest, c, body, nil, checkTime)
		if err != nil {
			t.Log(err)
		}
		if d > checkTime+time.Second {
			t.Errorf("it took %s", d)
		}
		return d
	}
	quarters, wholes := attack.Webs(1, 4), attack.Webs(1, 1)
	for _, what := range sortedKeys(wholes) {
		q, w := took(LangC, quarters[what]), took(LangC, wholes[what])
		t.Logf("%-40s %7d bytes %8s   a quarter %8s", what, len(wholes[what]), w.Round(time.Millisecond), q.Round(time.Millisecond))
	}
	bombs := attack.Compiling(1)
	for _, what := range sortedKeys(bombs) {
		lang, _, _ := strings.Cut(what, ":")
		t.Logf("%-40s %7d bytes %8s", what, len(bombs[what]), took(lang, bombs[what]).Round(time.Millisecond))
	}
}

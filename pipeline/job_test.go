package pipeline

import (
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/config"
)

// TestStagesStandAsConfigured: the YAML's order is the order, and a stage may stand twice.
func TestStagesStandAsConfigured(t *testing.T) {
	enrich, plugins := config.Stage{Enrich: &config.EnrichStage{}}, config.Stage{Plugins: &config.PluginsStage{}}
	first, last := config.Stage{Normalise: &config.Normalise{}}, config.Stage{Render: &config.Render{}}
	for want, middle := range map[string][]config.Stage{
		"normalised gate rendered":                           {},
		"normalised gate enriched plugins rendered":          {enrich, plugins},
		"normalised gate plugins enriched rendered":          {plugins, enrich},
		"normalised gate enriched plugins enriched rendered": {enrich, plugins, enrich},
	} {
		x := &Pipeline{p: Parts{Config: &config.Config{Pipeline: append(append([]config.Stage{first}, middle...), last)}}}
		var got []string
		for _, s := range x.stagesOf() {
			got = append(got, s.Name())
		}
		if g := strings.Join(got, " "); g != want {
			t.Errorf("%s, want %s", g, want)
		}
	}
}

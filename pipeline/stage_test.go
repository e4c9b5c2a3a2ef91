package pipeline

import (
	"testing"

	"github.com/waxwinghq/waxwing/config"
)

// TestStagesStandAsConfigured: the YAML's order is the order, and a stage may stand twice.
func TestStagesStandAsConfigured(t *testing.T) {
	enrich, plugins := At(&EnrichStage{}), At(&PluginsStage{})
	first, last := At(&Normalise{}), At(&Render{})
	for want, middle := range map[string][]config.Stage{
		"normalised gate rendered":                           {},
		"normalised gate enriched plugins rendered":          {enrich, plugins},
		"normalised gate plugins enriched rendered":          {plugins, enrich},
		"normalised gate enriched plugins enriched rendered": {enrich, plugins, enrich},
	} {
		f, err := (&flows{p: &Parts{}}).of("default", append(append([]config.Stage{first}, middle...), last))
		if err == nil {
			t.Error("nothing is sent")
		}
		if g := f.words(); g != want {
			t.Errorf("%s, want %s", g, want)
		}
	}
}

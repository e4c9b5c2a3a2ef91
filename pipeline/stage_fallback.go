package pipeline

import (
	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

func fallbackStage() kind {
	return plain(config.Component{Name: "fallback", Place: config.Last, Settings: func() config.Block { return &Fallback{} },
		Usual: func(carrying func(waxwing.Channel) []string) config.Block {
			if texts := carrying(waxwing.SMS); len(texts) > 0 {
				return &Fallback{Providers: texts}
			}
			return nil
		}})
}

// Fallback goes another way when e-mail does not.
type Fallback struct {
	// Channels are tried in this order.
	Channels []string `yaml:"channels,omitempty" enum:"sms" default:"[sms]"`
	// Providers are asked in this order.
	Providers []string `yaml:"providers"`
	// After says which failures of the e-mail start it; bounced is one that was accepted and came back for good (feedback), within
	// three days of the order.
	After []string `yaml:"after,omitempty" enum:"rejected,bounced,unreachable" default:"[rejected, bounced, unreachable]"`
	// Unreachable is how long every e-mail provider must have failed.
	Unreachable config.Duration `yaml:"unreachable,omitempty" default:"5m" min:"1s" max:"24h"`
}

// Check looks for the providers, and for lists that say nothing.
func (f *Fallback) Check(r *config.Report) {
	r.Carriers("providers", f.Providers, waxwing.SMS, "a text")
	for _, l := range []struct {
		key  string
		list []string
	}{{"channels", f.Channels}, {"after", f.After}} {
		if len(l.list) == 0 {
			r.Fail(l.key, r.Path(l.key)+" is empty", "Leave it out for the usual, or take the fallback out")
		}
	}
}

package pipeline

import (
	"maps"
	"slices"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// usualInstead are the channels that mails fall back to, where nobody says which, as far as there are providers for them.
var usualInstead = []waxwing.Channel{waxwing.SMS, waxwing.Push}

func fallbackStage() kind {
	return plain(config.Component{Name: "fallback", Place: config.Last, Settings: func() config.Block { return &Fallback{} },
		Usual: func(carrying func(waxwing.Channel) []string) config.Block {
			f := &Fallback{Channels: []string{}}
			for _, ch := range usualInstead {
				if names := carrying(ch); len(names) > 0 {
					f.Channels, f.Providers = append(f.Channels, string(ch)), append(f.Providers, names...)
				}
			}
			if len(f.Providers) == 0 {
				return nil
			}
			return f
		}})
}

// Fallback goes another way when e-mail does not.
type Fallback struct {
	// Channels are tried in this order: the first that the order has an address for, and the next where that one fails, too.
	Channels []string `yaml:"channels,omitempty" enum:"sms,push" default:"[sms]"`
	// Providers are asked in this order, each for the channel that it carries.
	Providers []string `yaml:"providers"`
	// After says which failures of the e-mail start it; bounced is one that was accepted and came back for good (feedback), within
	// three days of the order.
	After []string `yaml:"after,omitempty" enum:"rejected,bounced,unreachable" default:"[rejected, bounced, unreachable]"`
	// Unreachable is how long every e-mail provider must have failed.
	Unreachable config.Duration `yaml:"unreachable,omitempty" default:"5m" min:"1s" max:"24h"`
}

// Check looks for the providers, and for lists that say nothing.
func (f *Fallback) Check(r *config.Report) {
	var channels []waxwing.Channel
	for _, name := range f.Channels {
		if ch := waxwing.Channel(name); slices.Contains(waxwing.Channels, ch) && !slices.Contains(channels, ch) {
			channels = append(channels, ch)
		}
	}
	what := "a text"
	if len(channels) != 1 || channels[0] != waxwing.SMS {
		what = "what channels lists"
	}
	r.Carriers("providers", f.Providers, what, channels...)
	for _, l := range []struct {
		key  string
		list []string
	}{{"channels", f.Channels}, {"after", f.After}} {
		if len(l.list) == 0 {
			r.Fail(l.key, r.Path(l.key)+" is empty", "Leave it out for the usual, or take the fallback out")
		}
	}
}

// FallbackProviders are those of a pipeline's fallback; none where it has no such stage.
func FallbackProviders(all []config.Stage) []string {
	for _, s := range all {
		if f, ok := s.Settings.(*Fallback); ok {
			return f.Providers
		}
	}
	return nil
}

// WithoutPush takes push messages out of all pipelines of a configuration, for who has nothing that can stand in for a browser.
func WithoutPush(c *config.Config, carries func(provider string) waxwing.Channel) {
	without := func(all []config.Stage) (out []config.Stage) {
		for _, s := range all {
			if f, ok := s.Settings.(*Fallback); ok {
				own := *f
				own.Channels = slices.DeleteFunc(slices.Clone(f.Channels), func(ch string) bool { return ch == string(waxwing.Push) })
				own.Providers = slices.DeleteFunc(slices.Clone(f.Providers), func(p string) bool { return carries(p) == waxwing.Push })
				if s.Settings = &own; len(own.Channels) == 0 {
					continue
				}
			}
			out = append(out, s)
		}
		return out
	}
	c.Pipeline, c.Pipelines = without(c.Pipeline), maps.Clone(c.Pipelines)
	for name, all := range c.Pipelines {
		c.Pipelines[name] = without(all)
	}
}

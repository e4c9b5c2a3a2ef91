package pipeline

import (
	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

func sendStage() kind {
	return plain(config.Component{Name: "send", Place: config.Sending, Settings: func() config.Block { return &Send{} },
		Usual: func(carrying func(waxwing.Channel) []string) config.Block {
			return &Send{Providers: carrying(waxwing.Email)}
		}})
}

// Send offers the message to providers.
type Send struct {
	// Channel is what the message is.
	Channel string `yaml:"channel,omitempty" enum:"email" default:"email"`
	// Providers are asked in this order: the next one where one is down.
	Providers []string `yaml:"providers"`
	// Retry is how long to wait after each try that the recipient's side put
	// off; the last one repeats until the tenant's ttl.
	Retry []config.Duration `yaml:"retry,omitempty" default:"[1m, 5m, 15m, 30m, 1h, 2h, 4h]" min:"1s" max:"24h"`
	// Uncertain says what becomes of an attempt whose answer was lost.
	Uncertain Doubt `yaml:"uncertain,omitempty"`
}

// Check looks for the providers.
func (s *Send) Check(r *config.Report) {
	r.Carriers("providers", s.Providers, "an e-mail", waxwing.Email)
	if len(s.Retry) == 0 {
		r.Fail("retry", r.Path("retry")+" is empty", "List how long to wait after each try, such as [1m, 5m, 15m], or leave it out")
	}
	r.Alike("uncertain", s.Uncertain, "what a crash leaves in doubt is resolved by one rule")
}

// Doubt says what becomes of an attempt whose answer was lost.
type Doubt struct {
	// Policy is resend (a marked, possible duplicate), assume_sent (a possible
	// loss) or hold (a person decides).
	Policy string `yaml:"policy,omitempty" enum:"resend,assume_sent,hold" default:"resend"`
	// After is how long a late answer is waited for before the first copy. The
	// next copies wait 5, 15 and 60 times as long.
	After config.Duration `yaml:"after,omitempty" default:"1m" min:"1s" max:"15m"`
	// Copies is how often the policy resend sends a message again at most. When
	// the answer to the last copy is lost, too, it is held with an alarm.
	Copies int `yaml:"copies,omitempty" default:"3" min:"1" max:"20"`
	// Ask has a provider that can be asked say whether it took the message, before
	// the policy decides; see docs/delivery.md for who can.
	Ask bool `yaml:"ask,omitempty" default:"true"`
}

// Rule is the same for those who send; asked says that some provider can be.
func (d Doubt) Rule(asked bool) waxwing.DoubtRule {
	return waxwing.DoubtRule{Policy: d.Policy, After: d.After.D(), Copies: d.Copies, Ask: d.Ask && asked}
}

// SendOf is the send stage of a pipeline; nil: it has none.
func SendOf(all []config.Stage) *Send {
	for _, s := range all {
		if send, ok := s.Settings.(*Send); ok {
			return send
		}
	}
	return nil
}

package delivery

import "github.com/waxwinghq/waxwing"

// manyHeld is from how many held messages on a provider gets an alarm of its own.
const manyHeld = 10

// alarm tells operators of a message that is held in doubt, since nothing more
// happens to it by itself, and once of a provider that loses one answer after the
// other: that is no accident of the line.
func (s *Sender) alarm(c *waxwing.Claim, r *waxwing.Resolution) {
	if r.To != waxwing.Uncertain || r.Reason != waxwing.HeldInDoubt {
		return
	}
	a := &r.Attempt
	s.Meter.HeldInDoubt(c.Out.Channel, s.failover.label(a.Provider))
	s.Log.Error("a message is held in doubt: it may have arrived, and goes out no more by itself; send it again or cancel it",
		"confirmation", c.Confirmation, "message", c.Out.Message, "channel", c.Out.Channel, "provider", a.Provider,
		"lost", c.Doubts+1, "until", c.Expires)
	if s.failover.hold(a.Provider) == manyHeld {
		s.Log.Error("a provider takes messages and does not answer: look at its log and at what stands between",
			"provider", a.Provider, "held", manyHeld, "phase", a.Phase, "err", a.Err)
	}
}

package smtp

import (
	"context"

	"github.com/waxwinghq/waxwing"
)

// Probe connects, says EHLO, encrypts and logs in as an Offer would, and hangs up:
// nothing is sent. The attempt is Accepted where all of it went well; else its
// phase, code and error say where it ended.
func (s *Sender) Probe(ctx context.Context) waxwing.Attempt {
	j := &job{s: s, began: s.cfg.Clock(), done: make(chan waxwing.Attempt, 1), hurry: true}
	k := &carrier{s: s}
	defer context.AfterFunc(ctx, k.cut)()
	l, o := k.open(j)
	if o != nil {
		return j.attempt(*o)
	}
	l.quit()
	return waxwing.Attempt{Provider: s.cfg.Name, Verdict: waxwing.Accepted, Phase: waxwing.PhaseAuth, Began: j.began, Ended: s.cfg.Clock()}
}

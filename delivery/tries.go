package delivery

import "time"

// set is some of a channel's providers.
type set uint64

// mostProviders is how many a set can hold.
const mostProviders = 64

func (s set) has(p *provider) bool { return s&p.bit != 0 }

// tries is what was tried with a message since it was claimed.
type tries struct {
	tried   set
	refused set // those who have refused it for policy
	// deferred are those who have put it off in the recipient's name.
	deferred set
	// busy had no connection free for it in time; waits is how often that was so.
	busy  *provider
	waits int
}

// patience is for how long a connection is waited for before others are looked at again:
// longer each time, so that much waiting mail is not moved for its own sake.
func (t *tries) patience() time.Duration { return time.Second << min(t.waits, 4) }

// anew begins a further round, without those who have refused.
func (t *tries) anew() { t.tried = t.refused }

package pipeline

import (
	"math"
	"time"
)

// pace is how many messages a provider takes in a second while it has any, of late: what
// is long ago counts less and less. From it follows how long one more would wait.
type pace struct {
	served float64 // messages
	busy   float64 // seconds in which it had some
	at     time.Time
}

// paceFor is after how many seconds of work what was seen counts for a third.
const paceFor = 2

// tick counts the time since the last one, in which the provider had under messages.
func (p *pace) tick(under int, now time.Time) {
	if dt := now.Sub(p.at).Seconds(); under > 0 && dt > 0 {
		k := math.Exp(-dt / paceFor)
		p.served, p.busy = p.served*k, p.busy*k+dt
	}
	p.at = now
}

// wait is what one more message is expected to take, in seconds, behind the given number
// of others. A provider that has none is asked at once, whatever is known of it.
func (p *pace) wait(under int) float64 {
	if under == 0 {
		return 0
	}
	return float64(under+1) * p.busy / max(p.served, 0.1)
}

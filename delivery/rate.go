package delivery

import (
	"math"
	"time"
)

// rate is how many messages a provider takes in a second while it has any, of late: what
// is long ago counts less and less. From it follows how long one more would wait.
type rate struct {
	served float64 // messages
	busy   float64 // seconds in which it had some
	at     time.Time
}

// rateOver is after how many seconds of work what was seen counts for a third.
const rateOver = 2

// tick counts the time since the last one, in which the provider had inFlight messages.
func (r *rate) tick(inFlight int, now time.Time) {
	if dt := now.Sub(r.at).Seconds(); inFlight > 0 && dt > 0 {
		k := math.Exp(-dt / rateOver)
		r.served, r.busy = r.served*k, r.busy*k+dt
	}
	r.at = now
}

// wait is what one more message is expected to take, in seconds, behind the given number
// of others. A provider that has none is asked at once, whatever is known of it.
func (r *rate) wait(inFlight int) float64 {
	if inFlight == 0 {
		return 0
	}
	return float64(inFlight+1) * r.busy / max(r.served, 0.1)
}

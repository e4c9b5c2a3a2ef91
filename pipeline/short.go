package pipeline

import (
	"sync"
	"time"
)

// ownWait is after how long a message is offered again that this machine had no
// descriptor, memory or port for.
const ownWait = time.Second

// shortage tells once a minute that this machine is short of something.
type shortage struct {
	mu sync.Mutex
	at time.Time
}

// short alarms: nothing else will mend it, and no provider is to blame.
func (x *Pipeline) short(err error) {
	x.p.Meter.ShortOfResources()
	now := x.p.Clock()
	x.shortage.mu.Lock()
	quiet := !x.shortage.at.IsZero() && now.Sub(x.shortage.at) < time.Minute
	if !quiet {
		x.shortage.at = now
	}
	x.shortage.mu.Unlock()
	if !quiet {
		x.p.Log.Error("this machine is out of descriptors, memory or ports: messages wait, and no provider is blamed", "err", err,
			"hint", "raise LimitNOFILE (ulimit -n) and the memory, or lower the providers' connections and http.max_connections")
	}
}

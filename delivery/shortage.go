package delivery

import (
	"sync"
	"time"
)

// shortage tells once a minute that this machine is short of something.
type shortage struct {
	mu sync.Mutex
	at time.Time
}

// short alarms: nothing else will mend it, and no provider is to blame.
func (s *Sender) short(err error) {
	s.Meter.ShortOfResources()
	now := s.Clock()
	s.shortage.mu.Lock()
	quiet := !s.shortage.at.IsZero() && now.Sub(s.shortage.at) < time.Minute
	if !quiet {
		s.shortage.at = now
	}
	s.shortage.mu.Unlock()
	if !quiet {
		s.Log.Error("this machine is out of descriptors, memory or ports: messages wait, and no provider is blamed", "err", err,
			"hint", "raise LimitNOFILE (ulimit -n) and the memory, or lower the providers' connections and http.max_connections")
	}
}

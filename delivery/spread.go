package delivery

import (
	"sync"
	"time"
)

// spread is when messages come back that nobody could be asked about: a little apart, so that
// they take no more than a part of the workers and of the disk while others can be sent.
type spread struct {
	mu   sync.Mutex
	last time.Time
}

const (
	// spreadBy is the time between two of them, and spreadOver the longest that one is put off
	// for the others' sake.
	spreadBy   = 10 * time.Millisecond
	spreadOver = 30 * time.Second
)

// at is a moment for one more, not before the given one.
func (s *spread) at(now, from time.Time) time.Time {
	from = later(now, from)
	s.mu.Lock()
	defer s.mu.Unlock()
	if next := s.last.Add(spreadBy); next.After(from) {
		from = earlier(next, from.Add(spreadOver))
	}
	if from.After(s.last) {
		s.last = from
	}
	return from
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

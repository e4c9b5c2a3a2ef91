package callback

import (
	"sync"
	"time"
)

// seen remembers requests for a day, or as many as there is room for: a replay changes nothing in
// any case, since a message is told of once of a kind.
type seen struct {
	mu   sync.Mutex
	at   map[[32]byte]time.Time
	ring []([32]byte) // as they came
	next int
}

const (
	mostSeen  = 1 << 15 // 3 MiB at most
	seenFor   = 24 * time.Hour
	firstRoom = 64
)

func (s *seen) has(key [32]byte, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.at[key]
	return ok && now.Sub(at) < seenFor
}

func (s *seen) add(key [32]byte, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.at == nil {
		s.at = make(map[[32]byte]time.Time, firstRoom)
	}
	if _, ok := s.at[key]; ok {
		s.at[key] = now
		return
	}
	s.at[key] = now
	if len(s.ring) < mostSeen {
		s.ring = append(s.ring, key)
		return
	}
	delete(s.at, s.ring[s.next])
	s.ring[s.next] = key
	s.next = (s.next + 1) % mostSeen
}

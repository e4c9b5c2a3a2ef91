package pipeline

import (
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// shedder turns events away where recording one would take longer than acceptLimit: shops
// give up on an answer after some seconds, and come again by themselves. It expects of the
// next second what the last one came to.
type shedder struct {
	mu      sync.Mutex
	waiting int // events that are being recorded
	done    int // that were
	// then and now are when done had which value: now at most a second ago, then at least
	// one, but where nothing waited in between.
	then, now mark
}

type mark struct {
	at   time.Time
	done int
}

const (
	// acceptLimit is how long recording an event may take.
	acceptLimit = 2 * time.Second
	// shedWindow is how far the shedder looks back, at least.
	shedWindow = time.Second
	// longestShed is the longest wait that a shop is told.
	longestShed = 30 * time.Second
)

// enter lets an event in, or says that it must come later.
func (s *shedder) enter(at time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting == 0 {
		s.then, s.now = mark{at, s.done}, mark{at, s.done}
	} else if at.Sub(s.now.at) >= shedWindow {
		s.then, s.now = s.now, mark{at, s.done}
	}
	if span := at.Sub(s.then.at); span >= shedWindow {
		done := s.done - s.then.done
		expected := span / time.Duration(max(done, 1)) * time.Duration(s.waiting)
		if done == 0 && span <= acceptLimit {
			expected = 0 // a disk that holds its breath: what waits is recorded together when it goes on
		}
		if expected > acceptLimit {
			return tooBusy(expected)
		}
	}
	s.waiting++
	return nil
}

// leave ends an event's part; recorded: it is on disk.
func (s *shedder) leave(recorded bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting--; recorded {
		s.done++
	}
}

// tooBusy tells a shop to come again when what waits now should be done.
func tooBusy(expected time.Duration) error {
	return &waxwing.LaterError{After: min(max(expected, time.Second), longestShed),
		Text: "more events come in than can be recorded at once; nothing was recorded: send it again"}
}

package kafka

import (
	"log/slog"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill"
)

// reportEvery is how often a log is told of one kind of error: a group that does not come about says so at each attempt.
const reportEvery = time.Minute

// reporter is the adapter's logger. It logs errors, which reach nobody else, and drops the rest.
type reporter struct {
	watermill.NopLogger
	log  *slog.Logger
	over <-chan struct{} // what comes behind it is the link's own end

	mu   *sync.Mutex
	last map[string]time.Time // when each kind was told
}

func newReporter(log *slog.Logger, over <-chan struct{}) *reporter {
	return &reporter{log: log, over: over, mu: &sync.Mutex{}, last: map[string]time.Time{}}
}

// Error is the adapter's, which has a few messages of its own.
func (r *reporter) Error(msg string, err error, fields watermill.LogFields) {
	select {
	case <-r.over:
		return
	default:
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, ok := r.last[msg]; ok && time.Since(at) < reportEvery {
		return
	}
	r.last[msg] = time.Now()
	r.log.Warn("a group of Kafka's has trouble; what it does not take is sent all the same", "topic", fields["topic"], "what", msg, "err", err)
}

// With is the adapter's.
func (r *reporter) With(watermill.LogFields) watermill.LoggerAdapter { return r }

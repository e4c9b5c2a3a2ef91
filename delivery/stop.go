package delivery

import (
	"context"
	"sync"
)

// Stop is how work ends, in three steps, each of which includes those before it. The zero
// value is not usable; see NewStop.
type Stop struct {
	begun  chan struct{}
	once   sync.Once
	offers context.Context // of attempts that are not at their commit point
	leave  context.CancelFunc
	all    context.Context
	cut    context.CancelFunc
}

// NewStop makes one that has not begun.
func NewStop() *Stop {
	s := &Stop{begun: make(chan struct{})}
	s.all, s.cut = context.WithCancel(context.Background())
	s.offers, s.leave = context.WithCancel(s.all)
	return s
}

// Earlier is one whose first step is taken by itself, and before this one's. Its later steps are the same.
func (s *Stop) Earlier() *Stop {
	return &Stop{begun: make(chan struct{}), offers: s.offers, leave: s.leave, all: s.all, cut: s.cut}
}

// Begin is the first step: nothing new is begun.
func (s *Stop) Begin() { s.once.Do(func() { close(s.begun) }) }

// Withdraw is the second: what has not reached its commit point goes back to the queue.
func (s *Stop) Withdraw() { s.Begin(); s.leave() }

// Cut is the third: nobody waits for anything any more.
func (s *Stop) Cut() { s.Begin(); s.cut() }

// Begun is closed by the first step.
func (s *Stop) Begun() <-chan struct{} { return s.begun }

// HasBegun reports whether the first step was taken.
func (s *Stop) HasBegun() bool {
	select {
	case <-s.begun:
		return true
	default:
		return false
	}
}

// Context ends with the third step.
func (s *Stop) Context() context.Context { return s.all }

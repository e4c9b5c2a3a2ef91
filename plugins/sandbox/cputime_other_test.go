//go:build !linux

package sandbox

import "time"

var began = time.Now()

// processorTime is the time that passed, where the thread's own cannot be had.
func processorTime() time.Duration { return time.Since(began) }

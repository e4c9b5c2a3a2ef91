package plugins

import (
	"syscall"
	"time"
)

// processorTime is what the thread has had of the processor: what others do on
// the machine does not count. The caller is locked to its thread.
func processorTime() time.Duration {
	const thread = 1 // RUSAGE_THREAD
	var u syscall.Rusage
	if syscall.Getrusage(thread, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

package sandbox

import (
	"syscall"
	"time"
	"unsafe"
)

// processorTime is what the thread has had of the processor: what others do on
// the machine does not count. The caller is locked to its thread.
func processorTime() time.Duration {
	const thread = 3 // CLOCK_THREAD_CPUTIME_ID
	var t syscall.Timespec
	if _, _, err := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, thread, uintptr(unsafe.Pointer(&t)), 0); err != 0 {
		return 0
	}
	return time.Duration(t.Nano())
}

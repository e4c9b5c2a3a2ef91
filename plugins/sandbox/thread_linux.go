package sandbox

import (
	"runtime"
	"syscall"
)

// background makes the goroutine's thread one that steps back where orders want the
// processor, until the goroutine ends: a load takes a core for up to a tenth of a second.
// The thread ends with it, since niceness cannot be taken back.
func background() {
	const nice = 10
	runtime.LockOSThread()
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, nice) // of this thread alone; a courtesy
}

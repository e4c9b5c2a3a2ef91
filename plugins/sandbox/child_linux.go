package sandbox

import (
	"os"
	"os/exec"
	"strconv"
	"syscall"
)

// What the compiling child may take. Go reserves address space generously, so
// that limit lies well above the heap's (GOMEMLIMIT).
const (
	childAddress = 2 << 30
	childFile    = maxNative
)

// confine sets the limits on this process itself, seconds of processor time among
// them: none of them can be raised again by what it compiles. It gives way to
// whatever else wants the processor.
func confine(seconds int, check bool) error {
	nice := 10
	if check {
		nice = 19 // no order waits for it
	}
	giveWay(nice)
	for _, l := range []struct {
		what int
		max  uint64
	}{{syscall.RLIMIT_CPU, uint64(seconds)}, {syscall.RLIMIT_AS, childAddress * raceFactor}, {syscall.RLIMIT_FSIZE, childFile}, {syscall.RLIMIT_CORE, 0}} {
		if err := syscall.Setrlimit(l.what, &syscall.Rlimit{Cur: l.max, Max: l.max}); err != nil {
			return err
		}
	}
	return nil
}

// giveWay lowers the priority of each thread: Linux keeps one for a thread and not
// for a process, and the runtime has several before main begins. Those that begin
// later have that of the thread that makes them. It is a courtesy: what fails is
// left as it is.
func giveWay(nice int) {
	for range 2 { // one may have been made meanwhile by another that had not been lowered
		threads, _ := os.ReadDir("/proc/self/task")
		for _, t := range threads {
			if id, err := strconv.Atoi(t.Name()); err == nil {
				_ = syscall.Setpriority(syscall.PRIO_PROCESS, id, nice)
			}
		}
	}
}

// detach has the kernel end the child with us, and keeps Ctrl-C from it. Us is the thread
// that starts it (prctl(2), PR_SET_PDEATHSIG): whoever does keeps to that until the child has
// ended.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

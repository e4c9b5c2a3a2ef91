package plugins

import (
	"os/exec"
	"syscall"
)

// What the compiling child may take. Go reserves address space generously, so
// that limit lies well above the heap's (GOMEMLIMIT).
const (
	childCPU     = 25 * raceSlowdown // seconds
	childAddress = 2 << 30
	childFile    = maxNative
)

// confine sets the limits on this process itself: none of them can be raised
// again by what it compiles.
func confine() error {
	const nice = 10
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, nice) // a courtesy
	for _, l := range []struct {
		what int
		max  uint64
	}{{syscall.RLIMIT_CPU, childCPU}, {syscall.RLIMIT_AS, childAddress * raceFactor}, {syscall.RLIMIT_FSIZE, childFile}, {syscall.RLIMIT_CORE, 0}} {
		if err := syscall.Setrlimit(l.what, &syscall.Rlimit{Cur: l.max, Max: l.max}); err != nil {
			return err
		}
	}
	return nil
}

// detach has the kernel end the child with us, and keeps Ctrl-C from it.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

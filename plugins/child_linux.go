package plugins

import (
	"os/exec"
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
	_ = syscall.Setpriority(syscall.PRIO_PROCESS, 0, nice) // a courtesy
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

// detach has the kernel end the child with us, and keeps Ctrl-C from it.
func detach(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

//go:build unix

package daemon

import (
	"os"
	"syscall"
)

// lockFile locks a file until it is closed, alone or with other readers. It does not wait.
func lockFile(f *os.File, alone bool) error {
	how := syscall.LOCK_SH
	if alone {
		how = syscall.LOCK_EX
	}
	return syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
}

// AskReload has a process load its configuration again.
func AskReload(pid int) error { return syscall.Kill(pid, syscall.SIGHUP) }

// ReloadSignal is what asks for it.
const ReloadSignal = syscall.SIGHUP

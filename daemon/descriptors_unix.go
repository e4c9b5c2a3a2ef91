//go:build unix

package daemon

import "syscall"

// DescriptorLimit is how many files and sockets this process may have open; the runtime
// has raised it as far as it may. 0: nobody says.
func DescriptorLimit() int {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0
	}
	return int(min(l.Cur, 1<<20))
}

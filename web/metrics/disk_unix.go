//go:build linux || darwin

package metrics

import "syscall"

// space is how many bytes this user may still write to a folder's disk, and the disk's size.
func space(dir string) (free, size uint64, ok bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, 0, false
	}
	return s.Bavail * uint64(s.Bsize), s.Blocks * uint64(s.Bsize), true
}

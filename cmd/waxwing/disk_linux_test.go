package main

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
)

// smallDisk mounts 4 MiB of memory as a disk; that takes root.
func smallDisk(t *testing.T) string {
	t.Helper()
	dir, _ := memoryDisk(t, 4<<20)
	return dir
}

// memoryDisk mounts memory as a disk of a size that can be changed: one that is smaller
// than what lies on it is full. It skips where that is not allowed.
func memoryDisk(t *testing.T, size int64) (dir string, resize func(int64) error) {
	t.Helper()
	dir = t.TempDir()
	if os.Getuid() != 0 {
		t.Skip("a small disk is mounted by root only")
	}
	option := func(n int64) string { return fmt.Sprintf("size=%d", n) }
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, option(size)); err != nil {
		t.Skip("no small disk here:", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
	return dir, func(n int64) error {
		if n > 0 {
			return syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, option(n))
		}
		// Full at once: as large as what is used. It grows while that is asked.
		for range 20 {
			var st syscall.Statfs_t
			if err := syscall.Statfs(dir, &st); err != nil {
				return err
			}
			used := int64(st.Blocks-st.Bfree) * st.Bsize
			err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, option(used+st.Bsize))
			if !errors.Is(err, syscall.EINVAL) {
				return err
			}
		}
		return nil
	}
}

package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"syscall"
)

// takeLock holds the folder for this process alone. The system lets go of it
// with the process, however it ends, so a restart knows that its predecessor
// is dead.
func (dir *folder) takeLock() error {
	if err := os.MkdirAll(dir.o.Dir, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir.o.Dir, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return fmt.Errorf("another waxwing holds this folder (%w): stop it, or set another data folder", err)
	}
	dir.lock = f
	return nil
}

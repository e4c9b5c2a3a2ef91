//go:build !unix

package daemon

import (
	"errors"
	"os"
	"syscall"
)

// lockFile locks nothing here.
func lockFile(*os.File, bool) error { return nil }

// AskReload is not possible here.
func AskReload(int) error { return errors.ErrUnsupported }

// ReloadSignal never comes here.
const ReloadSignal = syscall.SIGHUP

//go:build !wasip1

package waxwing

import (
	"fmt"
	"os"
)

// writeLog writes to standard error where there is no host: in tests.
func writeLog(level int32, s string) {
	fmt.Fprintln(os.Stderr, [...]string{"debug", "info", "warn", "error"}[level]+": "+s)
}

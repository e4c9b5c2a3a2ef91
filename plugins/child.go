package plugins

import (
	"context"
	"fmt"
	"io"
	"os"
)

// childMark is set in the compiling child's environment, which has nothing else.
const childMark = "WAXWING_COMPILE_CHILD"

// IsCompileChild reports whether this process was started to compile.
func IsCompileChild() bool { return os.Getenv(childMark) == "1" }

// CompileChild is the compiling child: it reads an instrumented module from in
// and writes native code into the folder. Compiling hostile bytes can take any
// amount of memory and time, and a panic in a compiling goroutine ends the
// process, so it happens here, under limits of the kernel. It returns the exit
// status.
func CompileChild(dir string, in io.Reader, errs io.Writer) int {
	if err := confine(); err != nil {
		_, _ = fmt.Fprintln(errs, "limits:", err)
		return 1
	}
	b, err := io.ReadAll(io.LimitReader(in, 64<<20))
	if err == nil {
		err = compileInto(context.Background(), dir, b)
	}
	if err != nil {
		_, _ = fmt.Fprintln(errs, err)
		return 1
	}
	return 0
}

// Command build compiles the plugins' projects in the folders that it is given,
// for "make examples".
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/waxwinghq/waxwing/sdk"
)

func main() {
	failed := false
	for _, dir := range os.Args[1:] {
		begin := time.Now()
		module, err := sdk.Build(context.Background(), dir, os.Stderr)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			failed = true
			continue
		}
		info, err := os.Stat(module)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			failed = true
			continue
		}
		fmt.Printf("%s  %.1f KB  %.1f s\n", module, float64(info.Size())/1024, time.Since(begin).Seconds())
	}
	if failed {
		os.Exit(1)
	}
}

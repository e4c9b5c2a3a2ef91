// Command bench measures the whole path of a real daemon: signed webhooks over
// HTTP in, mails at a lean SMTP sink out, each part a process of its own, and
// the ceiling (what the parts cost without any promise) in the same run.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/alecthomas/kong"
)

type cli struct {
	Run     runCmd     `cmd:"" default:"withargs" help:"Measure everything and print the report."`
	Backlog backlogCmd `cmd:"" help:"Measure start-up over a backlog (goal G5)."`
	Sink    sinkCmd    `cmd:"" hidden:""`
	Ceiling ceilingCmd `cmd:"" hidden:""`
	Delay   delayCmd   `cmd:"" hidden:""`
}

func main() {
	var c cli
	ctx := kong.Parse(&c, kong.Name("bench"), kong.Description("Measures Waxwing's whole path against its ceiling."))
	if err := ctx.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", strings.TrimSpace(err.Error()))
		os.Exit(1)
	}
}

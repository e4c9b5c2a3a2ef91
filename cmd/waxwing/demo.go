package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/signal"
	"strings"
	"syscall"

	"github.com/waxwinghq/waxwing/demo"
)

type demoCmd struct {
	Listen string `help:"Where the mailbox is served. Without it 127.0.0.1:8080, or the next free port." placeholder:"HOST:PORT"`
	Data   string `help:"Keep the ledger in this folder. Without it a temporary one is used and removed at the end." placeholder:"DIR" type:"path"`
	Rate   int    `help:"Orders a minute after the first forty." default:"12"`
	Orders int    `help:"Stop after so many orders." default:"300"`
}

// Run runs the demonstration until it is interrupted.
func (c demoCmd) Run(s streams) error {
	if c.Rate < 1 || c.Rate > 600 || c.Orders < 1 || c.Orders > 500 {
		return errors.New("--rate goes from 1 to 600, --orders from 1 to 500: this shows the flow; for load there is cmd/bench")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	d, err := demo.Start(demo.Options{Listen: c.Listen, Data: c.Data, Rate: c.Rate, Orders: c.Orders, Logs: s.err})
	if err != nil {
		return err
	}
	c.greet(s.out, d)
	sold := make(chan error, 1)
	selling, cancel := context.WithCancel(ctx)
	go func() { sold <- d.Sell(selling) }()
	select {
	case <-ctx.Done():
		_, _ = fmt.Fprintln(s.out, "\nStopping: waiting for the verdicts under way.")
	case err = <-d.Daemon().Fatal():
	case err = <-sold: // its errors only: it waits when it has sold all
	}
	stop() // a second Ctrl-C ends at once
	cancel()
	return errors.Join(err, d.Stop())
}

// greet says where everything is.
func (c demoCmd) greet(w io.Writer, d *demo.Demo) {
	kept := "in a temporary folder that goes when this ends"
	if c.Data != "" {
		kept = "kept in " + c.Data
	}
	taken := ""
	if c.Listen == "" && !strings.HasSuffix(d.Daemon().Addr(), ":8080") {
		taken = " (port 8080 is taken)"
	}
	_, _ = fmt.Fprintf(w, `Waxwing demonstration. Nothing leaves this machine; every shop and person is invented.

  Mailbox   http://%[1]s/%[2]s
  Metrics   http://%[1]s/metrics
  API       http://%[1]s/v1/openapi
  Ledger    %[3]s
  Plugins   waxwing plugin push DIR --url http://%[1]s --tenant acme --key %[6]s

Three merchants sell in twelve languages. The first forty orders come within a
minute, then %[4]d a minute up to %[5]d. In the mailbox, watch for

  *@slow.example    put off twice by the recipient's server, then taken
  *@gone.example    no such mailbox: a text message goes instead
  *@flaky.example   the answer after the dot is lost: uncertain, then sent again
                    with the same Message-ID and marked as a possible duplicate
  an unpaid order   held at the gate until the shop says that it is paid
  an unreadable one quarantined with its reason
  one sent twice    by its shop, and absorbed

Press Ctrl-C to end.
`, d.Daemon().Addr(), taken, kept, c.Rate, c.Orders, d.Key())
}

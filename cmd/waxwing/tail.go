package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/waxwinghq/waxwing"
)

type tailCmd struct {
	Lines int  `short:"n" help:"How many of the newest to begin with." default:"10"`
	Full  bool `help:"Show recipients whole, not masked."`
	jsonFlag
	apiFlags
}

// Run prints confirmations as they come and change, until it is interrupted.
func (c tailCmd) Run(s streams) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	t := time.NewTicker(time.Second)
	defer t.Stop()
	return c.follow(ctx, s, t.C)
}

// tailWindow is how many of the newest are watched for changes.
const tailWindow = 200

func (c tailCmd) follow(ctx context.Context, s streams, tick <-chan time.Time) error {
	type seen struct {
		state  waxwing.State
		tried  int
		reason string
	}
	known := map[waxwing.ID]seen{}
	away := false
	for first := true; ; first = false {
		list, err := c.search("", "", tailWindow, c.Full)
		switch gone := (awayError{}); {
		case err == nil && away:
			away = false
			_, _ = fmt.Fprintln(s.err, "The daemon is back.")
		case errors.As(err, &gone) && !first: // it is being restarted
			if !away {
				_, _ = fmt.Fprintf(s.err, "%v. Waiting for it.\n", err)
			}
			away = true
		case err != nil:
			return err
		}
		for i := len(list) - 1; i >= 0; i-- {
			v := &list[i]
			is := seen{v.State, v.Tried, v.Reason}
			if known[v.ID] == is {
				continue
			}
			known[v.ID] = is
			if first && i >= c.Lines {
				continue
			}
			if err := c.line(s, v); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
		}
	}
}

func (c tailCmd) line(s streams, v *waxwing.ConfirmationView) error {
	if c.JSON {
		return json.NewEncoder(s.out).Encode(v)
	}
	_, err := fmt.Fprintf(s.out, "%s  %s  %-11s  %s  order %s  to %s  %s\n", time.Now().Format(time.TimeOnly), v.ID, v.State, v.Shop, dash(printable(v.Number)),
		dash(printable(toWhom(v))), printable(v.Reason))
	return err
}

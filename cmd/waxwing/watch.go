package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
	"github.com/waxwinghq/waxwing/web/metrics"
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
		switch gone := (remote.AwayError{}); {
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
	_, err := fmt.Fprintf(s.out, "%s  %s  %-11s  %s  order %s  to %s  %s\n", time.Now().Format(time.TimeOnly), v.ID, v.State, v.Shop, dash(remote.Printable(v.Number)),
		dash(remote.Printable(toWhom(v))), remote.Printable(v.Reason))
	return err
}

type topCmd struct {
	URL   string        `default:"http://127.0.0.1:8080" env:"WAXWING_URL" help:"Any of the daemons."`
	Key   string        `env:"WAXWING_KEY" help:"An admin key, where the configuration has any; better given in the environment." placeholder:"KEY"`
	Every time.Duration `help:"How often to look." default:"2s"`
	Once  bool          `help:"Look once, and end."`
}

// Run shows the daemons that share a ledger, by the metrics of one of them, until it is
// interrupted.
func (c topCmd) Run(s streams) error {
	if c.Every <= 0 {
		return errors.New("--every is not above 0")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	t := time.NewTicker(c.Every)
	defer t.Stop()
	return c.follow(ctx, s, t.C)
}

// wiped has a terminal begin anew at its top.
const wiped = "\x1b[H\x1b[2J"

func (c topCmd) follow(ctx context.Context, s streams, tick <-chan time.Time) error {
	home := ""
	if f, ok := s.out.(*os.File); ok && !c.Once {
		if st, err := f.Stat(); err == nil && st.Mode()&os.ModeCharDevice != 0 {
			home = wiped
		}
	}
	for first := true; ; first = false {
		all, err := c.look(ctx)
		switch gone := (remote.AwayError{}); {
		case ctx.Err() != nil:
			return nil
		case errors.As(err, &gone) && !first: // it is being restarted
			_, err = fmt.Fprintf(s.out, "%s%v\n", home, err)
		case err == nil:
			err = showMembers(s.out, home, all)
		}
		if err != nil || c.Once {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick:
		}
	}
}

// look reads a daemon's metrics, and gives what they tell of instances.
func (c topCmd) look(ctx context.Context) ([]waxwing.Member, error) {
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, fmt.Errorf("--url (or WAXWING_URL): %q is no address: write it as http://127.0.0.1:8080", c.URL)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimRight(c.URL, "/")+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	if c.Key != "" {
		req.Header.Set("Authorization", "Bearer "+c.Key)
	}
	res, err := (&http.Client{Timeout: 30 * time.Second}).Do(req)
	if err != nil {
		return nil, remote.Away(fmt.Errorf("the daemon at %s cannot be reached: %w", c.URL, err))
	}
	defer func() { _ = res.Body.Close() }() // only read
	switch {
	case res.StatusCode == http.StatusUnauthorized:
		return nil, errors.New("the daemon's metrics are shown to admin keys alone: set --key (or WAXWING_KEY)")
	case res.StatusCode == http.StatusServiceUnavailable:
		return nil, remote.Away(fmt.Errorf("the daemon at %s is about to end", c.URL))
	case res.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%s: is there a Waxwing at %s?", res.Status, c.URL)
	}
	return metrics.ReadInstances(io.LimitReader(res.Body, 64<<20))
}

// showMembers prints a line for each.
func showMembers(out io.Writer, home string, all []waxwing.Member) error {
	if len(all) == 0 {
		_, err := fmt.Fprintf(out, "%sThe daemon shares its ledger with no other, or cannot read it just now.\n", home)
		return err
	}
	_, _ = fmt.Fprint(out, home)
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	named := slices.ContainsFunc(all, func(x waxwing.Member) bool { return x.Ledger != "" })
	column := func(s string) {
		if named {
			_, _ = fmt.Fprint(w, s, "\t")
		}
	}
	column("LEDGER")
	_, _ = fmt.Fprintln(w, "INSTANCE\tSINCE\tLAST BEAT\tLEASE\tCLAIMS\tAT THE DOT\tSTATE")
	for i := range all {
		x := &all[i]
		number, state := strconv.FormatInt(x.ID, 10), "lives"
		if x.Self {
			number += " *"
		}
		if x.Lease <= 0 {
			state = "silent: what it holds is taken over soon"
		}
		column(dash(x.Ledger))
		_, _ = fmt.Fprintf(w, "%s\t%s\t%.1f s ago\t%.1f s\t%d\t%d\t%s\n", number, time.Now().Add(-x.Age).Format(time.DateTime), x.Silent.Seconds(),
			x.Lease.Seconds(), x.Claims, x.Dots, state)
	}
	return w.Flush()
}

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/waxwinghq/waxwing/cmd/waxwing/remote"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
)

type checkCmd struct {
	configFlag
	Connect bool `help:"Also try what it names: log in to the mail servers, look for the DKIM records, ask the databases. Nothing is sent."`

	connector daemon.Connector // tests have their own resolver
}

// Run checks everything that serve would, short of opening the ledger.
func (c checkCmd) Run(s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if err := daemon.Check(cfg); err != nil {
		return fmt.Errorf("%s: %w", c.Config, err)
	}
	limit, lowered, err := daemon.Lowered(cfg)
	if err != nil {
		return err
	}
	shops := 0
	for _, t := range cfg.Tenants {
		shops += len(t.Shops)
	}
	_, err = fmt.Fprintf(s.out, "%s is good: %s, %s, %s, %s.\n", c.Config, some(len(cfg.Tenants), "tenant"), some(shops, "shop"),
		some(len(cfg.Providers), "provider"), some(len(cfg.Pipeline), "stage"))
	for _, w := range cfg.Warnings() {
		_, _ = fmt.Fprintf(s.out, "Unwise: %s.\n", w)
	}
	if len(lowered) > 0 {
		_, _ = fmt.Fprintf(s.out, "Too few file descriptors here, %d: the daemon would lower %s. Raise LimitNOFILE (ulimit -n) to 1024 or more.\n",
			limit, strings.Join(lowered, ", "))
	}
	if c.Connect && err == nil {
		err = c.connect(cfg, s)
	}
	return err
}

// connect says what came of each connection, a line each and a remedy.
func (c checkCmd) connect(cfg *config.Config, s streams) error {
	all, err := c.connector.Connect(context.Background(), cfg)
	if err != nil {
		return err
	}
	failed := 0
	for _, t := range all {
		mark := "ok  "
		if t.Failed {
			mark = "FAIL"
			failed++
		}
		_, _ = fmt.Fprintf(s.out, "%s  %s: %s.\n", mark, t.What, strings.TrimSuffix(remote.Printable(t.Said), "."))
		if t.Remedy != "" {
			end := "."
			if strings.HasSuffix(t.Remedy, "?") {
				end = ""
			}
			_, _ = fmt.Fprintf(s.out, "      %s%s\n", strings.TrimSuffix(remote.Printable(t.Remedy), "."), end)
		}
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d did not connect", failed, len(all))
	}
	return nil
}

// some counts things: 1 tenant, 2 tenants.
func some(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

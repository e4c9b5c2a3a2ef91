package main

import (
	"errors"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/demo"
)

type reloadCmd struct {
	configFlag
	Wait time.Duration `help:"How long to wait for the daemon." default:"1m"`
}

// Run checks the file as check does, asks the daemon that holds its data folder to load
// it again, and says what came of it.
func (c reloadCmd) Run(s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if err := daemon.Check(cfg); err != nil {
		return fmt.Errorf("%s: %w", c.Config, err)
	}
	data := cfg.Data
	before, err := daemon.LookUp(data)
	if errors.Is(err, daemon.ErrNotRunning) { // it may be one of serve --mailbox
		data = demo.TrialData(cfg.Data)
		before, err = daemon.LookUp(data)
	}
	if errors.Is(err, daemon.ErrNotRunning) {
		return fmt.Errorf("no daemon holds the folder %s on this machine: start it with waxwing serve -c %s", cfg.Data, c.Config)
	}
	if err != nil {
		return err
	}
	if err := daemon.AskReload(before.PID); err != nil {
		return fmt.Errorf("process %d: %w", before.PID, err)
	}
	limit := time.After(c.Wait)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-limit:
			return fmt.Errorf("process %d did not say within %s what came of it: see its log", before.PID, c.Wait)
		case <-tick.C:
		}
		now, err := daemon.LookUp(data)
		switch {
		case errors.Is(err, daemon.ErrNotRunning):
			return fmt.Errorf("process %d has ended: see its log", before.PID)
		case err != nil, now.Reloads == before.Reloads: // it is being written, or it has not come
			continue
		case now.Failed:
			return errors.New(now.Said)
		}
		_, err = fmt.Fprintf(s.out, "Taken by process %d: %s.\n", now.PID, now.Said)
		return err
	}
}

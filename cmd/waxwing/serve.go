package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/demo"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
)

// statusLoss is serve's where a person must look first (EX_CONFIG of sysexits.h).
const statusLoss = 78

// roleSend is serve's role of a process that only sends.
const roleSend = "send"

type serveCmd struct {
	configFlag
	Role       string `enum:"all,send" default:"all" help:"What this process does: all, or send alone. A send worker takes mails with their content from a broker (queue: {on: NAME, carry: content}), holds one connection to the ledger on Postgres, and takes no orders."`
	Mailbox    bool   `help:"Keep every mail and text in a mailbox at / instead of sending it: to try your own configuration and shops."`
	AcceptLoss string `help:"Go on from a ledger that is not the newest there was, once: SINCE is since when orders may be lacking, or none where nothing was sent since (the ledger was merely moved). What may have been sent is held for a person." placeholder:"SINCE"`
	Profile    string `hidden:"" help:"Write a CPU profile of the whole run to this file."`
}

// Run runs the daemon until SIGTERM or SIGINT, and then drains. A second signal ends
// it at once, with status 1.
func (c serveCmd) Run(s streams) error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	private()
	level := new(slog.LevelVar)
	log := newLog(cfg.Log, level, s.err)
	daemon.TuneMemory(cfg, "/")
	if c.Profile != "" {
		f, err := os.Create(c.Profile)
		if err != nil {
			return err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer func() {
			pprof.StopCPUProfile()
			_ = f.Close() // a profile for whoever measures
		}()
	}
	start := time.Now()
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)
	hup := make(chan os.Signal, 1) // one that waits is enough: it loads what is there by then
	signal.Notify(hup, daemon.ReloadSignal)
	defer signal.Stop(hup)
	x, begin := daemon.Extras{}, daemon.Start
	if c.Role == roleSend {
		if c.Mailbox || c.AcceptLoss != "" {
			return errors.New("--mailbox and --accept-loss are for whoever takes orders, and not for --role send")
		}
		begin = daemon.StartWorker
	}
	if c.AcceptLoss != "" {
		if x.AcceptLoss, err = ledger.ParseAcceptance(c.AcceptLoss); err != nil {
			return fmt.Errorf("--accept-loss: %w", err)
		}
	}
	var try *demo.Trial
	if c.Mailbox {
		if try, err = demo.NewTrial(cfg, log); err != nil {
			return err
		}
		defer try.Close()
		x.Pages = try.Pages()
	}
	// Before anybody is answered: whoever finds the daemon up can have it reload.
	var control *daemon.Control
	x.Held = func() (err error) {
		if control, err = daemon.OpenControl(cfg.Data); err != nil {
			err = fmt.Errorf("the file that says which process runs: %w", err)
		}
		return err
	}
	defer func() {
		if control != nil {
			_ = control.Close() // a lock that is left says nothing
		}
	}()
	d, err := begin(cfg, log, x)
	if errors.As(err, new(*sqlite.LossError)) || errors.As(err, new(*ledger.LossError)) {
		return statusError{statusLoss, err} // starting again changes nothing
	}
	if err != nil {
		return err
	}
	if try != nil {
		try.Open(d)
		log.Info("nothing is sent: mails and texts are kept in the mailbox", "mailbox", "http://"+d.Addr()+"/", "ledger", cfg.Data)
	}
	log.Info("ready", "role", c.Role, "listen", d.Addr(), "tenants", len(cfg.Tenants), "instance", d.Ledger().Instance(),
		"taken_over", d.Ledger().TakenOver(), "took", time.Since(start).Round(time.Millisecond))
	d.Announce()
	running := service{c, d, try, control, level, log, cfg.Limits.Drain.D()}
	if err := running.until(signals, hup); err != nil {
		return err
	}
	go endAtOnce(signals, time.Now(), log)
	if err := d.Stop(); err != nil {
		return err
	}
	log.Info("stopped", "took", time.Since(start).Round(time.Millisecond))
	return nil
}

// service is a daemon that runs, and what its signals need.
type service struct {
	serveCmd
	d       *daemon.Daemon
	try     *demo.Trial // nil: it sends
	control *daemon.Control
	level   *slog.LevelVar
	log     *slog.Logger
	limit   time.Duration // for verdicts, at the end
}

// until waits for a signal that ends the daemon, or for what ends it by itself, and reloads
// when it is asked to.
func (s service) until(signals, hup <-chan os.Signal) error {
	for {
		select {
		case sig := <-signals:
			s.log.Info("stopping: waiting for verdicts", "signal", sig.String(), "limit", s.limit)
			return nil
		case err := <-s.d.Fatal():
			return fmt.Errorf("ended because nothing may be written any more: %w", err)
		case <-hup:
			said, err := s.reload()
			if err := s.control.Reloaded(said, err); err != nil {
				s.log.Warn("what came of the reload could not be said to waxwing reload", "err", err)
			}
		}
	}
}

// reload loads the configuration again, and has the daemon take what changed: all or
// nothing. What keeps it from that is logged, a line each mistake.
func (s service) reload() (said string, err error) {
	cfg, err := s.load()
	if err == nil && s.try != nil {
		err = s.try.Fit(cfg)
	}
	var changes config.TenantChanges
	if err == nil {
		changes, err = s.d.Reload(cfg)
	}
	if err != nil {
		s.log.Error("the configuration was not taken; the one before goes on", "file", s.Config, "err", err)
		return "", err
	}
	setLevel(s.level, cfg.Log)
	said = fmt.Sprintf("tenants: %d added, %d changed, %d removed", len(changes.Added), len(changes.Changed), len(changes.Removed))
	s.log.Info("the configuration was taken", "added", some(len(changes.Added), "tenant"), "changed", some(len(changes.Changed), "tenant"), "removed", some(len(changes.Removed), "tenant"))
	return said, nil
}

// sameSignal is how soon after the first signal another one is taken for the same, sent
// to the process and to its group.
const sameSignal = 100 * time.Millisecond

// endAtOnce ends the process at the second signal. What is past its commit point stays
// uncertain, as after a crash, and the next start takes the rest over.
func endAtOnce(signals <-chan os.Signal, first time.Time, log *slog.Logger) {
	for sig := range signals {
		if time.Since(first) > sameSignal {
			log.Warn("a second signal: ending at once; what is at its commit point stays uncertain", "signal", sig.String())
			os.Exit(1)
		}
	}
}

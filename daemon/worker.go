package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sandbox"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/delivery"
	"github.com/waxwinghq/waxwing/pipeline"
	"github.com/waxwinghq/waxwing/web"
	"github.com/waxwinghq/waxwing/web/metrics"
)

// StartWorker is Start for a process that only sends: it takes messages with their content from
// the brokers, and has of the ledger one connection, for claims, commit points and verdicts. It has
// no sources, no API, no plugins and no sweeper; what no worker gets is the other daemons'. Of the
// extras it knows Clock, Held and Root.
func StartWorker(c *config.Config, log *slog.Logger, x Extras) (d *Daemon, err error) {
	if err := fitForWorkers(c); err != nil {
		return nil, err
	}
	files, err := shareDescriptors(c, DescriptorLimit(), false)
	if err != nil {
		return nil, err
	}
	mem := shareMemory(c, cmp.Or(x.Root, "/"))
	mem.tell(log)
	files.tell(log)
	readRoots(c)
	d = &Daemon{caught: sandbox.New(x.Clock), clients: workerClients, memory: mem, cfg: files.fit(c), loaded: c, log: log, sends: true,
		done: make(chan struct{}), restored: make(chan struct{}), fatal: make(chan error, 1)}
	close(d.restored)
	ctx, cancel := context.WithCancel(context.Background())
	d.stop, d.ctx = cancel, ctx
	begun := d // a return of nil takes d away before the clean-up
	defer func() {
		if err != nil {
			cancel()
			_ = begun.release() // the first error is the one to tell
		}
	}()
	if d.providers, err = OpenProviders(d.cfg, log); err != nil {
		return nil, err
	}
	if d.own, err = openOwn(d.cfg.Tenants, nil, log); err != nil {
		return nil, err
	}
	if d.listener, err = net.Listen("tcp", c.HTTP.Listen); err != nil {
		return nil, fmt.Errorf("http.listen: %w", err)
	}
	if err = d.openLedgers(ctx, x); err != nil {
		return nil, err
	}
	if x.Held != nil {
		if err = x.Held(); err != nil {
			return nil, err
		}
	}
	if err = assembleWorker(d, x); err != nil {
		return nil, err
	}
	go d.run(ctx)
	d.shards.running()
	go d.serve()
	d.keepers.Go(func() { giveBack(ctx) })
	return d, nil
}

// workerClients is how many connections a worker's listener takes: those who look how it is.
const workerClients = 16

// fitForWorkers says why a configuration has no work for those who only send.
func fitForWorkers(c *config.Config) error {
	if c.Ledger == nil && len(c.Ledgers) == 0 {
		return errors.New("--role send needs a ledger that several daemons share, and this one is in a folder, which one process holds: " +
			"set ledger: {type: postgres, dsn: ...} (waxwing ledger move takes what is there with it), or run waxwing serve without --role")
	}
	if !pipeline.CarriesContent(c) {
		return errors.New("--role send has nothing to take: no queue of the pipeline carries content on a broker; " +
			"write queue: {name: mail, on: NAME, carry: content} with NAME under brokers:, in the file of all daemons")
	}
	return nil
}

func assembleWorker(d *Daemon, x Extras) (err error) {
	d.behind = &pipeline.Settings{Tenants: d.cfg.Tenants, Own: d.own.of(d.cfg.Tenants, d.caught)}
	parts := pipeline.Parts{Providers: map[string]delivery.Provider{}, Clock: x.Clock, SendsOnly: true, Asked: Asked(d.cfg)}
	for n, p := range d.providers {
		parts.Providers[n] = p
	}
	if parts.Brokers, err = openBrokers(d.cfg, brokerTypes, d.log); err != nil {
		return err
	}
	// What waits in the ledger the others tell: hundreds need not count it.
	meter := metrics.New(nil)
	parts.Meter = meter
	if err = d.shards.connect(d.cfg, d.behind, parts); err != nil {
		return err
	}
	meter.Brokers(d.shards.brokers)
	d.shards.measured(meter, d.cfg.Data)
	d.server = web.New(web.Parts{Bare: true, Config: d.cfg, Meter: meter, Ready: d.ready, Version: Version(), Connections: d.clients, Room: d.memory.bodies, Log: d.log})
	return nil
}

// errWorkerReload is Reload's of a process that only sends.
var errWorkerReload = waxwing.Permanent(errors.New("a process that only sends takes its configuration at its start: start it anew"))

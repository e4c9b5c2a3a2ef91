// Package daemon is the whole program running: the ledger, the pipeline, the providers
// and the listener, put together by its lists of components. A test starts and stops a
// Daemon as the command line does.
package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/address"
	"github.com/waxwinghq/waxwing/channel/sandbox"
	"github.com/waxwinghq/waxwing/channel/webpush"
	"github.com/waxwinghq/waxwing/compose"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon/silence"
	"github.com/waxwinghq/waxwing/delivery"
	"github.com/waxwinghq/waxwing/enrich"
	"github.com/waxwinghq/waxwing/feedback/callback"
	"github.com/waxwinghq/waxwing/feedback/inbound"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
	"github.com/waxwinghq/waxwing/pipeline"
	"github.com/waxwinghq/waxwing/plugins"
	"github.com/waxwinghq/waxwing/shop/generic"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/web"
	"github.com/waxwinghq/waxwing/web/metrics"
	caughtpage "github.com/waxwinghq/waxwing/web/sandbox"
)

// Daemon is the program running. Its methods may be called from everywhere; after Stop
// only Stop may.
type Daemon struct {
	cfg       *config.Config // fitted to this machine; its tenants are those of the start
	loaded    *config.Config // as the files have it; guarded by reloads after the start
	reloads   sync.Mutex
	ctx       context.Context
	log       *slog.Logger
	shards    *shards // its ledgers, each with its pipeline
	providers map[string]Provider
	own       own // guarded by reloads after the start
	caught    *sandbox.Catcher
	lookups   *enrich.Lookups
	sources   *sources
	silence   *silence.Watcher
	returns   *inbound.Service // nil: nobody takes mails that come back
	callbacks *callback.Desk   // of providers
	push      *webpush.Subscriptions
	composer  *compose.Composer // the one that is in use; guarded by reloads after the start
	formats   map[string]waxwing.Format
	behind    *pipeline.Settings // of the pipeline; guarded by reloads after the start
	workshop  *workshop
	server    *web.Server
	listener  net.Listener
	clients   int // how many connections the listener may have
	memory    memory
	sends     bool // it does nothing else: see StartWorker

	restored chan struct{} // closed when plugins have been put

	stop    context.CancelFunc
	done    chan struct{}
	runErr  error
	fatal   chan error
	keepers sync.WaitGroup
	once    sync.Once
	stopErr error
}

// Extras are what the demonstration and tests add to a daemon.
type Extras struct {
	Pages     map[string]http.Handler
	Wrap      func(message.Publisher) message.Publisher
	NoSweeper bool
	Clock     waxwing.Clock
	// AcceptLoss lets the daemon go on from an older ledger; nil: it does not start.
	AcceptLoss *ledger.Acceptance
	// Held is called when the ledger is this daemon's and nobody was answered yet; nil: nothing is.
	Held func() error
	// Root is where /proc and /sys are; "" is "/".
	Root string
}

// Start opens the ledger, the providers and the listener, and runs. What it
// has opened is closed again if it fails.
func Start(c *config.Config, log *slog.Logger, x Extras) (d *Daemon, err error) {
	files, err := shareDescriptors(c, DescriptorLimit(), x.Pages != nil)
	if err != nil {
		return nil, err
	}
	mem := shareMemory(c, cmp.Or(x.Root, "/"))
	mem.tell(log)
	if mem.clients > 0 {
		files.clients = min(files.clients, mem.clients)
	}
	files.tell(log)
	loaded := c
	if c = files.fit(c); mem.plugins > 0 {
		c.Plugins.Memory = mem.plugins
	}
	readRoots(c)
	d = &Daemon{caught: sandbox.New(x.Clock), clients: files.clients, memory: mem, cfg: c, loaded: loaded, log: log, done: make(chan struct{}), restored: make(chan struct{}), fatal: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	d.stop, d.ctx = cancel, ctx
	begun := d // a return of nil takes d away before the clean-up
	defer func() {
		if err != nil {
			cancel()
			_ = begun.release() // the first error is the one to tell
		}
	}()
	if d.composer, err = compose.New(c, log); err != nil {
		return nil, err
	}
	if d.providers, err = OpenProviders(c, log); err != nil {
		return nil, err
	}
	if d.own, err = openOwn(c.Tenants, nil, log); err != nil {
		return nil, err
	}
	if d.lookups, err = enrich.Open(c.Enrich); err != nil {
		return nil, err
	}
	if d.sources, err = openSources(c, sourceTypes, log); err != nil {
		return nil, err
	}
	// The port before the ledger: a daemon that cannot listen must not take over.
	if d.listener, err = net.Listen("tcp", c.HTTP.Listen); err != nil {
		return nil, fmt.Errorf("http.listen: %w", err)
	}
	if err = d.openLedgers(ctx, x); err != nil {
		return nil, err
	}
	if err = d.sources.keepIn(d.Ledger()); err != nil {
		return nil, err
	}
	if d.returns, err = takeReturns(d, x); err != nil {
		return nil, err
	}
	if x.Held != nil {
		if err = x.Held(); err != nil {
			return nil, err
		}
	}
	if d.workshop, err = openWorkshop(c, d.Books(), d.composer, x.Clock, log); err != nil {
		return nil, err
	}
	if err = d.assemble(x); err != nil {
		return nil, err
	}
	round := d.workshop.files.begin(c)
	d.workshop.restore(c, log)
	d.keepers.Go(func() {
		late := d.workshop.files.first(ctx, round, log)
		d.keepers.Go(func() {
			d.shards.all[0].upkeep.hourly(ctx, func() (bool, error) { return d.workshop.tidy(c.Plugins.NativeAll, log) })
		})
		close(d.restored)
		d.workshop.files.rest(ctx, round, late, log)
	})
	go d.run(ctx)
	d.shards.running()
	go d.serve()
	if d.returns != nil {
		d.keepers.Go(func() { d.returns.Run(ctx) })
	}
	d.sources.books = &source.Books{Key: keysOf(d.cfg, d.formats), Known: d.Books().Known}
	d.sources.run(ctx, d.restored, d.Accept) // an order that nobody waits for may wait for its plugins
	d.keepers.Go(func() { giveBack(ctx) })
	d.keepers.Go(func() { d.silence.Run(ctx, d.shops) })
	for _, s := range d.shards.all {
		d.keepers.Go(func() { s.upkeep.teach(ctx, d.workshop.composer.Load()) })
		d.keepers.Go(func() { s.upkeep.prune(ctx, c.Plugins.Runs.D()) })
		d.keepers.Go(func() { s.upkeep.expire(ctx, c.Retention.Content.D()) })
	}
	return d, nil
}

func (d *Daemon) openLedgers(ctx context.Context, x Extras) (err error) {
	c := d.cfg
	known := FormatsOf(c)
	o := sqlite.Options{Options: ledger.Options{Dir: c.Data, Master: c.Keys.Master, Clock: x.Clock, Log: d.log,
		Quota: pluginQuota(c.Plugins), HotBytes: d.memory.hot / int64(len(LedgerNames(c))), AcceptLoss: x.AcceptLoss,
		People: func(format, topic string, raw []byte) (waxwing.People, bool) {
			return pipeline.PeopleOf(known[format], topic, raw, compose.Numbers)
		},
		Address: func(s string) (string, error) {
			a, err := address.Parse(s)
			return a.String(), err
		}}, Fatal: d.failed, Witness: c.Witness, CacheBytes: d.memory.cache}
	o.Sends = d.sends
	if s := pipeline.SendOf(c.Pipeline); s != nil { // it is the same in all pipelines
		r := s.Uncertain.Rule(Asked(c))
		o.Policy, o.After, o.Copies, o.Ask = r.Policy, r.After, r.Copies, r.Ask
	}
	d.shards, err = openShards(c, func(s *config.Store, dir string, tenants []waxwing.TenantID, log *slog.Logger) (Ledger, error) {
		o := o
		o.Dir, o.Tenants, o.Log = dir, tenants, log
		return openStore(ctx, s, storeTypes, o)
	}, d.log)
	return err
}

func (d *Daemon) assemble(x Extras) (err error) {
	parts := pipeline.Parts{Asked: Asked(d.cfg), Formats: FormatsOf(d.cfg), Composer: d.composer,
		Providers: map[string]delivery.Provider{}, Carries: map[string]waxwing.Channel{}, Enrichers: map[string]pipeline.Enricher{}, Clock: x.Clock, Log: d.log,
		Plugins: d.workshop, Numbers: compose.Numbers, Wrap: x.Wrap, NoSweeper: x.NoSweeper}
	maps.Copy(parts.Formats, d.workshop.pluginFormats(d.cfg, parts.Formats["generic"]))
	d.formats = parts.Formats
	d.behind = &pipeline.Settings{Tenants: d.cfg.Tenants, Formats: d.formats, Composer: d.composer, Own: d.own.of(d.cfg.Tenants, d.caught)}
	for n, p := range d.providers {
		parts.Providers[n], parts.Carries[n] = p, Carries(d.cfg.Providers[n])
	}
	for n, l := range d.lookups.All() {
		parts.Enrichers[n] = l
	}
	if parts.Brokers, err = openBrokers(d.cfg, brokerTypes, d.log); err != nil {
		return err
	}
	meter := metrics.New(d.shards.waiting)
	parts.Meter = meter
	meter.Plugins(d.workshop.host.TenantUses)
	if err = d.shards.connect(d.cfg, d.behind, parts); err != nil {
		return err
	}
	meter.Queues(d.shards.queues)
	meter.Instances(d.shards.members)
	meter.Brokers(d.shards.brokers)
	d.shards.measured(meter, d.cfg.Data)
	brings := func() map[string]metrics.Source {
		all := d.shards.fetches()
		maps.Copy(all, d.sources.statuses())
		return all
	}
	meter.Sources(brings)
	d.silence = silence.New(d.Books(), x.Clock, d.log)
	meter.Silences(func() (out []metrics.Silent) {
		for _, s := range d.silence.Silent() {
			out = append(out, metrics.Silent{Tenant: string(s.Tenant), Shop: string(s.Shop.Shop), Usual: s.Usual})
		}
		return out
	})
	d.callbacks = callback.NewDesk(newReturns(d, x.Clock), suppressing(d.cfg.Feedback), d.log)
	d.callbacks.Use(callbackDoors(d.cfg, snsCertificates()), tenantIDs(d.cfg.Tenants))
	d.push = webpush.NewSubscriptions()
	d.push.Use(pushSettings(d.cfg, d.cfg.Tenants))
	pages := map[string]http.Handler{"/push/": d.push}
	maps.Copy(pages, caughtpage.Pages())
	maps.Copy(pages, x.Pages)
	d.server = web.New(web.Parts{Caught: d.caught.Letters, Callbacks: d.callbacks.Take, Config: d.cfg, Formats: parts.Formats, Intake: d, Desk: d.shards, Books: d.Books(), Workshop: d.workshop, Shelves: d.Books(), Uses: d.workshop.host.Uses,
		Meter: meter, Sources: brings, Schema: generic.Schema, Ready: d.ready, Pages: pages, Version: Version(), Connections: d.clients, Room: d.memory.bodies, Log: d.log})
	return nil
}

func (d *Daemon) ready() error {
	select {
	case <-d.done:
		return errors.New("shutting down")
	default:
		return d.shards.healthy()
	}
}

// failed ends the daemon after a broken disk: what is in memory must not be
// believed any more.
func (d *Daemon) failed(err error) {
	select {
	case d.fatal <- err:
	default:
	}
}

// Fatal tells of a fault after which the process must end at once.
func (d *Daemon) Fatal() <-chan error { return d.fatal }

func (d *Daemon) run(ctx context.Context) {
	d.runErr = d.shards.run(ctx)
	close(d.done)
}

func (d *Daemon) serve() {
	if err := d.server.Serve(d.listener); err != nil {
		d.failed(fmt.Errorf("http: %w", err))
	}
}

// Announce logs where everything is: what has to be typed into a shop's settings
// is the first thing that is looked for, and the first that is mistyped.
func (d *Daemon) Announce() {
	for _, w := range d.cfg.Warnings() {
		d.log.Warn(w)
	}
	if d.sends {
		d.log.Info("addresses", "health", "http://"+d.Addr()+"/readyz", "metrics", "http://"+d.Addr()+"/metrics")
		return
	}
	if n := len(d.cfg.Tenants); n > mostAnnounced {
		d.log.Info("shops", "tenants", n, "webhook", "/hooks/TENANT/SHOP", "api", "/v1/tenants/TENANT/orders")
	} else {
		d.announceShops()
	}
	d.log.Info("addresses", "page", "http://"+d.Addr()+"/", "api", "http://"+d.Addr()+"/v1/openapi", "health", "http://"+d.Addr()+"/readyz")
}

// mostAnnounced is how many tenants' shops are logged by name: with more nobody reads them.
const mostAnnounced = 200

func (d *Daemon) announceShops() {
	for _, tenant := range sortedNames(d.cfg.Tenants) {
		t := d.cfg.Tenants[tenant]
		for _, name := range sortedNames(t.Shops) {
			format := config.FormatOf(tenant, name, t.Shops[name].Format)
			f, ok := d.formats[format]
			if ok && f.Verify != nil && t.Shops[name].Secret == "" && len(t.Shops[name].Secrets) == 0 {
				d.log.Info("shop without webhooks, since it has no secret", "tenant", tenant, "shop", name, "format", cmp.Or(t.Shops[name].Format, format))
				continue
			}
			if !ok || f.Verify == nil {
				d.log.Info("shop by API", "tenant", tenant, "shop", name, "format", t.Shops[name].Format, "path", "/v1/tenants/"+tenant+"/orders")
				continue
			}
			d.log.Info("shop by webhook", "tenant", tenant, "shop", name, "format", cmp.Or(t.Shops[name].Format, format), "path", "/hooks/"+tenant+"/"+name)
		}
	}
}

// Addr is where the daemon listens.
func (d *Daemon) Addr() string { return d.listener.Addr().String() }

// Ledger is the daemon's, or the first of several; it is closed by Stop.
func (d *Daemon) Ledger() Ledger { return d.shards.all[0].ledger }

// Books are what all of the daemon's ledgers show and keep.
func (d *Daemon) Books() Books {
	if len(d.shards.all) == 1 {
		return d.Ledger()
	}
	return books{d.shards}
}

// Plugins is the host of the tenants' plugins; it is closed by Stop.
func (d *Daemon) Plugins() *plugins.Host { return d.workshop.host }

// Restored is closed when the plugins that are files have been put.
func (d *Daemon) Restored() <-chan struct{} { return d.restored }

// Formats are the shops' that this daemon read at its start, by name, those of plugins
// among them. They must not be changed.
func (d *Daemon) Formats() map[string]waxwing.Format { return d.formats }

// Accept takes an event as the API does; see pipeline.Pipeline.Accept.
func (d *Daemon) Accept(ctx context.Context, ev *waxwing.Event) (waxwing.Receipt, error) {
	shop := silence.Shop{Tenant: ev.Tenant, Shop: ev.Shop}
	rc, err := d.shards.Accept(ctx, ev)
	if err == nil && ev.Source != waxwing.SourcePing {
		d.silence.Heard(shop)
	}
	return rc, err
}

// Stop drains and closes: no new orders, no new claims, then verdicts, then
// the ledger. It may be called more than once.
func (d *Daemon) Stop() error {
	d.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
		defer cancel()
		err := d.server.Shutdown(ctx)
		d.sources.stop()
		d.reloads.Lock() // one under way ends first, and none begins
		d.stop()
		d.reloads.Unlock()
		<-d.done
		d.keepers.Wait()
		d.stopErr = errors.Join(err, d.runErr, d.release())
	})
	return d.stopErr
}

func (d *Daemon) release() error {
	var errs []error
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	all := maps.Clone(d.providers)
	for name, p := range d.own {
		all[name] = p.Provider
	}
	closed := make([]error, len(all))
	var closing sync.WaitGroup
	for i, name := range sortedNames(all) {
		closing.Go(func() {
			err := all[name].Close(ctx)
			if errors.Is(err, context.DeadlineExceeded) {
				// Its server does not answer. What was past its commit point is uncertain
				// and said so; the rest was not sent. That is no failure of stopping.
				d.log.Warn("a provider's connections were cut: its server did not answer", "provider", name)
				err = nil
			}
			closed[i] = err
		})
	}
	closing.Wait()
	errs = append(errs, closed...)
	if d.lookups != nil {
		errs = append(errs, d.lookups.Close())
	}
	if d.returns != nil {
		_ = d.returns.Close() // Run closed it already, in the usual case
	}
	errs = append(errs, d.workshop.close())
	if d.shards != nil {
		errs = append(errs, d.shards.close()...)
	}
	if d.listener != nil {
		_ = d.listener.Close() // Shutdown closed it already, in the usual case
	}
	return errors.Join(errs...)
}

// keysOf reads which order an event of a source's tells of, by these formats.
func keysOf(c *config.Config, formats map[string]waxwing.Format) func(source.Event) (waxwing.EventKey, error) {
	return func(ev source.Event) (waxwing.EventKey, error) {
		f, ok := formats[config.FormatOf(string(ev.Tenant), string(ev.Shop), c.Tenants[string(ev.Tenant)].Shops[string(ev.Shop)].Format)]
		if !ok {
			return waxwing.EventKey{}, waxwing.ErrNotFound
		}
		return f.Key(ev.Topic, ev.Raw)
	}
}

// shops are all that the configuration has now.
func (d *Daemon) shops() (out []silence.Shop) {
	d.reloads.Lock()
	defer d.reloads.Unlock()
	for tenant, t := range d.loaded.Tenants {
		for name := range t.Shops {
			out = append(out, silence.Shop{Tenant: waxwing.TenantID(tenant), Shop: waxwing.ShopID(name)})
		}
	}
	return out
}

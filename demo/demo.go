// Package demo is the invented world: merchants, customers and their orders, servers
// that take what is sent and misbehave as their names say, and a mailbox to look at it
// all. Nothing leaves the machine.
package demo

import (
	"context"
	"crypto/rand"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/web/mailbox"
)

// Options say what a demonstration is like.
type Options struct {
	Listen string // where the mailbox is served; "": 127.0.0.1:8080, or the next free port
	Data   string // the ledger's folder, which is kept; "": a temporary one
	Rate   int    // orders a minute, after the first forty
	Orders int    // how many there are
	Logs   io.Writer

	change func(*config.Config) // of tests
	brisk  bool                 // tests do not wait between orders
}

// Demo is the daemon with stand-ins for the world around it.
type Demo struct {
	o       Options
	dir     string
	keep    bool
	secret  string // of every shop
	key     string // of acme's API
	daemon  *daemon.Daemon
	mailbox *mailbox.Mailbox
	mail    *sink.Server
	spare   *sink.Server // takes what the first one does not
	trouble *trouble     // of the first
	texts   *http.Server
	client  *http.Client
}

//go:embed waxwing.yaml
var configFile []byte

// picturesAt is where the invented shops' pictures would be. The mailbox shows
// its own in their place, so that nothing is fetched.
const picturesAt = "https://pictures.waxwing.example/"

// Start makes everything; what it has made is gone again if it fails.
func Start(o Options) (d *Demo, err error) {
	d = &Demo{o: o, dir: o.Data, keep: o.Data != "", client: &http.Client{Timeout: 10 * time.Second}}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.Stop())
		}
	}()
	if d.keep {
		err = os.MkdirAll(d.dir, 0o700)
	} else {
		d.dir, err = os.MkdirTemp("", "waxwing-demo-")
	}
	if err != nil {
		return d, fmt.Errorf("demo: %w", err)
	}
	env, err := d.world()
	if err != nil {
		return d, err
	}
	env["DEMO_DATA"], env["DEMO_LISTEN"] = filepath.Join(d.dir, "ledger"), o.Listen
	if o.Listen == "" {
		env["DEMO_LISTEN"] = "127.0.0.1:8080"
	}
	cfg, err := config.Parse("demo/waxwing.yaml", configFile, func(k string) (string, bool) { v, ok := env[k]; return v, ok }, daemon.Components())
	if err != nil {
		return d, err
	}
	if o.change != nil {
		o.change(cfg)
	}
	// What a first start says of its new keys is no news where the folder goes again;
	// what is refused from then on is.
	level := new(slog.LevelVar)
	level.Set(slog.LevelError)
	if err := d.open(cfg, o.Listen != "", slog.New(slog.NewTextHandler(o.Logs, &slog.HandlerOptions{Level: level}))); err != nil {
		return d, err
	}
	return d, level.UnmarshalText([]byte(cfg.Log.Level))
}

// world starts the stand-ins and returns what the configuration asks for.
func (d *Demo) world() (map[string]string, error) {
	var key, secret [16]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	_, _ = rand.Read(secret[:])
	d.secret, d.key = hex.EncodeToString(secret[:]), hex.EncodeToString(key[:])
	d.mailbox = mailbox.New(mailbox.Config{Formats: daemon.Formats(), PicturesAt: picturesAt})
	fates := newFates()
	d.trouble = newTrouble()
	server := func(plan sink.Plan, taken *atomic.Int64) *sink.Server {
		return sink.New(sink.Config{Hello: "mailbox.example", Plan: plan, Keep: true, OnMail: func(m sink.Mail) {
			taken.Add(1)
			d.mailbox.Take(mailbox.Letter{Channel: waxwing.Email, ID: m.MessageID, From: m.From, To: m.To, Data: m.Data, At: m.At})
		}})
	}
	d.mail, d.spare = server(d.trouble.plan(fates.plan), &d.trouble.first), server(fates.plan, &d.trouble.next)
	smtp, err := d.mail.Listen("")
	if err != nil {
		return nil, fmt.Errorf("demo: the mail server: %w", err)
	}
	spare, err := d.spare.Listen("")
	if err != nil {
		return nil, fmt.Errorf("demo: the second mail server: %w", err)
	}
	token := hex.EncodeToString(key[:8])
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo: the text service: %w", err)
	}
	d.texts = &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: &sink.Twilio{Account: "ACdemo", Token: waxwing.Secret(token), OnText: func(t sink.Text) {
		d.mailbox.Take(mailbox.Letter{Channel: waxwing.SMS, ID: t.Key, From: t.From, To: t.To, Data: []byte(t.Body), At: t.At})
	}}}
	go func() { _ = d.texts.Serve(l) }() // ends by Close
	dsn, err := d.stock()
	return map[string]string{"DEMO_SMTP": smtp, "DEMO_SPARE": spare, "DEMO_TWILIO": "http://" + l.Addr().String(), "DEMO_TOKEN": token,
		"DEMO_SECRET": d.secret, "DEMO_KEY": d.key, "DEMO_CATALOGUE": dsn}, err
}

// open starts the daemon. Where no port was asked for, the next free one is
// taken.
func (d *Demo) open(cfg *config.Config, asked bool, log *slog.Logger) (err error) {
	pages := daemon.Extras{Pages: d.mailbox.Pages()}
	for port := 8080; ; port++ {
		d.daemon, err = daemon.Start(cfg, log, pages)
		switch {
		case err == nil:
			d.mailbox.Open(cfg, d.daemon.Books())
			try := &Trial{cfg: cfg, client: d.client}
			d.mailbox.Act(mailbox.Acts{Title: "demo mailbox", Shops: sampleShops(cfg, d.daemon.Formats()), Breaker: d.trouble.breaker(d.daemon),
				Order: func(ctx context.Context, tenant, shop, locale string) error {
					return try.order(ctx, d.daemon, tenant, shop, locale)
				}})
			return nil
		case !errors.Is(err, syscall.EADDRINUSE):
			return err
		case asked:
			return fmt.Errorf("%s is taken by another program: name a free one with --listen, such as --listen 127.0.0.1:0 for any", cfg.HTTP.Listen)
		case port == 8099:
			return errors.New("the ports 8080 to 8099 are all taken: name a free one with --listen 127.0.0.1:PORT")
		}
		cfg.HTTP.Listen = fmt.Sprintf("127.0.0.1:%d", port+1)
	}
}

// Daemon is the one that runs; Stop ends it.
func (d *Demo) Daemon() *daemon.Daemon { return d.daemon }

// Key is the one of acme's API.
func (d *Demo) Key() string { return d.key }

// Stop ends everything and removes the temporary folder.
func (d *Demo) Stop() error {
	var errs []error
	if d.daemon != nil {
		errs = append(errs, d.daemon.Stop())
	}
	if d.texts != nil {
		errs = append(errs, d.texts.Close())
	}
	for _, s := range []*sink.Server{d.mail, d.spare} {
		if s != nil {
			errs = append(errs, s.Close())
		}
	}
	d.client.CloseIdleConnections()
	if !d.keep && d.dir != "" {
		errs = append(errs, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}

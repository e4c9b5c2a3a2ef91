package main

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
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/web"
)

type demoCmd struct {
	Listen string `help:"Where the mailbox is served. Without it 127.0.0.1:8080, or the next free port." placeholder:"HOST:PORT"`
	Data   string `help:"Keep the ledger in this folder. Without it a temporary one is used and removed at the end." placeholder:"DIR" type:"path"`
	Rate   int    `help:"Orders a minute after the first forty." default:"12"`
	Orders int    `help:"Stop after so many orders." default:"300"`

	brisk bool // tests do not wait between orders
}

// Run runs the demonstration until it is interrupted.
func (c demoCmd) Run(s streams) error {
	if c.Rate < 1 || c.Rate > 600 || c.Orders < 1 || c.Orders > 500 {
		return errors.New("--rate goes from 1 to 600, --orders from 1 to 500: this shows the flow; for load there is cmd/bench")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	d, err := c.start(s.err, nil)
	if err != nil {
		return err
	}
	d.greet(s.out, c)
	sold := make(chan error, 1)
	selling, cancel := context.WithCancel(ctx)
	go func() { sold <- d.sell(selling, c) }()
	select {
	case <-ctx.Done():
		_, _ = fmt.Fprintln(s.out, "\nStopping: waiting for the verdicts under way.")
	case err = <-d.daemon.Fatal():
	case err = <-sold: // its errors only: it waits when it has sold all
	}
	stop() // a second Ctrl-C ends at once
	cancel()
	return errors.Join(err, d.stop())
}

// demo is the daemon with stand-ins for the world around it.
type demo struct {
	dir     string
	keep    bool
	secret  string // of every shop
	key     string // of acme's API
	daemon  *Daemon
	mailbox *web.Mailbox
	mail    *sink.Server
	texts   *http.Server
	client  *http.Client
}

//go:embed demo/waxwing.yaml
var demoConfig []byte

// picturesAt is where the invented shops' pictures would be. The mailbox shows
// its own in their place, so that nothing is fetched.
const picturesAt = "https://pictures.waxwing.example/"

// start makes everything; what it has made is gone again if it fails. change,
// where a test gives it, may alter the configuration.
func (c demoCmd) start(logs io.Writer, change func(*config.Config)) (d *demo, err error) {
	d = &demo{dir: c.Data, keep: c.Data != "", client: &http.Client{Timeout: 10 * time.Second}}
	defer func() {
		if err != nil {
			err = errors.Join(err, d.stop())
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
	env["DEMO_DATA"], env["DEMO_LISTEN"] = filepath.Join(d.dir, "ledger"), c.Listen
	if c.Listen == "" {
		env["DEMO_LISTEN"] = "127.0.0.1:8080"
	}
	cfg, err := config.Parse("demo/waxwing.yaml", demoConfig, func(k string) (string, bool) { v, ok := env[k]; return v, ok })
	if err != nil {
		return d, err
	}
	if change != nil {
		change(cfg)
	}
	// What a first start says of its new keys is no news where the folder goes again;
	// what is refused from then on is.
	level := new(slog.LevelVar)
	level.Set(slog.LevelError)
	if err := d.open(cfg, c.Listen != "", slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: level}))); err != nil {
		return d, err
	}
	return d, level.UnmarshalText([]byte(cfg.Log.Level))
}

// world starts the stand-ins and returns what the configuration asks for.
func (d *demo) world() (map[string]string, error) {
	var key, secret [16]byte
	_, _ = rand.Read(key[:]) // never fails (crypto/rand)
	_, _ = rand.Read(secret[:])
	d.secret, d.key = hex.EncodeToString(secret[:]), hex.EncodeToString(key[:])
	d.mailbox = web.NewMailbox(web.MailboxConfig{Formats: formats(), PicturesAt: picturesAt})
	fates := newFates()
	d.mail = sink.New(sink.Config{Hello: "mailbox.example", Plan: fates.plan, Keep: true, OnMail: func(m sink.Mail) {
		d.mailbox.Take(web.Letter{Channel: waxwing.Email, ID: m.MessageID, From: m.From, To: m.To, Data: m.Data, At: m.At})
	}})
	smtp, err := d.mail.Listen("")
	if err != nil {
		return nil, fmt.Errorf("demo: the mail server: %w", err)
	}
	token := hex.EncodeToString(key[:8])
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo: the text service: %w", err)
	}
	d.texts = &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: &sink.Twilio{Account: "ACdemo", Token: waxwing.Secret(token), OnText: func(t sink.Text) {
		d.mailbox.Take(web.Letter{Channel: waxwing.SMS, ID: t.Key, From: t.From, To: t.To, Data: []byte(t.Body), At: t.At})
	}}}
	go func() { _ = d.texts.Serve(l) }() // ends by Close
	dsn, err := d.stock()
	return map[string]string{"DEMO_SMTP": smtp, "DEMO_TWILIO": "http://" + l.Addr().String(), "DEMO_TOKEN": token,
		"DEMO_SECRET": d.secret, "DEMO_KEY": d.key, "DEMO_CATALOGUE": dsn}, err
}

// open starts the daemon. Where no port was asked for, the next free one is
// taken.
func (d *demo) open(cfg *config.Config, asked bool, log *slog.Logger) (err error) {
	pages := Extras{Pages: d.mailbox.Pages()}
	for port := 8080; ; port++ {
		d.daemon, err = Start(cfg, log, pages)
		switch {
		case err == nil:
			d.mailbox.Open(cfg, d.daemon.ledger)
			try := &trial{cfg: cfg, client: d.client}
			d.mailbox.Act(web.MailboxActs{Title: "demo mailbox", Shops: sampleShops(cfg, d.daemon.formats),
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

// stop ends everything and removes the temporary folder.
func (d *demo) stop() error {
	var errs []error
	if d.daemon != nil {
		errs = append(errs, d.daemon.Stop())
	}
	if d.texts != nil {
		errs = append(errs, d.texts.Close())
	}
	if d.mail != nil {
		errs = append(errs, d.mail.Close())
	}
	d.client.CloseIdleConnections()
	if !d.keep && d.dir != "" {
		errs = append(errs, os.RemoveAll(d.dir))
	}
	return errors.Join(errs...)
}

func (d *demo) greet(w io.Writer, c demoCmd) {
	kept := "in a temporary folder that goes when this ends"
	if d.keep {
		kept = "kept in " + d.dir
	}
	taken := ""
	if c.Listen == "" && !strings.HasSuffix(d.daemon.Addr(), ":8080") {
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
`, d.daemon.Addr(), taken, kept, c.Rate, c.Orders, d.key)
}

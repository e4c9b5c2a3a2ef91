package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/mime"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
	"github.com/waxwinghq/waxwing/locales"
	"github.com/waxwinghq/waxwing/shop/shopify"
	"github.com/waxwinghq/waxwing/templates"
)

type backlogCmd struct {
	N    int    `default:"1000000" help:"Confirmations that wait, rendered, for a provider."`
	Dir  string `help:"Make the ledger here and keep it." placeholder:"DIR"`
	Sent int    `default:"20000" help:"How many mails to watch."`
}

// Run fills a ledger as an outage of the provider would, and starts a daemon
// on it.
func (c backlogCmd) Run() error {
	dir := c.Dir
	if dir == "" {
		var err error
		if dir, err = os.MkdirTemp("", "waxwing-backlog"); err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
	}
	bin, err := build(dir)
	if err != nil {
		return err
	}
	sink, err := startSink()
	if err != nil {
		return err
	}
	defer sink.kill()
	empty, err := drain{bin, filepath.Join(dir, "small"), sink}.of(context.Background(), c.Sent, c.Sent)
	if err != nil {
		return err
	}
	fmt.Printf("backlog of %d: first mail %s after start, %.0f mails/s\n", c.Sent, ms(empty.first), empty.rate)
	full, err := drain{bin, filepath.Join(dir, "big"), sink}.of(context.Background(), c.N, c.Sent)
	if err != nil {
		return err
	}
	fmt.Printf("backlog of %d: ready after %s, first mail %s after start, %.0f mails/s (%.0f %% of the small one's), %.0f MB resident at most (G5: 2 s, 80 %%, 300 MB)\n",
		c.N, ms(full.ready), ms(full.first), full.rate, full.rate/empty.rate*100, float64(full.rss)/1e6)
	return nil
}

type drained struct {
	ready, first time.Duration
	rate         float64
	rss          int64
}

// drain is what a backlog is sent with: the program, its folder and the provider.
type drain struct {
	bin, dir string
	sink     *remoteSink
}

// of fills a ledger with n confirmations and watches the first of them being sent.
func (b drain) of(ctx context.Context, n, watch int) (r drained, err error) {
	if err := fill(ctx, filepath.Join(b.dir, "data"), n); err != nil {
		return r, err
	}
	if _, _, err := b.sink.dump(); err != nil {
		return r, err
	}
	begin := time.Now()
	d, err := setup{bin: b.bin, dir: b.dir, sink: b.sink.addr}.start()
	if err != nil {
		return r, err
	}
	defer d.kill()
	r.ready = d.started
	if err := b.sink.wait(1, time.Minute); err != nil {
		return r, err
	}
	r.first = time.Since(begin)
	from := time.Now()
	for got := 0; got < watch; {
		time.Sleep(20 * time.Millisecond)
		r.rss = max(r.rss, d.rss())
		if got, err = b.sink.ask("count"); err != nil {
			return r, err
		}
		r.rate = float64(got) / time.Since(from).Seconds()
	}
	return r, nil
}

func fill(ctx context.Context, dir string, n int) error {
	l, err := sqlite.Open(ctx, sqlite.Options{Options: ledger.Options{Dir: dir, Tenants: []waxwing.TenantID{"acme"}, Policy: "resend", After: time.Minute}})
	if err != nil {
		return err
	}
	w := waiting{ledger: l}
	if w.set, err = templates.Builtin(); err != nil {
		return err
	}
	cat, err := locales.Builtin()
	if err != nil {
		return err
	}
	w.locale, _ = cat.Locale("en")
	if w.brand, err = templates.NewBrand(templates.Brand{Name: "Acme Outfitters"}); err != nil {
		return err
	}
	var next, done atomic.Int64
	var wg sync.WaitGroup
	errs := make(chan error, 128)
	begin := time.Now()
	for range 128 {
		wg.Go(func() {
			var m templates.Mail
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				if err := w.add(ctx, &m, int(i)); err != nil {
					errs <- err
					return
				}
				if k := done.Add(1); k%100_000 == 0 {
					fmt.Fprintf(os.Stderr, "\r  %d confirmations in %s", k, time.Since(begin).Round(time.Second))
				}
			}
		})
	}
	wg.Wait()
	fmt.Fprintln(os.Stderr)
	close(errs)
	return errors.Join(<-errs, l.Close())
}

// waiting makes confirmations that wait for a provider.
type waiting struct {
	ledger *sqlite.Ledger
	set    *templates.Set
	brand  *templates.Brand
	locale *locales.Locale
}

// add makes the i-th; m is room for its mail.
func (b *waiting) add(ctx context.Context, m *templates.Mail, i int) error {
	raw := orderJSON(i, 2, time.Now())
	rc, err := b.ledger.Accept(ctx, &waxwing.Event{Tenant: "acme", Shop: "shopify", Source: "webhook", Format: "shopify", Topic: "orders/paid", Raw: raw,
		At: time.Now(), Key: waxwing.EventKey{OrderID: fmt.Sprint(i)}})
	if err != nil {
		return err
	}
	w, err := b.ledger.Work(ctx, rc.ID)
	if err != nil {
		return err
	}
	o, err := shopify.Format.Normalise("orders/paid", raw)
	if err != nil {
		return err
	}
	if err := b.set.Render(&templates.Input{Order: o, Brand: b.brand, Locale: b.locale}, m); err != nil {
		return err
	}
	data := mime.Build(nil, &mime.Mail{From: mime.Mailbox{Name: "Acme", Addr: "orders@acme.example"}, To: mime.Mailbox{Addr: o.Customer.Email},
		Subject: m.Subject, MessageID: w.Token + "@acme.example", Date: time.Now(), Text: m.Text, HTML: m.HTML})
	_, err = b.ledger.Ready(ctx, w, []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Queued, From: "orders@acme.example", To: o.Customer.Email, Data: data,
		MessageID: w.Token + "@acme.example", Locale: "en"}}, waxwing.Lookup{Order: []string{o.Number}, People: []string{o.Customer.Email}}, 24*time.Hour)
	return err
}

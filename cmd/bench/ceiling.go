package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/mime"
	"github.com/waxwinghq/waxwing/channel/smtp"
	"github.com/waxwinghq/waxwing/locales"
	"github.com/waxwinghq/waxwing/shop/shopify"
	"github.com/waxwinghq/waxwing/templates"
)

// ceilingCmd is what the parts can do without promises: no HTTP, no ledger, no
// claims, no sealing, no trail. An event goes to a raw log with group commit,
// is decoded, rendered and sent, and its status goes to the same log.
type ceilingCmd struct {
	Sink   string `required:""`
	Dir    string `required:""`
	Orders int    `default:"10000"`
}

// rawLog appends records and syncs a group at a time.
type rawLog struct {
	f    *os.File
	mu   sync.Mutex
	buf  bytes.Buffer
	wait []chan struct{}
	kick chan struct{}
}

func openRawLog(path string) (*rawLog, error) {
	f, err := os.Create(path)
	l := &rawLog{f: f, kick: make(chan struct{}, 1)}
	if err == nil {
		go l.run()
	}
	return l, err
}

func (l *rawLog) run() {
	var buf bytes.Buffer
	for range l.kick {
		l.mu.Lock()
		buf, l.buf = l.buf, buf
		l.buf.Reset()
		wait := l.wait
		l.wait = nil
		l.mu.Unlock()
		if _, err := l.f.Write(buf.Bytes()); err != nil {
			panic(err)
		}
		if err := l.f.Sync(); err != nil {
			panic(err)
		}
		for _, w := range wait {
			close(w)
		}
	}
}

func (l *rawLog) append(b []byte) {
	done := make(chan struct{})
	l.mu.Lock()
	l.buf.Write(b)
	l.wait = append(l.wait, done)
	l.mu.Unlock()
	select {
	case l.kick <- struct{}{}:
	default:
	}
	<-done
}

// Run prints orders per second and the process's CPU per order.
func (c ceilingCmd) Run() error {
	set, err := templates.Builtin()
	if err != nil {
		return err
	}
	cat, err := locales.Builtin()
	if err != nil {
		return err
	}
	brand, err := templates.NewBrand(templates.Brand{Name: "Acme Outfitters", SupportURL: "https://acme.example/help"})
	if err != nil {
		return err
	}
	log, err := openRawLog(filepath.Join(c.Dir, "raw.log"))
	if err != nil {
		return err
	}
	bodies := make([][]byte, c.Orders)
	for i := range bodies {
		bodies[i] = orderJSON(i+1, 5, time.Now())
	}
	s := smtp.New(smtp.Config{Name: "mail", Addr: c.Sink, TLS: smtp.NoTLS, Connections: 16})
	next := make(chan int, len(bodies))
	for i := range bodies {
		next <- i
	}
	close(next)
	begin, cpu := time.Now(), ownCPU()
	var wg sync.WaitGroup
	errs := make(chan error, 256)
	for range 256 {
		wg.Go(func() {
			var m templates.Mail
			var buf []byte
			for i := range next {
				log.append(bodies[i])
				o, err := shopify.Format.Normalise("orders/paid", bodies[i])
				if err != nil {
					errs <- err
					return
				}
				l, _ := cat.Locale(localeTags[(i+1)%len(localeTags)])
				if err := set.Render(&templates.Input{Order: o, Brand: brand, Locale: l}, &m); err != nil {
					errs <- err
					return
				}
				buf = mime.Build(buf[:0], &mime.Mail{From: mime.Mailbox{Name: "Acme", Addr: "orders@acme.example"}, To: mime.Mailbox{Addr: o.Customer.Email},
					Subject: m.Subject, MessageID: fmt.Sprint(i, "@acme.example"), Date: begin, Text: m.Text, HTML: m.HTML})
				a := s.Offer(context.Background(), &waxwing.Outgoing{From: "orders@acme.example", To: o.Customer.Email, Data: buf}, func() error { return nil })
				if a.Verdict != waxwing.Accepted {
					errs <- fmt.Errorf("%s at %s: %w", a.Verdict, a.Phase, a.Err)
					return
				}
				log.append([]byte("sent"))
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	select {
	case err := <-errs:
		return err
	default:
	}
	fmt.Printf("%.0f %.1f\n", float64(c.Orders)/took.Seconds(), float64((ownCPU()-cpu).Microseconds())/float64(c.Orders))
	return s.Close(context.Background())
}

func ownCPU() time.Duration {
	p := process{cmd: selfCmd()}
	return p.cpu()
}

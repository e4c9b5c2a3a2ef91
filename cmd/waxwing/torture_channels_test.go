package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
	"github.com/waxwinghq/waxwing/pipeline"
)

// TestTortureChannels: e-mail rests, for nobody answers at its server, and a crowd of
// mails waits for it whose time is over or nearly so. Texts that come meanwhile are sent
// within a minute, and each mail has its outcome long before P1's 15 minutes.
func TestTortureChannels(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	refused, silent := 2000, 5000
	if *tortureFull {
		refused, silent = 100_000, 20_000
	}
	t.Run("refused", func(t *testing.T) { t.Parallel(); channelsApart(t, deadAddr(t), refused, 0) })
	// Those that are claimed hang at the server for as long as the standard grants it.
	t.Run("silent", func(t *testing.T) { t.Parallel(); channelsApart(t, silentAddr(t), silent, 256) })
}

func channelsApart(t *testing.T, dead string, mails, mayHang int) {
	const texts = 40
	t.Logf("%d mails: go test ./cmd/waxwing -run TestTortureChannels -torture.full", mails)
	r := newRig(t, func(r *rig, _ *daemon.Extras) { fillOutbox(t, r.cfg.Data, mails) }, func(r *rig, _ *daemon.Extras) {
		r.cfg.Providers["dead"] = mailer(dead, 16)
		r.cfg.Limits.Drain = config.Duration(time.Second)
		for i := range r.cfg.Pipeline {
			if s, ok := r.cfg.Pipeline[i].Settings.(*pipeline.Send); ok {
				s.Providers = []string{"dead"}
			}
		}
	})
	began := time.Now()
	var ids []string
	for i := range texts {
		body := order(i+1, "", map[string]any{"email": nil, "contact_email": nil, "phone": fmt.Sprintf("+49157%08d", i),
			"customer": map[string]any{"id": i + 1, "first_name": "Ida", "phone": fmt.Sprintf("+49157%08d", i)}})
		code, rc := r.shopify("shopify", body)
		if code != http.StatusAccepted {
			t.Fatalf("%d %+v", code, rc)
		}
		ids = append(ids, rc.ID)
	}
	r.wait(texts)
	t.Logf("%d texts within %s", texts, time.Since(began))
	if took := time.Since(began); took > time.Minute {
		t.Errorf("%d texts took %s", texts, took)
	}
	for _, id := range ids {
		r.until(id, waxwing.Sent)
	}
	db := r.openFile()
	defer db.Close()
	left := func() (n int) {
		if err := db.QueryRow("SELECT count(*) FROM messages WHERE next_at IS NOT NULL AND channel='email'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(5 * time.Minute)
	for n := left(); n > mayHang; n = left() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%d mails have no outcome", n)
		}
	}
	t.Logf("%d mails have their outcome after %s", mails, time.Since(began))
	var expired int
	if err := db.QueryRow("SELECT count(*) FROM messages WHERE state='failed' AND reason='expired'").Scan(&expired); err != nil || expired < mails-mayHang {
		t.Errorf("%d of %d expired: %v", expired, mails, err)
	}
	r.verified()
}

// deadAddr is where nobody listens.
func deadAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// silentAddr is where somebody listens and never says a word.
func silentAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = c.Close() })
		}
	}()
	return l.Addr().String()
}

// fillOutbox leaves mails in a ledger: most of them are past their time, and the last
// ones are a few seconds before it.
func fillOutbox(t *testing.T, dir string, n int) {
	t.Helper()
	l, err := sqlite.Open(t.Context(), sqlite.Options{Options: ledger.Options{Dir: dir, Tenants: []waxwing.TenantID{"acme"}}})
	if err != nil {
		t.Fatal(err)
	}
	next := make(chan int)
	var wg sync.WaitGroup
	for range 256 {
		wg.Go(func() {
			for i := range next {
				if err := fillOne(l, i, n); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func fillOne(l *sqlite.Ledger, i, n int) error {
	rc, err := l.Accept(context.Background(), &waxwing.Event{Tenant: "acme", Shop: "shopify", Source: "webhook", Format: "shopify", Topic: "orders/paid",
		Raw: fmt.Appendf(nil, `{"id":%d}`, 1_000_000+i), At: time.Now(), Key: waxwing.EventKey{OrderID: fmt.Sprint(1_000_000 + i)}})
	if err != nil {
		return err
	}
	w, err := l.Work(context.Background(), rc.ID)
	if err != nil {
		return err
	}
	ttl := time.Millisecond
	if i > n*9/10 {
		ttl = 3 * time.Second
	}
	_, err = l.Ready(context.Background(), w, []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Queued, From: "orders@acme.example", To: fmt.Sprintf("late%d@example.com", i),
		Data: []byte("Subject: late\r\n\r\nlate\r\n"), MessageID: w.Token, Locale: "en"}}, waxwing.Lookup{}, ttl)
	return err
}

package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/enrich"
	"github.com/waxwinghq/waxwing/pipeline"
)

// feedRow is what the test reads of the mailbox's list.
type feedRow struct {
	N       int      `json:"n"`
	Letter  bool     `json:"letter"`
	Channel string   `json:"channel"`
	To      string   `json:"to"`
	State   string   `json:"state"`
	Locale  string   `json:"locale"`
	Badges  []string `json:"badges"`
}

type feedPage struct {
	Counts map[string]int `json:"counts"`
	Rows   []feedRow      `json:"rows"`
}

func fetch(t *testing.T, d *Demo, path string) []byte {
	t.Helper()
	res, err := d.client.Get("http://" + d.daemon.Addr() + path)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", path, res.Status, err)
	}
	return b
}

// until polls the mailbox until it shows what is wanted.
func until(t *testing.T, d *Demo, want string, ok func(feedPage) bool) (p feedPage) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for {
		p = feedPage{}
		if err := json.Unmarshal(fetch(t, d, "/mailbox/feed?since=0"), &p); err != nil {
			t.Fatal(err)
		}
		if ok(p) {
			return p
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("never came: %s; last seen %+v", want, p)
		}
	}
}

func (p feedPage) has(f func(feedRow) bool) bool {
	for _, r := range p.Rows {
		if f(r) {
			return true
		}
	}
	return false
}

func (p feedPage) badge(b string) bool {
	return p.has(func(r feedRow) bool { return strings.Contains(strings.Join(r.Badges, ","), b) })
}

// The whole demonstration, as make run has it, with its waits made short.
func TestDemo(t *testing.T) {
	var logs bytes.Buffer
	d, err := Start(Options{Listen: "127.0.0.1:0", Rate: 600, Orders: 40, Logs: &lockedWriter{w: &logs}, brisk: true, change: func(c *config.Config) {
		soon := config.Duration(50 * time.Millisecond)
		for i := range c.Pipeline {
			if s, ok := c.Pipeline[i].Settings.(*pipeline.Send); ok {
				s.Retry, s.Uncertain.After = []config.Duration{soon}, soon
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	defer func() {
		if !stopped {
			_ = d.Stop()
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	sold := make(chan error, 1)
	go func() { sold <- d.Sell(ctx) }()
	p := until(t, d, "everything that the demonstration is for", func(p feedPage) bool {
		return p.Counts["accepted"] == 40 && p.Counts["sent"] == 38 && p.Counts["held"] == 0 && p.Counts["quarantined"] == 1 &&
			p.Counts["failed"] == 1 && p.badge("possible duplicate") && p.badge("answer lost") && p.badge("retried") &&
			p.badge("fallback") && p.badge("was held") && p.badge("repeat absorbed")
	})
	tongues := map[string]bool{}
	for _, r := range p.Rows {
		if r.Letter && r.Channel == "email" {
			tongues[r.Locale] = true
		}
	}
	if len(tongues) != 12 {
		t.Errorf("languages: %v", tongues)
	}
	for _, r := range p.Rows {
		if !r.Letter || r.Channel != "email" {
			continue
		}
		html := string(fetch(t, d, fmt.Sprintf("/mailbox/letters/%d/html?scheme=dark", r.N)))
		if strings.Contains(html, picturesAt) || !strings.Contains(html, "</html>") {
			t.Errorf("letter %d is not fit to be shown", r.N)
		}
		trail := string(fetch(t, d, fmt.Sprintf("/mailbox/letters/%d/trail", r.N)))
		if !strings.Contains(trail, `"cause":"verdict`) {
			t.Errorf("letter %d: %s", r.N, trail)
		}
	}
	// A wrong secret, the first thing that goes wrong in a shop's integration, is told.
	refused, err := http.Post("http://"+d.daemon.Addr()+"/hooks/acme/shopify", "application/json", strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	_ = refused.Body.Close() // its status is the webhooks' own test
	cancel()
	if err := <-sold; err != nil {
		t.Error(err)
	}
	stopped = true
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(d.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary folder is still there: %v", err)
	}
	// A provider that loses answers may rest for it: that is said, too.
	said := strings.Split(strings.TrimSpace(logs.String()), "\n")
	said = slices.DeleteFunc(said, func(line string) bool { return strings.Contains(line, `msg="provider rests"`) })
	if len(said) != 1 || !strings.Contains(said[0], "webhook refused") {
		t.Errorf("a demonstration says what was refused and nothing else:\n%s", strings.Join(said, "\n"))
	}
}

func TestDemoTakenPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, err = Start(Options{Listen: l.Addr().String(), Logs: io.Discard})
	if err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Fatalf("want the remedy, got %v", err)
	}
}

// The merchants' database answers what plugins may ask for.
func TestDemoCatalogue(t *testing.T) {
	d := &Demo{dir: t.TempDir()}
	dsn, err := d.stock()
	if err != nil {
		t.Fatal(err)
	}
	env := map[string]string{"DEMO_CATALOGUE": dsn, "DEMO_TWILIO": "http://127.0.0.1:1", "DEMO_SMTP": "127.0.0.1:25", "DEMO_SPARE": "127.0.0.1:26", "DEMO_LISTEN": "127.0.0.1:0",
		"DEMO_DATA": "x", "DEMO_TOKEN": "t", "DEMO_SECRET": "demo-secret-0123", "DEMO_KEY": "demo-key-0123456"}
	cfg, err := config.Parse("demo/waxwing.yaml", configFile, func(k string) (string, bool) { v, ok := env[k]; return v, ok }, daemon.Components())
	if err != nil {
		t.Fatal(err)
	}
	ls, err := enrich.Open(cfg.Enrich)
	if err != nil {
		t.Fatal(err)
	}
	defer ls.Close()
	for _, c := range assortment().people {
		for _, tenant := range c.Tenants {
			var skus []string
			for _, g := range assortment().goods[tenant] {
				skus = append(skus, g.SKU)
			}
			f, err := ls.All()["catalogue"].Find(t.Context(), &waxwing.Inquiry{Tenant: waxwing.TenantID(tenant), Country: c.Country, Currency: c.Currency,
				Email: strings.Split(c.Names[0], "|")[2] + "@post.example", SKUs: skus, Candidates: true, Baskets: true, Lane: true})
			if err != nil {
				t.Fatal(err)
			}
			x := f.Insight
			if len(x.Candidates) != len(skus) || x.Candidates[0].Price == nil || x.Candidates[0].Price.Currency != c.Currency || len(x.Candidates[0].Tags) == 0 ||
				len(x.Baskets) < 100 || x.Lane == nil || len(x.Lane.Delays) != 60 || f.Customer == nil || f.Customer.Group != "vip" || *f.Customer.Points != 1840 {
				t.Errorf("%s %s: %+v %+v", tenant, c.Locale, x, f.Customer)
			}
		}
	}
}

// Every picture that the goods name is in the mailbox, and every name is there
// in each language that its customers may have.
func TestDemoGoods(t *testing.T) {
	a := assortment()
	for tenant, goods := range a.goods {
		for _, g := range goods {
			if _, err := os.Stat(filepath.Join("..", "web", "mailbox", "pictures", g.Picture+".svg")); g.Picture != "" && err != nil {
				t.Errorf("%s: %v", g.SKU, err)
			}
			for _, c := range a.people {
				for _, x := range c.Tenants {
					if x == tenant && c.Locale != "en-US" && localName(&g, c.Locale) == g.Name["en"] && !strings.HasPrefix(c.Locale, "en") {
						t.Errorf("%s has no name for %s", g.SKU, c.Locale)
					}
				}
			}
		}
	}
}

type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(b)
}

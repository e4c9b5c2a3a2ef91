package daemon

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config"
)

// server is a mail server that keeps what it takes.
type server struct {
	addr string
	s    *sink.Server

	mu    sync.Mutex
	mails map[string][][]byte // by recipient
}

func newServer(t *testing.T, addr string) *server {
	t.Helper()
	x := &server{mails: map[string][][]byte{}}
	x.s = sink.New(sink.Config{Keep: true, OnMail: func(m sink.Mail) {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.mails[m.To] = append(x.mails[m.To], bytes.Clone(m.Data))
	}})
	var err error
	if x.addr, err = x.s.Listen(addr); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.s.Close() })
	return x
}

func (x *server) took(to string) [][]byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.mails[to]
}

// newTownOf starts a daemon with a whole configuration of the test's.
func newTownOf(t *testing.T, main string, files map[string]string) *town {
	t.Helper()
	x := &town{t: t, dir: t.TempDir(), client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	x.write("waxwing.yaml", fmt.Sprintf("data: %q\nhttp: {listen: \"127.0.0.1:0\"}\ntenants_dir: tenants\n%s", filepath.Join(x.dir, "data"), main))
	for name, text := range files {
		x.write(name, text)
	}
	c, err := x.load()
	if err != nil {
		t.Fatal(err)
	}
	if x.d, err = Start(c, slog.New(slog.DiscardHandler), Extras{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		x.client.CloseIdleConnections()
		if err := x.d.Stop(); err != nil {
			t.Error(err)
		}
	})
	return x
}

func (x *town) order(tenant, to string) {
	x.t.Helper()
	if code := x.post(tenant, "key-of-tenant-"+tenant, to); code != http.StatusAccepted {
		x.t.Fatalf("%d", code)
	}
}

func (x *town) metrics() string {
	x.t.Helper()
	res, err := x.client.Get("http://" + x.d.Addr() + "/metrics")
	if err != nil {
		x.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		x.t.Fatal(err)
	}
	return string(b)
}

// TestOwnProviders: a tenant's mails go by its own account, by the platform's where that is down
// and nothing is said against it, and by a new account after a reload. Others' go as ever.
func TestOwnProviders(t *testing.T) {
	common, mine, next := newServer(t, "127.0.0.1:0"), newServer(t, "127.0.0.1:0"), newServer(t, "127.0.0.1:0")
	acme := func(addr string, more string) string {
		return generation("acme", 1) + fmt.Sprintf("providers:\n  mine: {type: smtp, addr: %q, tls: none}\n%s", addr, more)
	}
	x := newTownOf(t, fmt.Sprintf("own_providers: {allow: [127.0.0.0/8]}\nproviders: {mail: {type: smtp, addr: %q, tls: none}}\n", common.addr),
		map[string]string{"tenants/acme.yaml": acme(mine.addr, ""), "tenants/bolt.yaml": generation("bolt", 2)})
	reload := func(text string) {
		t.Helper()
		x.write("tenants/acme.yaml", text)
		if _, err := x.reload(); err != nil {
			t.Fatal(err)
		}
	}
	goes := func(tenant, to string, by *server) {
		t.Helper()
		x.order(tenant, to)
		x.until("the mail to "+to, func() bool { return len(by.took(to)) == 1 })
		for _, s := range []*server{common, mine, next} {
			if n := len(s.took(to)); s != by && n > 0 {
				t.Errorf("%d mails to %s went another way, too", n, to)
			}
		}
	}
	goes("acme", "a1@example.com", mine)
	goes("bolt", "b1@example.com", common)
	if m := x.metrics(); !strings.Contains(m, `waxwing_attempts_total{channel="email",phase="dot",provider="own:smtp",verdict="accepted"} 1`) || strings.Contains(m, "acme/mine") {
		t.Errorf("the metrics do not tell of it, or tell too much")
	}
	list, err := x.d.Ledger().List(t.Context(), waxwing.Query{Tenant: "acme", Email: "a1@example.com", Limit: 2})
	if err != nil || len(list) != 1 {
		t.Fatalf("%v %+v", err, list)
	}
	if v, err := x.d.Ledger().Get(t.Context(), "acme", list[0].ID); err != nil || v.Messages[0].Attempts[0].Provider != "acme/mine" {
		t.Errorf("%v %+v", err, v)
	}
	reload(acme(next.addr, ""))
	goes("acme", "a2@example.com", next)
	// Its own is down: the platform's takes over, but where it may not.
	dead := newServer(t, "127.0.0.1:0")
	if err := dead.s.Close(); err != nil {
		t.Fatal(err)
	}
	reload(acme(dead.addr, ""))
	goes("acme", "a3@example.com", common)
	reload(acme(dead.addr, "own_providers_only: true\n"))
	x.order("acme", "a4@example.com")
	goes("bolt", "b2@example.com", common)
	again := newServer(t, dead.addr)
	x.until("the mail that waited", func() bool { return len(again.took("a4@example.com")) == 1 })
	if n := len(common.took("a4@example.com")); n != 0 {
		t.Errorf("%d went by the platform's", n)
	}
	// What is wrong with one is no reason to lose the others.
	x.write("tenants/acme.yaml", acme("nowhere", ""))
	if _, err := x.reload(); err == nil || !strings.Contains(err.Error(), "tenants.acme.providers.mine.addr") {
		t.Errorf("%v", err)
	}
	reload(generation("acme", 1))
	goes("acme", "a5@example.com", common)
}

// courier is a lookup that says who brings the parcel.
func courier(dir, name string) string {
	return fmt.Sprintf("{type: sql, dsn: %q, delivery: \"select 'courier-%s' as method, 1 as min_days, 2 as max_days\"}", "file:"+filepath.Join(dir, "c.db"), name)
}

// TestReloadChoosesPipeline changes a tenant's choice thirty times while orders come in: each is
// confirmed once, by the pipeline that made its mail.
func TestReloadChoosesPipeline(t *testing.T) {
	const reloads, between = 30, 15
	alpha, beta, dir := newServer(t, "127.0.0.1:0"), newServer(t, "127.0.0.1:0"), t.TempDir()
	x := newTownOf(t, fmt.Sprintf(`providers: {alpha: {type: smtp, addr: %q, tls: none}, beta: {type: smtp, addr: %q, tls: none}}
enrich: {alpha: %s, beta: %s}
pipeline: [normalise, queue: {name: slow}, enrich: {from: [alpha], deadline: 5s}, render, queue: {name: mail}, send: {providers: [alpha]}]
pipelines:
  other: [normalise, enrich: {from: [beta], deadline: 5s}, queue: {name: made}, render, queue: {name: post}, send: {providers: [beta]}]
`, alpha.addr, beta.addr, courier(dir, "alpha"), courier(dir, "beta")), map[string]string{"tenants/acme.yaml": generation("acme", 1)})
	var seq atomic.Int64
	var taken sync.Map
	ctx, stop := context.WithCancel(t.Context())
	var shops sync.WaitGroup
	for range 4 {
		shops.Go(func() {
			for ctx.Err() == nil {
				to := fmt.Sprintf("o%d@example.com", seq.Add(1))
				if code := x.post("acme", "key-of-tenant-acme", to); code != http.StatusAccepted {
					t.Errorf("%d", code)
				}
				taken.Store(to, true)
			}
		})
	}
	for n := range reloads {
		before := x.posted.Load()
		x.until("orders between two reloads", func() bool { return x.posted.Load() >= before+between })
		x.write("tenants/acme.yaml", generation("acme", 1)+"pipeline: "+[]string{"other", "default"}[n%2]+"\n")
		if _, err := x.reload(); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	shops.Wait()
	orders, by := 0, map[string]int{}
	taken.Range(func(to, _ any) bool {
		orders++
		a, b := alpha, beta
		x.until(fmt.Sprint("the mail to ", to), func() bool { return len(a.took(to.(string)))+len(b.took(to.(string))) > 0 })
		mails := append(bytes.Join(a.took(to.(string)), nil), bytes.Join(b.took(to.(string)), nil)...)
		name, other := "alpha", "beta"
		if len(a.took(to.(string))) == 0 {
			name, other = other, name
		}
		by[name]++
		if n := len(a.took(to.(string))) + len(b.took(to.(string))); n != 1 || !bytes.Contains(mails, []byte("courier-"+name)) || bytes.Contains(mails, []byte("courier-"+other)) {
			t.Errorf("%s: %d mails by %s, and courier-%s is in it: %v", to, n, name, other, bytes.Contains(mails, []byte("courier-"+other)))
		}
		return true
	})
	t.Logf("%d orders in %d reloads: %v", orders, reloads, by)
	if m := x.metrics(); !strings.Contains(m, `waxwing_stage_queue_orders{queue="slow"} 0`) || !strings.Contains(m, `waxwing_stage_queue_orders{queue="made"} 0`) {
		t.Error("the queues are not shown as empty")
	}
	if by["alpha"] == 0 || by["beta"] == 0 {
		t.Error("one of them was never used")
	}
}

// TestPipelinesStayWhileRunning: what changes in them wants a restart; one that nobody
// chooses any more may go.
func TestPipelinesStayWhileRunning(t *testing.T) {
	s := newServer(t, "127.0.0.1:0")
	main := fmt.Sprintf("providers: {mail: {type: smtp, addr: %q, tls: none}}\npipelines:\n  plain: [normalise, render, queue: {name: mail}, send: {providers: [mail]}]\n", s.addr)
	x := newTownOf(t, main, map[string]string{"tenants/acme.yaml": generation("acme", 1) + "pipeline: plain\n"})
	begin := strings.TrimSuffix(read(t, x, "waxwing.yaml"), main)
	for text, want := range map[string]string{
		strings.Replace(main, "render,", "plugins, render,", 1):                             "waxwing.yaml:6:3: pipelines.plain has changed, and cannot",
		main + "  more: [normalise, render, queue: {name: m}, send: {providers: [mail]}]\n": "waxwing.yaml:7:3: pipelines.more is new",
	} {
		x.write("waxwing.yaml", begin+text)
		if _, err := x.reload(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	x.write("waxwing.yaml", begin+main)
	x.write("tenants/acme.yaml", generation("acme", 1)+"pipeline: plian\n")
	var l config.ErrorList
	if _, err := x.reload(); !errors.As(err, &l) || !strings.Contains(err.Error(), `acme.yaml:9:11: there is no pipeline "plian". Did you mean "plain"?`) {
		t.Errorf("%v", err)
	}
	x.write("tenants/acme.yaml", generation("acme", 1))
	x.write("waxwing.yaml", begin+main[:strings.Index(main, "pipelines")])
	if _, err := x.reload(); err != nil {
		t.Errorf("one that nobody goes by is gone: %v", err)
	}
	x.order("acme", "a@example.com")
	x.until("its mail", func() bool { return len(s.took("a@example.com")) == 1 })
}

func read(t *testing.T, x *town, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(x.dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

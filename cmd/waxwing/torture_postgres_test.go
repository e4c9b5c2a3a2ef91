package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/ledger/postgres"
	"github.com/waxwinghq/waxwing/ledger/postgres/postgrestest"
)

// outages are two daemons on one Postgres server that is killed now and then, the shops that
// send them orders, and the books of the mail server.
type outages struct {
	t      *testing.T
	server *postgrestest.Server
	sink   string
	dsn    waxwing.Secret
	both   [2]*daemon.Daemon
	logs   [2]bytes.Buffer
	client http.Client
	// refused are answers other than 2xx: each order is offered until it is taken.
	refused atomic.Int64
	mails   atomic.Int64

	mu    sync.Mutex
	truth map[string]int // by recipient
}

func newOutages(t *testing.T) *outages {
	x := &outages{t: t, server: postgrestest.Own(t), truth: map[string]int{}, client: http.Client{Timeout: 5 * time.Second}}
	x.dsn = x.server.Database(t)
	plan := func(q sink.Question) (a sink.Answer) {
		if q.Phase == waxwing.PhaseDot { // so that some are at their commit point, whenever the server ends
			a.Delay = 15 * time.Millisecond
		}
		return a
	}
	s := sink.New(sink.Config{Plan: plan, OnMail: func(m sink.Mail) {
		x.mu.Lock()
		x.truth[m.To]++
		x.mu.Unlock()
		x.mails.Add(1)
	}})
	addr, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	x.sink = addr
	for i := range x.both {
		x.start(i)
	}
	return x
}

func (x *outages) start(i int) {
	x.t.Helper()
	c := configtest.Load(x.t, daemon.Components(), fmt.Sprintf(`data: %q
http: {listen: "127.0.0.1:0"}
keys: {master: %q}
ledger: {type: postgres, dsn: %q}
providers: {mail: {type: smtp, addr: %q, tls: none, connections: 8}}
tenants: {acme: {name: Acme, from: orders@acme.example, offline: [], keys: [acme-key], shops: {shopify: {secret: %q}}}}
pipeline: [normalise, render, {queue: {name: mail}}, {send: {providers: [mail], retry: [1s], uncertain: {after: 1s, copies: 20}}}]
`, x.t.TempDir(), strings.Repeat("5a", 32), x.dsn.Reveal(), x.sink, testShopSecret))
	d, err := daemon.Start(c, slog.New(slog.NewTextHandler(&lockedWriter{w: &x.logs[i]}, nil)), daemon.Extras{})
	if err != nil {
		x.t.Fatal(err)
	}
	x.both[i] = d
}

// order offers an order to one daemon, and then to the other, until one takes it.
func (x *outages) order(ctx context.Context, i int) {
	body := shopifyOrder(i+1, recipient(i), "paid")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := i; ctx.Err() == nil; n++ {
		req, err := http.NewRequestWithContext(ctx, "POST", "http://"+x.both[n%2].Addr()+"/hooks/acme/shopify", bytes.NewReader(body))
		if err != nil {
			x.t.Error(err)
			return
		}
		req.Header = shopifyHeader(body)
		res, err := x.client.Do(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if res.StatusCode/100 == 2 {
				return
			}
		}
		x.refused.Add(1)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// until waits for something.
func (x *outages) until(ctx context.Context, what string, ok func() bool) {
	x.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case err := <-x.both[0].Fatal():
			x.t.Fatal("the first daemon ended: ", err)
		case err := <-x.both[1].Fatal():
			x.t.Fatal("the other daemon ended: ", err)
		case <-ctx.Done():
			x.t.Fatalf("not in time: %s\n%s\n%s", what, &x.logs[0], &x.logs[1])
		}
	}
}

// away ends the server in some way, and starts it again when shops have felt it.
func (x *outages) away(ctx context.Context, end func() error) {
	x.t.Helper()
	before := x.refused.Load()
	if err := end(); err != nil {
		x.t.Fatal(err)
	}
	x.until(ctx, "shops and both daemons notice that the server is away", func() bool {
		return x.refused.Load() > before && x.both[0].Ledger().Healthy() != nil && x.both[1].Ledger().Healthy() != nil
	})
	if err := x.server.Start(); err != nil {
		x.t.Fatal(err)
	}
}

const backends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'waxwing'"

// TestTorturePostgres ends the server of two daemons' ledger in each way there is, while
// orders come: the daemons live on, and no order is lost or sent twice without a mark.
func TestTorturePostgres(t *testing.T) {
	postgrestest.Wanted(t)
	const rounds, each = 4, 30 // orders
	rng, _ := tortureSeeded(t)
	x := newOutages(t)
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	next := make(chan int)
	var posting sync.WaitGroup
	for range 12 {
		posting.Go(func() {
			for i := range next {
				x.order(ctx, i)
			}
		})
	}
	orders, ended := 0, map[string]int{}
	feed := func(how string, f func()) {
		t.Helper()
		if how != "" {
			ended[how]++
		}
		some := func(n int) func() {
			from := orders
			orders += n
			return func() {
				for i := from; i < from+n; i++ {
					select {
					case next <- i:
					case <-ctx.Done():
					}
				}
			}
		}
		enough := x.mails.Load() + int64(1+rng.IntN(each/3))
		some(each / 2)()
		x.until(ctx, "mails go out", func() bool { return x.mails.Load() >= enough })
		var rest sync.WaitGroup
		rest.Go(some(each / 2)) // they come while the server is away
		f()
		rest.Wait()
	}
	for range rounds {
		feed("kill -9", func() { x.away(ctx, x.server.Kill) })
		feed("backends", func() {
			for range 3 {
				x.server.Exec(t, "postgres", backends)
			}
		})
		feed("immediate", func() { x.away(ctx, func() error { return x.server.End("immediate") }) })
	}
	feed("", func() {})
	close(next)
	posting.Wait()
	x.judge(ctx, orders, ended)
}

// judge holds the books of the mail server against the ledger, when all is over.
func (x *outages) judge(ctx context.Context, orders int, ended map[string]int) {
	t := x.t
	t.Helper()
	l := x.both[0].Ledger()
	open := []waxwing.State{waxwing.Received, waxwing.Queued, waxwing.Claimed, waxwing.Dot, waxwing.Uncertain}
	for quiet := 0; quiet < 3; quiet++ { // one may go from a state that is asked for later to one that was asked for before
		for _, state := range open {
			x.until(ctx, "all is over", func() bool {
				found, err := l.List(ctx, waxwing.Query{Tenant: "acme", State: state, Limit: 1})
				if err != nil || len(found) > 0 {
					quiet = 0
				}
				return err == nil && len(found) == 0
			})
		}
	}
	lost, silent, doubled, marked := 0, 0, 0, 0
	for i := range orders {
		x.mu.Lock()
		got := x.truth[recipient(i)]
		x.mu.Unlock()
		found, err := l.List(ctx, waxwing.Query{Tenant: "acme", Email: recipient(i)})
		if err != nil || len(found) != 1 {
			t.Errorf("order %d: %d confirmations, %v", i, len(found), err)
			lost++
			continue
		}
		v, err := l.Get(ctx, "acme", found[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		marks := 0
		for _, e := range v.Trail {
			if e.Cause == "possible_duplicate" {
				marks++
			}
		}
		marked += marks
		if got == 0 || v.State != waxwing.Sent {
			lost++
		}
		if got > 1 {
			doubled++
		}
		if got > 1+marks {
			silent++
		}
		if got == 0 || v.State != waxwing.Sent || got > 1+marks {
			t.Errorf("order %d is %s, with %d mails and %d marks: %+v", i, v.State, got, marks, v.Trail)
		}
	}
	entries := uint64(0)
	for _, d := range x.both {
		p := d.Ledger().(*postgres.Ledger)
		if err := p.Anchor(ctx); err != nil {
			t.Error(err)
		}
		r, err := p.Verify(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range r.Problems {
			t.Error(problem)
		}
		entries = uint64(r.Entries)
	}
	for _, d := range x.both {
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
	}
	asked := 0
	for i := range x.logs {
		asked += strings.Count(x.logs[i].String(), "what became of the commit whose answer was lost is known")
	}
	t.Logf("the server was ended so often: %v. %d orders: %d lost, %d silent duplicates, %d duplicates with %d marks; the trail has %d entries; "+
		"%d answers were no 2xx, and %d commits were asked for", ended, orders, lost, silent, doubled, marked, entries, x.refused.Load(), asked)
	if t.Failed() {
		t.Logf("%s\n%s", &x.logs[0], &x.logs[1])
	}
}

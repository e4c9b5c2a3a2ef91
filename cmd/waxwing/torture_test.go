package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
	"github.com/waxwinghq/waxwing/pipeline"
	"github.com/waxwinghq/waxwing/pipeline/queue/queuetest"
	"github.com/waxwinghq/waxwing/plugins/sandbox"
)

var (
	tortureKills  = flag.Int("torture.kills", 30, "how often the daemon is killed")
	tortureOrders = flag.Int("torture.orders", 600, "how many orders arrive meanwhile")
	tortureSeed   = flag.Uint64("torture.seed", 0, "seed of kills and faults; 0: by the clock")
	tortureFull   = flag.Bool("torture.full", false, "run each scenario at its full size")
)

const childEnv = "WAXWING_TORTURE_CHILD"

// TestMain lets the test binary be the daemon that is killed, and the program
// that scripts call.
func TestMain(m *testing.M) {
	queuetest.KafkaChild()
	if dir := os.Getenv(childEnv); dir != "" {
		os.Exit(tortureChild(dir))
	}
	if file := os.Getenv(witnessEnv); file != "" {
		os.Exit(witnessChild(file))
	}
	if file := os.Getenv(replicaEnv); file != "" {
		os.Exit(replicaChild(file))
	}
	if sandbox.IsCompileChild() {
		os.Exit(run(os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
	}
	testscript.Main(m, map[string]func(){"waxwing": main})
}

func tortureConfig(dir, listen, sinkAddr string) *config.Config {
	on, brokers := "gochannel", ""
	if typ, url, ok := strings.Cut(os.Getenv(brokerEnv), " "); ok {
		on, brokers = "bus", brokerText(typ, url)
	}
	c := configtest.Must(daemon.Components(), fmt.Sprintf(`data: %q
http: {listen: %q}
providers: {mail: {type: smtp, addr: %q, tls: none, connections: 16}}
tenants: {acme: {name: Acme, from: orders@acme.example, offline: [], keys: [acme-key], shops: {shopify: {secret: %q}, till: {format: generic}}}}
pipeline: [normalise, render, {queue: {name: mail, on: %s}}, {send: {providers: [mail], uncertain: {copies: 20}}}]
%s
%s`, dir, listen, sinkAddr, testShopSecret, on, brokers, os.Getenv(sourcesEnv)))
	// Killed each quarter of a second, a mail may be in doubt often by chance.
	s, short := pipeline.SendOf(c.Pipeline), config.Duration(200*time.Millisecond) // shorter than a file may say
	s.Retry, s.Uncertain.After = []config.Duration{short}, short
	return c
}

func tortureChild(dir string) int {
	c := tortureConfig(dir, os.Getenv("WAXWING_TORTURE_LISTEN"), os.Getenv("WAXWING_TORTURE_SINK"))
	root := cmp.Or(os.Getenv(rootEnv), "/")
	daemon.TuneMemory(c, root)
	if at := os.Getenv(textsEnv); at != "" {
		withTexts(c, at)
	}
	if at := os.Getenv(houseEnv); at != "" {
		c.Providers["mail"] = provider(housedAt(at))
	}
	if os.Getenv(queuesEnv) != "" {
		withQueues(c)
	}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	d, err := daemon.Start(c, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), daemon.Extras{Root: root})
	if err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		return 1
	}
	select {
	case <-term:
	case err := <-d.Fatal():
		fmt.Fprintln(os.Stderr, "child:", err)
		return 3
	}
	if err := d.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
		return 1
	}
	return 0
}

// torture is one storm: a daemon in a process of its own, a truth server here.
type torture struct {
	t       *testing.T
	dir     string
	listen  string
	sink    string
	mu      sync.Mutex
	truth   map[string]int // by recipient
	ids     map[string]map[string]int
	refused map[int]int // answers other than 2xx, by status
	child   *exec.Cmd
	stderr  bytes.Buffer
	client  http.Client
}

func newTorture(t *testing.T, faults sink.Faults) *torture {
	x := &torture{t: t, dir: t.TempDir(), truth: map[string]int{}, ids: map[string]map[string]int{}, refused: map[int]int{}, client: http.Client{Timeout: 10 * time.Second}}
	s := sink.New(sink.Config{Plan: faults.Plan(), OnMail: func(m sink.Mail) {
		x.mu.Lock()
		x.truth[m.To]++
		if x.ids[m.To] == nil {
			x.ids[m.To] = map[string]int{}
		}
		x.ids[m.To][m.MessageID]++
		x.mu.Unlock()
	}})
	addr, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	x.sink = addr
	x.listen = lowPort(t)
	t.Cleanup(func() { _ = s.Close() })
	return x
}

// lowPort finds a free port below those that the system gives to outgoing
// connections: one of these, asked for while nobody listens, can connect to
// itself and so keep the daemon from its own port.
func lowPort(t *testing.T) string {
	t.Helper()
	for range 100 {
		addr := fmt.Sprintf("127.0.0.1:%d", 20000+rand.IntN(10000))
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close()
			return addr
		}
	}
	t.Fatal("no free port")
	return ""
}

func (x *torture) spawn() {
	x.t.Helper()
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), childEnv+"="+x.dir, "WAXWING_TORTURE_LISTEN="+x.listen, "WAXWING_TORTURE_SINK="+x.sink)
	c.Stderr = &x.stderr
	if err := c.Start(); err != nil {
		x.t.Fatal(err)
	}
	x.child = c
}

// up waits until the child answers, and says whether it does.
func (x *torture) up(ctx context.Context) bool {
	for ctx.Err() == nil {
		res, err := x.client.Get("http://" + x.listen + "/readyz")
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return true
			}
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return false
}

func (x *torture) end(sig syscall.Signal) error {
	_ = x.child.Process.Signal(sig)
	return x.child.Wait()
}

// order posts one order until it is answered with 2xx, as a shop does.
func (x *torture) order(ctx context.Context, i int) {
	body := shopifyOrder(i+1, recipient(i), "paid")
	for ctx.Err() == nil {
		req, _ := http.NewRequestWithContext(ctx, "POST", "http://"+x.listen+"/hooks/acme/shopify", bytes.NewReader(body))
		req.Header.Set("X-Shopify-Topic", "orders/paid")
		req.Header.Set("X-Shopify-Hmac-Sha256", sign(body, testShopSecret))
		res, err := x.client.Do(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if res.StatusCode/100 == 2 {
				return
			}
			x.mu.Lock()
			x.refused[res.StatusCode]++
			x.mu.Unlock()
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func recipient(i int) string { return fmt.Sprintf("customer%d@example.com", i) }

// settled asks the daemon until no confirmation of the tenant is open.
func (x *torture) settled(ctx context.Context) bool {
	// A message may go from a state that is asked for later to one that was asked for before.
	for quiet := 0; ctx.Err() == nil; {
		open := 0
		for _, state := range []waxwing.State{waxwing.Received, waxwing.Queued, waxwing.Claimed, waxwing.Dot, waxwing.Uncertain} {
			open += x.count(state)
		}
		quiet++
		if open > 0 {
			quiet = 0
		} else if quiet == 5 {
			return true
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	return false
}

func (x *torture) count(state waxwing.State) int {
	req, _ := http.NewRequest("GET", "http://"+x.listen+"/v1/tenants/acme/confirmations?limit=1&state="+string(state), nil)
	req.Header.Set("Authorization", "Bearer acme-key")
	res, err := x.client.Do(req)
	if err != nil {
		return 1
	}
	defer res.Body.Close()
	var v struct {
		Confirmations []json.RawMessage `json:"confirmations"`
	}
	b, _ := io.ReadAll(res.Body)
	if err := json.Unmarshal(b, &v); res.StatusCode != http.StatusOK || err != nil {
		x.t.Log(state, res.StatusCode, string(b), err)
		return 1
	}
	return len(v.Confirmations)
}

// TestTorture kills the daemon at random while orders arrive and the mail
// server misbehaves, and then counts by the truth server's books.
func TestTorture(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	if *tortureFull {
		t.Parallel() // it measures no time
	}
	seed := *tortureSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d: go test ./cmd/waxwing -run Torture -torture.seed=%d -torture.kills=%d -torture.orders=%d", seed, seed, *tortureKills, *tortureOrders)
	rng := rand.New(rand.NewPCG(seed, 1))
	newTorture(t, sink.Faults{Seed: seed, LostReply: .02, Dropped: .02, DeferRcpt: .025, DeferDot: .025}).storm(rng, *tortureKills, *tortureOrders)
}

// TestTortureQueues likewise, where queues stand between the stages: what is killed between two
// of them is begun anew.
func TestTortureQueues(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	t.Setenv(queuesEnv, "1")
	seed := cmp.Or(*tortureSeed, uint64(time.Now().UnixNano()))
	t.Logf("seed %d", seed)
	newTorture(t, sink.Faults{Seed: seed, LostReply: .02, Dropped: .02, DeferRcpt: .025, DeferDot: .025}).storm(rand.New(rand.NewPCG(seed, 2)), max(*tortureKills/3, 3), *tortureOrders/3)
}

// queuesEnv has a child put queues between its stages.
const queuesEnv = "WAXWING_TORTURE_QUEUES"

func withQueues(c *config.Config) {
	a, b := pipeline.At(&pipeline.Queue{Name: "a"}), pipeline.At(&pipeline.Queue{Name: "b"})
	c.Pipeline = slices.Concat(c.Pipeline[:1], []config.Stage{a, pipeline.At(&pipeline.EnrichStage{}), b}, c.Pipeline[1:])
}

// storm kills the daemon so often while orders arrive, and judges what came of them.
func (x *torture) storm(rng *rand.Rand, toKill, orders int) judgement {
	t := x.t
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute+time.Duration(toKill)*time.Second+time.Duration(orders)*50*time.Millisecond)
	defer cancel()

	posted := make(chan struct{})
	go func() {
		defer close(posted)
		var wg sync.WaitGroup
		next := make(chan int)
		for range 16 {
			wg.Go(func() {
				for i := range next {
					x.order(ctx, i)
				}
			})
		}
		for i := range orders {
			next <- i
		}
		close(next)
		wg.Wait()
	}()
	kills := 0
	for kills < toKill {
		x.spawn()
		if rng.IntN(8) > 0 { // now and then it dies while it starts
			if !x.up(ctx) {
				t.Fatalf("the daemon did not come up: %s", x.stderr.String())
			}
		}
		time.Sleep(time.Duration(20+rng.IntN(250)) * time.Millisecond)
		if rng.IntN(10) == 0 { // it stands still, and goes on as if no time had passed
			_ = x.child.Process.Signal(syscall.SIGSTOP)
			time.Sleep(time.Duration(50+rng.IntN(400)) * time.Millisecond)
			_ = x.child.Process.Signal(syscall.SIGCONT)
			time.Sleep(time.Duration(rng.IntN(50)) * time.Millisecond)
		}
		_ = x.end(syscall.SIGKILL) // "signal: killed" is what is wanted
		kills++
	}
	x.spawn()
	if !x.up(ctx) {
		t.Fatalf("the daemon did not come up again: %s", x.stderr.String())
	}
	<-posted
	if !x.settled(ctx) {
		x.dump(1)
		t.Fatalf("not all confirmations are over: %s", x.stderr.String())
	}
	if err := x.end(syscall.SIGTERM); err != nil {
		t.Fatalf("SIGTERM: %v: %s", err, x.stderr.String())
	}
	return x.judge(orders)
}

// judgement is what came of a storm's orders.
type judgement struct{ lost, silent, doubled, marked int }

// judge compares the truth with the ledger.
func (x *torture) judge(orders int) judgement {
	x.t.Helper()
	l, err := sqlite.Open(context.Background(), sqlite.Options{Options: ledger.Options{Dir: x.dir}, ReadOnly: true})
	if err != nil {
		x.t.Fatal(err)
	}
	defer l.Close()
	lost, silent, marked, doubled := 0, 0, 0, 0
	known := x.byRecipient(l)
	for i := range orders {
		got := x.truth[recipient(i)]
		v, err := one(l, known[recipient(i)])
		if err != nil {
			x.t.Errorf("order %d: %v", i, err)
			lost++
			continue
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
			x.t.Errorf("order %d: %s, %d mails", i, v.State, got)
		}
		if got > 1 {
			doubled++
		}
		if got > 1+marks {
			silent++
			x.t.Errorf("order %d: %d mails, %d marks", i, got, marks)
		}
		if len(x.ids[recipient(i)]) > 1 {
			x.t.Errorf("order %d: mails of different Message-IDs", i)
		}
	}
	r, err := l.Verify(context.Background(), "")
	if err != nil {
		x.t.Fatal(err)
	}
	for _, p := range r.Problems {
		x.t.Error(p)
	}
	if len(r.Problems) > 0 {
		x.t.Logf("the daemon said: %s", x.stderr.String())
	}
	x.t.Logf("%d orders: %d lost, %d silent duplicates, %d duplicates with %d marks; trail of %d entries and rows verify: %v; refused, and offered again: %v",
		orders, lost, silent, doubled, marked, r.Entries, len(r.Problems) == 0, x.refused)
	return judgement{lost, silent, doubled, marked}
}

func (x *torture) only(l *sqlite.Ledger, i int) (*waxwing.ConfirmationView, error) {
	found, err := l.List(context.Background(), waxwing.Query{Tenant: "acme", Email: recipient(i)})
	if err != nil {
		return nil, err
	}
	var ids []waxwing.ID
	for _, f := range found {
		ids = append(ids, f.ID)
	}
	return one(l, ids)
}

// one is a confirmation that there is one of.
func one(l *sqlite.Ledger, ids []waxwing.ID) (*waxwing.ConfirmationView, error) {
	if len(ids) != 1 {
		return nil, fmt.Errorf("%d confirmations: %w", len(ids), errors.New("want one"))
	}
	return l.Get(context.Background(), "acme", ids[0])
}

// byRecipient finds all confirmations page by page: asked for one recipient, a ledger goes through
// all of them.
func (x *torture) byRecipient(l *sqlite.Ledger) map[string][]waxwing.ID {
	x.t.Helper()
	out := map[string][]waxwing.ID{}
	for q := (waxwing.Query{Tenant: "acme", Brief: true}); ; {
		found, err := l.List(context.Background(), q)
		if err != nil {
			x.t.Fatal(err)
		}
		if len(found) == 0 {
			return out
		}
		for _, f := range found {
			out[f.To] = append(out[f.To], f.ID)
			q.Before = f.ID
		}
	}
}

// dump shows some open confirmations.
func (x *torture) dump(n int) {
	l, err := sqlite.Open(context.Background(), sqlite.Options{Options: ledger.Options{Dir: x.dir}, ReadOnly: true})
	if err != nil {
		x.t.Log(err)
		return
	}
	defer l.Close()
	for _, state := range []waxwing.State{waxwing.Received, waxwing.Queued, waxwing.Claimed, waxwing.Dot, waxwing.Uncertain} {
		found, err := l.List(context.Background(), waxwing.Query{Tenant: "acme", State: state, Limit: n})
		if err != nil {
			x.t.Log(err)
		}
		for _, f := range found {
			v, _ := l.Get(context.Background(), "acme", f.ID)
			b, _ := json.MarshalIndent(v, "", " ")
			x.t.Logf("%s: %s", state, b)
		}
	}
}

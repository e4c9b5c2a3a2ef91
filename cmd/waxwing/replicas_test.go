package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/postgres"
	"github.com/waxwinghq/waxwing/ledger/postgres/postgrestest"
	"github.com/waxwinghq/waxwing/pipeline"
)

// replicaEnv names the configuration of a child that is one of several daemons.
const replicaEnv = "WAXWING_TORTURE_REPLICA"

// roleEnv is the role of such a child.
const roleEnv = "WAXWING_TORTURE_ROLE"

// The statuses that a replica ends with. What it could not begin with, such as a database
// that is away, is no fault of its own.
const (
	notBegun  = 11
	notStayed = 12
	notEnded  = 13
)

// replicaChild is a daemon of a fleet, until SIGTERM.
func replicaChild(file string) int {
	b, err := os.ReadFile(file)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return notStayed
	}
	c := configtest.Must(daemon.Components(), string(b))
	s, short := pipeline.SendOf(c.Pipeline), config.Duration(200*time.Millisecond) // shorter than a file may say
	s.Retry, s.Uncertain.After = []config.Duration{short}, short
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	term, begin := make(chan os.Signal, 1), daemon.Start
	signal.Notify(term, syscall.SIGTERM)
	if os.Getenv(roleEnv) == roleSend {
		begin = daemon.StartWorker
	}
	d, err := begin(c, log, daemon.Extras{})
	if err != nil {
		log.Error("not begun", "err", err)
		return notBegun
	}
	select {
	case <-term:
	case err := <-d.Fatal():
		log.Error("not stayed", "err", err)
		return notStayed
	}
	if err := d.Stop(); err != nil {
		log.Error("not ended", "err", err)
		return notEnded
	}
	return 0
}

// fleet is some daemons on one Postgres ledger, each in a process of its own that is begun
// anew when it ends, and the shops that send them orders.
type fleet struct {
	t      *testing.T
	server *postgrestest.Server
	dsn    waxwing.Secret
	nodes  []*node
	client http.Client
	// away grows when the server goes, and when it comes: it is odd while it is away.
	away   atomic.Int64
	ending atomic.Bool
	all    sync.WaitGroup
	// refused are answers other than 2xx: each order is offered until it is taken.
	refused atomic.Int64
	mails   atomic.Int64

	mu       sync.Mutex
	truth    map[string]int             // by recipient
	first    map[string]time.Time       // when the first of those mails was taken
	ids      map[string]map[string]bool // Message-IDs by recipient
	arrivals []arrival
}

// arrival is a dot that a mail server got from a daemon.
type arrival struct {
	at   time.Time
	id   string // Message-ID
	from *node
}

// node is one of the daemons.
type node struct {
	f                           *fleet
	provider, file, dir, listen string
	sink, role                  string
	line                        *line // to the database

	mu      sync.Mutex
	cmd     *exec.Cmd
	program string // that is the daemon; empty: a child of this test
	rolling bool   // it shall end, and begin anew
	begun   int    // how often
	unborn  int    // how often it could not begin, since the database was away
}

// newFleet makes so many daemons' files, a mail server for each, and the ledger's tables. They begin with start.
func newFleet(t *testing.T, server *postgrestest.Server, daemons, connections int, plan func(n *node) sink.Plan) *fleet {
	t.Helper()
	f := newBareFleet(t, server, daemons, connections, plan)
	if _, err := postgres.Migrate(t.Context(), f.dsn, nil); err != nil {
		t.Fatal(err)
	}
	return f
}

// newBareFleet likewise makes one with an empty database.
func newBareFleet(t *testing.T, server *postgrestest.Server, daemons, connections int, plan func(n *node) sink.Plan) *fleet {
	t.Helper()
	f := &fleet{t: t, server: server, dsn: server.Database(t), client: http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 64}},
		truth: map[string]int{}, first: map[string]time.Time{}, ids: map[string]map[string]bool{}}
	for range daemons {
		f.add("all", "{name: mail}", "", connections, plan)
	}
	t.Cleanup(func() { // after a Fatal
		f.end(syscall.SIGKILL)
		if t.Failed() {
			for _, n := range f.nodes {
				b, _ := os.ReadFile(n.log())
				t.Logf("%s said at last: %s", n.provider, b[max(0, len(b)-20000):])
			}
		}
	})
	return f
}

// add makes the files of one more daemon of a role, with its mail queue and further lines of its
// configuration, and its mail server.
func (f *fleet) add(role, mailQueue, more string, connections int, plan func(n *node) sink.Plan) {
	t := f.t
	t.Helper()
	n := &node{f: f, provider: fmt.Sprint("mail", len(f.nodes)), dir: t.TempDir(), listen: lowPort(t), role: role}
	s := sink.New(sink.Config{Plan: n.noting(plan(n)), OnMail: f.noted})
	addr, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	n.sink, n.file = addr, filepath.Join(t.TempDir(), "waxwing.yaml")
	n.line = newLine(t, fmt.Sprint("127.0.0.1:", f.server.Port))
	dsn := strings.Replace(f.dsn.Reveal(), fmt.Sprint(":", f.server.Port, "/"), fmt.Sprint(":", n.line.port, "/"), 1)
	if role == roleSend {
		dsn += map[bool]string{true: "&", false: "?"}[strings.Contains(dsn, "?")] + "application_name=" + sending
	}
	b := fmt.Appendf(nil, `data: %q
http: {listen: %q}
keys: {master: %q}
ledger: {type: postgres, dsn: %q}
providers: {%s: {type: smtp, addr: %q, tls: none, connections: %d}}
tenants: {acme: {name: Acme, from: orders@acme.example, offline: [], keys: [acme-key], shops: {shopify: {secret: %q}}}}
pipeline: [normalise, render, {queue: %s}, {send: {providers: [%s], retry: [1s], uncertain: {after: 1s, copies: 20}}}]
%s`, n.dir, n.listen, fleetMaster, dsn, n.provider, n.sink, connections, testShopSecret, mailQueue, n.provider, more)
	if err := os.WriteFile(n.file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	f.nodes = append(f.nodes, n)
}

var fleetMaster = strings.Repeat("5a", 32)

// line is a daemon's way to the database. While it is cut nothing passes, and neither end
// hears so.
type line struct {
	to   string
	port int
	ctx  context.Context // the test's

	mu    sync.Mutex
	whole chan struct{} // closed while it is
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var all sync.WaitGroup
	t.Cleanup(func() {
		cancel()
		_ = l.Close()
		all.Wait()
	})
	x := &line{to: to, port: l.Addr().(*net.TCPAddr).Port, ctx: ctx, whole: make(chan struct{})}
	close(x.whole)
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { x.carry(c) })
		}
	})
	return x
}

// carry passes on what comes in both directions, until an end closes.
func (x *line) carry(c net.Conn) {
	defer func() { _ = c.Close() }()
	x.wait()
	s, err := net.Dial("tcp", x.to)
	if err != nil {
		return
	}
	defer func() { _ = s.Close() }()
	stop := context.AfterFunc(x.ctx, func() {
		_ = c.Close()
		_ = s.Close()
	})
	defer stop()
	var both sync.WaitGroup
	pass := func(to, from net.Conn) {
		b := make([]byte, 32<<10)
		for {
			n, err := from.Read(b)
			x.wait()
			if n > 0 {
				_, e := to.Write(b[:n])
				err = errors.Join(err, e)
			}
			if err != nil {
				_ = to.Close()
				_ = from.Close()
				return
			}
		}
	}
	both.Go(func() { pass(s, c) })
	both.Go(func() { pass(c, s) })
	both.Wait()
}

// wait waits while it is cut.
func (x *line) wait() {
	x.mu.Lock()
	whole := x.whole
	x.mu.Unlock()
	select {
	case <-whole:
	case <-x.ctx.Done():
	}
}

func (x *line) cut() {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.whole = make(chan struct{})
}

func (x *line) mend() {
	x.mu.Lock()
	defer x.mu.Unlock()
	close(x.whole)
}

// noting has a plan's dots noted as they arrive.
func (n *node) noting(p sink.Plan) sink.Plan {
	return func(q sink.Question) sink.Answer {
		if q.Phase == waxwing.PhaseDot {
			n.f.mu.Lock()
			n.f.arrivals = append(n.f.arrivals, arrival{time.Now(), q.MessageID, n})
			n.f.mu.Unlock()
		}
		return p(q)
	}
}

func (f *fleet) noted(m sink.Mail) {
	f.mu.Lock()
	if f.truth[m.To]++; f.truth[m.To] == 1 {
		f.first[m.To] = time.Now()
	}
	if f.ids[m.To] == nil {
		f.ids[m.To] = map[string]bool{}
	}
	f.ids[m.To][m.MessageID] = true
	f.mu.Unlock()
	f.mails.Add(1)
}

// exec runs a statement in the ledger's database, as a superuser.
func (f *fleet) exec(q string) {
	f.t.Helper()
	c, err := pgx.ParseConfig(f.dsn.Reveal())
	if err != nil {
		f.t.Fatal(err)
	}
	f.server.Exec(f.t, c.Database, q)
}

// start begins all daemons, and waits until they are ready.
func (f *fleet) start(ctx context.Context) {
	f.t.Helper()
	for _, n := range f.nodes {
		f.all.Go(n.live)
	}
	for _, n := range f.nodes {
		f.until(ctx, n.provider+" is ready", n.ready)
	}
}

// end ends all daemons with a signal.
func (f *fleet) end(sig syscall.Signal) {
	f.ending.Store(true)
	for _, n := range f.nodes {
		n.signal(sig)
	}
	f.all.Wait()
}

func (n *node) log() string { return filepath.Join(n.dir, "stderr") }

// live runs the daemon, and again whenever it ends.
func (n *node) live() {
	t := n.f.t
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		away := n.f.away.Load()
		c, out, err := n.spawn()
		if err != nil {
			t.Error(err)
		}
		if c == nil {
			return
		}
		_ = c.Wait() // its status says more
		_ = out.Close()
		switch code := c.ProcessState.ExitCode(); {
		case code == 0 && n.f.ending.Load():
			return
		case code == 0 && n.rolls():
		case code == -1: // killed
		case code == notBegun && (away%2 != 0 || away != n.f.away.Load()):
			n.unborn++
			<-tick.C
		default:
			t.Errorf("%s ended by itself, with status %d", n.provider, code)
			<-tick.C
		}
	}
}

// spawn starts the process; nil: none is wanted any more.
func (n *node) spawn() (*exec.Cmd, *os.File, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.f.ending.Load() {
		return nil, nil, nil
	}
	out, err := os.OpenFile(n.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, nil, err
	}
	c := exec.Command(os.Args[0], "-test.run=^$")
	c.Env = append(os.Environ(), replicaEnv+"="+n.file, roleEnv+"="+n.role)
	if n.program != "" {
		c = exec.Command(n.program, "serve", "-c", n.file)
	}
	c.Stderr = out
	if err := c.Start(); err != nil {
		return nil, nil, err
	}
	n.cmd = c
	n.begun++
	return c, out, nil
}

// signal sends its process a signal, if there is one.
func (n *node) signal(sig syscall.Signal) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd != nil {
		_ = n.cmd.Process.Signal(sig) // it may have ended
	}
}

// ready says whether it takes orders.
func (n *node) ready() bool {
	res, err := n.f.client.Get("http://" + n.listen + "/readyz")
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, res.Body)
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// order offers an order to one daemon after the other, until one takes it; to none in
// particular: to all, and another one first each time.
func (f *fleet) order(ctx context.Context, i int, to ...*node) {
	first := 0
	if len(to) == 0 {
		to, first = f.nodes, i
	}
	body := shopifyOrder(i+1, recipient(i), "paid")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for n := first; ctx.Err() == nil; n++ {
		req, err := http.NewRequestWithContext(ctx, "POST", "http://"+to[n%len(to)].listen+"/hooks/acme/shopify", bytes.NewReader(body))
		if err != nil {
			f.t.Error(err)
			return
		}
		req.Header = shopifyHeader(body)
		res, err := f.client.Do(req)
		if err == nil {
			_, _ = io.Copy(io.Discard, res.Body)
			_ = res.Body.Close()
			if res.StatusCode/100 == 2 {
				return
			}
		}
		f.refused.Add(1)
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// until waits for something.
func (f *fleet) until(ctx context.Context, what string, ok func() bool) {
	f.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			f.t.Fatal("not in time: ", what)
		}
	}
}

// open counts confirmations that are not over, as far as they are shown; false: nobody answers.
func (n *node) open(ctx context.Context) (count int, answered bool) {
	for _, state := range []waxwing.State{waxwing.Received, waxwing.Queued, waxwing.Claimed, waxwing.Dot, waxwing.Uncertain} {
		req, err := http.NewRequestWithContext(ctx, "GET", "http://"+n.listen+"/v1/tenants/acme/confirmations?limit=50&state="+string(state), nil)
		if err != nil {
			return 0, false
		}
		req.Header.Set("Authorization", "Bearer acme-key")
		res, err := n.f.client.Do(req)
		if err != nil {
			return 0, false
		}
		var v struct {
			Confirmations []json.RawMessage `json:"confirmations"`
		}
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if err := json.Unmarshal(b, &v); res.StatusCode != http.StatusOK || err != nil {
			return 0, false
		}
		count += len(v.Confirmations)
	}
	return count, true
}

// settle waits until no confirmation is open.
func (f *fleet) settle(ctx context.Context, n *node) {
	f.t.Helper()
	quiet := 0 // one may go from a state that is asked for later to one that was asked for before
	f.until(ctx, "all is over", func() bool {
		if open, answered := n.open(ctx); open > 0 || !answered {
			quiet = 0
		} else {
			quiet++
		}
		return quiet == 5
	})
}

// verdict is what the mail servers' books and the ledger come to.
type verdict struct {
	lost, silent, doubled, marked, entries int
	late                                   map[string]int              // late verdicts
	views                                  []*waxwing.ConfirmationView // by order
}

// judge holds the mail servers' books against the ledger, when all daemons have ended.
func (f *fleet) judge(orders int) (v verdict) {
	t, ctx := f.t, context.WithoutCancel(f.t.Context())
	t.Helper()
	l, err := postgres.Open(ctx, postgres.Options{DSN: f.dsn, Options: ledger.Options{Dir: t.TempDir(), Master: waxwing.Secret(fleetMaster), Tenants: []waxwing.TenantID{"acme"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}()
	v.late, v.views = map[string]int{}, make([]*waxwing.ConfirmationView, orders)
	for i := range orders {
		f.judgeOne(ctx, l, i, &v)
	}
	var files []string
	for _, n := range f.nodes {
		files = append(files, filepath.Join(n.dir, ledger.AnchorsFile))
	}
	r, err := l.Verify(ctx, files...)
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range r.Problems {
		t.Error(problem)
	}
	if r.Anchored.IsZero() {
		t.Error("there is no anchor")
	}
	v.entries = int(r.Entries)
	return v
}

func (f *fleet) judgeOne(ctx context.Context, l *postgres.Ledger, i int, v *verdict) {
	t, got := f.t, f.truth[recipient(i)]
	found, err := l.List(ctx, waxwing.Query{Tenant: "acme", Email: recipient(i)})
	if err != nil || len(found) != 1 {
		t.Errorf("order %d: %d confirmations, %d mails, %v", i, len(found), got, err)
		v.lost++
		return
	}
	c, err := l.Get(ctx, "acme", found[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	v.views[i] = c
	marks := 0
	for _, e := range c.Trail {
		switch e.Cause {
		case "possible_duplicate":
			marks++
		case "late_verdict":
			v.late[e.Detail["verdict"]]++
		}
	}
	v.marked += marks
	if got > 1 {
		v.doubled++
	}
	if got > 1+marks {
		v.silent++
	}
	if got == 0 || c.State != waxwing.Sent {
		v.lost++
	}
	if got == 0 || c.State != waxwing.Sent || got > 1+marks || len(f.ids[recipient(i)]) != 1 {
		t.Errorf("order %d is %s, with %d mails of %d Message-IDs and %d marks: %+v", i, c.State, got, len(f.ids[recipient(i)]), marks, c.Trail)
	}
}

// said counts how often the daemons have said something.
func (f *fleet) said(what string) (n int) {
	for _, d := range f.nodes {
		b, err := os.ReadFile(d.log())
		if err != nil {
			f.t.Error(err)
		}
		n += bytes.Count(b, []byte(what))
	}
	return n
}

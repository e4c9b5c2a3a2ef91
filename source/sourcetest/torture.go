package sourcetest

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/source"
)

const childEnv = "WAXWING_TEST_SOURCE"

// job is what a process is told that runs a source to be killed.
type job struct{ Settings, Ledger string }

// entry is what such a process writes down of an event.
type entry struct {
	Order  string `json:"order,omitempty"`
	Poison string `json:"poison,omitempty"` // a hash
	Raw    []byte `json:"raw,omitempty"`    // the beginning of what is poison
}

// Child runs a source, and does not return, where Torture has started this process: a test's TestMain calls it. open makes
// the source of what the trial says; key reads an order's id, as the shop's format does, and gives an error where it cannot.
func Child(open func(settings string) (source.Source, error), key func(topic string, raw []byte) (string, error)) {
	told := os.Getenv(childEnv)
	if told == "" {
		return
	}
	var j job
	fail := func(err error) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if err := json.Unmarshal([]byte(told), &j); err != nil {
		fail(err)
	}
	x, err := open(j.Settings)
	if err != nil {
		fail(err)
	}
	f, err := os.OpenFile(j.Ledger, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		fail(err)
	}
	accept := func(_ context.Context, _ waxwing.TenantID, _ waxwing.ShopID, topic string, raw []byte) (waxwing.Receipt, error) {
		id, err := key(topic, raw)
		e, state := entry{Order: id}, waxwing.Received
		if err != nil {
			sum := sha256.Sum256(raw)
			e, state = entry{Poison: hex.EncodeToString(sum[:]), Raw: raw[:min(len(raw), 200)]}, waxwing.Quarantined
		}
		line, err := json.Marshal(e)
		if err == nil {
			_, err = f.Write(append(line, '\n')) // which outlasts a process that is killed
		}
		return waxwing.Receipt{State: state}, err
	}
	for {
		fmt.Fprintln(os.Stderr, "the source ended:", x.Run(context.Background(), one(accept)))
		<-time.After(100 * time.Millisecond)
	}
}

// one has events accepted one at a time.
func one(accept source.Accept) source.Accept {
	var mu sync.Mutex
	return func(ctx context.Context, t waxwing.TenantID, s waxwing.ShopID, topic string, raw []byte) (waxwing.Receipt, error) {
		mu.Lock()
		defer mu.Unlock()
		return accept(ctx, t, s, topic, raw)
	}
}

// Trial is a source that is killed, and what it reads from.
type Trial struct {
	// Settings are handed to Child's open.
	Settings string
	// Orders is how many there are, Kills how often the source is killed, and Ends how often what it reads from.
	Orders, Kills, Ends int
	// End kills what it reads from, and starts it again.
	End func()
	// Body is an order's event.
	Body func(id string) string
	// Publish hands one over, and is called again with the same when it gave an error.
	Publish func(ctx context.Context, body string) error
	// Poisons are what no format reads, with %d for what tells them apart; nil: some of each kind.
	Poisons []string
	// Left is how many messages are to be acknowledged yet.
	Left func(ctx context.Context) (int64, error)
}

// Full says that a trial is to be had at its full size.
func Full() bool { return os.Getenv("WAXWING_SOURCES_FULL") != "" }

// poisons are what no format reads, with %d for what tells them apart.
var poisons = []string{"poison %d is no JSON", `{"poison":%d}`, `["poison %d"]`, `{"poison":%d,`, "\x00\xff poison %d", ""}

// Torture kills a source, and what it reads from, while orders come, of which some come twice and some are none. Nothing is
// lost, and what is no order is there to be looked at.
func Torture(t *testing.T, x Trial) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "ledger")
	told, err := json.Marshal(job{x.Settings, path})
	if err != nil {
		t.Fatal(err)
	}
	said, err := os.Create(filepath.Join(dir, "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = said.Close()
		if t.Failed() {
			b, _ := os.ReadFile(said.Name())
			t.Logf("the source said: %s", b[max(0, len(b)-4000):])
		}
	}()
	begin := func() *exec.Cmd {
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), childEnv+"="+string(told))
		c.Stdout, c.Stderr = said, said
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		return c
	}
	kill := func(c *exec.Cmd) {
		_ = c.Process.Kill()
		_ = c.Wait() // "signal: killed" is what is wanted
	}
	ctx, cancel := context.WithCancel(context.Background())
	var publishing sync.WaitGroup
	defer publishing.Wait()
	defer cancel()
	if x.Poisons == nil {
		x.Poisons = poisons
	}
	p := &publisher{Trial: x, pass: make(chan struct{}, 1<<20)}
	publishing.Go(func() { p.run(ctx) })

	child := begin()
	defer func() { kill(child) }()
	l := newTally(path)
	limit := time.After(10*patience + time.Duration(x.Kills+x.Ends)*30*time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	kills, ends := 0, 0
	// In each part of the way there is a kill, the source's and the broker's by turns: what is published waits for them.
	parts := x.Kills + x.Ends + 1
	rnd := rand.New(rand.NewPCG(7, 7))
	for part, next := 1, 0; ; {
		p.allow(part * x.Orders / parts)
		if err := l.read(); err != nil {
			t.Fatal(err)
		}
		if next == 0 {
			next = max(1, (part*x.Orders/parts)*9/10-rnd.IntN(max(1, x.Orders/parts/2)))
		}
		if part < parts && len(l.orders) >= next {
			if (part%2 == 1 || ends == x.Ends) && kills < x.Kills {
				kill(child)
				child = begin()
				kills++
			} else {
				x.End()
				ends++
			}
			part, next = part+1, 0
		}
		if part == parts && len(l.orders) >= x.Orders && p.over() {
			break
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("%d of %d orders came, after %d kills and %d ends; published %d", len(l.orders), x.Orders, kills, ends, p.sent.Load())
		}
	}
	left := int64(-1)
	for end := time.Now().Add(patience); time.Now().Before(end); <-tick.C {
		if left, err = x.Left(ctx); err == nil && left == 0 {
			break
		}
	}
	if left != 0 || err != nil {
		t.Errorf("%d messages were never acknowledged: %v", left, err)
	}
	if err := l.read(); err != nil {
		t.Fatal(err)
	}
	p.verify(t, l)
	t.Logf("%d orders, %d of them published twice or more, %d kills of the source, %d of what it reads from: %d lost, %d handed to the ledger again, %d of %d poisoned there to be seen",
		x.Orders, p.twice, kills, ends, x.Orders-len(l.orders), l.again, len(l.poison), p.poisoned)
}

// tally reads what the processes wrote down.
type tally struct {
	path   string
	at     int64
	orders map[string]bool
	poison map[string]string
	again  int
}

func newTally(path string) *tally {
	return &tally{path: path, orders: map[string]bool{}, poison: map[string]string{}}
}

func (l *tally) read() error {
	f, err := os.Open(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Seek(l.at, io.SeekStart); err != nil {
		return err
	}
	r := bufio.NewReader(f)
	for {
		line, err := r.ReadBytes('\n')
		if err != nil { // the rest comes
			return nil
		}
		l.at += int64(len(line))
		var e entry
		if err := json.Unmarshal(line, &e); err != nil {
			return err
		}
		switch {
		case e.Poison != "":
			l.poison[e.Poison] = string(e.Raw)
		case l.orders[e.Order]:
			l.again++
		default:
			l.orders[e.Order] = true
		}
	}
}

// Heard accepts events and tells each one's bytes.
func Heard(to chan<- string) source.Accept {
	return func(ctx context.Context, _ waxwing.TenantID, _ waxwing.ShopID, _ string, raw []byte) (waxwing.Receipt, error) {
		select {
		case to <- string(raw):
			return waxwing.Receipt{New: true}, nil
		case <-ctx.Done():
			return waxwing.Receipt{}, ctx.Err()
		}
	}
}

package ledgertest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
)

// killDir tells a test binary that it is the child, and where its ledger is; killRound
// names its orders.
const (
	killDir   = "WAXWING_LEDGERTEST_DIR"
	killRound = "WAXWING_LEDGERTEST_ROUND"
	killLine  = "ledger: "
)

// The steps of an order, each of which the child begins and ends with a line.
var killSteps = []string{"accept", "ready", "claim", "dot", "verdict"}

// Killer opens what is to be killed, and looks at what is left.
type Killer struct {
	// Members opens the instances of a folder, in the child.
	Members func(t *testing.T, dir string) []Store
	// Alone opens the folder as its only instance, by a clock, with the policy "resend" after
	// a minute.
	Alone func(t *testing.T, dir string, clock waxwing.Clock) Store
	// Audit checks that its trail verifies.
	Audit func(t *testing.T, s Store)
}

// Killed kills a child in the middle of each step of its orders, and holds what it had
// acknowledged against what the ledger knows. test is the name of the test that calls it,
// by which the child is run.
func Killed(t *testing.T, test string, k Killer) {
	if dir := os.Getenv(killDir); dir != "" {
		sendForEver(t, k.Members(t, dir))
		return
	}
	for _, step := range killSteps {
		// One after the other: between a fork and its exec a child holds what its parent has
		// open, another story's lock as well.
		t.Run("in the middle of "+step, func(t *testing.T) {
			b := &Bench{t: t, dir: t.TempDir(), now: time.Now()}
			said := &acknowledged{of: map[waxwing.ID]*orderSaid{}}
			for round := range 3 {
				said.read(t, killing{b.dir, test, fmt.Sprint(round), step, 25 + 17*round})
				b.now = time.Now()
				b.s = k.Alone(t, b.dir, b.clock)
				said.check(b)
				k.Audit(t, b.s)
				if round == 2 {
					b.later(time.Hour)
					said.finish(b)
					k.Audit(t, b.s)
				}
				b.must(b.s.Close())
			}
		})
	}
}

// sendForEver is the child: eight workers send orders until it is killed.
func sendForEver(t *testing.T, members []Store) {
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		if _, err := fmt.Fprintf(os.Stdout, killLine+format+"\n", args...); err != nil {
			os.Exit(1) // the parent is gone
		}
	}
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for n := 0; t.Context().Err() == nil; n++ {
				if err := sendSaying(t.Context(), members, fmt.Sprintf("%s-%d-%d", os.Getenv(killRound), w, n), w+n, say); err != nil {
					say("failed %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// sendSaying takes an order through all steps, and says when each begins and is done.
func sendSaying(ctx context.Context, members []Store, order string, n int, say func(string, ...any)) error {
	first, other := members[n%len(members)], members[n/2%len(members)]
	say("begin accept 0")
	rc, err := first.Accept(ctx, &waxwing.Event{Tenant: "acme", Shop: "web", Source: "webhook", Format: "generic", Topic: "order",
		Raw: []byte(`{"id":"` + order + `"}`), At: time.Now(), Key: waxwing.EventKey{OrderID: order}})
	if err != nil {
		return err
	}
	id := int64(rc.ID)
	say("accept %d", id)
	w, err := first.Work(ctx, rc.ID)
	if err != nil {
		return err
	}
	say("begin ready %d", id)
	ids, err := other.Ready(ctx, w, []waxwing.Draft{draft(w)}, lookup, 24*time.Hour)
	if err != nil {
		return err
	}
	say("ready %d", id)
	say("begin claim %d", id)
	c, err := first.Claim(ctx, ids[0])
	if err != nil {
		return err
	}
	say("claim %d", id)
	say("begin dot %d", id)
	if err := first.CommitDot(ctx, c, "mail"); err != nil {
		return err
	}
	say("dot %d", id)
	say("begin verdict %d", id)
	r := accepted()
	if err := first.Resolve(ctx, c, &r); err != nil {
		return err
	}
	say("verdict %d", id)
	return nil
}

// orderSaid is what a child said of an order: which steps it began, and which it ended.
type orderSaid struct{ began, ended map[string]bool }

// acknowledged is what children said.
type acknowledged struct{ of map[waxwing.ID]*orderSaid }

// killing is a child's life: it runs a test in a folder, and ends when it has begun a step so
// many times.
type killing struct {
	dir, test, round, step string
	times                  int
}

// read runs a child, kills it when its time has come, and reads to the end of what it said.
func (a *acknowledged) read(t *testing.T, k killing) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	child := exec.CommandContext(ctx, os.Args[0], "-test.run=^"+k.test+"$", "-test.timeout=2m") //nolint:gosec // this test itself
	child.Env = append(os.Environ(), killDir+"="+k.dir, killRound+"="+k.round)
	out, err := child.StdoutPipe()
	if err == nil {
		child.Stderr = child.Stdout
		err = child.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	began, other := 0, ""
	for lines.Scan() {
		line, ok := strings.CutPrefix(lines.Text(), killLine)
		if !ok {
			other += lines.Text() + "\n"
			continue
		}
		if strings.HasPrefix(line, "failed") {
			t.Errorf("the child %s", line)
		}
		if a.note(line); strings.HasPrefix(line, "begin "+k.step) {
			if began++; began == k.times {
				_ = child.Process.Kill() // it may have ended
			}
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	if began < k.times {
		t.Fatalf("the child began %q %d times, want %d: %s", k.step, began, k.times, other)
	}
}

func (a *acknowledged) note(line string) {
	var step string
	var no int64
	begins := strings.HasPrefix(line, "begin ")
	if n, _ := fmt.Sscanf(strings.TrimPrefix(line, "begin "), "%s %d", &step, &no); n != 2 || no == 0 {
		return // of an order that has no number yet
	}
	id := waxwing.ID(no)
	o := a.of[id]
	if o == nil {
		o = &orderSaid{map[string]bool{}, map[string]bool{}}
		a.of[id] = o
	}
	if begins {
		o.began[step] = true
	} else {
		o.ended[step] = true
	}
}

// check holds what was acknowledged against the ledger: nothing is lost, nothing goes on as
// if it had not been killed, and nothing is in doubt that was not at its commit point.
func (a *acknowledged) check(b *Bench) {
	b.t.Helper()
	for id, o := range a.of {
		v, err := b.s.Get(b.t.Context(), "acme", id)
		if err != nil {
			b.t.Errorf("order %s was accepted, and is lost: %v", id, err)
			continue
		}
		want := []waxwing.State{waxwing.Received}
		switch {
		case o.ended["verdict"]:
			want = []waxwing.State{waxwing.Sent}
		case o.began["verdict"]:
			want = []waxwing.State{waxwing.Sent, waxwing.Uncertain}
		case o.ended["dot"]:
			want = []waxwing.State{waxwing.Uncertain}
		case o.began["dot"]:
			want = []waxwing.State{waxwing.Queued, waxwing.Uncertain}
		case o.ended["ready"]:
			want = []waxwing.State{waxwing.Queued}
		case o.began["ready"]:
			want = []waxwing.State{waxwing.Received, waxwing.Queued}
		}
		fits := false
		for _, s := range want {
			fits = fits || v.State == s
		}
		if !fits {
			b.t.Errorf("order %s is %q, want %q: it began %v and ended %v", id, v.State, want, o.began, o.ended)
		}
	}
}

// finish sends all that is left, and counts what may have been offered: no more than one of
// each, and one for each mark.
func (a *acknowledged) finish(b *Bench) {
	b.t.Helper()
	offers := map[waxwing.ID]int{}
	for id, o := range a.of {
		if o.ended["dot"] {
			offers[id]++
		}
	}
	due, _, err := b.s.DueWork(b.t.Context(), time.Time{}, 0, 10_000)
	b.must(err)
	for _, id := range due {
		b.ready(id)
	}
	b.later(time.Second)
	for {
		got, err := b.s.ClaimDue(b.t.Context(), waxwing.Email, 100)
		b.must(err)
		if len(got) == 0 {
			break
		}
		for _, c := range got {
			b.send(c)
			offers[c.Confirmation]++
		}
	}
	for id := range a.of {
		v, err := b.s.Get(b.t.Context(), "acme", id)
		b.must(err)
		if v.State != waxwing.Sent || offers[id] < 1 || offers[id] > 1+marks(v, "possible_duplicate") {
			b.t.Errorf("order %s is %s, was offered %d times, and has %d marks", id, v.State, offers[id], marks(v, "possible_duplicate"))
		}
	}
}

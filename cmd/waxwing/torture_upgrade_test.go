package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/ledger/postgres"
	"github.com/waxwinghq/waxwing/ledger/postgres/postgrestest"
	"github.com/waxwinghq/waxwing/ledger/postgres/schema"
)

// programBefore is the last commit whose program knows no layout but those up to 4, and does not
// know of programs beside it that know more.
const programBefore = "20fe2bc35aca048e725a07c0b548894354718980"

// The migrations of programs to come, which are built of this one and them.
const (
	laterExpand   = "-- waxwing: expand\n-- waxwing: holds confirmations from reads and writes\nALTER TABLE confirmations ADD COLUMN colour text NOT NULL DEFAULT 'red';\n"
	laterContract = "-- waxwing: contract\n-- waxwing: holds confirmations from reads and writes\nALTER TABLE confirmations DROP COLUMN colour;\n"
)

// builds makes programs of this one's source, of its past and of its future.
type builds struct {
	t         *testing.T
	root, dir string
}

func (b builds) run(dir string, env []string, name string, args ...string) (string, error) {
	c := exec.CommandContext(b.t.Context(), name, args...)
	c.Dir, c.Env = dir, append(os.Environ(), env...)
	out, err := c.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", name, args[0], err, out)
	}
	return strings.TrimSpace(string(out)), err
}

// build compiles what is in a folder.
func (b builds) build(folder, name string, args ...string) string {
	b.t.Helper()
	to := filepath.Join(b.dir, name)
	args = slices.Concat([]string{"build", "-trimpath", "-buildvcs=false", "-o", to}, args, []string{"./cmd/waxwing"})
	if _, err := b.run(folder, []string{"CGO_ENABLED=0"}, "go", args...); err != nil {
		b.t.Fatal(err)
	}
	return to
}

// past compiles a commit.
func (b builds) past(commit string) string {
	b.t.Helper()
	folder, index := filepath.Join(b.dir, "past"), []string{"GIT_INDEX_FILE=" + filepath.Join(b.dir, "index")}
	_, err := b.run(b.root, index, "git", "read-tree", commit)
	if err == nil {
		_, err = b.run(b.root, index, "git", "checkout-index", "-a", "--prefix="+folder+"/")
	}
	if err != nil && *tortureFull && os.Getenv("WAXWING_REQUIRE_SERVICES") != "" {
		b.t.Fatal("the program before is not in this clone's history: ", err)
	} else if err != nil {
		b.t.Skip("the program before is not in this clone's history: ", err)
	}
	return b.build(folder, "before")
}

// future compiles this program with further migrations.
func (b builds) future(name string, migrations ...string) string {
	b.t.Helper()
	place := filepath.Join(b.root, "ledger/postgres/schema")
	text, err := os.ReadFile(filepath.Join(place, "schema.go"))
	if err != nil {
		b.t.Fatal(err)
	}
	replace := map[string]string{}
	put := func(path string, text []byte) {
		file := filepath.Join(b.dir, name+"-"+filepath.Base(path))
		if err := os.WriteFile(file, text, 0o600); err != nil {
			b.t.Fatal(err)
		}
		replace[path] = file
	}
	const layout = "const Layout int64 = %d\n"
	newer := bytes.Replace(text, fmt.Appendf(nil, layout, schema.Layout), fmt.Appendf(nil, layout, int(schema.Layout)+len(migrations)), 1)
	if bytes.Equal(newer, text) {
		b.t.Fatal("schema.go does not say its layout as it did")
	}
	put(filepath.Join(place, "schema.go"), newer)
	for i, m := range migrations {
		put(filepath.Join(place, fmt.Sprintf("migrations/%05d_later.sql", int(schema.Layout)+i+1)), []byte(m))
	}
	overlay := filepath.Join(b.dir, name+".json")
	said, err := json.Marshal(map[string]any{"Replace": replace})
	if err = errors.Join(err, os.WriteFile(overlay, said, 0o600)); err != nil {
		b.t.Fatal(err)
	}
	return b.build(b.root, name, "-overlay", overlay)
}

// rolls says that it ended since it is to begin anew.
func (n *node) rolls() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	defer func() { n.rolling = false }()
	return n.rolling
}

// roll ends a daemon as a service manager does, and begins it anew as another program. It tells
// how long it was away.
func (n *node) roll(ctx context.Context, program string) time.Duration {
	n.f.t.Helper()
	n.mu.Lock()
	was := n.begun
	n.program, n.rolling = program, true
	n.mu.Unlock()
	began := time.Now()
	n.signal(syscall.SIGTERM)
	n.f.until(ctx, n.provider+" begins anew", func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return n.begun > was
	})
	n.f.until(ctx, n.provider+" is ready again", n.ready)
	return time.Since(began)
}

// steady offers so many orders a second, whatever becomes of those before them, until it is told
// to stop. When each was due is told.
func (f *fleet) steady(ctx context.Context, rate int, stop <-chan struct{}) (due []time.Time) {
	var posting sync.WaitGroup
	defer posting.Wait()
	tick, began := time.NewTicker(time.Millisecond), time.Now()
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return due
		case <-ctx.Done():
			return due
		case now := <-tick.C:
			for {
				at := began.Add(time.Duration(len(due)) * time.Second / time.Duration(rate))
				if at.After(now) {
					break
				}
				i := len(due)
				due = append(due, at)
				posting.Go(func() { f.order(ctx, i) })
			}
		}
	}
}

// delays are how long after they were due orders were confirmed first, shortest first.
func (f *fleet) delays(due []time.Time) (out []time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, at := range due {
		if first, ok := f.first[recipient(i)]; ok {
			out = append(out, first.Sub(at))
		}
	}
	slices.Sort(out)
	return out
}

// TestTorturePostgresUpgrade replaces three daemons of one ledger one by one, under load: the program before this one by this one,
// which changes the tables under the others; then by one to come, whose expansion this one goes on beside, one of them
// back and forth; and at last by one with a contraction, which waits for the last of the others.
func TestTorturePostgresUpgrade(t *testing.T) {
	postgrestest.Wanted(t)
	_, seed := tortureSeeded(t)
	rate, pause, limit := 60, time.Second/2, 4*time.Minute
	if *tortureFull { // and it runs by itself, since it measures time
		rate, pause, limit = 200, 6*time.Second, 15*time.Minute
	} else {
		t.Parallel()
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	b := builds{t, root, t.TempDir()}
	before, now := b.past(programBefore), b.build(root, "now")
	next, last := b.future("next", laterExpand), ""
	if *tortureFull {
		last = b.future("last", laterExpand, laterContract)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()

	faults := sink.Faults{Seed: seed, LostReply: .002, Latency: 15 * time.Millisecond}
	f := newBareFleet(t, postgrestest.Own(t), 3, 16, func(*node) sink.Plan { return faults.Plan() })
	for _, n := range f.nodes {
		n.program = before
	}
	f.start(ctx)
	f.layout(ctx, schema.Marked-1)
	stop, loaded := make(chan struct{}), make(chan struct{})
	var due []time.Time
	go func() {
		defer close(loaded)
		due = f.steady(ctx, rate, stop)
	}()
	steps, away := 0, time.Duration(0)
	rest := func() {
		was, at := f.mails.Load(), time.Now()
		f.until(ctx, "mails go out", func() bool { return f.mails.Load() > was+int64(rate)/2 && time.Since(at) > pause })
	}
	roll := func(n *node, program string, layout int64) {
		rest()
		steps++
		away = max(away, n.roll(ctx, program))
		f.layout(ctx, layout)
	}
	for _, n := range f.nodes {
		roll(n, now, schema.Layout)
	}
	first := f.nodes[0]
	roll(first, next, schema.Layout+1)
	roll(first, now, schema.Layout+1) // back
	roll(first, next, schema.Layout+1)
	if n := f.said("the ledger's layout is a newer program's, and this one goes on with it"); n != 1 {
		t.Errorf("%d daemons went on beside a newer one, want one", n)
	}
	if last != "" {
		roll(first, last, schema.Layout+1)
		roll(f.nodes[1], last, schema.Layout+1)
		if n := f.said("a migration waits"); n != 2 {
			t.Errorf("a contraction waited %d times, want twice", n)
		}
		roll(f.nodes[2], last, schema.Layout+2)
	}
	rest()
	close(stop)
	<-loaded
	f.settle(ctx, first)
	f.end(syscall.SIGTERM)
	if last != "" { // this test's own program is one of those that are kept out
		if _, err := postgres.Migrate(ctx, f.dsn, nil); err == nil || !strings.Contains(err.Error(), "run the newer program") {
			t.Errorf("an older program begins after a contraction: %v", err)
		}
		f.exec(fmt.Sprintf("DELETE FROM meta WHERE k = '%s'", schema.MetaLeast)) // nothing that it needs is gone
	}
	d := f.delays(due)
	if len(d) == 0 {
		t.Fatal("nothing was sent")
	}
	at := func(q float64) time.Duration { return d[int(q*float64(len(d)-1))].Round(time.Millisecond) }
	t.Logf("%d orders at %d/s in %s, while three daemons were replaced one by one, %d replacements, each away for %s at most; %d answers were no 2xx. "+
		"From due to the mail: p50 %s, p99 %s, p99.9 %s, longest %s", len(due), rate, (time.Duration(len(due)) * time.Second / time.Duration(rate)).Round(time.Second),
		steps, away.Round(time.Millisecond), f.refused.Load(), at(.5), at(.99), at(.999), at(1))
	v := f.judge(len(due))
	t.Logf("%d lost, %d silent duplicates, %d duplicates with %d marks; the trail of %d entries verifies", v.lost, v.silent, v.doubled, v.marked, v.entries)
	if p99 := at(.99); *tortureFull && p99 >= 3*time.Second {
		t.Errorf("p99 is %s, want less than 3 s", p99)
	}
}

// layout wants the tables to have a layout.
func (f *fleet) layout(ctx context.Context, want int64) {
	f.t.Helper()
	if at, err := postgres.Layout(ctx, f.dsn); err != nil || at.Layout != want {
		f.t.Errorf("the layout is %+v, want %d: %v", at, want, err)
	}
}

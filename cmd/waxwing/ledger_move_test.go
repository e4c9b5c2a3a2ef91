package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/move"
	"github.com/waxwinghq/waxwing/ledger/postgres"
	"github.com/waxwinghq/waxwing/ledger/postgres/postgrestest"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
	"github.com/waxwinghq/waxwing/ledger/verify"
)

var moveConfirmations = flag.Int("move.confirmations", 2000, "confirmations that TestTorturePostgresMove moves")

// The master key and tenant of a ledger that is moved.
var movedMaster = strings.Repeat("5a", 32)

const movedTenant = "acme"

// moveChild tells the test binary that it is the command, with these arguments.
const moveChild = "WAXWING_MOVE_CHILD"

// TestMoveChild is what is killed.
func TestMoveChild(t *testing.T) {
	args := os.Getenv(moveChild)
	if args == "" {
		t.Skip("TestTorturePostgresMove runs it")
	}
	moveBatch, _ = strconv.Atoi(os.Getenv("WAXWING_MOVE_BATCH")) // none is 0
	os.Exit(run(strings.Split(args, "\n"), streams{os.Stdin, os.Stdout, os.Stderr}))
}

// movedLedger is what the stores of a moved ledger have in common.
type movedLedger interface {
	Bytes(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID, n int) (*waxwing.Outgoing, error)
	Count(ctx context.Context, q waxwing.Query) (map[waxwing.State]int64, error)
	Get(ctx context.Context, tenant waxwing.TenantID, id waxwing.ID) (*waxwing.ConfirmationView, error)
	List(ctx context.Context, q waxwing.Query) ([]waxwing.ConfirmationView, error)
	PluginVersions(ctx context.Context, tenant waxwing.TenantID) ([]waxwing.PluginVersion, error)
	PluginRuns(ctx context.Context, tenant waxwing.TenantID, plugin string, before int64, limit int) ([]waxwing.Run, error)
	Accept(ctx context.Context, ev *waxwing.Event) (waxwing.Receipt, error)
	Verify(ctx context.Context, anchors ...string) (*verify.Report, error)
	Close() error
}

// haul is a ledger that is moved, and where.
type haul struct {
	t   *testing.T
	dir string
	n   int
	ids []waxwing.ID // of confirmations with a mail
	rng *rand.Rand
}

func (h *haul) folder(name string) string { return filepath.Join(h.dir, name) }

// config writes a configuration with a data folder, and a database where dsn is given.
func (h *haul) config(name string, dsn waxwing.Secret) string {
	section := ""
	if dsn != "" {
		section = fmt.Sprintf("ledger: {type: postgres, dsn: %q}\n", dsn.Reveal())
	}
	path := h.folder(name + ".yaml")
	text := fmt.Sprintf("data: %q\nkeys: {master: %q}\n%sproviders: {mail: {type: smtp, addr: \"mail.example:25\"}}\n"+
		"tenants: {acme: {name: Acme, from: orders@acme.example}}\n", h.folder(name), movedMaster, section)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		h.t.Fatal(err)
	}
	return path
}

func movedOptions(dir string) ledger.Options {
	return ledger.Options{Dir: dir, Master: waxwing.Secret(movedMaster), Tenants: []waxwing.TenantID{movedTenant}, Policy: "resend", After: time.Minute}
}

func movedEvent(i int) *waxwing.Event {
	return &waxwing.Event{Tenant: movedTenant, Shop: "web", Source: "webhook", Format: "generic", Topic: "order", Raw: fmt.Appendf(nil, `{"id":"%d"}`, i),
		At: time.Now(), Key: waxwing.EventKey{OrderID: fmt.Sprint(i)}}
}

// fill makes the ledger in a folder: mails that were sent, wait, were tried in vain, are claimed or at their
// commit point as the daemon dies; a person who was erased, and one who wants no mail.
func (h *haul) fill(dir string) {
	t := h.t
	l, err := sqlite.Open(t.Context(), sqlite.Options{Options: movedOptions(dir)})
	if err != nil {
		t.Fatal(err)
	}
	old := movedCode(1)
	if err := l.SavePlugins(t.Context(), []waxwing.PluginVersion{old}, movedModule); err != nil {
		t.Fatal(err)
	}
	old.State = waxwing.PluginRetired
	if err := l.SavePlugins(t.Context(), []waxwing.PluginVersion{movedCode(2), old}, movedModule); err != nil {
		t.Fatal(err)
	}
	h.ids = make([]waxwing.ID, h.n)
	next := make(chan int)
	var workers sync.WaitGroup
	for range 64 {
		workers.Go(func() {
			for i := range next {
				id, err := h.order(l, i)
				if h.ids[i] = id; err != nil {
					t.Errorf("order %d: %v", i, err)
				}
			}
		})
	}
	for i := range h.n {
		next <- i
	}
	close(next)
	workers.Wait()
	for _, a := range []string{"jane3@customer.example", "jane4@customer.example"} {
		if _, err := l.Erase(t.Context(), movedTenant, waxwing.Erase{Address: a}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Suppress(t.Context(), movedTenant, "nomail@customer.example", waxwing.Act{Reason: "asked"}); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}

func (h *haul) order(l *sqlite.Ledger, i int) (waxwing.ID, error) {
	ctx := h.t.Context()
	rc, err := l.Accept(ctx, movedEvent(i))
	if err != nil {
		return 0, err
	}
	w, err := l.Work(ctx, rc.ID)
	if err != nil {
		return 0, err
	}
	if i%20 == 5 {
		w.Runs = []waxwing.Run{{Plugin: "loyalty", Hash: movedCode(1).Hash, Hook: waxwing.HookPersonalise, Role: "active", Input: []byte(`{}`), Output: []byte(`{"n":1}`),
			Fuel: 12, Micros: 5, At: time.Now().UTC(), Seed: "s"}}
	}
	body := fmt.Sprintf("Subject: Order %d\r\n\r\nThank you, Jane, for order %d. %s\r\n", i, i, strings.Repeat(fmt.Sprint(i*7919), 40))
	mails, err := l.Ready(ctx, w, []waxwing.Draft{{Channel: waxwing.Email, State: waxwing.Queued, From: "orders@acme.example",
		To: fmt.Sprintf("jane%d@customer.example", i), Data: []byte(body), Locale: "en"}},
		waxwing.Lookup{Order: []string{fmt.Sprint(i)}, People: []string{fmt.Sprintf("jane%d@customer.example", i)}}, 24*time.Hour)
	if err != nil || i%50 == 7 { // these wait
		return rc.ID, err
	}
	claim, err := l.Claim(ctx, mails[0])
	if err != nil || i%200 == 11 { // these are claimed as the daemon dies
		return rc.ID, err
	}
	if err := l.CommitDot(ctx, claim, "mail"); err != nil || i%200 == 12 { // these at their commit point
		return rc.ID, err
	}
	a := waxwing.Attempt{Provider: "mail", Verdict: waxwing.Accepted, Phase: waxwing.PhaseDot, Code: 250, Reply: waxwing.PII(fmt.Sprintf("250 ok %d", i)), Ref: fmt.Sprint("q", i)}
	if i%50 == 13 {
		a.Verdict, a.Code, a.Reply = waxwing.Deferred, 451, "451 later"
		return rc.ID, l.Resolve(ctx, claim, &waxwing.Resolution{To: waxwing.Queued, NextAt: time.Now(), Attempt: a})
	}
	err = l.Resolve(ctx, claim, &waxwing.Resolution{To: waxwing.Sent, Attempt: a})
	if err == nil && i%30 == 1 {
		err = l.Annotate(ctx, &ledger.Annotation{Tenant: movedTenant, Message: mails[0], Kind: waxwing.Delivered, Provider: "mail", Evidence: []byte("250 again")})
	}
	return rc.ID, err
}

var movedModule = bytes.Repeat([]byte("\x00asm loyalty "), 500)

func movedCode(no int) waxwing.PluginVersion {
	sum := sha256.Sum256(movedModule)
	at := time.UnixMilli(1764201600000).UTC()
	return waxwing.PluginVersion{Tenant: movedTenant, Plugin: "loyalty", No: no, Version: fmt.Sprint(no), Hash: hex.EncodeToString(sum[:]), Lang: "go",
		State: waxwing.PluginActive, Source: "upload", Created: at, Changed: at, Manifest: []byte(`{"name":"loyalty"}`)}
}

// steps are what the command says that it begins, in their order.
var moveSteps = []string{"Making", "Shutting", "Copying", "Finishing", "Reading back", "Verifying"}

func stepOf(line string) int {
	return slices.IndexFunc(moveSteps, func(s string) bool { return strings.HasPrefix(line, s) })
}

// killed runs the command, and kills it a while after a step begins. It tells in which step that was;
// empty: it ended by itself.
func (h *haul) killed(args []string, step int, most time.Duration) (at string) {
	h.t.Helper()
	c, errs := h.child(args)
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(errs); s.Scan(); {
			lines <- s.Text()
		}
	}()
	var due <-chan time.Time
	var said []string
	for open := true; open; {
		select {
		case line, ok := <-lines:
			open = ok
			said = append(said, line)
			if n := stepOf(line); n >= 0 {
				at = moveSteps[n]
			}
			if due == nil && stepOf(line) >= step {
				due = time.After(time.Duration(h.rng.Int64N(int64(most))))
			}
		case <-due:
			_ = c.Process.Kill() // it may have ended
			due = nil
			step = len(moveSteps)
		}
	}
	err := c.Wait()
	if i := slices.IndexFunc(said, func(l string) bool { return strings.HasPrefix(l, "  ") }); i >= 0 {
		last := said[len(said)-1]
		for _, l := range said[i:] {
			if strings.Contains(l, "rows/s") {
				last = l
			}
		}
		h.t.Log(strings.TrimSpace(last))
	}
	var exit *exec.ExitError
	switch {
	case err == nil:
		return ""
	case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled():
		return at
	}
	h.t.Fatalf("%v: %s", err, strings.Join(said, "\n"))
	return ""
}

func (h *haul) child(args []string) (*exec.Cmd, io.Reader) {
	c := exec.Command(os.Args[0], "-test.run=^TestMoveChild$")
	c.Env = append(os.Environ(), moveChild+"="+strings.Join(args, "\n"), "WAXWING_MOVE_BATCH="+fmt.Sprint(max(50, min(4000, h.n/20))))
	errs, err := c.StderrPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		h.t.Fatal(err)
	}
	return c, errs
}

// move moves with 20 kills, and then to the end.
func (h *haul) move(from, to string) {
	h.t.Helper()
	args := []string{"ledger", "move", "-c", from, "--to", to}
	began, at := time.Now(), map[string]int{}
	for kills := 0; kills < 20; kills++ {
		step := []int{0, 0, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 3, 4, 4, 5, 5}[kills]
		most := 40 * time.Millisecond
		if step == 2 {
			most = time.Duration(h.n) * 20 * time.Microsecond
		}
		in := h.killed(args, step, most)
		if in == "" {
			h.t.Fatalf("it ended after %d kills", kills)
		}
		at[in]++
	}
	h.t.Logf("killed 20 times within %s: %v", time.Since(began).Round(time.Millisecond), at)
	began = time.Now()
	c, errs := h.child(args)
	said, _ := io.ReadAll(errs)
	if err := c.Wait(); err != nil {
		h.t.Fatalf("%v: %s", err, said)
	}
	h.t.Logf("the last run: %s, peak memory %d MB\n%s", time.Since(began).Round(time.Millisecond), c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss>>10, said)
	var again bytes.Buffer
	if status := run(args, streams{nil, &again, &again}); status != 0 || !strings.Contains(again.String(), "nothing to do") {
		h.t.Errorf("a further one: %d %s", status, &again)
	}
}

// same compares two ledgers that are read, and proves both.
func (h *haul) same(a, b movedLedger) {
	t := h.t
	t.Helper()
	ctx := t.Context()
	counts := [2]map[waxwing.State]int64{}
	for i, l := range []movedLedger{a, b} {
		var err error
		if counts[i], err = l.Count(ctx, waxwing.Query{Tenant: movedTenant}); err != nil {
			t.Fatal(err)
		}
		r, err := l.Verify(ctx)
		if err != nil || !r.Whole() || r.Anchored.IsZero() {
			t.Errorf("verify: %v %+v", err, r)
		}
		if want := int64(h.n); r.Confirmations != want {
			t.Errorf("%d confirmations, want %d", r.Confirmations, want)
		}
	}
	if fmt.Sprint(counts[0]) != fmt.Sprint(counts[1]) {
		t.Errorf("%v became %v", counts[0], counts[1])
	}
	va, err := a.PluginVersions(ctx, movedTenant)
	vb, e := b.PluginVersions(ctx, movedTenant)
	if err != nil || e != nil || len(va) != 2 || !reflect.DeepEqual(va, vb) {
		t.Errorf("plugins: %v %v\n%+v\n%+v", err, e, va, vb)
	}
	ra, err := a.PluginRuns(ctx, movedTenant, "loyalty", 0, 100)
	rb, e := b.PluginRuns(ctx, movedTenant, "loyalty", 0, 100)
	if err != nil || e != nil || len(ra) == 0 || !reflect.DeepEqual(ra, rb) {
		t.Errorf("runs: %v %v, %d and %d", err, e, len(ra), len(rb))
	}
	erased := 0
	for range 1000 {
		id := h.ids[h.rng.IntN(len(h.ids))]
		x, err := a.Bytes(ctx, movedTenant, id, 0)
		y, e := b.Bytes(ctx, movedTenant, id, 0)
		switch {
		case err != nil && e != nil && err.Error() == e.Error():
			erased++
		case err != nil || e != nil || len(x.Data) == 0 || !bytes.Equal(x.Data, y.Data) || x.To != y.To || x.IdempotencyKey != y.IdempotencyKey:
			t.Fatalf("mail of %s: %v %v %+v %+v", id, err, e, x, y)
		}
		v, err := a.Get(ctx, movedTenant, id)
		w, e := b.Get(ctx, movedTenant, id)
		if err != nil || e != nil || fmt.Sprintf("%+v", v.Messages) != fmt.Sprintf("%+v", w.Messages) || fmt.Sprint(v.Trail) != fmt.Sprint(w.Trail) {
			t.Fatalf("%s: %v %v\n%+v\n%+v", id, err, e, v, w)
		}
	}
	if erased > 100 {
		t.Errorf("%d of 1000 mails are erased", erased)
	}
}

// goesOn has a ledger go on after its move: what was accepted is known, and what is new is new.
func (h *haul) goesOn(l movedLedger) {
	h.t.Helper()
	for _, i := range []int{0, h.n / 2, h.n - 1} {
		if rc, err := l.Accept(h.t.Context(), movedEvent(i)); err != nil || rc.New || rc.ID != h.ids[i] {
			h.t.Errorf("order %d again: %+v %v", i, rc, err)
		}
	}
	found, err := l.List(h.t.Context(), waxwing.Query{Tenant: movedTenant, Email: "jane5@customer.example", Limit: 5})
	if err != nil || len(found) != 1 || found[0].ID != h.ids[5] {
		h.t.Errorf("by its address: %d %v", len(found), err)
	}
	rc, err := l.Accept(h.t.Context(), movedEvent(h.n))
	if err != nil || !rc.New {
		h.t.Errorf("a new order: %+v %v", rc, err)
	}
	h.ids, h.n = append(h.ids, rc.ID), h.n+1
	if err := l.Close(); err != nil {
		h.t.Error(err)
	}
}

// commands look into a ledger on Postgres as they do into one in a folder.
func (h *haul) commands(config string) {
	id := h.ids[20].String()
	for _, x := range []struct {
		args   string
		status int
		want   string
	}{
		{"list --limit 3", 0, h.ids[h.n-1].String()},
		{"list --email jane20@customer.example --full", 0, "jane20@customer.example"},
		{"count", 0, fmt.Sprintf("%d", h.n)},
		{"show " + id, 0, "jane20@customer.example"},
		{"show --message " + id, 0, "Thank you, Jane, for order 20."},
		{"export", 0, `"cause":"accepted"`},
		{"verify", statusBlind, "not proved on Postgres"},
		{"verify --json", statusBlind, `"problems": []`},
		{"migrate", 0, "there is nothing to do"},
		{"migrate --plan", 0, "there is nothing to do"},
		{"backup " + h.folder("copy"), 1, "pg_dump"},
	} {
		var out, errs bytes.Buffer
		args := append([]string{"ledger"}, strings.Fields(x.args)...)
		if status := run(append(args, "-c", config), streams{nil, &out, &errs}); status != x.status || !strings.Contains(out.String()+errs.String(), x.want) {
			h.t.Errorf("%s: status %d, want %d with %q: %.2000s %s", x.args, status, x.status, x.want, &out, &errs)
		}
	}
}

// TestTorturePostgresPlan: what is to be run on a database is printed, and not run, until the owner of the tables runs it.
func TestTorturePostgresPlan(t *testing.T) {
	s := postgrestest.Own(t)
	dsn := s.Database(t)
	h := &haul{t: t, dir: t.TempDir()}
	here := h.config("plan", dsn)
	say := func(config string, args ...string) (int, string) {
		var out bytes.Buffer
		status := run(append(append([]string{"ledger"}, args...), "-c", config), streams{nil, &out, &out})
		return status, out.String()
	}
	for range 2 { // it changes nothing
		if status, out := say(here, "migrate", "--plan"); status != 0 || !strings.Contains(out, "CREATE TABLE confirmations") || !strings.Contains(out, "-- 00003_meta.sql") ||
			!strings.Contains(out, "-- 00005_beside.sql: expand: older programs go on. While it runs, reads and writes of instances wait.") {
			t.Errorf("the plan: %d %s", status, out)
		}
	}
	if status, out := say(here, "migrate", "--status"); status != 1 || !strings.Contains(out, "layout 0") {
		t.Errorf("the status: %d %s", status, out)
	}
	if status, out := say(here, "list"); status != 1 || !strings.Contains(out, "there is no ledger in this database") {
		t.Errorf("a list of nothing: %d %s", status, out)
	}
	if status, out := say(here, "migrate"); status != 0 || !strings.Contains(out, fmt.Sprintf("from layout 0 to %d", postgres.LatestLayout)) {
		t.Errorf("it was not brought: %d %s", status, out)
	}
	if status, out := say(here, "migrate", "--plan"); status != 0 || !strings.Contains(out, "there is nothing to do") {
		t.Errorf("the plan of what is done: %d %s", status, out)
	}
	database := strings.TrimSuffix(dsn.Reveal()[strings.LastIndex(dsn.Reveal(), "/")+1:], "?sslmode=disable")
	s.Exec(t, database, "CREATE ROLE guest LOGIN")
	s.Exec(t, database, "GRANT SELECT ON ALL TABLES IN SCHEMA public TO guest")
	s.Exec(t, database, fmt.Sprintf("DELETE FROM ledger_layout WHERE version_id = %d", postgres.LatestLayout))
	guest := h.config("guest", s.DSNOf("guest", database))
	if status, out := say(guest, "migrate"); status != 1 || !strings.Contains(out, `the tables belong to the role "waxwing", and this is "guest"`) {
		t.Errorf("a guest changes tables: %d %s", status, out)
	}
}

// TestTorturePostgresMove moves a ledger from a folder to Postgres and back into another folder, killed 20 times each way.
func TestTorturePostgresMove(t *testing.T) {
	s := postgrestest.Own(t)
	dsn := s.Database(t)
	rng, _ := tortureSeeded(t)
	h := &haul{t: t, dir: t.TempDir(), n: *moveConfirmations, rng: rng}
	here, there, back := h.config("here", ""), h.config("there", dsn), h.config("back", "")
	began := time.Now()
	h.fill(h.folder("here"))
	t.Logf("%d confirmations were made in %s", h.n, time.Since(began).Round(time.Millisecond))

	h.move(here, there)
	files := func(name string, readOnly bool) (*sqlite.Ledger, error) {
		return sqlite.Open(t.Context(), sqlite.Options{Options: movedOptions(h.folder(name)), ReadOnly: readOnly})
	}
	base := func(readOnly bool) (*postgres.Ledger, error) {
		return postgres.Open(t.Context(), postgres.Options{DSN: dsn, Options: movedOptions(h.folder("there")), ReadOnly: readOnly})
	}
	a, err := files("here", true)
	b, e := base(true)
	if err = cmp.Or(err, e); err != nil {
		t.Fatal(err)
	}
	h.same(a, b)
	if err := errors.Join(a.Close(), b.Close()); err != nil {
		t.Error(err)
	}
	if _, err := files("here", false); !errors.Is(err, move.ErrMoved) || !strings.Contains(err.Error(), "moved to the Postgres database") {
		t.Errorf("the source is served: %v", err)
	}
	if b, err = base(false); err != nil {
		t.Fatal(err)
	}
	h.goesOn(b)
	h.commands(there)

	h.move(there, back)
	b, err = base(true)
	c, e := files("back", true)
	if err = cmp.Or(err, e); err != nil {
		t.Fatal(err)
	}
	h.same(b, c)
	if err := errors.Join(b.Close(), c.Close()); err != nil {
		t.Error(err)
	}
	if _, err := base(false); !errors.Is(err, move.ErrMoved) {
		t.Errorf("the source is served: %v", err)
	}
	if c, err = files("back", false); err != nil {
		t.Fatal(err)
	}
	h.goesOn(c)
	for _, name := range []string{"back"} {
		l, err := files(name, true)
		if err != nil {
			t.Fatal(err)
		}
		if r, err := l.Verify(t.Context()); err != nil || !r.Whole() || len(r.Blind) > 0 {
			t.Errorf("%s: %v %+v", name, err, r)
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	}
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
	"github.com/waxwinghq/waxwing/pipeline"
	"github.com/waxwinghq/waxwing/plugins"
	"github.com/waxwinghq/waxwing/plugins/attack"
)

// sizeOf is what a folder takes, in bytes.
func sizeOf(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // files of a database come and go
		}
		if st, err := d.Info(); err == nil {
			n += st.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// forgetPeak has the kernel count the most memory of this process from now on.
func forgetPeak(t *testing.T) {
	t.Helper()
	if err := os.WriteFile("/proc/self/clear_refs", []byte("5"), 0); err != nil {
		t.Log("the peak of memory counts from the start of this process: ", err)
	}
}

// peakResident is the most memory that this process has had since, in bytes.
func peakResident(t *testing.T) (n int64) {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("memory cannot be read here: ", err)
	}
	_, b, _ = bytes.Cut(b, []byte("VmHWM:"))
	if _, err := fmt.Sscan(string(b), &n); err != nil {
		t.Fatal(err)
	}
	return n << 10
}

// largestOutput is 32 KiB that a mail takes, and that does not pack well.
func largestOutput(r *rand.Rand) string {
	var b strings.Builder
	b.WriteString(`{"vars":{`)
	for i := range 16 {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `"v%d":"`, i)
		for range 123 {
			fmt.Fprintf(&b, "%016x", r.Uint64())
		}
		b.WriteByte('"')
	}
	b.WriteString("}}")
	return b.String()
}

// TestTorturePluginDisk: 200 names with 10 versions each by one tenant, 10,000 refused uploads and 10,000 orders with the
// largest output. Disk and memory stay within what is configured, nothing of another tenant goes, and verify finds all whole.
func TestTorturePluginDisk(t *testing.T) {
	if !*torturePlugins {
		t.Skip("run it with make torture-plugins")
	}
	const names, versions, refusals, orders = 200, 10, 10_000, 10_000
	const mib = 1 << 20
	daemon.TuneMemory(configtest.With(nil), t.TempDir()) // as serve does
	r := newRig(t, func(r *rig, _ *daemon.Extras) {
		r.watch = func(sink.Mail) { // the rig keeps them all, and they would count as the daemon's memory
			r.mu.Lock()
			r.mails = nil
			r.mu.Unlock()
		}
		r.cfg.Plugins.CheckBudget = config.Duration(time.Hour)
		for _, name := range []string{"evil", "near"} {
			acme := r.cfg.Tenants["acme"]
			acme.Name = name
			r.cfg.Tenants[name] = acme
		}
		r.cfg.Pipeline = slices.Insert(r.cfg.Pipeline, 2, pipeline.At(&pipeline.PluginsStage{Hooks: []string{"personalise"}}))
	})
	<-r.d.Restored()
	host, dir := r.d.Plugins(), r.cfg.Data
	rnd := rand.New(rand.NewPCG(1, 2))
	put := func(tenant waxwing.TenantID, name string, body []byte) error {
		_, err := host.Put(context.Background(), &plugins.Upload{Tenant: tenant, Name: name, Code: body, Source: "upload", Now: true,
			Manifest: fmt.Appendf(nil, `{"name":%q,"version":"1","lang":"c","hooks":["personalise"]}`, name)})
		return err
	}
	n := 0
	sell := func(tenant string, orders int) {
		var posts sync.WaitGroup
		slots := make(chan struct{}, 32)
		for range orders {
			n++
			body := shopifyOrder(n, fmt.Sprintf("%s-%d@example.com", tenant, n), "paid")
			slots <- struct{}{}
			posts.Go(func() {
				defer func() { <-slots }()
				if code, b := r.do("POST", "/hooks/"+tenant+"/shopify", "", shopifyHeader(body), body); code != 202 {
					t.Errorf("%d %s", code, b)
				}
			})
		}
		posts.Wait()
		for range orders {
			select {
			case <-r.arrive:
			case <-time.After(time.Minute):
				t.Fatal("mails did not come")
			}
		}
	}
	shared := attack.Says(largestOutput(rnd)) // the neighbour has the same module as the attacker
	if err := put("near", "hers", shared); err != nil {
		t.Fatal(err)
	}
	sell("near", 50)
	hers, err := r.d.Ledger().PluginRuns(t.Context(), "near", "", 0, 500)
	if err != nil || len(hers) == 0 {
		t.Fatalf("%d runs of the neighbour: %v", len(hers), err)
	}
	sell("acme", orders/10) // what orders take by themselves
	forgetPeak(t)
	before, idle := sizeOf(t, dir), resident(t)
	sell("acme", orders/10)
	perOrder := (sizeOf(t, dir) - before) / (orders / 10)
	before = sizeOf(t, dir)
	t.Logf("%-44s %8s %8s %8s", "", "disk MiB", "RSS MiB", "at most")
	began := time.Now()
	row := func(what string) {
		t.Logf("%-44s %8.1f %8d %8d  after %s", what, float64(sizeOf(t, dir)-before)/mib, (resident(t)-idle)/mib, (peakResident(t)-idle)/mib, time.Since(began).Round(time.Second))
	}
	refused := 0
	for i := range names {
		for v := range versions {
			body := attack.Says(largestOutput(rnd))
			if v == 0 {
				body = shared
			}
			if err := put("evil", fmt.Sprint("n", i), body); err != nil {
				refused++
			}
		}
		if i >= 20 { // it makes room for the next by taking an old one away
			if err := host.Withdraw("evil", fmt.Sprint("n", i-20)); err == nil {
				for v := range 3 { // as many as there are roles: one serves, one may be gone back to, one is old
					if err := put("evil", fmt.Sprint("n", i), attack.Says(largestOutput(rnd))); err != nil && v == 0 {
						t.Error(err)
					}
				}
			}
		}
	}
	if refused == 0 {
		t.Error("no name too many was refused")
	}
	row(fmt.Sprintf("%d names x %d versions, %d refused", names, versions, refused))
	bad := append([]byte("no module "), bytes.Repeat([]byte{0xff}, 500_000)...)
	for range refusals {
		if err := put("evil", "n199", bad); err == nil {
			t.Fatal("it was taken")
		}
	}
	row(fmt.Sprint(refusals, " refused uploads"))
	sell("evil", orders)
	row(fmt.Sprint(orders, " orders with the largest output"))
	grown := sizeOf(t, dir) - before - int64(orders)*perOrder
	q := waxwing.DefaultPluginQuota()
	if most := q.Modules + q.DayRuns + q.Native + 32*mib; grown > most { // and the log
		t.Errorf("the disk has grown by %d MiB, at most %d are allowed", grown/mib, most/mib)
	}
	if mem := peakResident(t) - idle; mem > 250*mib { // at any time, and not only now
		t.Errorf("there were %d MiB of memory over idle", mem/mib)
	}
	rows, err := r.d.Ledger().PluginVersions(t.Context(), "evil")
	if err != nil || len(rows) > 20*q.Versions+20*q.Versions+q.Refused {
		t.Errorf("%d versions are kept: %v", len(rows), err)
	}
	if after, err := r.d.Ledger().PluginRuns(t.Context(), "near", "", 0, 500); err != nil || len(after) != len(hers) {
		t.Errorf("the neighbour has %d runs, and had %d: %v", len(after), len(hers), err)
	}
	if vs, err := r.d.Ledger().PluginVersions(t.Context(), "near"); err != nil || len(vs) != 1 {
		t.Errorf("the neighbour's versions: %v %v", vs, err)
	} else if code, err := r.d.Ledger().PluginModule(t.Context(), vs[0].Hash); err != nil || !bytes.Equal(code, shared) {
		t.Errorf("the neighbour's module: %v", err)
	}
	if err := r.d.Ledger().(*sqlite.Ledger).Sync(t.Context()); err != nil {
		t.Fatal(err)
	}
	l, err := sqlite.Open(t.Context(), sqlite.Options{Options: ledger.Options{Dir: dir}, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	report, err := l.Verify(t.Context(), "")
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err != nil || len(report.Problems) > 0 {
		t.Errorf("verify: %v %v", err, report)
	}
	st, err := os.Stat(filepath.Join(dir, "ledger.db"))
	if err == nil {
		t.Logf("ledger.db has %d MiB, plugins/ %d MiB, %d versions are kept", st.Size()/mib, sizeOf(t, filepath.Join(dir, "plugins"))/mib, len(rows))
	}
}

package main

import (
	"bytes"
	"flag"
	"fmt"
	"maps"
	"mime/multipart"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/pipeline"
	"github.com/waxwinghq/waxwing/plugins/attack"
)

var tortureBombs = flag.String("torture.bombs", "", "a folder with more modules (*.wasm) to upload in TestTorturePluginUploads")

// uploadTurns is how often quiet and attack follow each other. A turn is short, so that few are disturbed by
// the machine, and the median of the turns counts.
const uploadTurns = 7

// upload is what a PUT of a plugin has.
type upload struct {
	name, lang string
	body       []byte
	fixtures   int
}

// form writes it as a client does.
func (u upload) form(t *testing.T) (header http.Header, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	put := func(field string, body []byte) {
		part, err := w.CreateFormFile(field, field)
		if err == nil {
			_, err = part.Write(body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	put("manifest", fmt.Appendf(nil, `{"name":%q,"version":"1","lang":%q,"hooks":["personalise"]}`, u.name, u.lang))
	put("module", u.body)
	for i := range u.fixtures {
		put("fixture", fmt.Appendf(nil, `{"name":"f%d","hook":"personalise","input":{"abi":1,"hook":"personalise","at":"2026-01-01T00:00:00Z"}}`, i))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return http.Header{"Content-Type": {w.FormDataContentType()}}, b.Bytes()
}

// TestTorturePluginUploads: while one tenant uploads what takes long to check, in a loop and within the default budget, so that
// it counts as heavy soon and is sent away at last, neighbours push plugins and mails go out. It prints what each of them
// waits, quiet and under attack, and holds the bounds. With -torture.bombs more files (*.wasm) are among the uploads.
func TestTorturePluginUploads(t *testing.T) {
	if !*torturePlugins {
		t.Skip("run it with make torture-plugins")
	}
	office := &postOffice{posted: map[string]time.Time{}, took: map[string][]time.Duration{}, all: map[string][]time.Duration{}}
	r := newRig(t, func(r *rig, _ *daemon.Extras) {
		r.watch = office.mail
		for _, name := range []string{"plain", "evil", "near", "far"} {
			acme := r.cfg.Tenants["acme"]
			acme.Name = name
			r.cfg.Tenants[name] = acme
		}
		r.cfg.Pipeline = slices.Insert(r.cfg.Pipeline, 2, pipeline.At(&pipeline.PluginsStage{Hooks: []string{"personalise"}}))
	})
	<-r.d.Restored()
	key := r.cfg.Tenants["acme"].Keys[0].Key.Reveal()
	put := func(tenant string, u upload) (int, string, time.Duration) {
		h, b := u.form(t)
		began := time.Now()
		code, answer := r.do("PUT", "/v1/tenants/"+tenant+"/plugins/"+u.name, key, h, b)
		return code, answer, time.Since(began)
	}
	n, pushed := 0, map[string]int{} // a name may change ten times a minute: they go on where the last turn stopped
	var mu sync.Mutex
	// once sends mails and pushes for a while, and gives how long pushes took.
	once := func(what string, rounds int, void func() bool) (pushes []time.Duration) {
		office.reset()
		office.clear()
		var neighbours sync.WaitGroup
		stop := make(chan struct{})
		for _, tenant := range []string{"near", "far"} {
			neighbours.Go(func() {
				for {
					select {
					case <-stop:
						return
					case <-time.After(400 * time.Millisecond):
					}
					mu.Lock()
					pushed[tenant]++
					i := pushed[tenant]
					mu.Unlock()
					u := upload{fmt.Sprint("p", i%20), "c", attack.Says(fmt.Sprintf(`{"subject":"%s %s %d"}`, what, tenant, i)), 3}
					code, answer, took := put(tenant, u)
					if code != 201 {
						t.Errorf("%s: %s's push: %d %s", what, tenant, code, answer)
					}
					mu.Lock()
					pushes = append(pushes, took)
					mu.Unlock()
				}
			})
		}
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for i := 0; i < rounds && !void(); i++ {
			<-tick.C
			n++
			to := fmt.Sprintf("plain-%d@example.com", n)
			body := shopifyOrder(n, to, "paid")
			office.mu.Lock()
			office.posted[to] = time.Now()
			office.mu.Unlock()
			neighbours.Go(func() {
				if code, b := r.do("POST", "/hooks/plain/shopify", "", shopifyHeader(body), body); code != 202 {
					t.Errorf("%d %s", code, b)
				}
			})
		}
		close(stop)
		neighbours.Wait()
		for limit := time.Now().Add(30 * time.Second); office.left() > 0; runtime.Gosched() {
			if time.Now().After(limit) {
				t.Fatalf("%d mails did not come", office.left())
			}
		}
		office.keep()
		slices.Sort(pushes)
		return pushes
	}
	beside := newWitness(t)
	phase := func(what string, rounds int) (pushes []time.Duration) { // one in which the machine did not stand still
		beside.undisturbed(func(void func() bool) { pushes = once(what, rounds, void) })
		return pushes
	}
	p50 := func(d []time.Duration) time.Duration { return d[len(d)/2] }
	line := func(what string, pushes []time.Duration, mails time.Duration, rest string) {
		t.Logf("%-28s pushes %3d  p50 %8s  p99 %8s   mails p99 %8s  %s", what, len(pushes), p50(pushes).Round(time.Millisecond),
			p99(pushes).Round(time.Millisecond), mails.Round(10*time.Microsecond), rest)
	}
	phase("warm", 100)

	bombs := attack.Compiling(1)
	for what, body := range attack.Webs(1, 1) {
		bombs["c: "+what] = body
	}
	more, err := filepath.Glob(filepath.Join(*tortureBombs, "*.wasm"))
	for _, file := range more {
		if bombs["go: "+filepath.Base(file)], err = os.ReadFile(file); err != nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 { // and fixtures that take as long as they may
		bombs[fmt.Sprint("c: burning ", i)] = attack.Burning(1_500_000)
	}
	names := slices.Sorted(maps.Keys(bombs))
	stop, answers := make(chan struct{}), map[int]int{}
	var on atomic.Bool // the attack
	var worst time.Duration
	var evil sync.WaitGroup
	evil.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if !on.Load() {
				runtime.Gosched()
				select {
				case <-stop:
				case <-time.After(10 * time.Millisecond):
				}
				continue
			}
			what := names[i%len(names)]
			lang, _, _ := strings.Cut(what, ":")
			body, fixtures := attack.Compiling(i)[what], 0
			if body == nil {
				body, fixtures = bombs[what], 12
			}
			code, _, took := put("evil", upload{fmt.Sprint("p", i%20), lang, body, fixtures}) // one name changes ten times a minute
			answers[code]++
			worst = max(worst, took)
		}
	})
	// In turns, since what else runs on the machine comes and goes: the medians count.
	var pushes []time.Duration
	var quiets, attackeds []time.Duration
	for i := range uploadTurns {
		on.Store(false)
		calm := phase(fmt.Sprint("quiet", i), 200)
		quiets = append(quiets, office.pooled("plain"))
		line("quiet", calm, quiets[i], "")
		on.Store(true)
		under := phase(fmt.Sprint("attack", i), 300)
		attackeds = append(attackeds, office.pooled("plain"))
		line("bombs in a loop", under, attackeds[i], "")
		pushes = append(pushes, under...)
	}
	close(stop)
	evil.Wait()
	for _, d := range [][]time.Duration{pushes, quiets, attackeds} {
		slices.Sort(d)
	}
	quiet, attacked := quiets[uploadTurns/2], attackeds[uploadTurns/2]
	line("bombs in a loop", pushes, attacked, fmt.Sprintf("bombs by status %v, the longest %s", answers, worst.Round(time.Millisecond)))
	t.Log(beside.says())
	if p := p50(pushes); p > time.Second {
		t.Errorf("a neighbour's push takes %s", p)
	}
	if p := p99(pushes); p > 2*time.Second {
		t.Errorf("the p99 of neighbours' pushes is %s", p)
	}
	if attacked > 2*max(quiet, leastP99) {
		t.Errorf("the p99 of mails is %s, %s when quiet", attacked, quiet)
	}
	if looked := answers[201] + answers[422]; looked == 0 || answers[500] > 0 {
		t.Errorf("of the bombs %d were looked at: %v", looked, answers)
	}
}

package daemon

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jhillyerd/enmime/v2"

	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config"
)

// town is a daemon whose configuration is a folder of files, and a mail server.
type town struct {
	t      *testing.T
	dir    string
	d      *Daemon
	client *http.Client

	mu     sync.Mutex
	mails  map[string][][]byte // by recipient
	posted atomic.Int64        // orders that were taken
}

func newTown(t *testing.T, files map[string]string) *town {
	t.Helper()
	x := &town{t: t, dir: t.TempDir(), mails: map[string][][]byte{}, client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	s := sink.New(sink.Config{Keep: true, OnMail: func(m sink.Mail) {
		x.mu.Lock()
		defer x.mu.Unlock()
		x.mails[m.To] = append(x.mails[m.To], bytes.Clone(m.Data))
	}})
	addr, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	x.write("waxwing.yaml", fmt.Sprintf("data: %q\nhttp: {listen: \"127.0.0.1:0\"}\nproviders:\n  mail: {type: smtp, addr: %q, tls: none, connections: 8}\ntenants_dir: tenants\n", filepath.Join(x.dir, "data"), addr))
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

func (x *town) load() (*config.Config, error) {
	return config.Load(filepath.Join(x.dir, "waxwing.yaml"), Components())
}

func (x *town) write(name, text string) {
	x.t.Helper()
	file := filepath.Join(x.dir, name)
	if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
		x.t.Fatal(err)
	}
}

func (x *town) remove(name string) {
	x.t.Helper()
	if err := os.Remove(filepath.Join(x.dir, name)); err != nil {
		x.t.Fatal(err)
	}
}

// reload takes what the files say now.
func (x *town) reload() (config.TenantChanges, error) {
	c, err := x.load()
	if err != nil {
		return config.TenantChanges{}, err
	}
	return x.d.Reload(c)
}

// post sends an order to a tenant's API, and says how it was answered.
func (x *town) post(tenant, key, to string) int {
	body := fmt.Sprintf(`{"id":%[1]q,"shop":"own","number":"#7","locale":"en","currency":"EUR","placed_at":%[2]q,"customer":{"first_name":"Ida","email":%[1]q},"payment":{"status":"paid"},
		"items":[{"name":"Mug","quantity":1,"total":"10.00"}],"totals":{"total":"10.00"}}`, to, time.Now().UTC().Format(time.RFC3339))
	req, err := http.NewRequest("POST", "http://"+x.d.Addr()+"/v1/tenants/"+tenant+"/orders", strings.NewReader(body))
	if err != nil {
		x.t.Error(err)
		return 0
	}
	req.Header.Set("Authorization", "Bearer "+key)
	req.Header.Set("Content-Type", "application/json")
	res, err := x.client.Do(req)
	if err != nil {
		x.t.Error(err)
		return 0
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	if res.StatusCode == http.StatusAccepted {
		x.posted.Add(1)
	}
	return res.StatusCode
}

// until polls.
func (x *town) until(what string, ok func() bool) {
	x.t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			x.t.Fatalf("never came: %s", what)
		}
	}
}

// came are the mails to an address.
func (x *town) came(to string) [][]byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.mails[to]
}

// generation is a tenant's file whose values all have a number in them: a mail that
// mixed two configurations would show two numbers.
func generation(name string, n int) string {
	return fmt.Sprintf(`name: "Gen %[2]d"
from: orders@gen%[2]d.example
reply_to: help@gen%[2]d.example
support_url: https://gen%[2]d.example/help
keys: [key-of-tenant-%[1]s]
brand: {footer: "Footer of gen%[2]d.example"}
legal: {seller: "Seller of gen%[2]d.example"}
shops: {own: {format: generic}}
`, name, n)
}

var generations = regexp.MustCompile(`(?i)gen ?(\d+)(\.example|")`)

// TestReloadUnderLoad reloads fifty times while orders come in, each time with a tenant
// changed, one added and one removed: each order that was taken is mailed once, in one
// configuration, also those of tenants that are gone by then.
func TestReloadUnderLoad(t *testing.T) {
	const reloads, between = 50, 20
	x := newTown(t, map[string]string{"tenants/vary.yaml": generation("vary", 0), "tenants/t0.yaml": generation("t0", 0)})
	var at, seq atomic.Int64 // the newest generation; orders
	var taken sync.Map       // recipients whose order was taken, with the generation before
	done := make(chan struct{})
	var shops sync.WaitGroup
	for w := range 6 {
		shops.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				n := seq.Add(1)
				to := fmt.Sprintf("o%d@example.com", n)
				tenant := "vary"
				if w%2 == 0 { // of the newest ones, or one that is about to go
					tenant = fmt.Sprintf("t%d", max(at.Load()-n%3, 0))
				}
				switch code := x.post(tenant, "key-of-tenant-"+tenant, to); code {
				case http.StatusAccepted:
					taken.Store(to, tenant)
				case http.StatusUnauthorized, http.StatusTooManyRequests:
					if tenant == "vary" {
						t.Errorf("a tenant that stays was answered with %d", code)
					}
				default:
					t.Errorf("%s: %d", tenant, code)
				}
			}
		})
	}
	begun := time.Now()
	for n := 1; n <= reloads; n++ {
		before := x.posted.Load()
		x.until("orders between two reloads", func() bool { return x.posted.Load() >= before+between })
		x.write("tenants/vary.yaml", generation("vary", n))
		x.write(fmt.Sprintf("tenants/t%d.yaml", n), generation(fmt.Sprint("t", n), n))
		removed := 0
		if n > 1 {
			x.remove(fmt.Sprintf("tenants/t%d.yaml", n-2))
			removed = 1
		}
		got, err := x.reload()
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Added) != 1 || !slices.Equal(got.Changed, []string{"vary"}) || len(got.Removed) != removed {
			t.Fatalf("reload %d: %+v", n, got)
		}
		at.Store(int64(n))
	}
	took := time.Since(begun)
	close(done)
	shops.Wait()
	orders := 0
	taken.Range(func(to, tenant any) bool {
		orders++
		x.until(fmt.Sprintf("the mail to %s of %s", to, tenant), func() bool { return len(x.came(to.(string))) > 0 })
		return true
	})
	var mixed, twice int
	seen := map[string]int{}
	x.mu.Lock()
	defer x.mu.Unlock()
	for to, mails := range x.mails {
		if _, ok := taken.Load(to); !ok || len(mails) != 1 {
			twice++
			t.Errorf("%d mails to %s, taken %v", len(mails), to, ok)
		}
		e, err := enmime.ReadEnvelope(bytes.NewReader(mails[0]))
		if err != nil {
			t.Fatal(err)
		}
		all := e.GetHeader("From") + e.GetHeader("Reply-To") + e.GetHeader("Message-Id") + e.Text + e.HTML
		numbers := map[string]bool{}
		for _, m := range generations.FindAllStringSubmatch(all, -1) {
			numbers[m[1]] = true
			seen[m[1]]++
		}
		if len(numbers) != 1 {
			mixed++
			t.Errorf("%s: a mail of generations %v", to, numbers)
		}
	}
	t.Logf("%d orders, %.0f a second, in %d reloads: %d more or less than once, %d of mixed configurations, %d generations seen", orders, float64(orders)/took.Seconds(), reloads, twice, mixed, len(seen))
	if len(seen) < reloads*4/5 {
		t.Errorf("only %d generations were seen", len(seen))
	}
}

// TestReloadIsAllOrNothing: what is wrong anywhere, and what cannot change while running,
// is named with its place, and nothing of the rest is taken.
func TestReloadIsAllOrNothing(t *testing.T) {
	x := newTown(t, map[string]string{"tenants/acme.yaml": generation("acme", 0)})
	main, err := os.ReadFile(filepath.Join(x.dir, "waxwing.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
	}{
		"broken YAML":      {map[string]string{"tenants/bolt.yaml": "name: [Bolt\n"}, []string{"tenants/bolt.yaml:1:"}},
		"a bad value":      {map[string]string{"tenants/bolt.yaml": "name: Bolt\nfrom: nobody\n"}, []string{"tenants/bolt.yaml:2:7: tenants.bolt.from"}},
		"a key twice":      {map[string]string{"tenants/bolt.yaml": strings.Replace(generation("acme", 1), "Gen", "Bolt", 1)}, []string{"tenants/bolt.yaml:5:8: this key is the same as tenants.acme.keys[0]"}},
		"a template":       {map[string]string{"tenants/bolt.yaml": generation("bolt", 1) + "templates: own\n", "tenants/own/order.txt.mustache": "Hello {{{name}}}"}, []string{"tenant bolt: templates ", "order.txt.mustache:1:7"}},
		"the port":         {map[string]string{"waxwing.yaml": strings.Replace(string(main), "127.0.0.1:0", "127.0.0.1:1", 1)}, []string{"waxwing.yaml:2:8: http.listen has changed, and cannot while the daemon runs. Put it back, or restart the daemon; only tenants, "}},
		"a limit":          {map[string]string{"waxwing.yaml": string(main) + "limits: {send: 3}\n"}, []string{"waxwing.yaml:6:10: limits.send has changed"}},
		"a provider":       {map[string]string{"waxwing.yaml": strings.Replace(string(main), "connections: 8", "connections: 9", 1)}, []string{"waxwing.yaml:4:"}},
		"a new provider":   {map[string]string{"waxwing.yaml": strings.Replace(string(main), "tenants_dir", "  texts: {type: twilio, account: AC1, token: t, from: \"+15005550006\"}\ntenants_dir", 1)}, []string{"waxwing.yaml:5:3: providers.texts is new"}},
		"two at once":      {map[string]string{"waxwing.yaml": string(main) + "limits: {send: 3}\nretention: {content: 80d}\n"}, []string{"waxwing.yaml:6:10: limits.send", "waxwing.yaml:7:13: retention.content"}},
		"in a file of its": {map[string]string{"waxwing.yaml": string(main) + "include: [ops.yaml]\n", "ops.yaml": "limits:\n  send: 3\n"}, []string{"ops.yaml:2:3: limits.send has changed"}},
	} {
		t.Run(name, func(t *testing.T) {
			x.write("tenants/acme.yaml", generation("acme", 1)) // would be a change
			for n, text := range c.files {
				x.write(n, text)
			}
			_, err := x.reload()
			if err == nil {
				t.Fatal("it was taken")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("%q is not in %v", w, err)
				}
			}
			for n := range c.files {
				x.remove(n)
			}
			_ = os.Remove(filepath.Join(x.dir, "tenants/own"))
			x.write("waxwing.yaml", string(main))
			to := "after-" + strings.ReplaceAll(name, " ", "-") + "@example.com"
			if code := x.post("acme", "key-of-tenant-acme", to); code != http.StatusAccepted {
				t.Fatal(code)
			}
			x.until("its mail", func() bool { return len(x.came(to)) == 1 })
			if m := x.came(to)[0]; !bytes.Contains(m, []byte("orders@gen0.example")) {
				t.Errorf("%s", m)
			}
			if code := x.post("bolt", "key-of-tenant-bolt", to); code != http.StatusUnauthorized {
				t.Errorf("a tenant of a file that was refused is answered with %d", code)
			}
		})
	}
	if got, err := x.reload(); err != nil || len(got.Added)+len(got.Removed) != 0 || !slices.Equal(got.Changed, []string{"acme"}) {
		t.Errorf("%+v %v", got, err)
	}
}

// TestReloadedKeys: a key that is taken away opens nothing more, on connections that are
// open, too, and a new one does.
func TestReloadedKeys(t *testing.T) {
	x := newTown(t, map[string]string{"tenants/acme.yaml": generation("acme", 0)})
	if code := x.post("acme", "key-of-tenant-acme", "a@example.com"); code != http.StatusAccepted {
		t.Fatal(code)
	}
	x.write("tenants/acme.yaml", strings.Replace(generation("acme", 0), "key-of-tenant-acme", "another-key-of-acme", 1))
	if _, err := x.reload(); err != nil {
		t.Fatal(err)
	}
	if code := x.post("acme", "key-of-tenant-acme", "b@example.com"); code != http.StatusUnauthorized {
		t.Errorf("the old key: %d", code)
	}
	if code := x.post("acme", "another-key-of-acme", "c@example.com"); code != http.StatusAccepted {
		t.Errorf("the new key: %d", code)
	}
}

// TestControl: what a daemon says of itself is believed while its process holds it.
func TestControl(t *testing.T) {
	dir := t.TempDir()
	if _, err := LookUp(dir); !errors.Is(err, ErrNotRunning) {
		t.Fatal(err)
	}
	c, err := OpenControl(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Reloaded("a long line that the next one is shorter than", nil); err != nil {
		t.Fatal(err)
	}
	if err := c.Reloaded("", errors.New("no")); err != nil {
		t.Fatal(err)
	}
	if r, err := LookUp(dir); err != nil || r.PID != os.Getpid() || r.Reloads != 2 || !r.Failed || r.Said != "no" {
		t.Errorf("%+v %v", r, err)
	}
	if _, err := OpenControl(dir); err == nil {
		t.Error("two hold it")
	}
	stale, err := os.ReadFile(filepath.Join(dir, controlFile))
	if err := errors.Join(err, c.Close(), os.WriteFile(filepath.Join(dir, controlFile), stale, 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := LookUp(dir); !errors.Is(err, ErrNotRunning) {
		t.Errorf("what a dead process left is believed: %v", err)
	}
}

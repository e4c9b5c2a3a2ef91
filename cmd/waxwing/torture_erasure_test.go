package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
)

// TestTortureErasure erases people whose addresses, numbers and names contain each other
// from a ledger with orders in every state, while orders arrive, readers come and stay,
// and the daemon is killed. Exactly hers must be gone, and from every file.
func TestTortureErasure(t *testing.T) {
	if testing.Short() {
		t.Skip("-short")
	}
	seed := *tortureSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	people, erasures, kills, bound := 60, 30, 2, 2*time.Second
	if *tortureFull {
		people, erasures, kills, bound = 1400, 1000, 10, 100*time.Millisecond
	}
	t.Logf("seed %d: go test ./cmd/waxwing -run TestTortureErasure -torture.seed=%d", seed, seed)
	x := &erasing{torture: newTorture(t, sink.Faults{Seed: seed, DeferRcpt: .1}), rng: rand.New(rand.NewPCG(seed, 8)),
		orders: map[string]*theirs{}, secrets: secrets{}}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	x.spawn()
	if !x.up(ctx) {
		t.Fatal(x.stderr.String())
	}
	x.crowd(people)
	x.rest(ctx)

	x.rng.Shuffle(len(x.people), func(i, j int) { x.people[i], x.people[j] = x.people[j], x.people[i] })
	const atOnce = 8
	for n, some := range slices.Collect(slices.Chunk(x.people[:erasures], atOnce)) {
		if n%max(erasures/atOnce/kills, 1) == 1 {
			x.eraseAndKill(ctx, some[0])
			some = some[1:]
			x.look()
		}
		x.erase(ctx, some)
	}
	x.look()
	x.judgeErased()

	left := x.people[erasures:]
	x.withReader(ctx, left[:min(len(left)-1, 100)], bound)
	x.judgeErased()
	if err := x.end(syscall.SIGTERM); err != nil {
		t.Errorf("SIGTERM: %v: %s", err, x.stderr.String())
	}
	x.look()
}

// human is one person; nobody else has her address or number, but many have longer ones.
type human struct{ email, phone, name string }

// theirs is an order: whose, and whether she was erased.
type theirs struct {
	of     *human
	erased bool
}

type erasing struct {
	*torture
	rng     *rand.Rand
	people  []*human
	orders  map[string]*theirs // by id
	n       int
	secrets secrets
}

// family makes people around one name: their addresses and numbers contain each other.
func (x *erasing) family(i int) (out []*human) {
	base := fmt.Sprintf("ann%d", i)
	local := []string{base, "jo" + base, base + "a", "m." + base, base + "+shop", base + "-b", "x_" + base, "d'" + base}
	domain := []string{"mail.example", "mail.example.org", "hotmail.example", "x.mail.example", "mail.example-b.org"}
	number := fmt.Sprintf("49151%04d", i)
	numbers := []string{number + "22", number + "223", number + "2234", "1" + number + "22", "9" + number + "22", number + "22345"}
	for n := range 7 {
		out = append(out, &human{email: local[n%len(local)] + "@" + domain[(n/2)%len(domain)], phone: "+" + numbers[n%len(numbers)] + fmt.Sprint(n), name: local[n]})
	}
	out[6].email = base + "@" + domain[1]
	return out
}

// body is an order of hers, in one of the shapes that shops send.
func (x *erasing) body(h *human, shape int) (topic string, raw []byte) {
	x.n++
	phone := h.phone
	switch x.rng.IntN(3) {
	case 0:
		phone = "00" + phone[1:]
	case 1:
		phone = phone[:3] + " " + phone[3:6] + " " + phone[6:]
	}
	changes := map[string]any{"phone": phone, "name": fmt.Sprintf("#%d", 4915100+x.n), "note": h.name + " of " + x.people[x.rng.IntN(len(x.people))].email,
		"customer": map[string]any{"id": x.n, "first_name": h.name, "last_name": h.name, "email": h.email, "phone": phone}}
	switch shape {
	case 1: // held
		changes["financial_status"] = "pending"
	case 2: // quarantined, as JSON
		changes["currency"] = 5
		changes["line_items"] = 7
	case 3: // too old: held as it comes
		changes["created_at"], changes["updated_at"] = "2020-01-01T00:00:00Z", "2020-01-01T00:00:00Z"
	case 4: // no JSON
		return "orders/paid", fmt.Appendf(nil, `{"email":%q,"phone":%q,"id":%d, oops %d`, h.email, phone, x.n, x.n)
	case 5: // no order
		return "customers/update", order(x.n, h.email, changes)
	case 6: // a guest who gave a number only
		delete(changes, "customer")
		changes["email"], changes["contact_email"], changes["financial_status"] = nil, nil, "pending"
		changes["shipping_address"] = map[string]any{"name": h.name, "address1": "Hauptstr. 1", "city": "Berlin", "zip": "10115", "country_code": "DE", "phone": phone}
	}
	return "orders/paid", order(x.n, h.email, changes)
}

// send posts an event until it is taken.
func (x *erasing) send(h *human, shape int) (took time.Duration) {
	topic, raw := x.body(h, shape)
	for {
		began := time.Now()
		req, _ := http.NewRequest("POST", "http://"+x.listen+"/hooks/acme/shopify", bytes.NewReader(raw))
		req.Header.Set("X-Shopify-Topic", topic)
		req.Header.Set("X-Shopify-Hmac-Sha256", sign(raw, testShopSecret))
		res, err := x.client.Do(req)
		if err != nil {
			x.t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		if res.StatusCode/100 == 2 {
			x.orders[parseReceipt(x.t, string(b)).ID] = &theirs{of: h}
			return time.Since(began)
		}
		x.t.Log(res.StatusCode, string(b))
	}
}

const shapes = 7

func (x *erasing) crowd(n int) {
	for i := 0; len(x.people) < n; i++ {
		x.people = append(x.people, x.family(i)...)
	}
	for i, h := range x.people {
		for k := range 1 + i%3 {
			x.send(h, (i+k)%shapes)
		}
		x.send(h, x.rng.IntN(shapes))
	}
}

// rest waits until no order is under way but those that were deferred.
func (x *erasing) rest(ctx context.Context) {
	for ctx.Err() == nil && x.count(waxwing.Received) > 0 {
		x.breathe()
	}
}

func (x *erasing) breathe() {
	t := time.NewTimer(10 * time.Millisecond)
	defer t.Stop()
	<-t.C
}

func (x *erasing) api(method, path string, body any) (int, []byte, error) {
	b, _ := json.Marshal(body)
	req, _ := http.NewRequest(method, "http://"+x.listen+"/v1/tenants/acme"+path, bytes.NewReader(b))
	req.Header.Set("Authorization", "Bearer acme-key")
	req.Header.Set("Content-Type", "application/json")
	res, err := x.client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	b, err = io.ReadAll(res.Body)
	return res.StatusCode, b, err
}

// hers are the ids of her orders that are there.
func (x *erasing) hers(h *human) (ids []string) {
	for id, o := range x.orders {
		if o.of == h && !o.erased {
			ids = append(ids, id)
		}
	}
	return ids
}

// remember reads the wrapped keys and sealed bodies of orders.
func (x *erasing) remember(ids []string) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(x.dir, "ledger.db")+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		x.t.Fatal(err)
	}
	defer db.Close()
	for _, s := range ids {
		id, err := waxwing.ParseID(s)
		if err != nil {
			x.t.Fatal(err)
		}
		for _, q := range []string{"SELECT dek FROM confirmations WHERE id>=?1 AND id<?2", "SELECT body FROM events WHERE id>=?1 AND id<?2",
			"SELECT body FROM contents WHERE id>=?1 AND id<?2", "SELECT coalesce(sealed,'') FROM attempts WHERE message>=?1 AND message<?2",
			"SELECT coalesce(answer,'') FROM messages WHERE id>=?1 AND id<?2"} {
			rows, err := db.Query(q, int64(id), int64(id)+64)
			if err != nil {
				x.t.Fatal(err)
			}
			for rows.Next() {
				var b []byte
				if err := rows.Scan(&b); err != nil {
					x.t.Fatal(err)
				}
				x.secrets.add(b)
			}
			if err := rows.Err(); err != nil {
				x.t.Fatal(err)
			}
		}
	}
}

// gone marks her orders, by her number or by her address: with one of them those are
// found that name it.
func (x *erasing) gone(h *human) {
	for _, id := range x.hers(h) {
		x.orders[id].erased = true
	}
}

// erase erases people at once, each by address and by number, and wants exactly their
// orders.
func (x *erasing) erase(ctx context.Context, some []*human) {
	x.t.Helper()
	var wg sync.WaitGroup
	for _, h := range some {
		want := len(x.hers(h))
		x.remember(x.hers(h))
		names := []string{h.email, h.phone}
		if x.rng.IntN(3) == 0 {
			slices.Reverse(names)
		}
		wg.Go(func() {
			erased := 0
			for _, name := range names {
				erased += x.ask(map[string]any{"address": name}).Erased
			}
			if erased != want {
				x.t.Errorf("%s, %s: %d erased, and she had %d", h.email, h.phone, erased, want)
			}
		})
	}
	wg.Wait()
	for _, h := range some {
		x.gone(h)
	}
	x.done(ctx)
}

func (x *erasing) ask(body map[string]any) (e erasure) {
	x.t.Helper()
	code, b, err := x.api("POST", "/people/erase", body)
	if err == nil {
		err = json.Unmarshal(b, &e)
	}
	if err != nil || code != http.StatusOK && code != http.StatusAccepted {
		x.t.Errorf("erase %v: %d %s %v", body, code, b, err)
	}
	return e
}

// done waits until erasures are through.
func (x *erasing) done(ctx context.Context) {
	x.t.Helper()
	for ctx.Err() == nil {
		_, b, err := x.api("GET", "/people/erase", nil)
		var v scrubbed
		if err == nil && json.Unmarshal(b, &v) == nil && v.Done {
			return
		}
		x.breathe()
	}
	x.t.Fatal("erasures are not done in time")
}

// eraseAndKill kills the daemon within an erasure, or while a reader keeps its end; the
// next start goes on with it.
func (x *erasing) eraseAndKill(ctx context.Context, h *human) {
	x.remember(x.hers(h))
	reader := x.reader()
	answered := make(chan struct{})
	go func() {
		defer close(answered)
		_, _, _ = x.api("POST", "/people/erase", map[string]any{"address": h.email}) // may be cut off
	}()
	if x.rng.IntN(2) == 0 {
		<-answered
	} else {
		x.breathe()
	}
	_ = x.torture.end(syscall.SIGKILL) // "signal: killed" is what is wanted
	<-answered
	x.spawn()
	if !x.up(ctx) {
		x.t.Fatal(x.stderr.String())
	}
	reader()
	x.ask(map[string]any{"address": h.email})
	x.ask(map[string]any{"address": h.phone})
	x.gone(h)
	x.done(ctx)
}

// reader opens the ledger as sqlite3 or an export does, and stays until it is closed.
func (x *erasing) reader() (end func()) {
	db, err := sql.Open("sqlite", "file:"+filepath.Join(x.dir, "ledger.db")+"?mode=ro")
	if err != nil {
		x.t.Fatal(err)
	}
	rows, err := db.Query("SELECT batch FROM trail")
	if err != nil || !rows.Next() {
		x.t.Fatal(err)
	}
	return func() { _, _ = rows.Close(), db.Close() }
}

// withReader erases people while a reader stays and orders arrive: accepting waits for
// nothing, and the answers say what is still to do.
func (x *erasing) withReader(ctx context.Context, some []*human, bound time.Duration) {
	x.t.Helper()
	for _, h := range some {
		x.remember(x.hers(h))
	}
	end := x.reader()
	stop := make(chan struct{})
	var took []time.Duration
	var wg sync.WaitGroup
	newcomer := &human{email: "newcomer@elsewhere.example", phone: "+4366412345678", name: "Newcomer"}
	mine := &erasing{torture: x.torture, rng: rand.New(rand.NewPCG(1, 1)), people: x.people, orders: map[string]*theirs{}, n: 1_000_000}
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				took = append(took, mine.send(newcomer, 0))
			}
		}
	})
	pending := 0
	for _, h := range some {
		for _, name := range []string{h.email, h.phone} {
			if e := x.ask(map[string]any{"address": name}); !e.Done && e.Remaining != "" {
				pending++
			}
		}
		x.gone(h)
	}
	close(stop)
	wg.Wait()
	if pending < len(some) {
		x.t.Errorf("a reader is there, and %d of %d erasures say that they are not done", pending, len(some))
	}
	end()
	x.done(ctx)
	slices.Sort(took)
	p99 := took[len(took)*99/100]
	x.t.Logf("%d erasures with a reader: %d orders accepted, p50 %s, p99 %s, longest %s", len(some), len(took), took[len(took)/2], p99, took[len(took)-1])
	if p99 > bound {
		x.t.Errorf("p99 of accepting is %s", p99)
	}
}

// look searches the files for what was destroyed.
func (x *erasing) look() {
	x.t.Helper()
	if found := x.secrets.in(x.t, x.dir); len(found) > 0 {
		x.t.Errorf("what was destroyed is still there: %v", found)
	}
}

// judgeErased holds each order against whether its person was erased.
func (x *erasing) judgeErased() {
	x.t.Helper()
	l, err := sqlite.Open(context.Background(), sqlite.Options{Options: ledger.Options{Dir: x.dir}, ReadOnly: true})
	if err != nil {
		x.t.Fatal(err)
	}
	defer l.Close()
	erased, wrong := 0, 0
	for s, o := range x.orders {
		id, _ := waxwing.ParseID(s)
		v, err := l.Get(context.Background(), "acme", id)
		if err != nil {
			x.t.Fatal(err)
		}
		if v.Erased {
			erased++
		}
		if v.Erased != o.erased {
			wrong++
			x.t.Errorf("%s (%s, %s) of %s, %s: erased is %v", s, v.State, v.Reason, o.of.email, o.of.phone, v.Erased)
		}
	}
	r, err := l.Verify(context.Background(), "")
	if err != nil || !r.Whole() {
		x.t.Errorf("%v %v", r.Problems, err)
	}
	x.t.Logf("%d orders, %d erased, %d wrongly or not", len(x.orders), erased, wrong)
}

// secrets are sealed bytes that must not be found in any file, in pieces of 16.
type secrets map[uint64][][]byte

func (s secrets) add(b []byte) {
	for ; len(b) >= 16; b = b[16:] {
		k := binary.LittleEndian.Uint64(b)
		s[k] = append(s[k], b[:16])
	}
}

// in counts the pieces that the files of a folder have.
func (s secrets) in(t *testing.T, dir string) map[string]int {
	t.Helper()
	found := map[string]int{}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		if e.IsDir() { // of plugins
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+16 <= len(b); i++ {
			for _, p := range s[binary.LittleEndian.Uint64(b[i:])] {
				if bytes.Equal(p, b[i:i+16]) {
					found[e.Name()]++
				}
			}
		}
	}
	return found
}

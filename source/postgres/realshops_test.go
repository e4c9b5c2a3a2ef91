package postgres

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
)

// TestRealShops sells in a Vendure and a Medusa shop through their own APIs while a daemon that reads both their logs
// is killed ten times, and holds what it confirmed against what the shops answered: each order once and no other, and its
// amounts and names.
//
//	WAXWING_REAL_SHOPS=1         runs it, WAXWING_REAL_SHOPS=vendure one shop alone: needs Node 20, Postgres 15, the npm registry, and ../shared/shops
//	WAXWING_REAL_SHOPS_ORDERS=N  sells so many in each (40)
//	WAXWING_REAL_SHOPS_IN=DIR    has the shops there, and leaves them running for the next time; started before, they are taken as they are
//	WAXWING_REAL_SHOPS_OUTBOX=1  reads the shops' outbox tables in place of their own
func TestRealShops(t *testing.T) {
	only := os.Getenv("WAXWING_REAL_SHOPS")
	if only == "" {
		t.Skip("WAXWING_REAL_SHOPS=1 sells in real shops")
	}
	orders := 40
	if s := os.Getenv("WAXWING_REAL_SHOPS_ORDERS"); s != "" {
		orders, _ = strconv.Atoi(s)
	}
	dir := os.Getenv("WAXWING_REAL_SHOPS_IN")
	if dir == "" {
		dir = t.TempDir()
		for _, d := range []string{filepath.Dir(dir), dir} { // the shops' Postgres is another user's
			if err := os.Chmod(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
	var shops []*realShop
	if only != "medusa" {
		shops = append(shops, startVendure(t, dir))
	}
	if only != "vendure" {
		shops = append(shops, startMedusa(t, dir))
	}
	d := newRealDaemon(t, shops)
	d.start(t)
	var wg sync.WaitGroup
	for _, s := range shops {
		wg.Go(func() { s.sell(t, orders) })
	}
	sold := make(chan struct{})
	go func() { wg.Wait(); close(sold) }()
	d.killWhile(t, shops, orders, sold)
	<-sold
	for _, s := range shops {
		d.compare(t, s)
	}
	// And with the log lost: what is sold meanwhile is found by the scan.
	d.kill()
	for _, s := range shops {
		s.dropSlot(t)
		s.sell(t, s.count()+5)
	}
	d.start(t)
	for _, s := range shops {
		d.compare(t, s)
	}
}

// dropSlot takes the slot away once the server has noticed that its reader is gone.
func (s *realShop) dropSlot(t *testing.T) {
	t.Helper()
	c, err := pgx.Connect(context.Background(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(100 * time.Millisecond) {
		tag, err := c.Exec(context.Background(), `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = $1 and not active`, s.slot)
		if err == nil && tag.RowsAffected() == 1 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("the slot %s cannot be dropped: %v", s.slot, err)
		}
	}
}

// realShop is one of ../shared/shops, started.
type realShop struct {
	name, dir, dsn, outbox string
	slot                   string
	env                    []string
	// sell goes on until so many orders were sold in all.
	sell func(t *testing.T, n int)
	// same holds an order of ours against the shop's answer: what differs.
	same func(o *waxwing.Order, told json.RawMessage) []string

	mu    sync.Mutex
	truth []sold
}

// sold is one line of what a shop's place.mjs printed.
type sold struct {
	number string // "": no order came of it
	held   bool   // it waits for its payment
	raw    json.RawMessage
}

func (s *realShop) count() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, x := range s.truth {
		if x.number != "" {
			n++
		}
	}
	return n
}

// copyShop copies a shop's folder unless it is there.
func copyShop(t *testing.T, dir, name string) string {
	t.Helper()
	from, to := filepath.Join("..", "..", "..", "shared", "shops", name), filepath.Join(dir, name)
	if _, err := os.Stat(to); err == nil {
		return to
	}
	if _, err := os.Stat(from); err != nil {
		t.Skip("the shops are not here: ", err)
	}
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	if out, err := osexec.Command("chmod", "-R", "u+w", to).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return to
}

// tool runs a program in the shop's folder and gives what it printed.
func (s *realShop) tool(t *testing.T, env []string, name string, args ...string) []byte {
	t.Helper()
	c := osexec.Command(name, args...)
	c.Dir, c.Env = s.dir, append(append(os.Environ(), s.env...), env...)
	var said bytes.Buffer
	c.Stderr = &said
	out, err := c.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, said.Bytes())
	}
	return out
}

// place runs the shop's place.mjs, and keeps each line that it prints.
func (s *realShop) place(t *testing.T, env []string, read func(line []byte) sold, args ...string) {
	c := osexec.Command("node", append([]string{"place.mjs"}, args...)...)
	c.Dir, c.Env = s.dir, append(append(os.Environ(), s.env...), env...)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Error(err)
		return
	}
	in := bufio.NewScanner(out)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		x := read(in.Bytes())
		s.mu.Lock()
		s.truth = append(s.truth, x)
		s.mu.Unlock()
	}
	if err := c.Wait(); err != nil {
		t.Errorf("%s: place.mjs %v: %v", s.name, args, err)
	}
}

func startVendure(t *testing.T, dir string) *realShop {
	s := &realShop{name: "vendure", dir: copyShop(t, dir, "vendure"), same: sameVendure}
	state := filepath.Join(s.dir, "state", "shop.json")
	if _, err := os.Stat(state); err != nil {
		s.tool(t, nil, "npm", "install", "--omit=dev")
		s.tool(t, nil, "./start.sh")
		if os.Getenv("WAXWING_REAL_SHOPS_IN") == "" {
			t.Cleanup(func() { s.tool(t, nil, "./stop.sh") })
		}
	}
	b, err := os.ReadFile(state)
	var have struct{ DSN string }
	if err == nil {
		err = json.Unmarshal(b, &have)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.dsn = have.DSN
	s.outbox = `watch: [{table: public.mail_outbox, key: order_id}]`
	// A publication with a filter needs the identity that setup is to give.
	s.exec(t, `drop publication if exists shop_placed`, `alter table "order" replica identity default`)
	s.sell = func(t *testing.T, n int) {
		read := func(line []byte) sold {
			var o struct{ Code string }
			if err := json.Unmarshal(line, &o); err != nil {
				t.Error(err)
			}
			return sold{number: o.Code, raw: bytes.Clone(line)}
		}
		n -= s.count()
		some := n / 5
		s.place(t, nil, read, strconv.Itoa(some), "2", "authorize")
		s.place(t, nil, read, strconv.Itoa(some), "2", "decline")
		s.place(t, nil, read, strconv.Itoa(n-2*some), "2", "settle")
	}
	return s
}

func startMedusa(t *testing.T, dir string) *realShop {
	s := &realShop{name: "medusa", dir: copyShop(t, dir, "medusa"), same: sameMedusa}
	home := filepath.Join(dir, "mhome")
	if err := os.MkdirAll(home, 0o755); err != nil {
		t.Fatal(err)
	}
	s.env = []string{"SHOP_HOME=" + home}
	out := s.tool(t, nil, "sh", "start.sh")
	if os.Getenv("WAXWING_REAL_SHOPS_IN") == "" {
		t.Cleanup(func() { s.tool(t, nil, "sh", "stop.sh") })
	}
	for line := range strings.Lines(string(out)) {
		key, value, _ := strings.Cut(strings.TrimSpace(strings.TrimPrefix(line, "export ")), "=")
		if s.env = append(s.env, key+"="+value); key == "SHOP_DSN" {
			s.dsn = value
		}
	}
	s.outbox = `watch: [{table: public.order_outbox, key: order_id}]`
	if os.Getenv("WAXWING_REAL_SHOPS_OUTBOX") != "" {
		b, err := os.ReadFile(filepath.Join(s.dir, "outbox.sql"))
		if err != nil {
			t.Fatal(err)
		}
		s.exec(t, string(b))
	}
	s.sell = func(t *testing.T, n int) {
		read := func(line []byte) sold {
			var o struct {
				Pay   string
				Order *struct {
					Number int `json:"display_id"`
				}
			}
			if err := json.Unmarshal(line, &o); err != nil {
				t.Error(err)
			}
			x := sold{raw: bytes.Clone(line), held: o.Pay == "defer"}
			if o.Order != nil {
				x.number = strconv.Itoa(o.Order.Number)
			}
			return x
		}
		for s.count() < n && !t.Failed() { // a part of the carts is refused
			s.place(t, []string{"PARALLEL=3", "PAY=authorize,capture,authorize,capture,defer,decline,more,late"}, read, strconv.Itoa(min(48, n-s.count()+3)))
		}
	}
	return s
}

func (s *realShop) exec(t *testing.T, statements ...string) {
	t.Helper()
	c, err := pgx.Connect(context.Background(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(context.Background()) }()
	for _, x := range statements {
		if _, err := c.Exec(context.Background(), x); err != nil {
			t.Fatalf("%s: %v", x, err)
		}
	}
}

// realDaemon is the program itself, with its mails going to a sink.
type realDaemon struct {
	bin, config, url string
	log              *os.File
	cmd              *osexec.Cmd
	began            time.Time

	mu    sync.Mutex
	mails map[string]int // by recipient
}

const realKey = "0123456789abcdef0123456789abcdef"

func newRealDaemon(t *testing.T, shops []*realShop) *realDaemon {
	t.Helper()
	dir := t.TempDir()
	d := &realDaemon{bin: filepath.Join(dir, "waxwing"), config: filepath.Join(dir, "waxwing.yaml"), mails: map[string]int{}, began: time.Now()}
	if out, err := osexec.Command("go", "build", "-o", d.bin, "../../cmd/waxwing").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s := sink.New(sink.Config{OnMail: func(m sink.Mail) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.mails[m.To]++
	}})
	mx, err := s.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listen := l.Addr().String()
	_ = l.Close()
	d.url = "http://" + listen
	var list, sources string
	for _, x := range shops {
		list += fmt.Sprintf("      %s: {format: %s}\n", x.name, x.name)
		sources += fmt.Sprintf("  %s-db:\n    type: postgres\n    dsn: %q\n    tenant: acme\n    shop: %s\n    preset: %s\n    scan_margin: 1s\n", x.name, x.dsn, x.name, x.name)
		if x.slot = "waxwing_" + x.name + "_db"; os.Getenv("WAXWING_REAL_SHOPS_OUTBOX") != "" {
			x.slot = "waxwing_outbox"
			sources += "    slot: waxwing_outbox\n    " + x.outbox + "\n"
		}
		x.exec(t, `select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '`+x.slot+`'`, `drop publication if exists `+x.slot)
	}
	text := fmt.Sprintf("data: %s\nhttp: {listen: %q}\nproviders: {mail: {type: smtp, addr: %q, tls: none}}\ntenants:\n  acme:\n    name: Acme\n    from: orders@acme.example\n    keys: [%q]\n    shops:\n%ssources:\n%s",
		filepath.Join(dir, "data"), listen, mx, realKey, list, sources)
	if err := os.WriteFile(d.config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, x := range shops {
		if out, err := osexec.Command(d.bin, "source", "setup", x.name+"-db", "-c", d.config).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		} else {
			t.Logf("waxwing source setup %s-db\n%s", x.name, out)
		}
	}
	if d.log, err = os.Create(filepath.Join(os.TempDir(), "waxwing-real-shops.log")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		d.kill()
		_ = d.log.Close()
	})
	return d
}

func (d *realDaemon) start(t *testing.T) {
	t.Helper()
	d.cmd = osexec.Command(d.bin, "serve", "-c", d.config)
	d.cmd.Stdout, d.cmd.Stderr = d.log, d.log
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(60 * time.Second); ; {
		res, err := http.Get(d.url + "/readyz?verbose")
		if err == nil {
			b, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			if res.StatusCode == http.StatusOK && !bytes.Contains(b, []byte("starting")) {
				return
			}
			err = fmt.Errorf("%s %s", res.Status, b)
		}
		if time.Now().After(end) {
			t.Fatalf("the daemon is not ready: %v (%s)", err, d.log.Name())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (d *realDaemon) kill() {
	if d.cmd == nil {
		return
	}
	_ = d.cmd.Process.Kill()
	_ = d.cmd.Wait()
	d.cmd = nil
}

// killWhile kills the daemon ten times, each when a further part was sold.
func (d *realDaemon) killWhile(t *testing.T, shops []*realShop, orders int, over <-chan struct{}) {
	t.Helper()
	kills := 0
	for kills < 10 {
		select {
		case <-over:
			t.Errorf("killed %d times only", kills)
			return
		case <-time.After(100 * time.Millisecond):
		}
		n := 0
		for _, s := range shops {
			n += s.count()
		}
		if n >= (kills+1)*orders*len(shops)/12 {
			d.kill()
			kills++
			d.start(t)
		}
	}
	t.Logf("killed %d times", kills)
}

// ask asks the daemon's API.
func (d *realDaemon) ask(path string, into any) error {
	req, err := http.NewRequest(http.MethodGet, d.url+"/v1/tenants/acme/"+path, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+realKey)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		b, _ := io.ReadAll(res.Body)
		return fmt.Errorf("%s: %s %s", path, res.Status, b)
	}
	return json.NewDecoder(res.Body).Decode(into)
}

// confirmed are all confirmations of a shop, by the order's number.
func (d *realDaemon) confirmed(t *testing.T, shop string) map[string][]waxwing.ConfirmationView {
	t.Helper()
	out, before := map[string][]waxwing.ConfirmationView{}, ""
	for {
		var page struct {
			Confirmations []waxwing.ConfirmationView
			Before        string
		}
		if err := d.ask("confirmations?limit=200&shop="+shop+before, &page); err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Confirmations {
			out[c.Number] = append(out[c.Number], c)
		}
		if page.Before == "" {
			return out
		}
		before = "&before=" + page.Before
	}
}

// compare waits until all is confirmed, and for what may come besides.
func (d *realDaemon) compare(t *testing.T, s *realShop) {
	t.Helper()
	done := func(got map[string][]waxwing.ConfirmationView) string {
		for _, x := range s.truth {
			switch list := got[x.number]; {
			case x.number == "":
			case len(list) == 0:
				return x.number + " is missing"
			case !x.held && (len(list[0].Messages) == 0 || list[0].Messages[0].State != waxwing.Sent):
				return fmt.Sprintf("%s is %s %s", x.number, list[0].State, list[0].Reason)
			}
		}
		return ""
	}
	got := d.confirmed(t, s.name)
	for end := time.Now().Add(3 * time.Minute); done(got) != "" && time.Now().Before(end); got = d.confirmed(t, s.name) {
		time.Sleep(time.Second)
	}
	time.Sleep(15 * time.Second) // for longer than an order is looked at late
	got = d.confirmed(t, s.name)
	if why := done(got); why != "" {
		t.Errorf("%s: %s", s.name, why)
	}
	orders, held, refused, twice, mails, different := 0, 0, 0, 0, 0, 0
	for _, x := range s.truth {
		if x.number == "" {
			refused++
			continue
		}
		orders++
		list := got[x.number]
		delete(got, x.number)
		if len(list) != 1 {
			t.Errorf("%s %s: confirmed %d times", s.name, x.number, len(list))
			continue
		}
		var v waxwing.ConfirmationView
		if err := d.ask("confirmations/"+list[0].ID.String(), &v); err != nil || v.Order == nil {
			t.Errorf("%s %s: %v", s.name, x.number, err)
			continue
		}
		d.mu.Lock()
		n := d.mails[v.Order.Customer.Email]
		d.mu.Unlock()
		switch {
		case x.held:
			if held++; v.State != waxwing.Held || n != 0 {
				t.Errorf("%s %s: %s with %d mails, and its payment is to come", s.name, x.number, v.State, n)
			}
		case n == 0:
			t.Errorf("%s %s: no mail", s.name, x.number)
		case n > 1: // the daemon was killed between the mail server's answer and its own note of it
			twice++
		}
		mails += n
		if off := s.same(v.Order, x.raw); len(off) > 0 {
			different++
			t.Errorf("%s %s: %s", s.name, x.number, strings.Join(off, "; "))
		}
	}
	for number, list := range got {
		t.Errorf("%s: %q was confirmed %d times, and never sold (%s %s)", s.name, number, len(list), list[0].State, list[0].Reason)
	}
	t.Logf("%s: %d orders, %d of them held for their payment, %d carts refused: %d mails, %d orders with more than one, %d different from the API's answer", s.name, orders, held, refused, mails, twice, different)
}

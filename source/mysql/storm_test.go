package mysql

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	osexec "os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue/queuetest"
)

var full = flag.Bool("storm.full", false, "as many orders, kills and gaps as the issue asks for")

// ledger is what has accepted orders, by name. It outlives the source.
type ledger struct {
	mu   sync.Mutex
	seen map[string]int
	bad  []string
}

func (l *ledger) accept(_ context.Context, _ waxwing.TenantID, _ waxwing.ShopID, _ string, raw []byte) (waxwing.Receipt, error) {
	var o struct {
		Name  string
		Total json.Number
		Items []struct{ SKU string }
	}
	err := json.Unmarshal(raw, &o)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil || o.Total != "12.50" || len(o.Items) != 2 {
		l.bad = append(l.bad, fmt.Sprintf("%v: %.200s", err, raw))
	}
	l.seen[o.Name]++
	return waxwing.Receipt{New: l.seen[o.Name] == 1}, nil
}

func (l *ledger) missing(want map[string]bool) (out []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n := range want {
		if l.seen[n] == 0 {
			out = append(out, n)
		}
	}
	return out
}

// storm is a shop under load, whose reader, server and log are killed.
type storm struct {
	t      *testing.T
	shop   *shop
	ledger *ledger
	rounds int // of each writer

	url  atomic.Pointer[string] // of the database that is the shop's now
	held sync.RWMutex           // by the writers at work: no order is half made while a dump is taken
	mu   sync.Mutex
	done map[string]bool // committed, by name

	cancel context.CancelFunc
	ended  chan error
	source *Source
	gaps   int64
}

func (s *storm) start() {
	s.shop.settings.DSN = config.Secret(*s.url.Load())
	s.source = s.shop.Open(s.t).(*Source)
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.ended = cancel, make(chan error, 1)
	go func(x *Source, ended chan error) {
		for {
			err := x.Run(ctx, s.ledger.accept)
			if ctx.Err() != nil {
				ended <- err
				return
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}(s.source, s.ended)
}

// kill ends the reader; dirty: without its last words to the ledger.
func (s *storm) kill(dirty bool) {
	s.shop.book.mu.Lock()
	if dirty {
		s.shop.book.fail = errors.New("killed")
	}
	s.shop.book.mu.Unlock()
	began := time.Now()
	s.cancel()
	if err := <-s.ended; err != nil {
		s.t.Error(err)
	}
	if d := time.Since(began); d > 5*time.Second {
		s.t.Errorf("it took %s to end", d)
	}
	s.gaps += s.source.Status().Gaps
	s.shop.book.mu.Lock()
	s.shop.book.fail = nil
	s.shop.book.mu.Unlock()
}

// write makes orders, some of which are never completed.
func (s *storm) write(w int) {
	rnd := rand.New(rand.NewPCG(uint64(w), 7))
	var db *sql.DB
	var of string
	for i := range s.rounds {
		name := fmt.Sprintf("w%dr%d", w, i)
		kind, big := rnd.IntN(20), rnd.IntN(bigOne()) == 0
		for {
			s.held.RLock()
			url := *s.url.Load()
			if of != url {
				a, _ := parseAddress(url)
				if db != nil {
					_ = db.Close()
				}
				db, _ = a.open()
				db.SetMaxOpenConns(1)
				of = url
			}
			done, err := order(db, name, kind, big)
			if err == nil {
				s.mu.Lock()
				for _, n := range done {
					s.done[n] = true
				}
				s.mu.Unlock()
			}
			s.held.RUnlock()
			if err == nil {
				break
			}
			<-time.After(20 * time.Millisecond) // the server may be starting
		}
	}
	if db != nil {
		_ = db.Close()
	}
}

// order makes those of one transaction, and gives the names of those that are complete. Tried again after
// a lost answer to COMMIT it does nothing twice: names are unique.
func order(db *sql.DB, name string, kind int, big bool) (done []string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback() }()
	var failed error
	do := func(q string, args ...any) {
		if failed == nil { // a deadlock has undone the transaction: what followed would be one of its own
			_, failed = tx.ExecContext(ctx, q, args...)
		}
	}
	note := "short"
	if big {
		note = strings.Repeat(name, 1<<20/len(name))
	}
	insert := func(n, status string) {
		do("insert ignore into orders (name, status, note, paid_at) values (?, ?, ?, if(? = 'paid', utc_timestamp(6), null))", n, status, note, status)
		do("insert into order_lines (order_id, sku, price) select o.id, x.s, 1.10 from orders o, (select 'A' s union select 'B') x where o.name = ? and not exists (select 1 from order_lines l where l.order_id = o.id)", n)
	}
	pay := func(n string) {
		do("update orders set status = 'paid', paid_at = utc_timestamp(6) where name = ? and status = 'pending'", n)
	}
	commit := true
	switch kind {
	case 0: // rolled back
		insert(name, "paid")
		commit = false
	case 1: // a savepoint rolled back, and the order completed after it
		insert(name, "pending")
		do("savepoint a")
		insert(name+"undone", "paid")
		pay(name)
		do("rollback to a")
		pay(name)
		done = []string{name}
	case 2: // never completed, and undone
		insert(name, "pending")
		do("savepoint a")
		pay(name)
		do("rollback to a")
		do("update orders set note = 'touched' where name = ?", name)
	case 3: // many rows
		for i := range 8 {
			n := fmt.Sprintf("%sm%d", name, i)
			insert(n, "pending")
			pay(n)
			done = append(done, n)
		}
	case 4: // completed and taken back in one transaction: it is never seen complete
		insert(name, "paid")
		do("delete from orders where name = ?", name)
	case 5: // other columns of the order
		insert(name, "paid")
		do("update orders set note = 'touched' where name = ?", name)
		done = []string{name}
	default:
		insert(name, "pending")
		if kind%2 == 0 {
			do("savepoint a")
		}
		pay(name)
		done = []string{name}
	}
	if failed != nil {
		return nil, failed
	}
	if !commit {
		return nil, tx.Rollback()
	}
	return done, tx.Commit()
}

// TestStorm: each completed order is accepted and no other, whatever is killed.
func TestStorm(t *testing.T) {
	rounds, kills, crashes, resets, dumps := 100, 6, 1, 3, 1
	if *full {
		rounds, kills, crashes, resets, dumps = 2130, 50, 10, 5, 2 // 20,000 orders by 8 writers
	}
	server := queuetest.MariaDBLog(t, "--max-allowed-packet=64M")
	s := &storm{t: t, shop: newShop(t, server, "storm"), ledger: &ledger{seen: map[string]int{}}, rounds: rounds, done: map[string]bool{}}
	exec(t, s.shop.db, "alter table orders add unique (name); create index paid on orders (paid_at)")
	url := s.shop.settings.DSN.Reveal()
	s.url.Store(&url)
	s.start()
	if !soon(20*time.Second, func() bool { return s.source.Status().State == "reading" }) {
		t.Fatalf("%+v", s.source.Status())
	}
	var wg sync.WaitGroup
	var writing atomic.Int64
	for w := range 8 {
		writing.Add(1)
		wg.Go(func() { defer writing.Add(-1); s.write(w) })
	}
	var plan []string
	for what, n := range map[string]int{"kill": kills, "crash": crashes, "reset": resets, "dump": dumps} {
		plan = append(plan, slices.Repeat([]string{what}, n)...)
	}
	slices.Sort(plan)
	rnd := rand.New(rand.NewPCG(3, 4))
	rnd.Shuffle(len(plan), func(i, j int) { plan[i], plan[j] = plan[j], plan[i] })
	total := 8 * rounds
	for i, what := range plan {
		// Spread over the writers' work.
		soon(10*time.Minute, func() bool {
			s.mu.Lock()
			defer s.mu.Unlock()
			return len(s.done) >= total*(i+1)/(len(plan)+2) || writing.Load() == 0
		})
		s.strike(what, i)
	}
	wg.Wait()
	patience := time.Minute
	if *full {
		patience = 10 * time.Minute
	}
	if !soon(patience, func() bool { return len(s.ledger.missing(s.done)) == 0 }) {
		missing := s.ledger.missing(s.done)
		t.Errorf("%d of %d orders never came, %s among them; %+v", len(missing), len(s.done), missing[0], s.source.Status())
	}
	s.kill(false)
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	twice := 0
	for _, n := range slices.Sorted(maps.Keys(s.ledger.seen)) {
		if !s.done[n] {
			t.Errorf("%s was never completed, and came", n)
		}
		if s.ledger.seen[n] > 1 {
			twice++
		}
	}
	if len(s.ledger.bad) > 0 {
		t.Errorf("%d events are not the order, such as %s", len(s.ledger.bad), s.ledger.bad[0])
	}
	if s.gaps < int64(resets+dumps) {
		t.Errorf("%d gaps were told of, want %d", s.gaps, resets+dumps)
	}
	t.Logf("%d orders by 8 writers, %d kills, %d crashes of the server, %d logs purged or reset, %d dumps restored; %d gaps told of, %d orders came more than once", len(s.done), kills, crashes, resets, dumps, s.gaps, twice)
}

func (s *storm) strike(what string, i int) {
	switch what {
	case "kill":
		s.kill(i%2 == 0)
		s.start()
	case "crash":
		s.shop.server.Kill()
		s.shop.server.Start()
	case "reset":
		if !soon(time.Minute, func() bool { return s.source.Status().State == "reading" }) {
			s.t.Fatalf("it does not read: %+v", s.source.Status())
		}
		db := dial(s.t, *s.url.Load())
		switch i % 3 {
		case 0: // the log is thrown away while nobody reads
			s.kill(i%2 == 0)
			exec(s.t, db, "insert into orders (name) values ('open"+fmt.Sprint(i)+"')") // if nobody writes any more
			exec(s.t, db, "flush binary logs")
			purge(s.t, db)
			s.start()
		case 1: // it is begun anew while nobody reads
			s.kill(i%2 == 0)
			exec(s.t, db, "reset master")
			s.start()
		default: // and while it is read
			exec(s.t, db, "reset master")
			if g := s.source.Status().Gaps; !soon(time.Minute, func() bool { return s.source.Status().Gaps > g }) {
				s.t.Errorf("it has not noticed: %+v", s.source.Status())
			}
		}
		_ = db.Close()
	case "dump":
		s.restore()
	}
}

// restore moves the shop to a database restored from a dump, in a new server. Orders that were in no dump are
// not the shop's any more: nobody writes meanwhile.
func (s *storm) restore() {
	if !soon(time.Minute, func() bool { return s.source.Status().State == "reading" }) { // else two gaps are one
		s.t.Fatalf("it does not read: %+v", s.source.Status())
	}
	s.held.Lock()
	defer s.held.Unlock()
	server := queuetest.MariaDBLog(s.t, "--max-allowed-packet=64M")
	exec(s.t, dial(s.t, server.URL), "create database storm")
	old, _ := parseAddress(*s.url.Load())
	url := strings.TrimSuffix(server.URL, "/test") + "/storm"
	fresh, _ := parseAddress(url)
	to := func(name string, a address, more ...string) *osexec.Cmd {
		return osexec.Command(name, append([]string{"--no-defaults", "-h" + a.host, fmt.Sprintf("-P%d", a.port), "-u" + a.user, "--max-allowed-packet=64M"}, more...)...)
	}
	dump, load := to("mariadb-dump", old, "--single-transaction", "storm"), to("mariadb", fresh, "storm")
	r, w := io.Pipe()
	var said strings.Builder
	dump.Stdout, load.Stdin, load.Stderr = w, r, &said
	if err := load.Start(); err != nil {
		s.t.Fatal(err)
	}
	err := dump.Run()
	_ = w.Close()
	if err := errors.Join(err, load.Wait()); err != nil {
		s.t.Fatalf("%v: %s", err, said.String())
	}
	s.kill(true) // only now: it has read some of what the dump has
	s.url.Store(&url)
	s.shop.server.Kill() // so that nobody writes there any more
	s.shop.server = server
	s.start()
}

// bigOne says which share of the transactions has rows of 1 MB.
func bigOne() int {
	if *full {
		return 200
	}
	return 10
}

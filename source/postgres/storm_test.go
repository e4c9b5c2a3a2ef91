package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	osexec "os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

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

// storm is a shop under load, whose reader, server and database are killed.
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
	go func(x *Source) {
		for {
			err := x.Run(ctx, s.ledger.accept)
			if ctx.Err() != nil {
				s.ended <- err
				return
			}
			select {
			case <-time.After(50 * time.Millisecond):
			case <-ctx.Done():
			}
		}
	}(s.source)
}

// kill ends the reader; dirty: without its last words to the ledger.
func (s *storm) kill(dirty bool) {
	if dirty {
		s.shop.book.mu.Lock()
		s.shop.book.fail = errors.New("killed")
		s.shop.book.mu.Unlock()
	}
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
	var c *pgx.Conn
	for i := range s.rounds {
		name := fmt.Sprintf("w%dr%d", w, i)
		kind := rnd.IntN(20)
		for {
			s.held.RLock()
			var done []string
			var err error
			if c == nil || c.IsClosed() {
				c, err = pgx.Connect(context.Background(), *s.url.Load())
			}
			if err == nil {
				done, err = order(c, name, kind, rnd.IntN(bigOne()) == 0)
			}
			if err == nil {
				s.mu.Lock()
				for _, n := range done {
					s.done[n] = true
				}
				s.mu.Unlock()
				s.held.RUnlock()
				break
			}
			s.held.RUnlock()
			if c != nil {
				_ = c.Close(context.Background())
			}
			c = nil
			<-time.After(20 * time.Millisecond) // the server may be starting
		}
	}
	if c != nil {
		_ = c.Close(context.Background())
	}
}

// order makes those of one transaction, and gives the names of those that are complete. Tried again after
// a lost answer to COMMIT it does nothing twice: names are unique.
func order(c *pgx.Conn, name string, kind int, big bool) (done []string, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	tx, err := c.Begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	var errs []error
	do := func(sql string, args ...any) {
		_, err := tx.Exec(ctx, sql, args...)
		errs = append(errs, err)
	}
	note := "short"
	if big {
		note = strings.Repeat(name, 1<<20/len(name))
	}
	insert := func(n, status string) {
		do(`insert into orders (name, status, note, paid_at) values ($1, $2, $3, case when $2 = 'paid' then clock_timestamp() end) on conflict (name) do nothing`, n, status, note)
		do(`insert into lines (order_id, sku, price) select id, x, 1.10 from orders o, unnest(array['A', 'B']) x where name = $1 and not exists (select from lines where order_id = o.id)`, n)
	}
	pay := func(n string) {
		do(`update orders set status = 'paid', paid_at = clock_timestamp() where name = $1 and status = 'pending'`, n)
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
	case 2: // never completed, and nested savepoints undone
		insert(name, "pending")
		do("savepoint a")
		do("savepoint b")
		pay(name)
		do("release b")
		do("rollback to a")
		do("update orders set note = 'touched' where name = $1", name)
	case 3: // many rows, streamed
		for i := range 8 {
			n := fmt.Sprintf("%sm%d", name, i)
			insert(n, "pending")
			done = append(done, n)
		}
		do(`update orders set status = 'paid', paid_at = clock_timestamp() where name = any($1) and status = 'pending'`, done)
	case 4: // completed and taken back in one transaction: it is never seen complete
		insert(name, "paid")
		do("delete from orders where name = $1", name)
	case 5: // other columns of orders that are complete, large ones untouched
		insert(name, "paid")
		do("update orders set total = 12.50 where id in (select id from orders where status = 'paid' order by id desc limit 3)")
		done = []string{name}
	default:
		insert(name, "pending")
		if kind%2 == 0 {
			do("savepoint a")
		}
		pay(name)
		done = []string{name}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if !commit {
		return nil, tx.Rollback(ctx)
	}
	return done, tx.Commit(ctx)
}

// TestStorm: each completed order is accepted and no other, whatever is killed.
func TestStorm(t *testing.T) {
	rounds, kills, crashes, drops, dumps := 40, 6, 1, 1, 1
	if *full {
		rounds, kills, crashes, drops, dumps = 10600, 50, 10, 5, 2 // 100,000 orders by 8 writers
	}
	server := queuetest.PostgresLog(t, "logical_decoding_work_mem=64kB", "max_wal_size=4GB")
	s := &storm{t: t, shop: newShop(t, server, "storm"), ledger: &ledger{seen: map[string]int{}}, rounds: rounds, done: map[string]bool{}}
	exec(t, s.shop.db, "alter table orders alter note set storage external, add unique (name)")
	exec(t, s.shop.db, "create index on lines (order_id); create index on orders (paid_at)")
	_ = s.shop.db.Close(t.Context())
	s.url.Store(&s.shop.url)
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
	for what, n := range map[string]int{"kill": kills, "crash": crashes, "drop": drops, "dump": dumps} {
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
		patience = 15 * time.Minute
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
	if s.gaps < int64(drops+dumps) {
		t.Errorf("%d gaps were told of, want %d", s.gaps, drops+dumps)
	}
	t.Logf("%d orders by 8 writers, %d kills, %d crashes of the server, %d slots dropped, %d dumps restored; %d gaps told of, %d orders came more than once", len(s.done), kills, crashes, drops, dumps, s.gaps, twice)
}

func (s *storm) strike(what string, i int) {
	switch what {
	case "kill":
		s.kill(i%2 == 0)
		s.start()
	case "crash":
		s.shop.server.Kill()
		s.shop.server.Start()
	case "drop":
		if !soon(5*time.Minute, func() bool { return s.source.Status().State == "reading" }) {
			s.t.Fatalf("it does not read: %+v", s.source.Status())
		}
		s.kill(i%2 == 0)
		c := dial(s.t, *s.url.Load())
		var err error
		if !soon(10*time.Second, func() bool {
			_, err = c.Exec(context.Background(), "select pg_drop_replication_slot($1)", s.shop.settings.Slot)
			return err == nil
		}) {
			s.t.Fatal("the slot cannot be dropped: ", err)
		}
		_ = c.Close(context.Background())
		s.start()
	case "dump":
		s.restore()
	}
}

// restore moves the shop to a database restored from a dump, in a new cluster. Orders that were in no dump are
// not the shop's any more: nobody writes meanwhile.
func (s *storm) restore() {
	s.held.Lock()
	defer s.held.Unlock()
	server := queuetest.PostgresLog(s.t, "logical_decoding_work_mem=64kB", "max_wal_size=4GB")
	old := *s.url.Load()
	admin := dial(s.t, server.URL)
	exec(s.t, admin, "create database storm")
	_ = admin.Close(context.Background())
	fresh := withDatabase(server.URL, "storm")
	dump, load := osexec.Command(program(s.t, "pg_dump"), "--no-owner", old), osexec.Command(program(s.t, "psql"), "-q", "-v", "ON_ERROR_STOP=1", fresh)
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
	s.url.Store(&fresh)
	s.shop.server.Kill() // so that nobody writes there any more
	s.shop.server = server
	s.start()
}

func program(t *testing.T, name string) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if len(found) == 0 {
		t.Skip("it needs " + name)
	}
	return found[len(found)-1]
}

// bigOne says which share of the transactions has rows of 1 MB.
func bigOne() int {
	if *full {
		return 200
	}
	return 10
}

package main

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/pipeline/queue/queuetest"
)

var tortureLogOrders = flag.Int("torture.log", 0, "the orders of TestPostgresLogTorture; with 100000 it kills the daemon 50 times and Postgres 10 times")

// sourcesEnv has a child's configuration have sources: its section, as it stands in a file.
const sourcesEnv = "WAXWING_TORTURE_SOURCES"

// logShop is an orders table whose log a daemon reads.
type logShop struct {
	t    *testing.T
	s    *queuetest.Server
	pool *pgxpool.Pool

	mu    sync.Mutex
	paid  map[int]time.Time // when the commit of a completed order returned
	doubt map[int]bool      // of a commit whose answer was lost: it may be completed
}

const logTables = `CREATE TABLE orders (id bigint PRIMARY KEY, status text NOT NULL, email text NOT NULL, note text, paid_at timestamptz);
CREATE TABLE lines (order_id bigint NOT NULL, title text NOT NULL, quantity int NOT NULL, price numeric NOT NULL);
CREATE INDEX ON lines (order_id);
CREATE INDEX ON orders (paid_at);
ALTER TABLE orders REPLICA IDENTITY FULL;
CREATE PUBLICATION waxwing_shop FOR TABLE orders`

const logSource = `sources:
  shop:
    type: postgres
    dsn: %q
    tenant: acme
    shop: till
    watch: [{table: public.orders, when: {status: "-> paid"}}]
    order:
      row: >-
        select 'till' as shop, id, 'EUR' as currency, coalesce(paid_at, now()) as placed_at, json_build_object('email', email) as customer,
        json_build_object('status', 'paid') as payment from orders where id = $1 and status = 'paid'
      lists: {items: "select title as name, quantity, price as unit_price from lines where order_id = $1"}
    scan: select id from orders where status = 'paid' and paid_at >= $1
`

func newLogShop(t *testing.T) *logShop {
	x := &logShop{t: t, s: queuetest.PostgresLog(t), paid: map[int]time.Time{}, doubt: map[int]bool{}}
	c, err := pgxpool.ParseConfig(x.s.URL)
	if err != nil {
		t.Fatal(err)
	}
	c.MaxConns = 24
	if x.pool, err = pgxpool.NewWithConfig(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(x.pool.Close)
	if _, err := x.pool.Exec(t.Context(), logTables); err != nil {
		t.Fatal(err)
	}
	t.Setenv(sourcesEnv, fmt.Sprintf(logSource, x.s.URL))
	return x
}

// write has one writer place orders until next is empty; what is lost with the server is tried again.
func (x *logShop) write(ctx context.Context, rng *rand.Rand, next <-chan int) {
	for i := range next {
		for ctx.Err() == nil {
			done, err := x.place(ctx, rng, i)
			x.mu.Lock()
			if err == nil && done {
				x.paid[i] = time.Now()
			}
			if err != nil {
				x.doubt[i] = true // it is written anew: the same order, and the same id
			}
			x.mu.Unlock()
			if err == nil {
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
	}
}

// place writes an order in one of the ways in which shops do. Each has an order beside it that is never completed.
func (x *logShop) place(ctx context.Context, rng *rand.Rand, i int) (done bool, err error) {
	note := "short"
	if rng.IntN(500) == 0 {
		note = strings.Repeat("long ", 200_000) // 1 MB
	}
	insert := func(tx pgx.Tx, id int, status, email string) error {
		_, err := tx.Exec(ctx, `INSERT INTO orders VALUES ($1, $2, $3, $4, CASE WHEN $2 = 'paid' THEN now() END) ON CONFLICT (id) DO UPDATE SET status = excluded.status, paid_at = excluded.paid_at`, id, status, email, note)
		if err == nil {
			_, err = tx.Exec(ctx, `DELETE FROM lines WHERE order_id = $1`, id)
		}
		if err == nil {
			_, err = tx.Exec(ctx, `INSERT INTO lines VALUES ($1, 'Cup', 2, 4.50), ($1, 'Plate', 1, 9.99)`, id)
		}
		return err
	}
	in := func(f func(pgx.Tx) error) error {
		tx, err := x.pool.Begin(ctx)
		if err != nil {
			return err
		}
		if err := f(tx); err != nil {
			_ = tx.Rollback(ctx)
			return err
		}
		return tx.Commit(ctx)
	}
	never := fmt.Sprintf("never%d@example.com", i)
	pay := func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE orders SET status = 'paid', paid_at = now() WHERE id = $1`, i)
		return err
	}
	switch rng.IntN(5) {
	case 0: // paid as it is placed, beside one that is rolled back
		tx, err := x.pool.Begin(ctx)
		if err != nil {
			return false, err
		}
		err = insert(tx, i+1_000_000, "paid", never)
		_ = tx.Rollback(ctx)
		if err != nil {
			return false, err
		}
		return true, in(func(tx pgx.Tx) error { return insert(tx, i, "paid", recipient(i)) })
	case 1: // placed, then paid; a savepoint takes another one's payment back
		if err := in(func(tx pgx.Tx) error { return insert(tx, i, "pending", recipient(i)) }); err != nil {
			return false, err
		}
		return true, in(func(tx pgx.Tx) error {
			if err := insert(tx, i+1_000_000, "pending", never); err != nil {
				return err
			}
			sp, err := tx.Begin(ctx)
			if err != nil {
				return err
			}
			if _, err := sp.Exec(ctx, `UPDATE orders SET status = 'paid', paid_at = now() WHERE id = $1`, i+1_000_000); err != nil {
				return err
			}
			if err := sp.Rollback(ctx); err != nil {
				return err
			}
			return pay(tx)
		})
	case 2: // other columns change before and after
		if err := in(func(tx pgx.Tx) error { return insert(tx, i, "pending", recipient(i)) }); err != nil {
			return false, err
		}
		for range 2 {
			if err := in(func(tx pgx.Tx) error {
				_, err := tx.Exec(ctx, `UPDATE orders SET note = 'changed' WHERE id = $1`, i)
				return err
			}); err != nil {
				return false, err
			}
		}
		if err := in(pay); err != nil {
			return false, err
		}
		_, err := x.pool.Exec(ctx, `UPDATE orders SET note = 'packed' WHERE id = $1`, i)
		return true, err
	case 3: // commits out of their order: the other one begins before and ends after
		other, err := x.pool.Begin(ctx)
		if err != nil {
			return false, err
		}
		defer func() { _ = other.Rollback(ctx) }()
		if _, err := other.Exec(ctx, `INSERT INTO orders VALUES ($1, 'pending', $2) ON CONFLICT DO NOTHING`, i+1_000_000, never); err != nil {
			return false, err
		}
		if err := in(func(tx pgx.Tx) error { return insert(tx, i, "paid", recipient(i)) }); err != nil {
			return false, err
		}
		return true, other.Commit(ctx)
	}
	return true, in(func(tx pgx.Tx) error { // cancelled, and paid after all
		if err := insert(tx, i, "cancelled", recipient(i)); err != nil {
			return err
		}
		return pay(tx)
	})
}

// TestPostgresLogTorture kills the daemon that reads a shop's log, and the shop's Postgres, while eight writers place orders in all the ways
// there are, and drops the slot: each completed order has its mail, once but for marks, and no other has one.
func TestPostgresLogTorture(t *testing.T) {
	queuetest.Wanted(t)
	orders, kills, crashes, drops := 1500, 4, 1, 1
	if *tortureLogOrders > 0 {
		orders, kills, crashes, drops = *tortureLogOrders, 50, 10, 5
	}
	rng, seed := tortureSeeded(t)
	shop := newLogShop(t)
	x := newTorture(t, sink.Faults{Seed: seed, LostReply: .01, Dropped: .01, DeferDot: .02})
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute+time.Duration(orders)*15*time.Millisecond)
	defer cancel()
	start := func() {
		x.spawn()
		if !x.up(ctx) {
			t.Fatalf("the daemon did not come up: %s", x.stderr.String())
		}
	}
	start()
	shop.slot(ctx)
	next := make(chan int)
	var writing sync.WaitGroup
	for i := range 8 {
		own := rand.New(rand.NewPCG(seed, uint64(i))) //nolint:gosec // a storm repeats
		writing.Go(func() { shop.write(ctx, own, next) })
	}
	var placed atomic.Int64
	writing.Go(func() {
		defer close(next)
		for i := range orders {
			next <- i
			placed.Store(int64(i))
		}
	})
	var events []func()
	add := func(n int, f func()) {
		for range n {
			events = append(events, f)
		}
	}
	add(kills, func() { _ = x.end(syscall.SIGKILL); start() })
	add(crashes, func() {
		shop.s.Kill()
		time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
		shop.s.Start()
	})
	add(drops, func() {
		_ = x.end(syscall.SIGKILL)
		for ctx.Err() == nil {
			if _, err := shop.pool.Exec(ctx, `SELECT pg_drop_replication_slot('waxwing_shop')`); err == nil {
				break
			}
			time.Sleep(50 * time.Millisecond) // its reader is not yet known to be gone
		}
		start()
		shop.slot(ctx)
	})
	rng.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	for i, event := range events {
		for ctx.Err() == nil && placed.Load() < int64(orders*(i+1)/(len(events)+1)) {
			time.Sleep(5 * time.Millisecond)
		}
		event()
	}
	writing.Wait()
	shop.all(ctx, x, orders)
	if !x.settled(ctx) {
		t.Fatalf("not all confirmations are over: %s", x.stderr.String())
	}
	if err := x.end(syscall.SIGTERM); err != nil {
		t.Errorf("SIGTERM: %v: %s", err, x.stderr.String())
	}
	v := x.judge(orders)
	x.mu.Lock()
	for to := range x.truth {
		if strings.HasPrefix(to, "never") {
			t.Errorf("%s has a mail of an order that was never completed", to)
		}
	}
	x.mu.Unlock()
	gaps := strings.Count(x.stderr.String(), "GAP")
	if drops > 0 && gaps == 0 {
		t.Error("no gap was told of")
	}
	t.Logf("%d orders, %d kills, %d crashes of Postgres, %d slots dropped: %d lost, %d unmarked twice, %d marks; %d lines of the log tell of gaps", orders, kills+drops, crashes, drops, v.lost, v.silent, v.marked, gaps)
}

// slot waits until the daemon has one.
func (x *logShop) slot(ctx context.Context) {
	x.t.Helper()
	for ctx.Err() == nil {
		var there bool
		if err := x.pool.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_replication_slots WHERE slot_name = 'waxwing_shop' AND active)`).Scan(&there); err == nil && there {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	x.t.Fatal("the daemon reads no slot")
}

// all waits until each completed order has a mail.
func (x *logShop) all(ctx context.Context, tt *torture, orders int) {
	x.t.Helper()
	for {
		missing := 0
		tt.mu.Lock()
		for i := range orders {
			if tt.truth[recipient(i)] == 0 {
				missing++
			}
		}
		tt.mu.Unlock()
		if missing == 0 {
			return
		}
		select {
		case <-ctx.Done():
			x.t.Errorf("%d of %d orders have no mail: %.3000s", missing, orders, tt.stderr.String())
			return
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// TestPostgresLogLatency shows how long it takes from the commit of the shop's to the mail server's 250, at 200 orders/s. It asserts
// nothing of time.
func TestPostgresLogLatency(t *testing.T) {
	queuetest.Wanted(t)
	shop := newLogShop(t)
	n := 200
	if *tortureLogOrders > 0 {
		n = 6000
	}
	var mu sync.Mutex
	mailed := map[string]time.Time{}
	x := newTorture(t, sink.Faults{})
	srv := sink.New(sink.Config{OnMail: func(m sink.Mail) {
		mu.Lock()
		defer mu.Unlock()
		mailed[m.To] = time.Now()
	}})
	addr, err := srv.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	x.sink = addr
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	x.spawn()
	if !x.up(ctx) {
		t.Fatal(x.stderr.String())
	}
	shop.slot(ctx)
	committed := make([]time.Time, n)
	pace := time.NewTicker(5 * time.Millisecond)
	defer pace.Stop()
	var wg sync.WaitGroup
	for i := range n {
		<-pace.C
		wg.Go(func() {
			if _, err := shop.pool.Exec(ctx, `WITH o AS (INSERT INTO orders VALUES ($1, 'paid', $2, '', now()) RETURNING id) INSERT INTO lines SELECT id, 'Cup', 1, 4.50 FROM o`, i, recipient(i)); err != nil {
				t.Error(err)
			}
			committed[i] = time.Now()
		})
	}
	wg.Wait()
	var took []time.Duration
	for i := range n {
		for ctx.Err() == nil {
			mu.Lock()
			at, ok := mailed[recipient(i)]
			mu.Unlock()
			if ok {
				took = append(took, at.Sub(committed[i]))
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	_ = x.end(syscall.SIGTERM)
	if len(took) < n {
		t.Fatalf("%d of %d orders have a mail: %s", len(took), n, x.stderr.String())
	}
	slices.Sort(took)
	t.Logf("%d orders at 200/s, from the commit to the 250: p50 %s, p99 %s, longest %s", n, took[n/2], took[n*99/100], took[n-1])
}

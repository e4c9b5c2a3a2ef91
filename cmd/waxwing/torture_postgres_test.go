package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/ledger/postgres/postgrestest"
)

// backends ends the connections of all daemons.
const backends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'waxwing'"

// unlucky has each twentieth batch of the trail, and its group with it, fail as one does that
// others are in the way of: half of them at once, and half of them at the commit.
const unlucky = `CREATE FUNCTION unlucky() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	IF random() < 0.025 THEN
		RAISE EXCEPTION 'unlucky' USING ERRCODE = CASE WHEN random() < 0.5 THEN '40001' ELSE '40P01' END;
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER unlucky AFTER INSERT ON trail FOR EACH ROW EXECUTE FUNCTION unlucky();
CREATE CONSTRAINT TRIGGER unlucky_commit AFTER INSERT ON trail DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION unlucky()`

// storm is what befalls a fleet: how often each.
type storm struct{ daemons, postmaster, immediate, backends, orders int }

// TestTorturePostgres kills daemons of one ledger, and the server under them, in each way there
// is, while orders come, groups fail at random and the mail server lies: no order is lost, or
// sent twice without a mark.
func TestTorturePostgres(t *testing.T) {
	postgrestest.Wanted(t)
	t.Parallel() // it measures no time
	s, limit := storm{daemons: 30, postmaster: 2, immediate: 1, backends: 2, orders: 600}, 3*time.Minute
	if *tortureFull {
		s, limit = storm{daemons: 300, postmaster: 20, immediate: 10, backends: 10, orders: 5000}, 30*time.Minute
	}
	rng, seed := tortureSeeded(t)
	server := postgrestest.Own(t, "log_min_error_statement = panic")
	faults := sink.Faults{Seed: seed, LostReply: .02, Dropped: .02, DeferRcpt: .025, DeferDot: .025, Latency: 15 * time.Millisecond}
	f := newFleet(t, server, 3, 8, func(*node) sink.Plan { return faults.Plan() })
	f.exec(unlucky)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	f.start(ctx)
	began := time.Now()
	while := f.storm(ctx, rng, s)
	stormed := time.Since(began)
	f.settle(ctx, f.nodes[0])
	f.end(syscall.SIGTERM)
	v := f.judge(s.orders)
	said, err := server.Said("ERROR:  unlucky")
	if err != nil || said == 0 {
		t.Error("no group failed at random: ", err)
	}
	begun, unborn := 0, 0
	for _, n := range f.nodes {
		begun, unborn = begun+n.begun, unborn+n.unborn
	}
	t.Logf("%+v, and %d daemons killed while the server was away, within %s. %d orders: %d lost, %d silent duplicates, %d duplicates with %d marks; "+
		"the trail of %d entries verifies. %d answers were no 2xx, %d groups failed at random, %d commits were asked for, %d times somebody took over from the dead, "+
		"%d times from the living, %d starts, of which %d found no server", s, while, stormed.Round(time.Second), s.orders, v.lost, v.silent, v.doubled, v.marked, v.entries, f.refused.Load(), said,
		f.said("what became of the commit whose answer was lost is known"), f.said("instances are dead"), f.said("was taken for dead: others send"), begun, unborn)
}

// storm has all of it happen, in any order, while orders come. It tells how many daemons were
// killed while the server was away.
func (f *fleet) storm(ctx context.Context, rng *rand.Rand, s storm) (while int) {
	var events []func()
	add := func(n int, event func()) {
		for range n {
			events = append(events, event)
		}
	}
	kill := func() { f.nodes[rng.IntN(len(f.nodes))].signal(syscall.SIGKILL) }
	away := func(end func() error) func() {
		return func() {
			f.away.Add(1)
			if err := end(); err != nil {
				f.t.Error(err)
			}
			time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
			if rng.IntN(2) == 0 {
				while++
				kill()
			}
			time.Sleep(time.Duration(rng.IntN(600)) * time.Millisecond)
			if err := f.server.Start(); err != nil {
				f.t.Fatal(err)
			}
			f.away.Add(1)
		}
	}
	add(s.daemons, kill)
	add(s.postmaster, away(f.server.Kill))
	add(s.immediate, away(func() error { return f.server.End("immediate") }))
	add(s.backends, func() {
		f.away.Add(1)
		f.server.Exec(f.t, "postgres", backends)
		f.away.Add(1)
	})
	rng.Shuffle(len(events), func(i, j int) { events[i], events[j] = events[j], events[i] })
	next := make(chan int, s.orders)
	var posting sync.WaitGroup
	for range 12 {
		posting.Go(func() {
			for i := range next {
				f.order(ctx, i)
			}
		})
	}
	orders := 0
	for i, event := range events {
		before := f.mails.Load()
		for ; orders < s.orders*(i+1)/len(events); orders++ {
			next <- orders
		}
		time.Sleep(time.Duration(20+rng.IntN(400)) * time.Millisecond)
		f.until(ctx, "mails go out", func() bool { return f.mails.Load() > before })
		event()
	}
	close(next)
	posting.Wait()
	return while
}

package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const redisPort = "18931"

// startRedis starts a Redis server that has each write on the disk within a second.
func startRedis(dir string) (*process, error) {
	p := &process{cmd: exec.Command("redis-server", "--port", redisPort, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--appendonly", "yes")}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for begun := time.Now(); time.Since(begun) < 10*time.Second; time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", "127.0.0.1:"+redisPort); err == nil {
			return p, c.Close()
		}
	}
	p.kill()
	return nil, fmt.Errorf("redis-server did not start")
}

// crew is how processes share the work.
type crew struct {
	what             string
	daemons, workers int
	queue            string
}

// workers measures processes that only send beside whole daemons, on one Postgres ledger: a burst,
// and a steady rate, at which groups are small.
func (b *bench) workers() error {
	s, err := startPostgres()
	if err != nil {
		fmt.Printf("\nWorkers: not measured: %v\n", err)
		return nil
	}
	defer s.Remove()
	bus, err := startRedis(b.folder("redis"))
	if err != nil {
		fmt.Printf("\nWorkers: not measured: %v\n", err)
		return nil
	}
	defer bus.kill()
	fmt.Println("\nProcesses that only send, on one Postgres ledger, over Redis:")
	for _, c := range []crew{
		{"three daemons", 3, 0, ""},
		{"three daemons, references on Redis", 3, 0, "on: bus, carry: reference"},
		{"one daemon", 1, 0, ""},
		{"one daemon and three that only send", 1, 3, "on: bus, carry: content"},
	} {
		if err := b.crew(s, c); err != nil {
			return fmt.Errorf("%s: %w", c.what, err)
		}
	}
	return nil
}

func (b *bench) crew(s *postgresServer, c crew) error {
	name, ledger, err := s.database()
	if err != nil {
		return err
	}
	if c.queue != "" {
		ledger += "brokers: {bus: {type: redis, url: \"redis://127.0.0.1:" + redisPort + "/0\"}}\n"
	}
	var all []*daemon
	dir := b.folder("workers")
	for i := range c.daemons + c.workers {
		at := setup{bin: b.bin, sink: b.sink.addr, dir: filepath.Join(dir, fmt.Sprint(i)), ledger: ledger, port: i, queue: c.queue, sends: i >= c.daemons}
		d, err := at.start()
		if err != nil {
			return endAll(all, err)
		}
		all = append(all, d)
	}
	time.Sleep(2 * time.Second) // dictionaries are being made, and they know of each other
	err = b.crewRates(s, c, name, all)
	return endAll(all, err)
}

func (b *bench) crewRates(s *postgresServer, c crew, name string, all []*daemon) error {
	for _, rate := range []int{0, 200} {
		orders := b.Orders
		if rate > 0 {
			orders = rate * b.Steady
		}
		before, err := s.count(name)
		if err != nil {
			return err
		}
		workers, received := used(all[c.daemons:]), sumOf(all[c.daemons:], "waxwing_broker_received_total")
		f, err := b.measureAll(all, orders, 5, 128, float64(rate))
		if err != nil {
			return err
		}
		workers = (used(all[c.daemons:]) - workers) / time.Duration(orders)
		received = sumOf(all[c.daemons:], "waxwing_broker_received_total") - received
		time.Sleep(time.Second) // a backend says what it did a while after it
		after, err := s.count(name)
		if err != nil {
			return err
		}
		at := "burst"
		if rate > 0 {
			at = fmt.Sprintf("steady %d/s", rate)
		}
		fmt.Printf("  %-38s %-12s %6.0f orders/s, accepted to 250 p50 %s, p99 %s; %d us CPU an order, %d of them of those who only send; %s\n",
			c.what, at, f.perSecond, ms(f.p50), ms(f.p99), f.cpu.Microseconds(), workers.Microseconds(), after.per(before, orders))
		if c.workers > 0 {
			n, size := sumOf(all[:c.daemons], "waxwing_carried_total"), sumOf(all[:c.daemons], "waxwing_carried_bytes_total")
			var connections int
			if err := s.Ask(context.Background(), "postgres", "SELECT count(*)::int FROM pg_stat_activity WHERE datname = '"+name+"' AND application_name = 'waxwing'", &connections); err != nil {
				return err
			}
			fmt.Printf("    of %d orders those who only send got %.0f from the broker; %.2f KB a message; %d connections of all %d processes\n",
				orders, received, size/max(n, 1)/1000, connections, len(all))
		}
	}
	return nil
}

// sumOf adds up a metric of all; one that does not answer has none.
func sumOf(all []*daemon, metric string) (sum float64) {
	for _, d := range all {
		res, err := http.Get("http://" + d.addr + "/metrics")
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(res.Body); lines.Scan(); {
			if strings.HasPrefix(lines.Text(), metric+"{") {
				n, _ := strconv.ParseFloat(lines.Text()[strings.LastIndexByte(lines.Text(), ' ')+1:], 64)
				sum += n
			}
		}
		_ = res.Body.Close()
	}
	return sum
}

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing/ledger/postgres/postgrestest"
)

// served is a ledger's work as its server counts it.
type served struct {
	wal, statements, transactions, rows int64
	cpu                                 time.Duration // of all its processes
}

// per is what was counted since another moment, an order.
func (s served) per(before served, orders int) string {
	f := func(now, then int64) float64 { return float64(now-then) / float64(orders) }
	return fmt.Sprintf("%d us CPU of the server, %.1f KB of WAL, %.1f statements, %.2f transactions, %.1f rows written",
		(s.cpu-before.cpu).Microseconds()/int64(orders), f(s.wal, before.wal)/1000, f(s.statements, before.statements), f(s.transactions, before.transactions), f(s.rows, before.rows))
}

// postgresServer is a server of the benchmark's own, on this machine's disk and cores.
type postgresServer struct {
	*postgrestest.Server
	made int
}

func startPostgres() (*postgresServer, error) {
	own, err := postgrestest.New("shared_buffers = 256MB", "max_wal_size = 4GB", "shared_preload_libraries = 'pg_stat_statements'")
	if err != nil {
		return nil, err
	}
	return &postgresServer{Server: own}, nil
}

// database makes a new one and says how a configuration names it.
func (s *postgresServer) database() (name, ledger string, err error) {
	s.made++
	name = fmt.Sprintf("bench%d", s.made)
	err = s.Ask(context.Background(), "postgres", "CREATE DATABASE "+name+" OWNER "+postgrestest.Ordinary)
	master := "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
	return name, fmt.Sprintf("ledger: {type: postgres, dsn: %q}\nkeys: {master: %q}\n", s.DSN(name).Reveal(), master), err
}

// count asks what the server has done so far for one database.
func (s *postgresServer) count(name string) (x served, err error) {
	ctx := context.Background()
	parent, err := s.Pid()
	if err != nil {
		return x, err
	}
	if x.cpu, err = treeCPU(fmt.Sprint(parent)); err != nil {
		return x, err
	}
	if err = s.Ask(ctx, name, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements"); err != nil {
		return x, err
	}
	err = s.Ask(ctx, name, fmt.Sprintf(`SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint,
		(SELECT coalesce(sum(calls), 0)::bigint FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = '%s'),
		(SELECT xact_commit FROM pg_stat_database WHERE datname = '%s'),
		(SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint FROM pg_stat_user_tables)`, name, name), &x.wal, &x.statements, &x.transactions, &x.rows)
	return x, err
}

// postgres measures a ledger on Postgres beside one in a folder, in turn: one daemon, three
// daemons that share the ledger and the load, and a steady rate (G10).
func (b *bench) postgres() error {
	s, err := startPostgres()
	if err != nil {
		fmt.Printf("\nPostgres: not measured: %v\n", err)
		return nil
	}
	defer s.Remove()
	var file, one, three, ratios, shares []float64
	var work string
	for range b.Runs {
		f, _, err := b.burstOn(nil, 1)
		if err != nil {
			return err
		}
		p, counted, err := b.burstOn(s, 1)
		if err != nil {
			return err
		}
		t, shared, err := b.burstOn(s, 3)
		if err != nil {
			return err
		}
		work = fmt.Sprintf("  an order: %d us CPU of the daemon, %s\n  of three daemons: %d us CPU of theirs, %s",
			p.cpu.Microseconds(), counted, t.cpu.Microseconds(), shared)
		file, one, three = append(file, f.perSecond), append(one, p.perSecond), append(three, t.perSecond)
		ratios, shares = append(ratios, p.perSecond/f.perSecond), append(shares, t.perSecond/p.perSecond)
		fmt.Printf("  run: SQLite %.0f/s, Postgres %.0f/s, three daemons on it %.0f/s\n", f.perSecond, p.perSecond, t.perSecond)
	}
	fmt.Printf("\nA burst of %d orders on Postgres: %.0f orders/s, in a folder %.0f: %.2f (G10: 0.40)\n  three daemons on one ledger %.0f/s: %.2f of one (G10: 1)\n%s\n",
		b.Orders, median(one), median(file), median(ratios), median(three), median(shares), work)
	return b.postgresSteady(s)
}

// burstOn measures a burst on so many daemons over a new ledger: in a folder (s is nil), or on
// Postgres, of which it says what an order costs there.
func (b *bench) burstOn(s *postgresServer, daemons int) (f figures, counted string, err error) {
	name, ledger := "", ""
	if s != nil {
		if name, ledger, err = s.database(); err != nil {
			return f, "", err
		}
	}
	all, err := b.startAll(daemons, ledger)
	if err != nil {
		return f, "", err
	}
	time.Sleep(2 * time.Second) // dictionaries are being made, and they know of each other
	var before, after served
	if s != nil {
		if before, err = s.count(name); err != nil {
			return f, "", err
		}
	}
	f, err = b.measureAll(all, b.Orders, 5, 128, 0)
	if err == nil && s != nil {
		time.Sleep(time.Second) // a backend says what it did a while after it
		after, err = s.count(name)
		counted = after.per(before, b.Orders)
	}
	return f, counted, endAll(all, err)
}

// postgresSteady measures a steady rate on one daemon.
func (b *bench) postgresSteady(s *postgresServer) error {
	_, ledger, err := s.database()
	if err != nil {
		return err
	}
	const rate = 200
	all, err := b.startAll(1, ledger)
	if err != nil {
		return err
	}
	if _, err = b.measureAll(all, rate, 5, 64, rate); err == nil { // warm up
		var f figures
		if f, err = b.measureAll(all, rate*b.Steady, 5, 128, rate); err == nil {
			fmt.Printf("  steady %d orders/s for %d s: accepted to 250 p50 %s, p99 %s; accept p99 %s; %d us CPU an order, without the server's (G10: p99 250 ms)\n",
				rate, b.Steady, ms(f.p50), ms(f.p99), ms(f.accept99), f.cpu.Microseconds())
		}
	}
	return endAll(all, err)
}

// startAll starts daemons that share a ledger, each with a folder and an address of its own.
func (b *bench) startAll(n int, ledger string) (all []*daemon, err error) {
	dir := b.folder("postgres")
	for i := range n {
		at := setup{bin: b.bin, sink: b.sink.addr, dir: filepath.Join(dir, fmt.Sprint(i)), ledger: ledger, port: i}
		d, err := at.start()
		if err != nil {
			return nil, endAll(all, err)
		}
		all = append(all, d)
	}
	return all, nil
}

// endAll stops daemons, or kills them where something has failed already.
func endAll(all []*daemon, err error) error {
	for _, d := range all {
		if err != nil {
			d.kill()
		} else {
			err = d.stop()
		}
	}
	return err
}

// treeCPU is the processor time of a process, of those that it has begun, and of those of them
// that have ended.
func treeCPU(main string) (sum time.Duration, err error) {
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, err
	}
	for _, dir := range all {
		f, parent, err := processTimes(filepath.Base(dir))
		switch {
		case err != nil: // it has ended meanwhile
		case filepath.Base(dir) == main:
			sum += f[0] + f[1] + f[2] + f[3]
		case parent == main:
			sum += f[0] + f[1]
		}
	}
	return sum, nil
}

// processTimes are a process's user and system time, the same of its children that ended, and
// its parent (proc(5)).
func processTimes(pid string) (times [4]time.Duration, parent string, err error) {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return times, "", err
	}
	f := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
	for i := range times {
		n, _ := strconv.Atoi(f[11+i])
		times[i] = time.Duration(n) * (time.Second / 100) // USER_HZ is 100 on Linux
	}
	return times, f[1], nil
}

package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// grownBy is how many copies of the first orders one statement makes: what it sorts stays in memory.
const grownBy = 20

// copied are the tables with rows of each order, each with what an older copy k has in place of a
// column: other ids, behind all that is there, other keys, and short bodies for the sake of the disk.
var copied = []struct {
	name   string
	change map[string]string
}{
	{"confirmations", map[string]string{"id": older("id"), "key": other("key")}},
	{"events", map[string]string{"id": older("id"), "body": "substr(body, 1, 64)"}},
	{"messages", map[string]string{"id": older("id")}},
	{"contents", map[string]string{"id": older("id"), "body": "substr(body, 1, 64)"}},
	{"attempts", map[string]string{"message": older("message")}},
	{"lookups", map[string]string{"confirmation": older("confirmation"), "hash": other("hash")}},
	{"trail", map[string]string{"batch": "batch - k * (SELECT max(batch) + 1 FROM base_trail)", "entries": "substr(entries, 1, 64)"}},
}

// older is an id as if it had been given 100 s earlier for each copy.
func older(column string) string { return column + " - k * (100000::bigint << 22)" }

// other is a hash that no other copy has.
func other(column string) string {
	return fmt.Sprintf("substr(sha256(%s || int8send(k)), 1, length(%[1]s))", column)
}

// grow gives a database whose daemon was stopped about n confirmations that were all sent long
// ago, by copying those that are there.
func (s *postgresServer) grow(name string, n int) (rows int64, err error) {
	ctx := context.Background()
	ask := func(q string, into ...any) {
		if err == nil {
			if err = s.Ask(ctx, name, q, into...); err != nil {
				err = fmt.Errorf("%w: %.200s", err, q)
			}
		}
	}
	var have int
	var indexes string
	ask("SELECT count(*) FROM confirmations", &have)
	ask(`SELECT coalesce(string_agg(indexdef, ';'), '') FROM pg_indexes i WHERE tablename IN ('confirmations', 'messages', 'lookups')
		AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname)`, &indexes)
	ask(`DO $$ DECLARE r record; BEGIN
		FOR r IN SELECT indexname FROM pg_indexes i WHERE tablename IN ('confirmations', 'messages', 'lookups')
			AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conname = i.indexname) LOOP EXECUTE 'DROP INDEX ' || r.indexname; END LOOP; END $$`)
	for _, t := range copied {
		ask("CREATE TABLE base_" + t.name + " AS SELECT * FROM " + t.name)
	}
	if err != nil {
		return 0, err
	}
	copies, began := (n-1)/have, time.Now()
	for _, t := range copied {
		var columns string
		ask(`SELECT string_agg(column_name, ',' ORDER BY ordinal_position) FROM information_schema.columns
			WHERE table_name = '`+t.name+`' AND is_generated = 'NEVER'`, &columns)
		values := strings.Split(columns, ",")
		for i, c := range values {
			if v, ok := t.change[c]; ok {
				values[i] = v
			}
		}
		for to := copies; to > 0; to -= grownBy {
			ask(fmt.Sprintf("SET work_mem = '256MB'; INSERT INTO %s (%s) SELECT %s FROM base_%s, generate_series(%d, %d) k ORDER BY 1",
				t.name, columns, strings.Join(values, ","), t.name, max(to-grownBy, 0)+1, to))
		}
		ask("DROP TABLE base_" + t.name)
		fmt.Fprintf(os.Stderr, "  %-14s %d times, after %.0f s\n", t.name, copies, time.Since(began).Seconds())
	}
	ask("SET maintenance_work_mem = '1GB'; " + indexes)
	ask("VACUUM (FREEZE, ANALYZE)")
	ask("CHECKPOINT")
	var size int64
	ask("SELECT count(*) FROM confirmations", &rows)
	ask("SELECT pg_database_size(current_database())", &size)
	fmt.Fprintf(os.Stderr, "  %d confirmations, %.1f GB, after %.0f s\n", rows, float64(size)/1e9, time.Since(began).Seconds())
	return rows, err
}

// quick has the server not wait for the disk, or wait for it as it must.
func (s *postgresServer) quick(yes bool) error {
	set := "ALTER SYSTEM SET %s = off"
	if !yes {
		set = "ALTER SYSTEM RESET %s"
	}
	for _, what := range []string{"fsync", "full_page_writes", "autovacuum"} {
		if err := s.Ask(context.Background(), "postgres", fmt.Sprintf(set, what)); err != nil {
			return err
		}
	}
	if err := s.End("fast"); err != nil { // what it has is written out
		return err
	}
	return s.Start()
}

// grown measures bursts on a Postgres ledger with many old orders beside new ones with none, in turn.
func (b *bench) grown() error {
	s, err := startPostgres()
	if err != nil {
		fmt.Printf("\nGrown Postgres: not measured: %v\n", err)
		return nil
	}
	defer s.Remove()
	name, ledger, err := s.database()
	if err != nil {
		return err
	}
	if _, _, err := b.burstThere(ledger); err != nil { // what is copied
		return err
	}
	if err := s.quick(true); err != nil {
		return err
	}
	rows, err := s.grow(name, b.Rows)
	if err == nil {
		err = s.quick(false)
	}
	if err != nil {
		return err
	}
	if b.Keep != "" {
		fmt.Printf("  the server listens on port %d; press enter when nothing else runs\n", s.Port)
		_, _ = fmt.Scanln()
	}
	var few, many, ratios, cpus []float64
	for range b.Runs {
		_, at, err := s.database()
		if err != nil {
			return err
		}
		e, _, err := b.burstThere(at)
		if err != nil {
			return err
		}
		g, ready, err := b.burstThere(ledger)
		if err != nil {
			return err
		}
		few, many = append(few, e.perSecond), append(many, g.perSecond)
		ratios, cpus = append(ratios, g.perSecond/e.perSecond), append(cpus, float64(g.cpu)/float64(e.cpu))
		fmt.Printf("  run: empty %.0f/s and %d us, grown %.0f/s and %d us, ready after %s\n", e.perSecond, e.cpu.Microseconds(), g.perSecond, g.cpu.Microseconds(), ms(ready))
	}
	fmt.Printf("\nA burst of %d orders on Postgres with %d old ones: %.0f orders/s, with none %.0f: %.2f (least %.2f; G10: 0.80), CPU of the daemon %.2f\n",
		b.Orders, rows, median(many), median(few), median(ratios), slices.Min(ratios), median(cpus))
	return nil
}

// burstThere measures a burst on a daemon over a database, and how soon it was ready.
func (b *bench) burstThere(ledger string) (f figures, ready time.Duration, err error) {
	all, err := b.startAll(1, ledger)
	if err != nil {
		return f, 0, err
	}
	time.Sleep(2 * time.Second) // dictionaries are being made
	f, err = b.measureAll(all, b.Orders, 5, 128, 0)
	return f, all[0].started, endAll(all, err)
}

package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

type runCmd struct {
	Orders int      `default:"10000" help:"Orders in the burst."`
	Rates  []int    `default:"200,1000" help:"Steady rates in orders a second."`
	Steady int      `default:"10" help:"Seconds of each steady rate."`
	Only   []string `help:"Only these: burst, lines, steady, idle, rtt, dkim, plugins, postgres, workers, and grown, which takes half an hour and is not among all." placeholder:"PART"`
	Rows   int      `default:"10000000" help:"Confirmations of the grown ledger."`
	Keep   string   `help:"Keep profiles and ledgers in this folder." placeholder:"DIR"`
	Runs   int      `default:"3" help:"Runs of burst and ceiling; the median counts."`
}

// bench is one run's state.
type bench struct {
	runCmd
	dir, bin string
	sink     *remoteSink
	next     int // number of the next order
}

// Run measures and prints.
func (c runCmd) Run() error {
	b := &bench{runCmd: c, next: 1}
	var err error
	if b.dir, err = os.MkdirTemp("", "waxwing-bench"); err != nil {
		return err
	}
	if c.Keep == "" {
		defer func() { _ = os.RemoveAll(b.dir) }()
	} else {
		b.dir = c.Keep
	}
	if b.bin, err = build(b.dir); err != nil {
		return err
	}
	if b.sink, err = startSink(); err != nil {
		return err
	}
	defer b.sink.kill()
	if slices.Contains(c.Only, "grown") {
		return b.grown()
	}
	for _, part := range []struct {
		name string
		run  func() error
	}{{"burst", b.burst}, {"lines", b.lines}, {"steady", b.steady}, {"idle", b.idle}, {"rtt", b.rtt}, {"dkim", b.dkim}, {"plugins", b.plugins}, {"postgres", b.postgres}, {"workers", b.workers}} {
		if len(c.Only) > 0 && !slices.Contains(c.Only, part.name) {
			continue
		}
		if err := part.run(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	return nil
}

func build(dir string) (string, error) {
	bin := filepath.Join(dir, "waxwing")
	cmd := exec.Command("go", "build", "-trimpath", "-o", bin, "github.com/waxwinghq/waxwing/cmd/waxwing")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	return bin, cmd.Run()
}

func (b *bench) folder(name string) string {
	p := filepath.Join(b.dir, fmt.Sprintf("%s-%d", name, b.next))
	_ = os.RemoveAll(p)
	_ = os.MkdirAll(p, 0o700)
	return p
}

// prepare makes signed requests and says which orders they are.
func (b *bench) prepare(n, lines int) (first int, reqs [][]byte) {
	first = b.next
	b.next += n
	for i := range n {
		reqs = append(reqs, request(orderJSON(first+i, lines, time.Now()), listen))
	}
	return first, reqs
}

// figures are what one measurement came to.
type figures struct {
	perSecond      float64
	cpu            time.Duration // of the daemon, an order
	mean, p50, p99 time.Duration // accepted to 250
	accept99       time.Duration // due to 2xx
	twice          int
	rss            int64
}

func (b *bench) measure(d *daemon, n, lines, conns int, rate float64) (f figures, err error) {
	return b.measureAll([]*daemon{d}, n, lines, conns, rate)
}

// measureAll is measure on daemons that share a ledger and the load.
func (b *bench) measureAll(all []*daemon, n, lines, conns int, rate float64) (f figures, err error) {
	first, reqs := b.prepare(n, lines)
	if _, _, err := b.sink.dump(); err != nil {
		return f, err
	}
	cpu := used(all)
	res, err := load(addresses(all), reqs, conns, rate)
	if err != nil {
		return f, err
	}
	if err := b.sink.wait(n, 2*time.Minute); err != nil {
		return f, err
	}
	f.cpu = (used(all) - cpu) / time.Duration(n)
	got, twice, err := b.sink.dump()
	if err != nil {
		return f, err
	}
	var sent, accept []time.Duration
	var sum time.Duration
	last := res[0].due
	for i := range res {
		at, ok := got[int64(first+i)]
		if !ok || !res[i].ok {
			return f, fmt.Errorf("order %d was lost", first+i)
		}
		took := max(at.Sub(res[i].accepted), 0)
		sent, sum = append(sent, took), sum+took
		accept = append(accept, res[i].accepted.Sub(res[i].due))
		if at.After(last) {
			last = at
		}
	}
	slices.Sort(sent)
	slices.Sort(accept)
	f.perSecond = float64(n) / last.Sub(res[0].due).Seconds()
	f.mean, f.p50, f.p99 = sum/time.Duration(n), sent[n/2], sent[n*99/100]
	f.accept99, f.twice, f.rss = accept[n*99/100], twice, all[0].rss()
	return f, nil
}

// used is the processor time of all.
func used(all []*daemon) (sum time.Duration) {
	for _, d := range all {
		sum += d.cpu()
	}
	return sum
}

func addresses(all []*daemon) (out []string) {
	for _, d := range all {
		if !d.sends {
			out = append(out, d.addr)
		}
	}
	return out
}

func (b *bench) ceiling() (perSecond, cpu float64, err error) {
	self, err := os.Executable()
	if err != nil {
		return 0, 0, err
	}
	out, err := exec.Command(self, "ceiling", "--sink", b.sink.addr, "--dir", b.dir, "--orders", fmt.Sprint(b.Orders)).Output()
	if err != nil {
		return 0, 0, fmt.Errorf("ceiling: %w", err)
	}
	_, err = fmt.Sscan(string(out), &perSecond, &cpu)
	return perSecond, cpu, err
}

// burst alternates ceiling and daemon, so that a noisy hour meets both.
func (b *bench) burst() error {
	var tops, tcpus, ratios []float64
	var all []figures
	prof := ""
	for range b.Runs {
		top, tcpu, err := b.ceiling()
		if err != nil {
			return err
		}
		s := setup{bin: b.bin, dir: b.folder("burst"), sink: b.sink.addr}
		s.profile = filepath.Join(s.dir, "cpu.prof")
		prof = s.profile
		d, err := s.start()
		if err != nil {
			return err
		}
		time.Sleep(300 * time.Millisecond) // dictionaries are being made
		f, err := b.measure(d, b.Orders, 5, 128, 0)
		if err != nil {
			d.kill()
			return err
		}
		if err := d.stop(); err != nil {
			return err
		}
		tops, tcpus, all, ratios = append(tops, top), append(tcpus, tcpu), append(all, f), append(ratios, f.perSecond/top)
		fmt.Printf("  run: ceiling %.0f/s, daemon %.0f/s, ratio %.2f\n", top, f.perSecond, f.perSecond/top)
	}
	slices.SortFunc(all, func(a, b figures) int { return int(a.perSecond - b.perSecond) })
	f := all[len(all)/2]
	fmt.Printf("\nBurst of %d orders, 5 lines, twelve locales, sealing on, DKIM off\n", b.Orders)
	fmt.Printf("  ceiling                    %8.0f orders/s  %.0f us CPU an order\n", median(tops), median(tcpus))
	fmt.Printf("  daemon                     %8.0f orders/s  %d us CPU an order (G2: 450)\n", f.perSecond, f.cpu.Microseconds())
	fmt.Printf("  ratio to the ceiling           %.2f           (G1: 0.35 now, 0.45, 0.60)\n", median(ratios))
	fmt.Printf("  accepted to 250: mean %s, p50 %s, p99 %s (G0: mean < 3 s, p99 < 5 s); lost 0, twice %d\n  %.0f MB resident after it\n", ms(f.mean), ms(f.p50), ms(f.p99), f.twice, float64(f.rss)/1e6)
	return byPart(b.bin, prof, b.Orders)
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

func median(v []float64) float64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

// byPart prints the profile by the pprof labels that the daemon sets.
func byPart(bin, prof string, orders int) error {
	out, err := exec.Command("go", "tool", "pprof", "-tags", "-unit=us", bin, prof).CombinedOutput()
	if err != nil {
		return fmt.Errorf("pprof: %w: %s", err, out)
	}
	fmt.Println("  CPU by part, us an order (the profile of the last run):")
	sc := bufio.NewScanner(strings.NewReader(string(out)))
	for sc.Scan() {
		f := strings.Fields(sc.Text())
		var v float64
		if len(f) < 2 {
			continue
		}
		if n, _ := fmt.Sscanf(f[0], "%fus", &v); n == 1 && strings.Contains(sc.Text(), "%") {
			fmt.Printf("    %-12s %6.0f\n", f[len(f)-1], v/float64(orders))
		}
	}
	return nil
}

func (b *bench) with(s setup, f func(*daemon) error) error {
	s.bin, s.sink = b.bin, orElse(s.sink, b.sink.addr)
	if s.dir == "" {
		s.dir = b.folder("run")
	}
	d, err := s.start()
	if err != nil {
		return err
	}
	time.Sleep(300 * time.Millisecond)
	if err := f(d); err != nil {
		d.kill()
		return err
	}
	return d.stop()
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func (b *bench) lines() error {
	return b.with(setup{}, func(d *daemon) error {
		five, err := b.measure(d, 3000, 5, 64, 0)
		if err != nil {
			return err
		}
		hundred, err := b.measure(d, 1000, 100, 64, 0)
		if err != nil {
			return err
		}
		fmt.Printf("\nOrders of 100 lines: %d us CPU, of 5 lines: %d us: %.1f times (G8: 4)\n", hundred.cpu.Microseconds(), five.cpu.Microseconds(),
			float64(hundred.cpu)/float64(five.cpu))
		return nil
	})
}

func (b *bench) steady() error {
	for _, rate := range b.Rates {
		err := b.with(setup{}, func(d *daemon) error {
			if _, err := b.measure(d, rate, 5, 64, float64(rate)); err != nil { // warm up
				return err
			}
			f, err := b.measure(d, rate*b.Steady, 5, 128, float64(rate))
			if err != nil {
				return err
			}
			fmt.Printf("\nSteady %d orders/s for %d s: accepted to 250 p50 %s, p99 %s; accept p99 %s; %d us CPU an order (G3: 1000/s 60 and 25 ms; 200/s 25 ms)\n",
				rate, b.Steady, ms(f.p50), ms(f.p99), ms(f.accept99), f.cpu.Microseconds())
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) idle() error {
	return b.with(setup{}, func(d *daemon) error {
		time.Sleep(time.Second)
		cpu := d.cpu()
		time.Sleep(10 * time.Second)
		used := (d.cpu() - cpu).Seconds() / 10 * 100
		fmt.Printf("\nIdle: %.1f MB resident, %.2f %% of a core; ready after %s (G7: 60 MB, 0.5 %%, 300 ms)\n", float64(d.rss())/1e6, used, ms(d.started))
		return nil
	})
}

// rtt sends through a wire of 20 ms with 20 connections.
func (b *bench) rtt() error {
	p, _, out, err := spawnTalking("delay", "--to", b.sink.addr)
	if err != nil {
		return err
	}
	defer p.kill()
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return err
	}
	return b.with(setup{sink: strings.TrimSpace(addr), connections: 20}, func(d *daemon) error {
		if _, err := b.measure(d, 1000, 5, 64, 0); err != nil { // connections are opened
			return err
		}
		f, err := b.measure(d, 6000, 5, 128, 0)
		if err != nil {
			return err
		}
		fmt.Printf("\n20 ms round trip, 20 connections: %.0f mails/s (G9: 800)\n", f.perSecond)
		return nil
	})
}

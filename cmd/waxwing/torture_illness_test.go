package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/ledger/postgres/postgrestest"
	"github.com/waxwinghq/waxwing/pipeline"
)

// patient is a mail server that can fall ill in one way.
type patient struct {
	*gate
	// keys are the provider's besides the address.
	keys string
	// fall has it fall ill, and heal be well again.
	fall, heal func()
}

// illness makes a server that will have it.
type illness struct {
	name string
	make func(t *testing.T, rng *rand.Rand, took func(sink.Mail)) *patient
}

// behind makes a patient whose illness is its gate's.
func behind(mode int32) func(*testing.T, *rand.Rand, func(sink.Mail)) *patient {
	return func(t *testing.T, _ *rand.Rand, took func(sink.Mail)) *patient {
		p := answering(t, sink.Config{OnMail: took}, &atomic.Bool{})
		p.fall, p.heal = func() { p.set(mode) }, func() { p.set(opened) }
		return p
	}
}

// answering makes a patient with this server, which is ill when that says so.
func answering(t *testing.T, c sink.Config, ill *atomic.Bool) *patient {
	s := sink.New(c)
	addr, err := s.Listen("")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	p := &patient{gate: newGate(t, addr), keys: "tls: none"}
	p.fall, p.heal = func() { ill.Store(true) }, func() { ill.Store(false) }
	return p
}

// saying makes a patient that answers so at one of these phases, which is drawn.
func saying(phases []waxwing.Phase, answers ...sink.Answer) func(*testing.T, *rand.Rand, func(sink.Mail)) *patient {
	return func(t *testing.T, rng *rand.Rand, took func(sink.Mail)) *patient {
		phase, answer := phases[rng.IntN(len(phases))], answers[rng.IntN(len(answers))]
		t.Logf("at %s: %+v", phase, answer)
		ill := &atomic.Bool{}
		return answering(t, sink.Config{OnMail: took, Plan: func(q sink.Question) sink.Answer {
			if q.Phase == phase && ill.Load() {
				return answer
			}
			return sink.Answer{}
		}}, ill)
	}
}

// speaking makes a patient that speaks TLS, and has it as ill says when it is.
func speaking(ill func(expired *tls.Certificate) (*tls.Config, error)) func(*testing.T, *rand.Rand, func(sink.Mail)) *patient {
	return func(t *testing.T, _ *rand.Rand, took func(sink.Mail)) *patient {
		good, root := certified(t, time.Now().Add(time.Hour))
		expired, old := certified(t, time.Now().Add(-time.Hour))
		file := filepath.Join(t.TempDir(), "ca.pem")
		if err := os.WriteFile(file, slices.Concat(root, old), 0o600); err != nil {
			t.Fatal(err)
		}
		is := &atomic.Bool{}
		p := answering(t, sink.Config{OnMail: took, TLS: &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
			if is.Load() {
				return ill(&expired)
			}
			return &tls.Config{Certificates: []tls.Certificate{good}}, nil
		}}}, is)
		p.keys = fmt.Sprintf("tls: starttls, ca_file: %q", file)
		fall := p.fall
		p.fall = func() { // who is connected has shaken hands long ago
			p.set(refused)
			fall()
			p.set(opened)
		}
		return p
	}
}

// certified makes a certificate for 127.0.0.1, and itself as PEM.
func certified(t *testing.T, until time.Time) (tls.Certificate, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(until.Unix()), Subject: pkix.Name{CommonName: "sink " + until.String()}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: until.Add(-24 * time.Hour), NotAfter: until, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(crand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// flapping makes a patient that is away and back every 5 s.
func flapping(t *testing.T, rng *rand.Rand, took func(sink.Mail)) *patient {
	p := behind(refused)(t, rng, took)
	var ticks sync.WaitGroup
	var over chan struct{}
	fall, heal := p.fall, p.heal
	p.fall = func() {
		over = make(chan struct{})
		fall()
		ticks.Go(func() {
			every := time.NewTicker(5 * time.Second)
			defer every.Stop()
			for away := true; ; {
				select {
				case <-over:
					return
				case <-every.C:
				}
				if away = !away; away {
					fall()
				} else {
					heal()
				}
			}
		})
	}
	p.heal = func() { close(over); ticks.Wait(); heal() }
	return p
}

// illnesses are all ways in which a provider can be unwell.
func illnesses() []illness {
	early := []waxwing.Phase{waxwing.PhaseMail, waxwing.PhaseRcpt, waxwing.PhaseData, waxwing.PhaseDot}
	later := []sink.Answer{{Code: 451, Text: "4.3.0 not now"}, {Code: 452, Text: "no room"}, {Code: 451, Text: "4.7.1 greylisted"}}
	if *tortureFull { // until three have been put off it is their mailboxes', and these wait for their schedule, which is a minute
		later = append(later, sink.Answer{Code: 450, Text: "4.2.1 mailbox busy"})
	}
	return []illness{
		{"refused", behind(refused)},
		{"black hole", behind(dropped)},
		{"mute", behind(mute)},
		{"421 for all", saying([]waxwing.Phase{waxwing.PhaseBanner, waxwing.PhaseMail, waxwing.PhaseRcpt}, sink.Answer{Code: 421, Text: "4.3.2 closing"}, sink.Answer{Code: 421, Text: "come later"})},
		{"4xx for all", saying(early, later...)},
		{"30 s slow", saying([]waxwing.Phase{waxwing.PhaseBanner, waxwing.PhaseMail, waxwing.PhaseRcpt, waxwing.PhaseData}, sink.Answer{Delay: 30 * time.Second})},
		{"30 s slow at the dot", saying([]waxwing.Phase{waxwing.PhaseDot}, sink.Answer{Delay: 30 * time.Second})},
		{"TLS broken", speaking(func(*tls.Certificate) (*tls.Config, error) { return nil, errors.New("broken") })},
		{"certificate expired", speaking(func(c *tls.Certificate) (*tls.Config, error) {
			return &tls.Config{Certificates: []tls.Certificate{*c}}, nil
		})},
		{"flapping", flapping},
	}
}

// ward is a daemon with a provider that falls ill and a second one that does not.
type ward struct {
	*rig
	first *patient
	mu2   sync.Mutex
	at    map[string]time.Time // by recipient: when the first mail came
	n     map[string]int
	by    map[string]int // mails by provider
}

func (w *ward) took(provider string) func(sink.Mail) {
	return func(m sink.Mail) {
		w.mu2.Lock()
		defer w.mu2.Unlock()
		if _, ok := w.at[m.To]; !ok {
			w.at[m.To] = time.Now()
		}
		w.n[m.To]++
		w.by[provider]++
	}
}

func (w *ward) mails(provider string) int {
	w.mu2.Lock()
	defer w.mu2.Unlock()
	return w.by[provider]
}

// newWard starts it; section is the ledger's in the configuration, "" the usual one.
func newWard(t *testing.T, i illness, rng *rand.Rand, section string) *ward {
	w := &ward{at: map[string]time.Time{}, n: map[string]int{}, by: map[string]int{}}
	w.first = i.make(t, rng, w.took("first"))
	second := answering(t, sink.Config{OnMail: w.took("second"), Plan: at(waxwing.PhaseDot, sink.Answer{Delay: 20 * time.Millisecond})}, &atomic.Bool{})
	patience := "40s"
	if !*tortureFull {
		patience = "5s"
	}
	w.rig = newRig(t, func(r *rig, _ *daemon.Extras) {
		if section != "" {
			r.cfg = testConfigWith(t, section)
		}
		r.endsBadly = true // what the ill one has taken and not answered may still be waited for
		r.cfg.Pipeline = r.cfg.Pipeline[:len(r.cfg.Pipeline)-1]
		for _, s := range r.cfg.Pipeline {
			if s, ok := s.Settings.(*pipeline.Send); ok {
				s.Providers, s.Uncertain.After = []string{"first", "second"}, config.Duration(time.Second)
			}
		}
		r.cfg.Providers["first"] = provider(fmt.Sprintf("type: smtp, addr: %q, %s, connections: 32, dot_timeout: %s", w.first.addr, w.first.keys, patience))
		r.cfg.Providers["second"] = mailer(second.addr, 32)
	})
	return w
}

// tried is how many attempts at a provider were in vain so far, by the metrics.
func (w *ward) tried(provider string) (vain int) {
	code, body := w.do("GET", "/metrics", "", nil, nil)
	if code != http.StatusOK {
		w.t.Errorf("metrics: %d", code)
	}
	for _, m := range attempts.FindAllStringSubmatch(body, -1) {
		if strings.Contains(m[1], `provider="`+provider+`"`) && !strings.Contains(m[1], `verdict="accepted"`) {
			n, _ := strconv.Atoi(m[2])
			vain += n
		}
	}
	return vain
}

var attempts = regexp.MustCompile(`(?m)^waxwing_attempts_total\{([^}]*)\} (\d+)$`)

// TestTortureIllness has the first of two providers fall ill in each way there is, from the start or in the middle, and well
// again, while 100 orders a second come: each is with a customer in time by the second one, which hardly anybody waits for.
func TestTortureIllness(t *testing.T) {
	illnessTable(t, func(*testing.T) string { return "" })
}

// TestTorturePostgresIllness is the same with the ledger on Postgres.
func TestTorturePostgresIllness(t *testing.T) {
	postgrestest.Wanted(t)
	server := postgrestest.Own(t)
	illnessTable(t, func(t *testing.T) string {
		return fmt.Sprintf("keys: {master: %q}\nledger: {type: postgres, dsn: %q}\n", fleetMaster, server.Database(t).Reveal())
	})
}

func illnessTable(t *testing.T, section func(*testing.T) string) {
	rng, seed := tortureSeeded(t)
	all, orders := illnesses(), 2000
	if !*tortureFull {
		orders = 60
		all = slices.DeleteFunc(all, func(i illness) bool { return strings.HasPrefix(i.name, "30 s") || i.name == "flapping" }) // they take minutes to be over
		rng.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		all = all[:2]
	}
	var mu sync.Mutex
	var rows []string
	t.Run("all", func(t *testing.T) {
		for i, ill := range all {
			for j, when := range []string{"from the start", "in the middle"} {
				if !*tortureFull && (i+j)%2 == 1 {
					continue
				}
				t.Run(ill.name+" "+when, func(t *testing.T) {
					if *tortureFull {
						t.Parallel()
					}
					row := newWard(t, ill, rand.New(rand.NewPCG(seed, uint64(2*i+j))), section(t)).run(orders, j*orders/4)
					mu.Lock()
					defer mu.Unlock()
					rows = append(rows, fmt.Sprintf("%-36s %s", ill.name+" "+when, row))
				})
			}
		}
	})
	slices.Sort(rows)
	t.Logf("%d orders at 100/s while it is ill\n%-36s %8s %8s %8s %5s %7s %6s %6s %8s %9s\n%s", orders, "the first is", "p50", "p99", "longest", "lost", "silent", "twice", "marks", "in vain", "back in", strings.Join(rows, "\n"))
}

// run has so many orders come before it falls ill, and so many while it is, and then more until it is back.
func (w *ward) run(ill, before int) string {
	type sent struct {
		due  time.Time
		to   string
		id   string
		done bool
	}
	var all []*sent
	var posts sync.WaitGroup
	rate := 10 * time.Millisecond
	if !*tortureFull { // other tests run beside this one
		rate *= 5
	}
	each := time.NewTicker(rate)
	defer each.Stop()
	order := func() {
		due := <-each.C
		o := &sent{due: due, to: fmt.Sprintf("c%d@example.com", len(all))}
		n := len(all) + 1
		all = append(all, o)
		posts.Go(func() {
			code, rc := w.shopify("shopify", shopifyOrder(n, o.to, "paid"))
			o.id, o.done = rc.ID, code == http.StatusAccepted
		})
	}
	if before == 0 {
		w.first.fall()
	}
	for range before {
		order()
	}
	if before > 0 {
		if w.mails("first") == 0 {
			w.t.Error("the first one has no mails while it is well")
		}
		w.first.fall()
	}
	for range ill {
		order()
	}
	vain := w.tried("first")
	w.first.heal()
	healed, had := time.Now(), w.mails("first")
	for w.mails("first") < had+w.enough() && time.Since(healed) < 150*time.Second {
		order()
	}
	back := time.Since(healed)
	if w.mails("first") < had+w.enough() {
		w.t.Errorf("the first one has %d mails %s after it was well again", w.mails("first")-had, back)
	}
	posts.Wait()
	w.poll(fmt.Sprintf("%d mails", len(all)), func() bool {
		w.mu2.Lock()
		defer w.mu2.Unlock()
		return len(w.at) == len(all)
	})
	var took []time.Duration
	lost, silent, twice, marked := 0, 0, 0, 0
	for _, o := range all {
		if !o.done {
			w.t.Error("an order was not accepted")
			continue
		}
		var v *waxwing.ConfirmationView
		w.poll("the end of "+o.id, func() bool { v = w.get(o.id); return v.State == waxwing.Sent })
		marks := strings.Count(causes(v), "possible_duplicate")
		w.mu2.Lock()
		n, at := w.n[o.to], w.at[o.to]
		w.mu2.Unlock()
		marked += marks
		switch {
		case n == 0:
			lost++
		case n > 1+marks:
			silent++
		case n > 1:
			twice++
		}
		took = append(took, at.Sub(o.due))
	}
	slices.Sort(took)
	p99 := took[(len(took)*99+99)/100-1]
	if *tortureFull && p99 >= 3*time.Second || lost > 0 || silent > 0 || vain > ill*5/100+faultsAtOnce {
		w.t.Errorf("p99 %s, %d lost, %d silent duplicates, %d of %d tried in vain", p99, lost, silent, vain, ill)
	}
	ms := func(d time.Duration) string { return d.Round(time.Millisecond).String() }
	return fmt.Sprintf("%8s %8s %8s %5d %7d %6d %6d %8d %9s", ms(took[len(took)/2]), ms(p99), ms(took[len(took)-1]), lost, silent, twice, marked, vain, back.Round(time.Second))
}

// enough is how many mails show that the first one is back.
func (*ward) enough() int {
	if *tortureFull {
		return 100
	}
	return 10
}

// faultsAtOnce is how many attempts may be under way when it falls ill.
const faultsAtOnce = 32

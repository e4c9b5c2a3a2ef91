package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/daemon"
)

// tortureSeeded is the seed of a scenario, with the command that repeats it.
func tortureSeeded(t *testing.T) (*rand.Rand, uint64) {
	t.Helper()
	if testing.Short() {
		t.Skip("-short")
	}
	seed := *tortureSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("seed %d: go test ./cmd/waxwing -run '^%s$' -torture.seed=%d -torture.full=%v", seed, t.Name(), seed, *tortureFull)
	return rand.New(rand.NewPCG(seed, 1)), seed
}

// odd is a reply that one order's server gives at one phase.
type odd struct {
	raw   string
	code  int // 0: it means none
	phase waxwing.Phase
}

// oddForms reads the table of forms that package smtp is held to.
func oddForms(t *testing.T) (out []odd) {
	t.Helper()
	b, err := os.ReadFile("../../channel/smtp/testdata/replies.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		q, code, ok := strings.Cut(strings.TrimSuffix(l, "\n"), "\t")
		if raw, err := strconv.Unquote(q); ok && err == nil {
			n, _ := strconv.Atoi(code)
			out = append(out, odd{raw: raw, code: n})
		}
	}
	return out
}

// oddText is a reply of this code whose text is any bytes.
func oddText(rng *rand.Rand, code int) string {
	var b strings.Builder
	end := []string{"\r\n", "\n"}[rng.IntN(2)]
	for n := rng.IntN(4); n >= 0; n-- {
		fmt.Fprintf(&b, "%d%s", code, []string{"-", " "}[min(1, max(0, 1-n))])
		for range rng.IntN(60) {
			if c := byte(rng.Uint32()); c != '\n' {
				b.WriteByte(c)
			}
		}
		b.WriteString(end)
	}
	return b.String()
}

// TestTortureReplies is a mail server that writes its replies in all the ways that
// servers do: each has the verdict of its code.
func TestTortureReplies(t *testing.T) {
	rng, _ := tortureSeeded(t)
	phases := []waxwing.Phase{waxwing.PhaseMail, waxwing.PhaseRcpt, waxwing.PhaseData, waxwing.PhaseDot}
	var plain, unwell []odd // unwell: those after which the server rests
	add := func(o odd) {
		for _, p := range phases {
			if o.phase = p; o.code == 421 || o.code == 0 || (o.code/100 == 3) != (p == waxwing.PhaseData) && o.code/100 < 4 {
				continue
			}
			plain = append(plain, o)
		}
		if o.phase = waxwing.PhaseDot; o.code == 421 || o.code == 0 {
			unwell = append(unwell, o)
		}
	}
	for _, o := range oddForms(t) {
		add(o)
	}
	for _, code := range []int{250, 451, 550} { // much text is still text
		add(odd{raw: fmt.Sprintf("%d-%s\r\n%d %s\r\n", code, strings.Repeat("x", 70<<10), code, strings.Repeat("y", 100<<10)), code: code})
	}
	more := 20
	if *tortureFull {
		more = 400
	}
	for range more {
		code := []int{250, 251, 354, 450, 451, 452, 550, 551, 553, 554}[rng.IntN(10)]
		add(odd{raw: oddText(rng, code), code: code})
	}
	all := append(plain, unwell...)
	of := func(to string) (int, odd) {
		i, err := strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(to, "odd"), "@example.com"))
		if err != nil || i >= len(all) {
			return -1, odd{}
		}
		return i, all[i]
	}
	var gate sync.WaitGroup
	gate.Add(len(unwell))
	var mu sync.Mutex
	seen := map[string]bool{}
	// At MAIL the recipient is not known: the answer there is the one of the order
	// that is under way.
	var atMail odd
	r := newRig(t, withoutFallback, withPlan(func(q sink.Question) (a sink.Answer) {
		i, o := of(q.To)
		if q.Phase == waxwing.PhaseMail {
			mu.Lock()
			i, o = 0, atMail
			mu.Unlock()
		}
		if i < 0 || o.phase != q.Phase {
			return a
		}
		if i >= len(plain) {
			mu.Lock()
			first := !seen[q.To]
			seen[q.To] = true
			mu.Unlock()
			if first { // all of them are at the dot together, before the server is known as unwell
				gate.Done()
				gate.Wait()
			}
		}
		return sink.Answer{Code: o.code, Raw: o.raw}
	}))
	to := func(i int) string { return fmt.Sprintf("odd%d@example.com", i) }
	ids := make([]string, len(all))
	post := func(i int) { ids[i] = r.accepted(shopifyOrder(1000+i, to(i), "paid")) }
	for i, o := range plain {
		if o.phase == waxwing.PhaseMail { // one at a time
			mu.Lock()
			atMail = o
			mu.Unlock()
			post(i)
			r.wantOdd(ids[i], to(i), o)
			mu.Lock()
			atMail = odd{}
			mu.Unlock()
		}
	}
	for i, o := range plain {
		if o.phase != waxwing.PhaseMail {
			post(i)
		}
	}
	for i, o := range plain {
		if o.phase != waxwing.PhaseMail {
			r.wantOdd(ids[i], to(i), o)
		}
	}
	for i := range unwell {
		post(len(plain) + i)
	}
	for i, o := range unwell {
		r.wantOdd(ids[len(plain)+i], to(len(plain)+i), o)
	}
	r.verified()
	t.Logf("%d replies, a verdict by code each", len(all))
}

func withoutFallback(r *rig, _ *daemon.Extras) {
	r.cfg.Pipeline = r.cfg.Pipeline[:len(r.cfg.Pipeline)-1]
}

// wantOdd waits for the first verdict of an order and holds it to the reply's code.
func (r *rig) wantOdd(id, to string, o odd) {
	r.t.Helper()
	var m waxwing.MessageView
	r.poll(fmt.Sprintf("a verdict on %.60q at %s", o.raw, o.phase), func() bool {
		v := r.get(id)
		if len(v.Messages) == 0 || len(v.Messages[0].Attempts) == 0 {
			return false
		}
		m = v.Messages[0]
		return m.State != waxwing.Claimed && m.State != waxwing.Dot
	})
	a := m.Attempts[0]
	verdict, state, mails := waxwing.Accepted, waxwing.Sent, 1
	switch {
	case o.code/100 == 4:
		verdict, state, mails = waxwing.Deferred, waxwing.Queued, 0
	case o.code/100 == 5:
		verdict, state, mails = waxwing.Rejected, waxwing.Failed, 0
	case o.code == 0:
		verdict, state = waxwing.UncertainVerdict, waxwing.Uncertain
	}
	if a.Verdict != verdict || m.State != state || len(r.mailsTo(to)) != mails {
		r.t.Errorf("%.60q at %s: %s, %s and %d mails; want %s, %s and %d", o.raw, o.phase, a.Verdict, m.State, len(r.mailsTo(to)), verdict, state, mails)
	}
	if !utf8.ValidString(a.Reply) || strings.ContainsFunc(a.Reply, func(c rune) bool { return c != '\n' && unicode.IsControl(c) || unicode.In(c, unicode.Bidi_Control) }) {
		r.t.Errorf("%.60q: shown as %q", o.raw, a.Reply)
	}
}

// TestTortureDoubt is a server whose answer is always lost: four mails of each
// order at most, all but the first marked, whatever is restarted between; then
// they are held with an alarm, and end when their time is over.
func TestTortureDoubt(t *testing.T) {
	rng, _ := tortureSeeded(t)
	clock := &testClock{}
	orders := 2
	if *tortureFull {
		orders = 16
	}
	r := newRig(t, withAnna(), withClock(clock), withPlan(at(waxwing.PhaseDot, sink.Answer{Lost: true})))
	ids := make([]string, orders)
	to := func(i int) string { return fmt.Sprintf("lost%d@example.com", i) }
	for i := range ids {
		ids[i] = r.accepted(shopifyOrder(2000+i, to(i), "paid"))
	}
	held := func() (n int) {
		for _, id := range ids {
			if m := r.get(id).Messages; len(m) > 0 && m[0].State == waxwing.Uncertain && m[0].Reason == waxwing.HeldInDoubt {
				n++
			}
		}
		return n
	}
	restart := 2 + rng.IntN(3*orders)
	for n := 0; held() < orders; n++ {
		if n > 1000*orders {
			t.Fatalf("only %d of %d are held", held(), orders)
		}
		if r.truth.Total() >= restart {
			r.restart(daemon.Extras{Clock: clock.now})
			restart = 1 << 30
		}
		clock.forward(5 * time.Second) // over the server's rests
		select {
		case <-r.arrive:
		case <-time.After(50 * time.Millisecond):
		}
	}
	clock.forward(5 * time.Hour)
	r.restart(daemon.Extras{Clock: clock.now})
	for i, id := range ids {
		v := r.get(id)
		if n, marks := len(r.mailsTo(to(i))), strings.Count(causes(v), "possible_duplicate"); n != 4 || marks != 3 {
			t.Errorf("order %d: %d mails, %d marks", i, n, marks)
		}
	}
	if story := r.mustSay("show", ids[0]); !strings.Contains(story, "send it again, or cancel it") {
		t.Errorf("staff are not told what to do: %s", story)
	}
	// A person's way out: what she cancels stays cancelled, what she lets be ends.
	if code, body := r.api("POST", "/confirmations/"+ids[0]+"/cancel", map[string]string{}); code != 200 {
		t.Errorf("cancel: %d %s", code, body)
	}
	clock.forward(20 * time.Hour)
	for i, id := range ids {
		want := waxwing.Failed
		if i == 0 {
			want = waxwing.Cancelled
		}
		r.until(id, want)
	}
	if r.truth.Total() != 4*orders {
		t.Errorf("%d mails of %d orders", r.truth.Total(), orders)
	}
	r.verified()
	r.stop()
	log := r.logs.String()
	if n := strings.Count(log, "a message is held in doubt"); n != orders {
		t.Errorf("%d alarms for %d messages", n, orders)
	}
	if many := strings.Count(log, "takes messages and does not answer"); orders >= 10 && many == 0 {
		t.Error("no alarm for the server")
	}
}

package mx

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/mx/lookup"
	"github.com/waxwinghq/waxwing/channel/smtp"
)

var (
	taken  = waxwing.Attempt{Verdict: waxwing.Accepted}
	slower = waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.RecipientFault, Code: 421}
)

// turn takes a message to a domain if its turn comes at once.
func turn(p *paces, x *pace) (*ticket, bool) {
	t := p.take(x)
	select {
	case <-t.ready:
		return t, true
	default:
		p.quit(x, t)
		return nil, false
	}
}

// fill takes as many messages to a domain as it lets.
func fill(p *paces, x *pace) (all []*ticket) {
	for {
		t, ok := turn(p, x)
		if !ok {
			return all
		}
		all = append(all, t)
	}
}

// TestTheRowIsKept: whoever came first goes first, those that have left it are passed over, and nobody who comes
// later goes before.
func TestTheRowIsKept(t *testing.T) {
	p := newPaces(8, 100, time.Now)
	x, _ := p.of("acme.example")
	under := fill(p, x)
	first, gone, last := p.take(x), p.take(x), p.take(x)
	p.quit(x, gone)
	p.quit(x, under[0])
	<-first.ready
	if _, ok := turn(p, x); ok {
		t.Error("a later one goes first")
	}
	p.leave(x, first, &taken)
	<-last.ready
	for _, u := range append(under[1:], last) {
		p.quit(x, u)
	}
	if len(x.under) != 0 || p.under != 0 || len(x.row) != 0 {
		t.Errorf("%d under way, %d of all, %d in the row, want none", len(x.under), p.under, len(x.row))
	}
}

// TestPace: four at once to whom nothing is known of, one more for each round that goes well, up to the bound; half as many after a
// 421, once for all that were under way together, and one at least.
func TestPace(t *testing.T) {
	now := time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	p := newPaces(8, 100, func() time.Time { return now })
	x, _ := p.of("acme.example")
	p.done(x)
	round := func(a waxwing.Attempt) int {
		all := fill(p, x)
		for _, u := range all {
			p.leave(x, u, &a)
		}
		return len(all)
	}
	for i, want := range []int{4, 4, 5, 6, 7, 8, 8, 8} { // the first round of four comes to a little below five
		if got := round(taken); got != want {
			t.Errorf("round %d: %d at once, want %d", i, got, want)
		}
	}
	for _, want := range []int{8, 4, 2, 1, 1} {
		if got := round(slower); got != want {
			t.Errorf("after a 421: %d at once, want %d", got, want)
		}
		now = x.rest
	}
	if x.step != 320*time.Second {
		t.Errorf("it rests %s next", x.step)
	}
	round(slower)
	now = x.rest
	round(slower)
	now = x.rest
	if round(slower); x.rest.Sub(now) != mostRest {
		t.Errorf("it rests %s, want %s at most", x.rest.Sub(now), mostRest)
	}
	now = x.rest
	if round(taken); x.step != firstRest {
		t.Errorf("after a success it rests %s next", x.step)
	}
}

// TestPacesAreBounded: of ten thousand domains those are forgotten first to whom nothing is under way and that do not rest.
func TestPacesAreBounded(t *testing.T) {
	now := time.Now()
	p := newPaces(8, 100, func() time.Time { return now })
	busy, _ := p.of("busy.example")
	p.done(busy)
	_ = p.take(busy)
	resting, _ := p.of("resting.example")
	p.done(resting)
	under := p.take(resting)
	p.leave(resting, under, &slower)
	for i := range 3 * mostPaces {
		x, _ := p.of(fmt.Sprintf("d%d.example", i))
		p.done(x)
	}
	if n := len(p.all); n > mostPaces {
		t.Errorf("%d domains are known", n)
	}
	if p.all["busy.example"] != busy || p.all["resting.example"] != resting {
		t.Error("a domain that messages are under way to, or that rests, was forgotten")
	}
}

// TestSlowDomainsTakeHalfAtMost: those whose messages take more than ten seconds leave room for the others.
func TestSlowDomainsTakeHalfAtMost(t *testing.T) {
	now := time.Now()
	p := newPaces(4, 10, func() time.Time { return now })
	slow, _ := p.of("slow.example")
	if n := len(fill(p, slow)); n != 4 {
		t.Errorf("%d at once", n)
	}
	slower, _ := p.of("slower.example")
	under, ok := turn(p, slower)
	if !ok {
		t.Fatal("not taken")
	}
	now = now.Add(slowAfter)
	if n := len(fill(p, slower)); n != 0 {
		t.Errorf("%d further ones to a slow domain while half of all are under way", n)
	}
	well, _ := p.of("well.example")
	if n := len(fill(p, well)); n != 4 {
		t.Errorf("%d at once to a domain that is well", n)
	}
	p.leave(slower, under, &taken)
	if _, ok := turn(p, slower); !ok {
		t.Error("a domain that is slow no longer gets none")
	}
}

// TestPoolsAreClosed that nobody has used for half a minute, and no others; and for lack of room the one that has been
// idle for longest.
func TestPoolsAreClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPools(func(k key) *smtp.Sender { return smtp.New(smtp.Config{Name: k.host, Connections: 1}) }, 3)
		get := func(host string) *pool {
			x, err := p.get(key{host, smtp.NoTLS})
			if err != nil {
				t.Fatal(err)
			}
			return x
		}
		a, b := get("a"), get("b")
		p.release(a)
		<-time.After(2 * keepPool)
		synctest.Wait()
		if p.len() != 1 || get("b") != b || get("a") == a {
			t.Errorf("%d pools after a while", p.len())
		}
		c := get("c")
		p.release(c)
		<-time.After(time.Second)
		get("d")
		if p.len() != 3 || p.all[c.key] != nil {
			t.Errorf("%d pools, want the idle one closed", p.len())
		}
		if err := p.close(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := p.get(key{"a", smtp.NoTLS}); err == nil {
			t.Error("a pool after the end")
		}
	})
}

// TestOrder: by preference, equals by chance, without repeats and without what leads back here.
func TestOrder(t *testing.T) {
	back := func(n int, swap func(i, j int)) {
		for i := range n / 2 {
			swap(i, n-1-i)
		}
	}
	all := []lookup.MX{{Host: "c", Preference: 20}, {Host: "a", Preference: 10}, {Host: "b", Preference: 10}, {Host: "", Preference: 1}, {Host: "a", Preference: 30}, {Host: "d", Preference: 20}}
	for self, want := range map[string]string{"": "b a d c", "x": "b a d c", "c": "b a", "a": "", "d": "b a"} {
		if got := strings.Join(order(all, self, back), " "); got != want {
			t.Errorf("as %q: %s, want %s", self, got, want)
		}
	}
	var ips []netip.Addr
	for _, s := range []string{"192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "2001:db8::2"} {
		ips = append(ips, netip.MustParseAddr(s))
	}
	if got := fmt.Sprint(choose(ips, back)); got != "[192.0.2.3 2001:db8::2 192.0.2.2 2001:db8::1]" {
		t.Errorf("%s", got)
	}
	if got := fmt.Sprint(choose(ips[3:], back)); got != "[2001:db8::2 2001:db8::1]" {
		t.Errorf("%s", got)
	}
}

package fetch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

const (
	// atOnce is how many orders one shop is asked about at once, and mostWaiting how many wait in memory for
	// their turn, or rest. More stay in the ledger alone, where the sweeper finds them again.
	atOnce      = 4
	mostWaiting = 20_000
	// useless is how often a shop is asked about an order that it does not know, or answers for with what
	// cannot be read.
	useless = 6
)

// rests are how long an order rests after its tries, and a shop that is down.
var rests = []time.Duration{2 * time.Second, 5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute}

// restAfter is a rest with jitter, after so many tries.
func restAfter(tries int) time.Duration {
	d := rests[min(max(tries, 1), len(rests))-1]
	return d*3/4 + rand.N(d/2)
}

// Question is an order to be asked about.
type Question struct {
	ID      waxwing.ID // of the confirmation
	Tenant  waxwing.TenantID
	Shop    waxwing.ShopID
	Order   string
	Created time.Time     // when its first event came
	Until   time.Duration // how long after that the shop is asked in vain
	API     *waxwing.ShopAPI
	At      *config.ShopAPI
	// Take has an answer recorded. An AnswerError says that it is of no use.
	Take func(ctx context.Context, raw []byte) error
	// GiveUp ends the order, with a reason without personal data. An error: it is tried again.
	GiveUp func(ctx context.Context, reason string) error
	// Wake has the order looked at again.
	Wake func()
}

// Status is how it stands with the questions for one shop.
type Status struct {
	Tenant waxwing.TenantID
	Shop   waxwing.ShopID
	// Trouble is why the shop gives no orders now, and what to do; "": it does.
	Trouble string
	// Waiting are orders that wait for their answer, here and now.
	Waiting int
	// Answered and Failed were asked since the start.
	Answered, Failed int64
	// Last is when an order was last answered.
	Last time.Time
}

type shopKey struct {
	tenant waxwing.TenantID
	shop   waxwing.ShopID
}

// counter is one shop at the desk.
type counter struct {
	Status
	busy  int
	queue []*entry
	down  int // failures in a row that are the shop's
	rest  time.Time
}

// entry is one order.
type entry struct {
	q     Question
	state place
	tries int
	till  time.Time // it rests until then
	again bool      // something came for it while it was asked about
}

type place uint8

const (
	resting place = iota
	queued
	asked
)

// Desk asks shops, so many questions of each at once.
type Desk struct {
	client *Client
	now    waxwing.Clock
	log    *slog.Logger
	ctx    context.Context
	stop   context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	shops  map[shopKey]*counter
	orders map[waxwing.ID]*entry
}

// NewDesk makes a desk; Close ends it.
func NewDesk(c *Client, now waxwing.Clock, log *slog.Logger) *Desk {
	ctx, stop := context.WithCancel(context.Background())
	return &Desk{client: c, now: now, log: log, ctx: ctx, stop: stop, shops: map[shopKey]*counter{}, orders: map[waxwing.ID]*entry{}}
}

// Close breaks off what is being asked, and waits until that has ended: it is asked again by whoever has the
// ledger next.
func (d *Desk) Close() {
	d.mu.Lock()
	d.stop()
	d.mu.Unlock()
	d.wg.Wait()
}

// Put has an order asked about when its shop's turn comes. It never waits. Several events of an order are one
// question, and one that rests goes on resting.
func (d *Desk) Put(q *Question) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.ctx.Err() != nil {
		return
	}
	e := d.orders[q.ID]
	switch {
	case e == nil && len(d.orders) >= mostWaiting:
		return
	case e == nil:
		e = &entry{}
		d.orders[q.ID] = e
	case e.state == asked:
		e.again = true
		return
	}
	e.q = *q
	c := d.counter(q)
	if e.state == queued || d.now().Before(e.till) {
		return
	}
	if now := d.now(); now.Before(c.rest) {
		e.till = c.rest
		return
	}
	e.state, c.queue = queued, append(c.queue, e)
	d.next(c)
}

func (d *Desk) counter(q *Question) *counter {
	k := shopKey{q.Tenant, q.Shop}
	c := d.shops[k]
	if c == nil {
		c = &counter{Status: Status{Tenant: q.Tenant, Shop: q.Shop}}
		d.shops[k] = c
	}
	return c
}

// next begins questions while there is room. A shop that was down is asked one thing first.
func (d *Desk) next(c *counter) {
	most := atOnce
	if c.down > 0 {
		most = 1
	}
	for c.busy < most && len(c.queue) > 0 && d.ctx.Err() == nil {
		e := c.queue[0]
		c.queue = c.queue[1:]
		if now := d.now(); now.Before(c.rest) {
			e.state, e.till = resting, c.rest
			continue
		}
		e.state, e.again = asked, false
		c.busy++
		d.wg.Go(func() { d.ask(c, e) })
	}
}

// ask asks once, and sees to what came of it.
func (d *Desk) ask(c *counter, e *entry) {
	raw, err := d.client.Order(d.ctx, e.q.API, e.q.At, e.q.Order)
	answered := err == nil
	if err == nil {
		err = e.q.Take(d.ctx, raw)
	}
	reason := ""
	d.mu.Lock()
	if d.ctx.Err() == nil && err != nil {
		reason = e.hopeless(err, d.now())
	}
	d.mu.Unlock()
	if reason != "" {
		if gave := e.q.GiveUp(d.ctx, reason); gave == nil || errors.Is(gave, waxwing.ErrState) {
			err = nil
		}
	}
	d.mu.Lock()
	c.busy--
	d.judge(c, e, answered, err)
	wake := err == nil && e.again
	if err == nil {
		delete(d.orders, e.q.ID)
	}
	d.next(c)
	d.mu.Unlock()
	if wake {
		e.q.Wake()
	}
}

// hopeless counts a try, and says why an order is given up; "": it is not.
func (e *entry) hopeless(err error, now time.Time) string {
	e.tries++
	var bad *AnswerError
	switch {
	case waxwing.IsPermanent(err):
		return err.Error()
	case errors.Is(err, waxwing.ErrNotFound) && e.tries >= useless:
		return "the shop's API knows no such order"
	case errors.As(err, &bad) && e.tries >= useless:
		return bad.Text
	case e.q.Until > 0 && now.Sub(e.q.Created) > e.q.Until:
		return "the shop's API gave no order in all the time: " + err.Error()
	}
	return ""
}

// judge notes what a question says of the shop, and until when the order rests.
func (d *Desk) judge(c *counter, e *entry, answered bool, err error) {
	if d.ctx.Err() != nil {
		return
	}
	var bad *AnswerError
	var later *waxwing.LaterError
	now := d.now()
	switch its := errors.Is(err, waxwing.ErrNotFound) || errors.As(err, &bad); {
	case answered || err == nil || its: // the shop is there
		if c.Trouble != "" {
			d.log.Info("the shop's API gives orders again", "tenant", c.Tenant, "shop", c.Shop)
		}
		c.down, c.rest, c.Trouble = 0, time.Time{}, ""
		if err == nil {
			c.Answered++
			c.Last = now
			return
		}
		e.state, e.till = resting, now.Add(restAfter(e.tries))
	default:
		rest := c.rest.Sub(now)
		if rest <= 0 { // else others have said so already
			c.down++
			rest = restAfter(c.down)
		}
		if errors.As(err, &later) {
			rest = max(rest, later.After)
		}
		c.rest = now.Add(rest)
		if text := err.Error(); text != c.Trouble {
			c.Trouble = text
			d.log.Error("the shop's API gives no orders; they wait, and it is asked again", "tenant", c.Tenant, "shop", c.Shop, "in", rest.Round(time.Second), "err", text)
		}
		e.state, e.till = resting, c.rest
	}
	c.Failed++
}

// Rests reports whether an order is left alone at this moment: it is asked about, waits for that, or rests.
// Nil has none.
func (d *Desk) Rests(id waxwing.ID, now time.Time) bool {
	if d == nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.orders[id]
	return e != nil && (e.state != resting || now.Before(e.till))
}

// Any reports whether there are orders at the desk. Nil has none.
func (d *Desk) Any() bool {
	if d == nil {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.orders) > 0
}

// Done forgets an order that needs no answer any more. Nil has none.
func (d *Desk) Done(id waxwing.ID) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if e := d.orders[id]; e != nil && e.state == resting {
		delete(d.orders, id)
	}
}

// Statuses say how it stands with each shop that was asked since the start.
func (d *Desk) Statuses() []Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	waiting := map[shopKey]int{}
	for _, e := range d.orders {
		waiting[shopKey{e.q.Tenant, e.q.Shop}]++
	}
	out := make([]Status, 0, len(d.shops))
	for k, c := range d.shops {
		s := c.Status
		s.Waiting = waiting[k]
		out = append(out, s)
	}
	return out
}

// Line says it in one line, for whoever looks at the daemon's health.
func (s Status) Line() string {
	if s.Trouble == "" {
		return ""
	}
	return fmt.Sprintf("%s (%d orders wait)", s.Trouble, s.Waiting)
}

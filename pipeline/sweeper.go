package pipeline

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/delivery"
	"github.com/waxwinghq/waxwing/pipeline/fetch"
)

// sweeper finds what is due in the ledger, so that nothing depends on a message of the queue.
type sweeper struct {
	p         *Parts
	stop      *delivery.Stop // begins before that of who works
	orders    *pool
	hops      *hops
	channels  map[waxwing.Channel]*channel
	work      func(waxwing.ID) // takes an order as far as it goes
	loops     sync.WaitGroup
	strangers *strangers // orders that rest
	desk      *fetch.Desk
	asker     *delivery.Asker // nil: nobody can be asked
	swept     time.Time       // sweepOrders': up to when what is due was found; zero: it begins anew
	fresh     bool            // sweepOrders': something was to be done since it began anew
	still     int             // sweepOrders': sweeps since swept has moved
	begun     time.Time       // when the loops were to look first
}

// sweep looks every second, give or take, for what is due, and goes on at once
// while there is more than there was room for. It claims by itself and
// publishes nothing: if every message of the queue were lost, it alone would
// complete the work. Orders, each channel, and what only has to end are swept
// apart, so that none of them waits for another.
func (x *sweeper) sweep() {
	x.begun = time.Now().Add(-rand.N(sweepEvery)) // instances look at moments of their own
	x.loops.Go(func() {
		x.each(x.orders, x.roomForOrders, x.sweepOrders, func() time.Duration { return x.rest(sweepEvery) })
	})
	for _, ch := range x.channels {
		x.loops.Go(func() {
			x.each(ch.pool, func() bool { free, _ := ch.pool.roomy(); return free }, func() bool { return x.sweepMessages(ch) }, func() time.Duration { return x.restOf(ch) })
		})
	}
	x.loops.Go(x.sweepEnds)
	if x.asker != nil {
		x.loops.Go(x.sweepDoubts)
	}
	if l, ok := x.p.Ledger.(interface{ Told() <-chan struct{} }); ok {
		x.loops.Go(func() { x.heed(l.Told()) })
	}
}

// heed looks at once when another process has left work in the ledger.
func (x *sweeper) heed(told <-chan struct{}) {
	for {
		select {
		case <-told:
			x.orders.hint()
			for _, ch := range x.channels {
				ch.pool.hint()
			}
			pause(x.stop, sweepEvery, nil) // many hints are no reason to look more often than that
		case <-x.stop.Begun():
			return
		}
	}
}

// each sweeps one pool's work until the pipeline stops.
func (x *sweeper) each(p *pool, room func() bool, some func() (more bool), rest func() time.Duration) {
	for !x.stop.HasBegun() {
		if some() {
			x.awaitRoom(p, room)
		} else {
			pause(x.stop, rest(), p.late)
		}
	}
}

// rest is how long a loop that looks so often rests now. All of them wake at the same moments: in a
// process that has nothing to do, waking up costs more than looking.
func (x *sweeper) rest(every time.Duration) time.Duration { return every - time.Since(x.begun)%every }

// restOf is how long the loop of a channel rests that found no more than it had room for.
func (x *sweeper) restOf(ch *channel) time.Duration {
	every := x.rest(ch.sweepEvery())
	if ch.pool.turnedWithin(hiddenFor) {
		return min(every, lookAgain)
	}
	return every
}

// pause waits, or until there is a hint, or the pipeline stops.
func pause(stop *delivery.Stop, d time.Duration, hint <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-hint:
	case <-stop.Begun():
	}
}

// awaitRoom waits until a pool that there is more work for has room for a good part of
// it: taking one at a time would make a commit of each. It waits 20 ms at
// most and then takes what there is.
func (x *sweeper) awaitRoom(p *pool, room func() bool) {
	limit := time.NewTimer(20 * time.Millisecond)
	defer limit.Stop()
	for !room() {
		select {
		case <-p.freed:
		case <-limit.C:
			return
		case <-x.stop.Begun():
			return
		}
	}
}

const (
	// sweepEvery is how often a look is taken for what is due, and unsentEvery where nobody is
	// configured to send it: what an older configuration left behind may wait.
	sweepEvery  = time.Second
	unsentEvery = 10 * time.Second
	// The ledger leaves new orders and messages to whoever has them at hand, for a while. Orders
	// that were turned away are at nobody's: while there is a backlog, those are looked for, too,
	// that are due within aheadBy, or a burst would stand still in its middle. Messages are hidden
	// for so short that a look is taken each lookAgain until hiddenFor is over.
	aheadBy   = 2500 * time.Millisecond
	hiddenFor = 200 * time.Millisecond
	lookAgain = 20 * time.Millisecond
	// endsEvery is how often a look is taken for what only has to end.
	endsEvery = 2 * time.Second
	// holdsAtOnce is how many holds end at once, so that they share commits, and
	// maxHolds how many a look.
	holdsAtOnce = 64
	maxHolds    = 2048
)

// sweepEnds ends what needs no provider and no slot: messages whose time to live is
// over, and confirmations whose time at the gate is. However much waits in front of
// them, they have their outcome in time.
func (x *sweeper) sweepEnds() {
	for !x.stop.HasBegun() {
		more, err := x.p.Ledger.EndDue(x.stop.Context())
		if err != nil {
			x.complain("end messages", err)
		}
		if more && err == nil {
			pause(x.stop, 5*time.Millisecond, nil) // others want to write, too
			continue
		}
		x.endHolds()
		pause(x.stop, x.rest(endsEvery), nil)
	}
}

// sweepDoubts has providers asked about messages whose answers were lost.
func (x *sweeper) sweepDoubts() {
	for !x.stop.HasBegun() {
		more, err := x.asker.Sweep()
		if err != nil {
			x.complain("ask about messages in doubt", err)
		}
		if !more || err != nil {
			pause(x.stop, x.rest(sweepEvery), nil)
		}
	}
}

// endHolds cancels confirmations whose time at the gate is over.
func (x *sweeper) endHolds() {
	ids, err := x.p.Ledger.DueHolds(x.stop.Context(), maxHolds)
	if err != nil {
		x.complain("end holds", err)
	}
	for some := range slices.Chunk(ids, holdsAtOnce) {
		var wg sync.WaitGroup
		for _, id := range some {
			wg.Go(func() { x.work(id) })
		}
		if wg.Wait(); x.stop.HasBegun() {
			return
		}
	}
}

// stillAtMost is how many sweeps in a row may bring nothing but what is due since the same
// millisecond: several seconds of them.
const stillAtMost = 1000

// sweepOrders hands due confirmations to the workers and their queue, and says whether
// there were more than there was room for. Then it goes on behind them: those that cannot be
// worked on now, since a plugin rests perhaps, stay due, and must not keep all others waiting.
func (x *sweeper) sweepOrders() bool {
	for _, h := range x.hops.all {
		h.forget(x.p.Clock())
	}
	room, behind := x.orders.look()
	if room = min(room, x.hops.room()); room == 0 {
		return x.orders.looked(true)
	}
	ahead := time.Duration(0)
	if behind {
		ahead = aheadBy
	}
	ids, last, err := x.p.Ledger.DueWork(x.stop.Context(), x.swept, ahead, room)
	if err != nil {
		x.complain("sweep orders", err)
		return false
	}
	taken := x.feed(ids)
	switch {
	case taken < len(ids): // others came in between: these are met again
	case taken == room && last.After(x.swept):
		x.swept, x.still = last, 0
	case taken == room:
		// More than there was room for became due in one millisecond. They are under way, and
		// the rest follows; only where nothing comes of them are they passed over.
		if x.still++; x.still == stillAtMost {
			x.swept, x.still = last.Add(time.Millisecond), 0
		}
	case !x.swept.IsZero(): // the end; what came in front of it meanwhile, or failed, is next
		more := x.fresh // and where nothing of all that was to be done, the next look is a second away
		x.swept, x.fresh = time.Time{}, false
		return x.orders.looked(more)
	default:
		return x.orders.looked(false)
	}
	return x.orders.looked(true)
}

// feed hands orders to the workers, but for those that are past their first queue, which are
// under way, and those that rest. It says for how many something happens now.
func (x *sweeper) feed(ids []waxwing.ID) (taken int) {
	if len(x.hops.all) == 0 && !x.strangers.any() && !x.desk.Any() {
		taken = x.orders.feed(ids)
		x.fresh = x.fresh || taken > 0
		return taken
	}
	fresh, now := false, x.p.Clock()
	for i := range ids {
		if x.underWay(ids[i]) || x.strangers.rests(ids[i], now) || x.desk.Rests(ids[i], now) {
			continue
		}
		if x.orders.feed(ids[i:i+1]) == 0 {
			x.fresh = x.fresh || fresh
			return i
		}
		fresh = true
	}
	if x.fresh = x.fresh || fresh; !fresh && len(ids) > 0 {
		pause(x.stop, 20*time.Millisecond, nil) // for them to come further
	}
	return len(ids)
}

// underWay reports whether an order is worked on, or waits in a queue between stages.
func (x *sweeper) underWay(id waxwing.ID) bool {
	return x.orders.at(id).place != nowhere || x.hops.have(id, x.p.Clock())
}

// roomForOrders reports whether a good part of the orders' queue is empty, and there is room
// behind it.
func (x *sweeper) roomForOrders() bool {
	_, half := x.orders.roomy()
	return half && (len(x.hops.all) == 0 || x.hops.room() > x.orders.most*queuePerWorker/2)
}

// sweepMessages claims due messages of a channel, as many as it has free workers and can do
// something with, and says whether there were more.
func (x *sweeper) sweepMessages(ch *channel) (more bool) {
	p := ch.pool
	most := ch.limit()
	if most == 0 {
		return false
	}
	p.look()
	n := p.reserve(most)
	found := 0
	if n > 0 {
		found = x.claimDue(ch, n)
	}
	if most < p.most {
		return false // some try whether a provider works again; the others are not looked for
	}
	return p.looked(found == n)
}

// claimDue claims up to as many messages as workers are reserved, and hands them to
// these. It says how many it found.
func (x *sweeper) claimDue(ch *channel, reserved int) (found int) {
	claims, err := x.p.Ledger.ClaimDue(x.stop.Context(), ch.name, reserved)
	if err != nil {
		x.complain("sweep messages", err)
	}
	for _, c := range claims {
		by := ch.sender(c)
		if ch.pool.start(c.Out.Message, c.Out.Tenant, func(waxwing.ID) { by.Send(c) }) {
			reserved--
			continue
		}
		// Stopping, or its last worker is about to leave: back to the queue.
		if err := by.GiveBack(c); err != nil && !errors.Is(err, waxwing.ErrState) { // else it is somebody's already
			x.complain("give a claim back", err)
		}
	}
	ch.pool.giveBack(reserved)
	return len(claims)
}

func (x *sweeper) complain(what string, err error) {
	if !errors.Is(err, waxwing.ErrStopping) && x.stop.Context().Err() == nil {
		x.p.Log.Error(what+" failed; tried again in a second", "err", err)
	}
}

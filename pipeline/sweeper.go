package pipeline

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// sweep looks every second, give or take, for what is due, and goes on at once
// while there is more than there were free workers. It claims by itself and
// publishes nothing: if every message of the queue were lost, it alone would
// complete the work. Orders, each channel, and what only has to end are swept
// apart, so that none of them waits for another.
func (x *Pipeline) sweep() {
	x.sweeper.Go(func() { x.each(x.orders, x.sweepOrders) })
	for ch, p := range x.messages {
		x.sweeper.Go(func() { x.each(p, func() bool { return x.sweepMessages(ch) }) })
	}
	x.sweeper.Go(x.sweepEnds)
}

// each sweeps one pool's work until the pipeline stops.
func (x *Pipeline) each(p *pool, some func() (more bool)) {
	for !x.isStopping() {
		if some() {
			x.awaitRoom(p)
		} else {
			x.pause(800*time.Millisecond + time.Duration(rand.Int64N(int64(400*time.Millisecond))))
		}
	}
}

// pause waits, or until the pipeline stops.
func (x *Pipeline) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-x.stopping:
	}
}

// awaitRoom waits until a quarter of a pool that there is more work for is
// free: taking one at a time would make a commit of each. It waits 20 ms at
// most and then takes what there is.
func (x *Pipeline) awaitRoom(p *pool) {
	limit := time.NewTimer(20 * time.Millisecond)
	defer limit.Stop()
	for !p.roomy() {
		select {
		case <-p.freed:
		case <-limit.C:
			return
		case <-x.stopping:
			return
		}
	}
}

const (
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
func (x *Pipeline) sweepEnds() {
	for !x.isStopping() {
		more, err := x.p.Ledger.EndDue(x.hard)
		if err != nil {
			x.complain("end messages", err)
		}
		if more && err == nil {
			x.pause(5 * time.Millisecond) // others want to write, too
			continue
		}
		x.endHolds()
		x.pause(endsEvery)
	}
}

// endHolds cancels confirmations whose time at the gate is over.
func (x *Pipeline) endHolds() {
	ids, err := x.p.Ledger.DueHolds(x.hard, maxHolds)
	if err != nil {
		x.complain("end holds", err)
	}
	for some := range slices.Chunk(ids, holdsAtOnce) {
		var wg sync.WaitGroup
		for _, id := range some {
			wg.Go(func() { x.work(id) })
		}
		if wg.Wait(); x.isStopping() {
			return
		}
	}
}

// sweepOrders hands due confirmations to free workers and says whether there
// were more than those.
func (x *Pipeline) sweepOrders() bool {
	free := x.orders.free()
	if free == 0 {
		return true
	}
	ids, err := x.p.Ledger.DueWork(x.hard, free+x.orders.busy())
	if err != nil {
		x.complain("sweep orders", err)
		return false
	}
	started := 0
	for _, id := range ids {
		if started == free {
			break
		}
		if x.orders.tryEnter(id) {
			started++
			x.orders.run(id, x.work)
		}
	}
	return len(ids) > 0 && started >= free
}

// probes are how many messages of a channel are taken while all of its providers
// rest: one of them probes, and the others are at hand when it gets through.
const probes = 4

// sweepMessages claims due messages of a channel, as many as it has free slots, and says
// whether there were more. A channel whose providers all rest is only probed.
func (x *Pipeline) sweepMessages(ch waxwing.Channel) bool {
	limit := x.messages[ch].free()
	if limit == 0 {
		return true
	}
	rs := x.routes[ch]
	switch {
	case rs == nil, rs.healthy(), ch == waxwing.Email && x.canGiveUp(rs):
		return x.sweepSome(ch, limit) == limit
	case rs.open():
		x.sweepSome(ch, min(limit, probes))
	}
	return false
}

// sweepSome claims up to limit messages and hands them to workers. It says how many
// it found.
func (x *Pipeline) sweepSome(ch waxwing.Channel, limit int) int {
	claims, err := x.p.Ledger.ClaimDue(x.hard, ch, limit)
	if err != nil {
		x.complain("sweep messages", err)
	}
	p := x.messages[ch]
	for _, c := range claims {
		if !p.enter(c.Out.Message, x.stopping) {
			// Stopping, or its last worker is about to leave: back to the queue.
			r := &waxwing.Resolution{To: waxwing.Queued, Reason: "not offered", NextAt: x.p.Clock(), DownSince: c.DownSince}
			if err := x.p.Ledger.Resolve(context.WithoutCancel(x.hard), c, r); err != nil {
				x.complain("give a claim back", err)
			}
			continue
		}
		p.run(c.Out.Message, func(waxwing.ID) { x.send(c) })
	}
	return len(claims)
}

// canGiveUp reports whether messages may go to the fallback now.
func (x *Pipeline) canGiveUp(rs *routes) bool {
	if !x.fallsBackAfter("unreachable") {
		return false
	}
	since := rs.downSince()
	return !since.IsZero() && x.p.Clock().Sub(since) >= x.unreachableAfter()
}

func (x *Pipeline) complain(what string, err error) {
	if !errors.Is(err, waxwing.ErrStopping) && x.hard.Err() == nil {
		x.p.Log.Error(what+" failed; tried again in a second", "err", err)
	}
}

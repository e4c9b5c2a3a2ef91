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
// while there is more than there was room for. It claims by itself and
// publishes nothing: if every message of the queue were lost, it alone would
// complete the work. Orders, each channel, and what only has to end are swept
// apart, so that none of them waits for another.
func (x *Pipeline) sweep() {
	x.sweeper.Go(func() { x.each(x.orders, x.orders.low, x.sweepOrders) })
	for ch, p := range x.messages {
		x.sweeper.Go(func() { x.each(p, p.roomy, func() bool { return x.sweepMessages(ch) }) })
	}
	x.sweeper.Go(x.sweepEnds)
}

// each sweeps one pool's work until the pipeline stops.
func (x *Pipeline) each(p *pool, room func() bool, some func() (more bool)) {
	for !x.isStopping() {
		if some() {
			x.awaitRoom(p, room)
		} else {
			x.pause(800*time.Millisecond+time.Duration(rand.Int64N(int64(400*time.Millisecond))), p.late)
		}
	}
}

// pause waits, or until there is a hint, or the pipeline stops.
func (x *Pipeline) pause(d time.Duration, hint <-chan struct{}) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-hint:
	case <-x.stopping:
	}
}

// awaitRoom waits until a pool that there is more work for has room for a good part of
// it: taking one at a time would make a commit of each. It waits 20 ms at
// most and then takes what there is.
func (x *Pipeline) awaitRoom(p *pool, room func() bool) {
	limit := time.NewTimer(20 * time.Millisecond)
	defer limit.Stop()
	for !room() {
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
			x.pause(5*time.Millisecond, nil) // others want to write, too
			continue
		}
		x.endHolds()
		x.pause(endsEvery, nil)
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

// sweepOrders hands due confirmations to the workers and their queue, and says whether
// there were more than there was room for.
func (x *Pipeline) sweepOrders() bool {
	room, known := x.orders.look()
	ids, err := x.p.Ledger.DueWork(x.hard, room+known)
	if err != nil {
		x.complain("sweep orders", err)
		return false
	}
	taken := x.orders.feed(ids)
	return x.orders.looked(taken < len(ids) || taken == room+known)
}

// probes are how many messages of a channel are taken while all of its providers
// rest: one of them probes, and the others are at hand when it gets through.
const probes = 4

// sweepMessages claims due messages of a channel, as many as it has free workers, and says
// whether there were more. A channel whose providers all rest is only probed.
func (x *Pipeline) sweepMessages(ch waxwing.Channel) bool {
	p, rs := x.messages[ch], x.routes[ch]
	switch {
	case rs == nil, rs.healthy(), ch == waxwing.Email && x.canGiveUp(rs):
		p.look()
		n := p.reserve(p.most)
		return p.looked(n == 0 || x.sweepSome(ch, n) == n)
	case rs.open():
		if n := p.reserve(probes); n > 0 {
			x.sweepSome(ch, n)
		}
	}
	return false
}

// sweepSome claims up to as many messages as workers are reserved, and hands them to
// these. It says how many it found.
func (x *Pipeline) sweepSome(ch waxwing.Channel, reserved int) int {
	p := x.messages[ch]
	claims, err := x.p.Ledger.ClaimDue(x.hard, ch, reserved)
	if err != nil {
		x.complain("sweep messages", err)
	}
	for _, c := range claims {
		if p.start(c.Out.Message, func(waxwing.ID) { x.send(c) }) {
			reserved--
			continue
		}
		// Stopping, or its last worker is about to leave: back to the queue.
		r := &waxwing.Resolution{To: waxwing.Queued, Reason: "not offered", NextAt: x.p.Clock(), DownSince: c.DownSince}
		if err := x.p.Ledger.Resolve(context.WithoutCancel(x.hard), c, r); err != nil {
			x.complain("give a claim back", err)
		}
	}
	p.giveBack(reserved)
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

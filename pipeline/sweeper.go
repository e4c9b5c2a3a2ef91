package pipeline

import (
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/waxwinghq/waxwing"
)

// sweep looks every second, give or take, for what is due, and goes on at once
// while there is more than there were free workers. It claims by itself and
// publishes nothing: if every message of the queue were lost, it alone would
// complete the work.
func (x *Pipeline) sweep() {
	for !x.isStopping() {
		orders := x.sweepOrders()
		messages := x.sweepMessages()
		if orders || messages {
			x.awaitRoom(orders, messages)
			continue
		}
		wait := time.NewTimer(800*time.Millisecond + time.Duration(rand.Int64N(int64(400*time.Millisecond))))
		select {
		case <-wait.C:
		case <-x.stopping:
		}
		wait.Stop()
	}
}

// awaitRoom waits until a quarter of a pool that there is more work for is
// free: taking one at a time would make a commit of each. It waits 20 ms at
// most and then takes what there is.
func (x *Pipeline) awaitRoom(orders, messages bool) {
	limit := time.NewTimer(20 * time.Millisecond)
	defer limit.Stop()
	for !(orders && x.orders.roomy() || messages && x.messages.roomy()) {
		select {
		case <-x.orders.freed:
		case <-x.messages.freed:
		case <-limit.C:
			return
		case <-x.stopping:
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
	ids, err := x.p.Ledger.DueWork(free + x.orders.busy())
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

// sweepMessages claims due messages, as many as there are free slots. A channel
// whose providers all rest is only probed, and keeps nobody waiting in another.
func (x *Pipeline) sweepMessages() bool {
	limit := x.messages.free()
	if limit == 0 {
		return true
	}
	var well []waxwing.Channel
	more := false
	for _, ch := range x.channelNames() {
		rs := x.routes[ch]
		switch {
		case rs.healthy() || ch == waxwing.Email && x.canGiveUp(rs):
			well = append(well, ch)
		case rs.open():
			x.sweepSome(min(limit, probes), ch)
		}
	}
	if limit = x.messages.free(); limit == 0 {
		return true
	}
	switch {
	case len(well) == len(x.routes): // also what an older configuration left behind
		more = x.sweepSome(limit) == limit
	case len(well) > 0:
		more = x.sweepSome(limit, well...) == limit
	}
	return more
}

func (x *Pipeline) channelNames() []waxwing.Channel {
	return slices.Sorted(maps.Keys(x.routes))
}

// sweepSome claims up to limit messages and hands them to workers. It says how many
// it found.
func (x *Pipeline) sweepSome(limit int, of ...waxwing.Channel) int {
	claims, err := x.p.Ledger.ClaimDue(limit, of...)
	if err != nil {
		x.complain("sweep messages", err)
	}
	for _, c := range claims {
		if !x.messages.enter(c.Out.Message, x.stopping) {
			// Stopping, or its last worker is about to leave: back to the queue.
			r := &waxwing.Resolution{To: waxwing.Queued, Reason: "not offered", NextAt: x.p.Clock(), DownSince: c.DownSince}
			if err := x.p.Ledger.Resolve(c, r); err != nil {
				x.complain("give a claim back", err)
			}
			continue
		}
		x.messages.run(c.Out.Message, func(waxwing.ID) { x.send(c) })
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
	if !errors.Is(err, waxwing.ErrStopping) {
		x.p.Log.Error(what+" failed; tried again in a second", "err", err)
	}
}

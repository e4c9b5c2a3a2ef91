package sandbox

import (
	"errors"
	"fmt"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Result is what a call came to. Output is nil where Fault is not.
type Result struct {
	Output []byte
	Log    []byte
	Fuel   int64
	Took   time.Duration // an instance and setting it back included
	Fault  *Fault
}

// HookCall is one call of a hook.
type HookCall struct {
	Hook  waxwing.Hook
	Input []byte
	At    time.Time
	Seed  string
	Wall  time.Duration // 0: the limit's own
}

// Call asks a hook, and loads the code first where that is needed, however long that
// takes: it is for fixtures, replays and measurements.
func (e *Engine) Call(c *Code, q HookCall) Result {
	l, err := e.loads.load(c, time.Time{}, false)
	if err != nil {
		return Result{Fault: loadFault(err)}
	}
	defer e.memory.release(l)
	return l.call(&q)
}

// loadFault is why code could not be loaded, as a call's fault.
func loadFault(err error) *Fault {
	if errors.Is(err, ErrNotCompiled) {
		return &Fault{FaultOff, err.Error()}
	}
	f := (&run{}).faultOf(err)
	if f.Kind == FaultTrap { // no guest has run
		f = &Fault{FaultHost, f.Text}
	}
	return f
}

// Ask makes a call for an order. It loads the code, waits for a slot, and makes the call in
// it, by the clock of Code's tenant. Loading is waited for without a slot, and no longer than
// leaves time for the call until the deadline: who is not loaded by then is loaded for the
// next order. The call itself is asked for when there is a slot. refused: this order got no
// slot, and need not wait again. ran tells whether a guest ran; where not, Result has the fault
// of whatever it went without.
func (e *Engine) Ask(c *Code, deadline time.Time, refused *bool, call func() HookCall) (res Result, ran bool) {
	own := e.Account(c.Tenant)
	if own.spent(100) {
		own.over.Add(1)
		return Result{Fault: errQuota}, false
	}
	l, err := e.loads.loadFor(own, c, deadline.Add(-c.limits.Wall))
	if err != nil {
		return Result{Fault: loadFault(err)}, false
	}
	defer e.memory.release(l)
	if *refused || !e.workers.enter(own, deadline) {
		*refused = true
		return Result{Fault: errBusy}, false
	}
	defer func() {
		own.charge(res.Took)
		e.workers.leave(own, res.Took)
	}()
	q := call()
	if q.Wall = min(c.limits.Wall, time.Until(deadline)); q.Wall <= 0 {
		return Result{Fault: errBusy}, false
	}
	return l.call(&q), true
}

// call asks a hook of it. Everything that it takes counts as the call's, by the clock
// too: an instance where none lies idle, the snapshot, and setting it back.
func (l *loaded) call(q *HookCall) (res Result) {
	c := l.code
	if len(q.Input) > c.limits.Input {
		res.Fault = &Fault{FaultInput, fmt.Sprintf("the input has %d bytes, at most %d are allowed", len(q.Input), c.limits.Input)}
		return res
	}
	begun := time.Now()
	defer func() { res.Took = time.Since(begun) }()
	wall := q.Wall
	if wall <= 0 {
		wall = c.limits.Wall
	}
	in, err := l.instance()
	if err != nil {
		res.Fault = (&run{}).faultOf(err)
		return res
	}
	r := &run{at: q.At, seed: q.Seed + "|" + c.Hash, limits: &c.limits}
	in.begin(r, c.limits.Fuel, wall-time.Since(begun))
	out, err := in.ask(q.Hook, q.Input)
	if err == nil {
		if f := in.over(time.Now()); f != nil { // within its last slice
			err = f
		}
	}
	res.Fuel, res.Log, res.Fault = in.used(), r.said(), r.faultOf(err)
	l.giveBack(in, res.Fault != nil)
	if res.Fault == nil && time.Since(begun) > wall {
		res.Fault = &Fault{FaultWall, "it ran for longer than it may, setting it back included"}
	}
	if res.Fault == nil {
		res.Output = out
	}
	return res
}

// large reports whether it is a script that holds more than the engine's usual
// instance has room for. Its instances are its own, and count as its memory.
func (l *loaded) large() bool { return l.js != nil && l.snap.size > l.js.snap.size }

// instance gives an instance that is set to the code's snapshot.
func (l *loaded) instance() (in *instance, err error) {
	switch {
	case l.js == nil:
		in, err = l.get()
	case l.large():
		if in = l.idler(); in == nil {
			in, err = l.by.newInstance(l.js)
		}
	default:
		in, err = l.js.get()
	}
	if err != nil {
		return nil, err
	}
	if l.js != nil && !in.restore(l.snap) {
		in.close()
		return nil, &Fault{FaultHost, "the script's snapshot does not fit"}
	}
	in.owner = l
	return in, nil
}

// giveBack sets an instance back and lets it lie, or throws it away: after a fault,
// or where its memory has grown.
func (l *loaded) giveBack(in *instance, spoilt bool) {
	// A script's instance is set back when the next script takes it: which snapshot
	// it needs is known only then.
	if spoilt || l.js == nil && !in.restore(l.snap) || in.mem.Size() != l.snap.size {
		in.close()
		if l.js != nil && !l.large() {
			l.js.refill() // in the time of who spoilt it, and not of the next script
		}
		return
	}
	if l.js == nil || l.large() {
		l.put(in)
		return
	}
	in.owner = l.js
	l.js.put(in)
}

// refill makes an instance where none lies idle.
func (l *loaded) refill() {
	l.mu.Lock()
	n := len(l.idle)
	l.mu.Unlock()
	if n > 0 {
		return
	}
	if in, err := l.by.newInstance(l); err == nil { // else the next call finds out
		l.put(in)
	}
}

package smtp

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// job is one Offer on its way through a connection.
type job struct {
	s      *Sender
	commit func() error
	began  time.Time
	done   chan waxwing.Attempt // holds two: the second is for nobody
	// What the connection reads is copied, so that the Outgoing is the caller's
	// again as soon as Offer returns; data's bytes are read only while writing.
	from, to       string
	data           []byte
	size           int
	eightBit, utf8 bool     // what the server must offer
	undotted       bool     // no line of data begins with a dot
	hurry          bool     // the Offer has a patience
	again          int      // silent tries on another connection
	opening        *opening // the right to open a connection for it; nil: none

	// mu settles who ends the job: the Offer that is tired of waiting, or the
	// connection that works on it.
	mu    sync.Mutex
	phase waxwing.Phase // "" while it waits for its turn
	state jobState
	conn  net.Conn // where to interrupt; nil: nothing to
	why   *outcome // set: the Offer has abandoned it
}

type jobState uint8

const (
	loose     jobState = iota // Data is not being read: the Offer may leave at once
	writing                   // the connection reads Data: the Offer must wait for it to stop
	committed                 // past the commit: only a verdict ends it
)

// outcome is what an attempt came to, before it is put into words.
type outcome struct {
	ruling
	phase waxwing.Phase
	reply reply
	err   error
	busy  bool // the server works, but no connection was free
}

// longAgo as a deadline ends what is blocked at once.
var longAgo = time.Unix(1, 0)

// enter notes the phase. conn is interrupted if the Offer leaves; nil lets the
// phase run on. It is false if the Offer has left already.
func (j *job) enter(p waxwing.Phase, conn net.Conn) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.phase, j.conn = p, conn
	return j.why == nil
}

// waits reports whether its turn has not come yet.
func (j *job) waits() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.phase == ""
}

// left reports whether the Offer has gone.
func (j *job) left() bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.why != nil
}

// advance moves to the next state unless the Offer has left.
func (j *job) advance(to jobState, p waxwing.Phase) bool {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.why != nil {
		return false
	}
	j.state, j.phase = to, p
	return true
}

// arm sets a deadline on conn, in the past if the Offer has left: under the
// lock, so that abandon's interruption is never overwritten.
func (j *job) arm(set func(time.Time) error, t time.Time) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.why != nil && j.state != committed {
		t = longAgo
	}
	_ = set(t) // a dead connection says so at the next read or write
}

// abandon ends the job for its Offer. left is false if a verdict must be
// waited for: the commit has been passed or the body is being written.
func (j *job) abandon(o outcome) (a waxwing.Attempt, left bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.state == committed {
		return a, false
	}
	o.phase = j.phase
	if j.phase == "" { // behind another message: not this connection's fault
		o.phase, o.bad, o.busy = waxwing.PhaseConnect, false, errors.Is(o.err, errElsewhere) || errors.Is(o.err, errPatience) && j.s.answers()
	}
	j.why = &o
	if j.conn != nil {
		_ = j.conn.SetDeadline(longAgo)
	}
	return j.attempt(o), j.state == loose
}

// comeBack sends the message to another connection, if it still waits for this one
// to be made.
func (j *job) comeBack() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.why == nil && j.state == loose && setup(j.phase) {
		j.why = &outcome{}
		j.done <- waxwing.Attempt{}
	}
}

// finish tells the Offer. An Offer that has left keeps its own reason.
func (j *job) finish(o outcome) {
	j.mu.Lock()
	j.conn = nil
	if j.why != nil && j.state != committed {
		o = *j.why
	}
	j.mu.Unlock()
	j.done <- j.attempt(o)
}

func (j *job) attempt(o outcome) waxwing.Attempt {
	a := waxwing.Attempt{
		Provider: j.s.cfg.Name, Verdict: o.verdict, Fault: o.fault, Phase: o.phase, Bad: o.bad,
		Code: o.reply.code, Enhanced: o.reply.enhanced, Reply: waxwing.PII(tidy(o.reply.text)),
		Began: j.began, Ended: j.s.cfg.Clock(), Busy: o.busy,
	}
	switch {
	case o.err != nil:
		a.Err = fmt.Errorf("smtp %s: %w", o.phase, o.err)
	case o.verdict != waxwing.Accepted && o.reply.enhanced != "":
		a.Err = fmt.Errorf("smtp %s: answered %d %s", o.phase, o.reply.code, o.reply.enhanced)
	case o.verdict != waxwing.Accepted:
		a.Err = fmt.Errorf("smtp %s: answered %d", o.phase, o.reply.code)
	}
	return a
}

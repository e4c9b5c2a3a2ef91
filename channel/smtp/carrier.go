package smtp

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/pprof"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// errLate: the commit took so long that another instance may have taken over.
var errLate = errors.New("too long between commit and dot")

// carrier owns one connection at a time and carries messages over it, one
// after the other. All its methods but cut run on its own goroutine.
type carrier struct {
	s    *Sender
	link *link

	mu   sync.Mutex
	held *link // for cut
}

// hold notes l for cut.
func (k *carrier) hold(l *link) {
	k.mu.Lock()
	k.held = l
	k.mu.Unlock()
}

// cut breaks the connection from outside; Close does it when its time is up.
func (k *carrier) cut() {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.held != nil {
		k.held.cut()
	}
}

func (k *carrier) run() {
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels("part", "smtp")))
	defer k.s.wg.Done()
	var j *job
	asked := false // the envelope of j has been written already
	for {
		if j == nil {
			if j = k.take(); j == nil {
				k.hangUp()
				return
			}
			asked = false
		}
		j, asked = k.carry(j, asked)
		if l := k.link; l != nil {
			if j == nil {
				l.settle()
			}
			if l.broken && j != nil {
				k.renew(j)
				asked = false
			} else if l.broken {
				k.drop()
			} else if j == nil && l.begun >= k.s.cfg.PerConnection {
				k.hangUp()
			}
		}
	}
}

// take waits for a message; nil means stop.
func (k *carrier) take() *job {
	s := k.s
	if k.link != nil {
		if j := k.next(); j != nil {
			return j
		}
		idle := time.NewTimer(s.cfg.Timeouts.Idle)
		defer idle.Stop()
		select {
		case j := <-s.warm:
			return k.warmed(j)
		case <-s.stop:
			return nil
		case <-idle.C:
			k.hangUp()
		}
	}
	select {
	case j := <-s.cold:
		return j
	case <-s.stop:
		return nil
	}
}

// next takes a message that waits already, without waiting for one.
func (k *carrier) next() *job {
	select {
	case <-k.s.stop:
		return nil
	default:
	}
	select {
	case j := <-k.s.warm:
		return k.warmed(j)
	default:
		return nil
	}
}

// warmed gives back the right to open a connection that j does not need.
func (k *carrier) warmed(j *job) *job {
	if j.opening != nil {
		k.s.flow.cancel(j.opening)
		j.opening = nil
	}
	return j
}

// pause waits before the next dial, less where the sender stops.
func (k *carrier) pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-k.s.stop:
	}
}

// ownWait keeps a carrier that this machine had no descriptor or port for from dialling
// again at once: those who have a connection carry what there is.
const ownWait = time.Second

// drop cuts the connection.
func (k *carrier) drop() {
	k.link.cut()
	k.s.flow.closed(k.link)
	k.link = nil
	k.hold(nil)
}

// renew cuts the connection and gives j the right to another one.
func (k *carrier) renew(j *job) {
	k.link.cut()
	j.opening = k.s.flow.renew(k.link)
	k.link = nil
	k.hold(nil)
}

// hangUp says QUIT.
func (k *carrier) hangUp() {
	if k.link != nil {
		k.link.quit()
		k.s.flow.closed(k.link)
		k.link = nil
		k.hold(nil)
	}
}

// carry takes j as far as it goes and returns the message whose envelope went
// out with j's dot, if any.
func (k *carrier) carry(j *job, asked bool) (*job, bool) {
	for tries := 0; ; {
		if k.link != nil && !asked && k.link.quiet() != nil {
			k.renew(j) // it died while it was idle: nothing was lost
		}
		if k.link == nil {
			l, o := k.connect(j)
			if o != nil {
				j.finish(*o)
			}
			if l == nil {
				return nil, false
			}
			if k.link, asked = l, false; j.left() { // it is for the next one
				j.finish(outcome{})
				return nil, false
			}
		}
		l := k.link
		kept := l.begun > 0
		if !asked {
			if o := l.unfit(j); o != nil {
				j.finish(*o)
				return nil, false
			}
		}
		l.begun++
		o := l.offerEnvelope(j, asked)
		if o == nil {
			o = l.offerBody(j)
		}
		if o == nil {
			return k.finishAtDot(j)
		}
		if kept && j.again < 2 && stale(o) {
			j.again++
			k.renew(j)
			asked = false
			continue
		}
		if !kept && overcrowded(o) {
			l.broken = true
			what, right := k.s.flow.crowded(l, tries, o)
			switch what {
			case goBack:
				o = &outcome{} // to one of the others
			case onceMore:
				k.drop()
				j.opening = right
				k.pause(firstPause << tries)
				tries, asked = tries+1, false
				continue
			}
		}
		j.finish(*o)
		return nil, false
	}
}

// overcrowded reports a refusal with which some servers say at MAIL, rather than
// before, that they take no further connection.
func overcrowded(o *outcome) bool {
	return o.err == nil && o.reply.code == 421 && o.phase == waxwing.PhaseMail
}

// stale reports whether a kept connection turned out to be dead, or was
// refused further use, before the commit: a fresh one may do better at once.
func stale(o *outcome) bool {
	if o.err == nil {
		return overcrowded(o)
	}
	return o.fault == waxwing.TransportFault && !errors.Is(o.err, os.ErrDeadlineExceeded) &&
		!errors.Is(o.err, errGarbled) && !errors.Is(o.err, errGone)
}

// offerEnvelope has MAIL, RCPT and DATA accepted, in one group where the
// server pipelines. It returns nil when the server waits for the body.
func (l *link) offerEnvelope(j *job, asked bool) *outcome {
	l.job = j
	defer func() { l.job = nil }()
	group := asked || l.offers.pipelining
	if group && !asked {
		l.out = l.out[:0]
		l.appendEnvelope(j)
		j.enter(waxwing.PhaseMail, l.nc)
		if err := l.flush(j); err != nil {
			l.broken = true
			return fail(waxwing.PhaseMail, err)
		}
	}
	t := &l.s.cfg.Timeouts
	for i, p := range [...]waxwing.Phase{waxwing.PhaseMail, waxwing.PhaseRcpt, waxwing.PhaseData} {
		if !j.enter(p, l.nc) {
			l.broken = true
			return fail(p, errGone)
		}
		if !group {
			if err := l.step(j, p); err != nil {
				l.broken = true
				return fail(p, err)
			}
		}
		_, o := l.read(p, [...]time.Duration{t.Mail, t.Rcpt, t.Data}[i], nil)
		if o == nil {
			if !l.worked {
				l.worked = true
				l.s.flow.worked(l)
			}
			continue
		}
		// Only a plain refusal leaves both sides knowing where they are.
		l.broken = l.broken || o.err != nil || o.reply.code < 400 || o.reply.code == 421
		if l.open = p != waxwing.PhaseMail; group {
			l.owed, l.inData = 2-i, true
		}
		return o
	}
	return nil
}

// step writes one command of the envelope by itself.
func (l *link) step(j *job, p waxwing.Phase) error {
	l.out = l.out[:0]
	switch p {
	case waxwing.PhaseMail:
		l.appendMail(j)
	case waxwing.PhaseRcpt:
		l.appendRcpt(j)
	default:
		l.appendData()
	}
	return l.flush(j)
}

// offerBody writes the message, all but the dot. It returns nil when the
// server has it, is still there and has said nothing.
func (l *link) offerBody(j *job) *outcome {
	err := errGone
	if j.advance(writing, waxwing.PhaseBody) {
		if err = l.quietBuffer(); err == nil {
			err = l.writeBody(j, j.data)
		}
		if err == nil {
			err = l.quiet()
		}
	}
	if err == nil {
		return nil
	}
	l.broken = true
	if errors.Is(err, errEarly) { // it may be a reason
		l.deadline = time.Now().Add(10 * time.Millisecond)
		if r, e := l.readReply(nil); e == nil {
			r.text = string(l.kept)
			return &outcome{ruling: judge(waxwing.PhaseBody, r.code, r.enhanced), phase: waxwing.PhaseBody, reply: r, err: err}
		}
	}
	return fail(waxwing.PhaseBody, err)
}

// finishAtDot commits j, writes the dot together with the envelope of the next
// message that waits, and reads the verdict.
func (k *carrier) finishAtDot(j *job) (*job, bool) {
	l, cfg := k.link, &k.s.cfg
	began := cfg.Clock()
	if !j.advance(committed, waxwing.PhaseDot) {
		l.broken = true
		j.finish(outcome{})
		return nil, false
	}
	if err := j.commit(); err != nil {
		l.broken = true
		j.finish(outcome{ruling: ruling{waxwing.Deferred, waxwing.LedgerFault, false}, phase: waxwing.PhaseDot,
			err: fmt.Errorf("commit: %w", err)})
		return nil, false
	}
	l.out = append(l.out[:0], ".\r\n"...)
	var next *job
	if l.offers.pipelining && l.begun < cfg.PerConnection {
		next = k.fitting()
	}
	if next != nil {
		l.appendEnvelope(next)
	}
	err := errLate
	if cfg.Clock().Sub(began) <= cfg.Timeouts.Guard {
		err = l.write(nil, l.out, cfg.Timeouts.Block)
	}
	if err != nil {
		l.broken = true
		j.finish(*fail(waxwing.PhaseDot, err))
		return next, false
	}
	r, o := l.read(waxwing.PhaseDot, cfg.Timeouts.Dot, nil) // each reply to the dot is an outcome
	if o.err == nil {
		k.s.answered.Store(time.Now().UnixNano())
	}
	j.finish(*o)
	if o.err != nil || o.verdict == waxwing.UncertainVerdict || r.code == 421 || next == nil && l.w > l.r {
		l.broken = true
	}
	return next, next != nil && !l.broken
}

// fitting takes a waiting message that this server can take.
func (k *carrier) fitting() *job {
	for {
		j := k.next()
		if j == nil {
			return nil
		}
		o := k.link.unfit(j)
		if o == nil {
			return j
		}
		j.finish(*o)
	}
}

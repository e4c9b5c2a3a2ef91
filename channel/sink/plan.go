package sink

import (
	"math/rand/v2"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
)

// Question asks a Plan what to do with a message at a phase.
type Question struct {
	// Phase is PhaseBanner, PhaseMail, PhaseRcpt, PhaseData, PhaseBody (the
	// body has begun to come) or PhaseDot; for Twilio PhaseRequest.
	Phase     waxwing.Phase
	From, To  string // as far as known
	MessageID string // at PhaseDot only; Twilio: the idempotency key
}

// Answer is what to do. The zero Answer does the usual.
type Answer struct {
	// Code and Text answer with this reply instead: "450", "4.2.1 later". At
	// PhaseDot a code of 2xx accepts the message, others do not.
	Code int
	Text string
	// Raw is the reply as it stands on the wire, line ends included, where it is
	// not the usual form of Code and Text. SMTP only.
	Raw string
	// Drop resets the connection without an answer.
	Drop bool
	// Lost, at PhaseDot and PhaseRequest, accepts the message and then resets
	// the connection without an answer.
	Lost bool
	// Delay waits first; at PhaseDot before the message is accepted.
	Delay time.Duration
}

// Plan decides about each step of each message; it must be safe for
// concurrent use. A nil Plan accepts everything.
type Plan func(Question) Answer

// Faults is a seeded plan: each field is the fraction of messages to which the
// fault happens, drawn once a message and step.
type Faults struct {
	Seed      uint64
	LostReply float64 // accepted, then reset without an answer
	Dropped   float64 // reset, at a phase drawn among those before the acceptance
	DeferRcpt float64 // 450 4.2.1
	DeferDot  float64 // 451 4.3.0
	Busy      float64 // 421 4.3.2 at MAIL
	// Refuse answers RCPT for these recipients with the reply: "550 5.1.1 no".
	Refuse map[string]string
	// Latency delays the answer to the dot.
	Latency time.Duration
}

// Plan returns the plan. Its draws follow the order of the questions, so that
// a run repeats exactly only where one connection asks.
func (f Faults) Plan() Plan {
	var mu sync.Mutex
	rng := rand.New(rand.NewPCG(f.Seed, 0x5eed))
	phases := []waxwing.Phase{waxwing.PhaseMail, waxwing.PhaseRcpt, waxwing.PhaseData, waxwing.PhaseBody, waxwing.PhaseDot}
	return func(q Question) (a Answer) {
		mu.Lock()
		drop, p := rng.Float64(), rng.Float64()
		mu.Unlock()
		if q.Phase == waxwing.PhaseRequest { // one step stands for all
			switch {
			case p < f.LostReply:
				a.Lost = true
			case p < f.LostReply+f.DeferDot+f.DeferRcpt+f.Busy:
				a.Code, a.Text = 429, "too many requests"
			case p < f.LostReply+f.DeferDot+f.DeferRcpt+f.Busy+f.Dropped:
				a.Drop = true
			}
			a.Delay = f.Latency
			return a
		}
		for _, ph := range phases {
			if ph == q.Phase && drop < f.Dropped/float64(len(phases)) {
				return Answer{Drop: true}
			}
		}
		switch q.Phase {
		case waxwing.PhaseMail:
			if p < f.Busy {
				return Answer{Code: 421, Text: "4.3.2 too busy, try later"}
			}
		case waxwing.PhaseRcpt:
			if r := f.Refuse[q.To]; len(r) > 4 {
				return Answer{Code: int(r[0]-'0')*100 + int(r[1]-'0')*10 + int(r[2]-'0'), Text: r[4:]}
			}
			if p < f.DeferRcpt {
				return Answer{Code: 450, Text: "4.2.1 mailbox busy"}
			}
		case waxwing.PhaseDot:
			a.Delay = f.Latency
			switch {
			case p < f.LostReply:
				a.Lost = true
			case p < f.LostReply+f.DeferDot:
				a.Code, a.Text = 451, "4.3.0 try again"
			}
		}
		return a
	}
}

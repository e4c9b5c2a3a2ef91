package machine

import (
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

const (
	conf waxwing.ID = store.IDStep
	msg             = conf | 1
	mine            = 7
)

var noon = time.UnixMilli(1_800_000_000_000)

// begun is a set with one ready confirmation and one message in a state: of claimed and
// dot the claim is this instance's, "theirs" means another's.
func begun(state string) *Set {
	s := NewSet(noon, mine, waxwing.DoubtRule{Policy: waxwing.ResendDoubt, After: time.Minute, Copies: 3})
	s.Confirmations[conf] = store.Confirmation{ID: conf, Tenant: 1, Key: store.Hash{1}, State: waxwing.Ready, Messages: 1, Events: 1, DEK: []byte{1}}
	s.Keys[store.Hash{1}] = conf
	m := store.Message{ID: msg, Tenant: 1, Channel: waxwing.Email, State: waxwing.State(state), NextAt: s.ms() - 1, Expires: s.ms() + 1000}
	name, theirs := strings.CutSuffix(state, " theirs")
	if name == "claimed" || name == "dot" {
		m.State = waxwing.Queued
		k := store.Claim{Message: msg, Instance: mine, Dot: name == "dot", Expires: m.Expires}
		if theirs {
			k.Instance++
		}
		s.Claims[msg] = k
	} else if m.State.Terminal() {
		m.NextAt = 0
	}
	s.Messages[msg] = m
	return s
}

var verdicts = map[string]Verdict{
	"sent":      {To: waxwing.Sent, Attempt: waxwing.Attempt{Verdict: waxwing.Accepted}},
	"deferred":  {To: waxwing.Queued, Attempt: waxwing.Attempt{Verdict: waxwing.Deferred}, NextAt: noon.Add(time.Minute)},
	"rejected":  {To: waxwing.Failed, Attempt: waxwing.Attempt{Verdict: waxwing.Rejected}},
	"uncertain": {To: waxwing.Uncertain, Attempt: waxwing.Attempt{Verdict: waxwing.UncertainVerdict}, NextAt: noon.Add(time.Minute)},
}

// onMessage are the commands that a message may meet.
var onMessage = map[string]func(*Set) Changes{
	"claim":       func(s *Set) Changes { c, _ := s.Claim(msg); return c },
	"claim late":  func(s *Set) Changes { s.Now = noon.Add(time.Hour); c, _ := s.Claim(msg); return c },
	"claim early": func(s *Set) Changes { s.Now = noon.Add(-time.Second); c, _ := s.Claim(msg); return c },
	"end late":    func(s *Set) Changes { s.Now = noon.Add(time.Hour); c, _ := s.End(msg); return c },
	"end":         func(s *Set) Changes { c, _ := s.End(msg); return c },
	"end assumed": func(s *Set) Changes { s.Rule.Policy = waxwing.AssumeDoubt; c, _ := s.End(msg); return c },
	"commit":      func(s *Set) Changes { c, _, _ := s.CommitPoint(msg, 0, store.Hash{}, "mail"); return c },
	"commit late": func(s *Set) Changes {
		s.Now = noon.Add(time.Hour)
		c, _, _ := s.CommitPoint(msg, 0, store.Hash{}, "mail")
		return c
	},
	"commit barred": func(s *Set) Changes {
		s.Suppressed[store.Hash{5}] = true
		c, _, _ := s.CommitPoint(msg, 0, store.Hash{5}, "mail")
		return c
	},
	"commit barred in doubt": func(s *Set) Changes {
		s.Suppressed[store.Hash{5}] = true
		s.Doubts[msg] = 1
		c, _, _ := s.CommitPoint(msg, 0, store.Hash{5}, "mail")
		return c
	},
	"take over":       func(s *Set) Changes { c, _ := s.TakeOver(msg); return c },
	"take over again": func(s *Set) Changes { s.Doubts[msg] = 3; c, _ := s.TakeOver(msg); return c },
	"stop":            func(s *Set) Changes { c, _ := s.Stop(1, conf, store.Hash{9}, waxwing.Act{}); return c },
	"suppress":        func(s *Set) Changes { return barred.Suppress(s, []waxwing.ID{conf}) },
	"suppress in doubt": func(s *Set) Changes {
		s.Doubts[msg] = 1
		return barred.Suppress(s, []waxwing.ID{conf})
	},
	"erase":    func(s *Set) Changes { c, _ := s.Erase(conf, waxwing.Act{}); return c },
	"doubt":    func(s *Set) Changes { return s.Doubt(msg) },
	"sent":     resolved("sent"),
	"queued":   resolved("deferred"),
	"failed":   resolved("rejected"),
	"in doubt": resolved("uncertain"),
	"queued, erased": func(s *Set) Changes {
		r := s.Confirmations[conf]
		r.DEK = nil
		s.Confirmations[conf] = r
		return resolved("deferred")(s)
	},
}

func resolved(verdict string) func(*Set) Changes {
	return func(s *Set) Changes {
		v := verdicts[verdict]
		v.Message, v.Number, v.Attempt.Provider = msg, 1, "mail"
		c, err := s.Resolve(&v)
		if err != nil && !c.Empty() {
			panic("refused, and something changed")
		}
		return c
	}
}

var messageStates = []string{"queued", "claimed", "claimed theirs", "dot", "dot theirs", "uncertain", "sent", "failed", "suppressed", "cancelled"}

// TestEachCommandInEachState: where each command takes a message from each state; "-" is
// nowhere.
func TestEachCommandInEachState(t *testing.T) {
	want := `
		claim:                  claimed    -          -          -         -         claimed   - - - -
		claim early:            -          -          -          -         -         -         - - - -
		claim late:             failed     -          -          -         -         failed    - - - -
		commit:                 -          dot        -          -         -         -         - - - -
		commit barred:          -          suppressed -          -         -         -         - - - -
		commit barred in doubt: -          cancelled  -          -         -         -         - - - -
		commit late:            -          -          -          -         -         -         - - - -
		doubt:                  uncertain  -          -          -         -         -         - - - -
		end:                    -          -          -          -         -         -         - - - -
		end assumed:            -          -          -          -         -         sent      - - - -
		end late:               failed     -          -          -         -         failed    - - - -
		erase:                  cancelled  cancelled  cancelled  -         -         cancelled - - - -
		failed:                 -          failed     -          failed    -         -         - - - -
		in doubt:               -          -          -          uncertain -         -         - - - -
		queued:                 -          queued     -          queued    -         -         - - - -
		queued, erased:         -          cancelled  -          cancelled -         -         - - - -
		sent:                   -          -          -          sent      -         -         - - - -
		stop:                   cancelled  cancelled  cancelled  -         -         cancelled - - - -
		suppress:               suppressed suppressed suppressed -         -         cancelled - - - -
		suppress in doubt:      cancelled  cancelled  cancelled  -         -         cancelled - - - -
		take over:              -          queued     queued     uncertain uncertain -         - - - -
		take over again:        -          queued     queued     uncertain uncertain -         - - - -`
	seen := 0
	for line := range strings.Lines(want) {
		name, states, found := strings.Cut(strings.TrimSpace(line), ":")
		if !found {
			continue
		}
		seen++
		for i, to := range strings.Fields(states) {
			from := messageStates[i]
			s := begun(from)
			c := onMessage[name](s)
			got := "-"
			for _, e := range c.Entries {
				if e.Message == msg && e.To != "" {
					got = string(e.To)
				}
			}
			if got != to {
				t.Errorf("%s, %s: %s, want %s", from, name, got, to)
			}
			rowsFollow(t, s, c, from+", "+name)
		}
	}
	if seen != len(onMessage) {
		t.Errorf("the table has %d of %d commands", seen, len(onMessage))
	}
}

// rowsFollow says that rows, claims and due times are as the entries have it.
func rowsFollow(t *testing.T, s *Set, c Changes, what string) {
	t.Helper()
	if len(c.Entries) == 0 && !c.Empty() {
		t.Errorf("%s: something changes, and no entry tells of it", what)
	}
	c.Place(s, "a,")
	s.Take(&c)
	for i, e := range c.Entries {
		if e.Message == 0 || e.To == "" {
			continue
		}
		m := s.Messages[e.Message]
		if i == len(c.Entries)-1 && s.State(&m) != e.To {
			t.Errorf("%s: the entry says %s, and the row %s", what, e.To, s.State(&m))
		}
		if wait := m.State == waxwing.Queued || m.State == waxwing.Uncertain; wait != (m.NextAt > 0) || m.NextAt > m.Expires {
			t.Errorf("%s: it is %s, and its time is %d", what, m.State, m.NextAt)
		}
		if !strings.HasSuffix(m.Trail, "a,") && s.Claims[m.ID].Trail != "a," {
			t.Errorf("%s: no row says where the entry stands", what)
		}
	}
}

var confirmationStates = []waxwing.State{waxwing.Received, waxwing.Held, waxwing.Quarantined, waxwing.Ignored, waxwing.Ready, waxwing.Cancelled}

// onConfirmation are the commands that a confirmation may meet.
var onConfirmation = map[string]func(*Set) (Changes, error){
	"ready": func(s *Set) (Changes, error) {
		return s.Ready(asSeen(s), []Draft{{State: waxwing.Queued}}, nil, time.Hour)
	},
	"ready late": func(s *Set) (Changes, error) {
		w := asSeen(s)
		w.Event++
		return s.Ready(w, []Draft{{State: waxwing.Queued}}, nil, time.Hour)
	},
	"ready of another state": func(s *Set) (Changes, error) {
		w := asSeen(s)
		w.State = "other"
		return s.Ready(w, nil, nil, time.Hour)
	},
	"ready, erased": func(s *Set) (Changes, error) {
		r := s.Confirmations[conf]
		r.DEK = nil
		s.Confirmations[conf] = r
		return s.Ready(asSeen(s), nil, nil, time.Hour)
	},
	"hold": func(s *Set) (Changes, error) {
		return s.Settle(asSeen(s), Settled{waxwing.Held, "gate", CauseGate, 5}, nil)
	},
	"quarantine": func(s *Set) (Changes, error) {
		return s.Settle(asSeen(s), Settled{waxwing.Quarantined, "x", CausePoison, 0}, nil)
	},
	"cancel": func(s *Set) (Changes, error) {
		return s.Settle(asSeen(s), Settled{waxwing.Cancelled, "x", CauseOrderGone, 0}, nil)
	},
	"spoil":                     func(s *Set) (Changes, error) { return s.Spoil(asSeen(s)), nil },
	"add":                       func(s *Set) (Changes, error) { return s.Add(asSeen(s), &Draft{State: waxwing.Queued}, time.Hour) },
	"release":                   func(s *Set) (Changes, error) { return s.Release(1, conf, waxwing.Act{}) },
	"release of another tenant": func(s *Set) (Changes, error) { return s.Release(2, conf, waxwing.Act{}) },
	"stop":                      func(s *Set) (Changes, error) { return s.Stop(1, conf, store.Hash{9}, waxwing.Act{}) },
	"stop of another tenant":    func(s *Set) (Changes, error) { return s.Stop(2, conf, store.Hash{9}, waxwing.Act{}) },
	"suppress": func(s *Set) (Changes, error) {
		return barred.Suppress(s, []waxwing.ID{conf}), nil
	},
	"erase":     func(s *Set) (Changes, error) { c, _ := s.Erase(conf, waxwing.Act{}); return c, nil },
	"hold back": func(s *Set) (Changes, error) { return s.HoldBack(conf), nil },
	"newer": func(s *Set) (Changes, error) {
		c, _, err := s.Replace(&Arrival{Key: store.Hash{1}, Updated: 2})
		return c, err
	},
	"newer, stale": func(s *Set) (Changes, error) {
		c, _, err := s.Replace(&Arrival{Key: store.Hash{1}, Updated: 2, Stale: true})
		return c, err
	},
	"older": func(s *Set) (Changes, error) {
		c, _, err := s.Replace(&Arrival{Key: store.Hash{1}, Updated: -1})
		return c, err
	},
	"again": func(s *Set) (Changes, error) {
		c, _, _ := s.Accept(&Arrival{Key: store.Hash{1}, Updated: -1})
		return c, nil
	},
}

func asSeen(s *Set) Seen {
	r := s.Confirmations[conf]
	return Seen{ID: conf, State: r.State, Event: r.Event, Next: int(r.Messages) + 1}
}

// TestEachCommandOnAConfirmation: the same for confirmations.
func TestEachCommandOnAConfirmation(t *testing.T) {
	want := `
		ready:                     ready       ready       ready       -  -  -
		ready late:                -           -           -           -  -  -
		ready of another state:    -           -           -           -  -  -
		ready, erased:             -           -           -           -  -  -
		hold:                      held        held        held        -  -  -
		quarantine:                quarantined quarantined quarantined -  -  -
		cancel:                    cancelled   cancelled   cancelled   -  -  -
		spoil:                     quarantined quarantined -           -  -  -
		add:                       -           -           -           -  -  -
		release:                   -           received    received    -  -  -
		release of another tenant: -           -           -           -  -  -
		stop:                      cancelled   cancelled   cancelled   -  -  -
		stop of another tenant:    -           -           -           -  -  -
		suppress:                  -           -           -           -  -  -
		erase:                     cancelled   cancelled   cancelled   -  -  -
		hold back:                 held        held        held        -  -  -
		newer:                     received    received    received    -  -  -
		newer, stale:              held        held        held        -  -  -
		older:                     -           -           -           -  -  -
		again:                     -           -           -           -  -  -`
	seen := 0
	for line := range strings.Lines(want) {
		name, states, found := strings.Cut(strings.TrimSpace(line), ":")
		if !found {
			continue
		}
		seen++
		for i, to := range strings.Fields(states) {
			from := confirmationStates[i]
			s := begun("sent")
			delete(s.Messages, msg)
			r := s.Confirmations[conf]
			r.State, r.Messages = from, 0
			s.Confirmations[conf] = r
			c, err := onConfirmation[name](s)
			if err != nil && !c.Empty() {
				t.Errorf("%s, %s: refused (%v), and something changed", from, name, err)
			}
			got := "-"
			for _, e := range c.Entries {
				if e.Message == 0 && e.To != "" {
					got = string(e.To)
				}
			}
			if got != to {
				t.Errorf("%s, %s: %s, want %s", from, name, got, to)
			}
			c.Place(s, "a,")
			s.Take(&c)
			if r := s.Confirmations[conf]; to != "-" && (string(r.State) != to || r.Trail != "a,") || to == "received" && r.Due == 0 {
				t.Errorf("%s, %s: the row is %+v", from, name, r)
			}
		}
	}
	if seen != len(onConfirmation) {
		t.Errorf("the table has %d of %d commands", seen, len(onConfirmation))
	}
}

// barred is the address that the tests' mails go to.
var barred = &Bar{Tenant: 1, Name: "acme", Hash: store.Hash{5}, Class: waxwing.SuppressedPerson}

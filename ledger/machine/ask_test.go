package machine

import (
	"errors"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// asks are the commands about a message in doubt.
var asks = map[string]func(*Set) Changes{
	"ask":                func(s *Set) Changes { s.Rule.Ask = true; c, _, _ := Ask(s, msg, 15*time.Second); return c },
	"ask, nobody can be": func(s *Set) Changes { c, _, _ := Ask(s, msg, 15*time.Second); return c },
	"claim, to be asked": func(s *Set) Changes { s.Rule.Ask = true; c, _ := s.Claim(msg); return c },
	"claim, to be held":  func(s *Set) Changes { s.Rule.Policy = waxwing.HoldDoubt; c, _ := s.Claim(msg); return c },
	"end, to be asked": func(s *Set) Changes {
		s.Rule.Policy, s.Rule.Ask = waxwing.AssumeDoubt, true
		c, _ := s.End(msg)
		return c
	},
	"take over, to ask": func(s *Set) Changes {
		s.Rule.Policy, s.Rule.Ask = waxwing.HoldDoubt, true
		c, _ := s.TakeOver(msg)
		return c
	},
	"asked: taken":        answered("", waxwing.Reply{Said: waxwing.SaidTaken, Evidence: waxwing.Evidence{Ref: "e-1", Words: "event accepted"}}),
	"asked: taken, hers":  answered("", waxwing.Reply{Said: waxwing.SaidTaken, Evidence: waxwing.Evidence{Ref: "ada@example.com"}}),
	"asked: taken, +49":   answered("", waxwing.Reply{Said: waxwing.SaidTaken, Evidence: waxwing.Evidence{Ref: "4915112345678"}}),
	"asked: absent":       answered("", waxwing.Reply{Said: waxwing.SaidAbsent}),
	"asked: unknown":      answered("", waxwing.Reply{Said: waxwing.SaidUnknown}),
	"asked: again":        answered("", waxwing.Reply{Said: waxwing.SaidAbsent, Again: noon.Add(500 * time.Millisecond)}),
	"asked: hold":         answered(waxwing.HoldDoubt, waxwing.Reply{Said: waxwing.SaidAbsent}),
	"asked: assume":       answered(waxwing.AssumeDoubt, waxwing.Reply{Said: waxwing.SaidUnknown}),
	"asked: nobody":       answered("", waxwing.Reply{}),
	"asked: nobody, hold": answered(waxwing.HoldDoubt, waxwing.Reply{}),
	"asked: often": func(s *Set) Changes {
		s.Doubts[msg] = 4
		return answered("", waxwing.Reply{Said: waxwing.SaidAbsent})(s)
	},
}

func answered(policy string, r waxwing.Reply) func(*Set) Changes {
	return func(s *Set) Changes {
		s.Rule.Ask, s.Rule.Policy = true, policy
		c, until, _ := Ask(s, msg, 15*time.Second)
		s.Take(&c)
		c, _, err := Answered(s, &Answer{Message: msg, Until: until, Provider: "mail", Reply: r})
		return refused(c, err)
	}
}

// What was done to a message since it was asked about counts, and the answer does not.
func TestAnsweredLate(t *testing.T) {
	for name, since := range map[string]func(*Set){
		"asked again": func(s *Set) { m := s.Messages[msg]; m.NextAt++; s.Messages[msg] = m },
		"sent":        func(s *Set) { m := s.Messages[msg]; m.State = waxwing.Sent; s.Messages[msg] = m },
		"tried again": func(s *Set) { m := s.Messages[msg]; m.Attempts++; s.Messages[msg] = m },
		"claimed":     func(s *Set) { s.Claims[msg] = store.Claim{Message: msg} },
		"not there":   func(s *Set) { delete(s.Messages, msg) },
		"nothing":     nil,
	} {
		s := begun("uncertain")
		s.Rule.Ask = true
		c, until, asked := Ask(s, msg, 15*time.Second)
		if !asked {
			t.Fatal("not asked")
		}
		s.Take(&c)
		if since != nil {
			since(s)
		}
		c, _, err := Answered(s, &Answer{Message: msg, Until: until, Reply: waxwing.Reply{Said: waxwing.SaidTaken}})
		if (err != nil) != (since != nil) || err != nil && (!errors.Is(err, waxwing.ErrState) || !c.Empty()) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// One instance asks at a time, and not one that was taken for dead.
func TestAskedByOne(t *testing.T) {
	s := begun("uncertain")
	s.Rule.Ask, s.Epoch = true, 1
	s.Instances[mine] = store.Instance{ID: mine, Epoch: 2}
	if _, _, asked := Ask(s, msg, time.Second); asked {
		t.Error("asked by the dead")
	}
	s.Instances[mine] = store.Instance{ID: mine, Epoch: 1}
	c, _, asked := Ask(s, msg, time.Second)
	if s.Take(&c); !asked {
		t.Fatal("not asked")
	}
	if _, _, asked := Ask(s, msg, time.Second); asked {
		t.Error("asked by two")
	}
	s.Now = s.Now.Add(2 * time.Second)
	if c, _ := s.End(msg); c.Messages[0].Reason != ReasonExpiredInDoubt {
		t.Errorf("%+v", c.Messages)
	}
}

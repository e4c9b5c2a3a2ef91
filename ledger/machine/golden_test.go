package machine

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

var update = flag.Bool("update", false, "write the golden files again")

// more are commands whose every part counts, beside those of the tables.
var more = map[string]func(*Set) Changes{
	"accept new": func(s *Set) Changes {
		c, rc, again := s.Accept(&Arrival{ID: 2 * store.IDStep, Tenant: 1, Key: store.Hash{2}, Shop: "web", Format: "shopify", Source: "webhook", Updated: 5,
			Rank: 2, DEK: []byte{7}, Event: store.Event{Topic: "orders/paid", Body: []byte{8}}, Hashes: []store.Hash{{6}}})
		return told(c, rc, again)
	},
	"accept poison": func(s *Set) Changes {
		c, rc, again := s.Accept(&Arrival{ID: 2 * store.IDStep, Key: store.Hash{2}, Poison: strings.Repeat("é", 200)})
		return told(c, rc, again)
	},
	"accept ignored": func(s *Set) Changes {
		c, rc, again := s.Accept(&Arrival{ID: 2 * store.IDStep, Key: store.Hash{2}, Ignore: "ping"})
		return told(c, rc, again)
	},
	"accept maybe": func(s *Set) Changes {
		c, rc, again := s.Accept(&Arrival{ID: 2 * store.IDStep, Key: store.Hash{2}, Maybe: true})
		return told(c, rc, again)
	},
	"accept stale": func(s *Set) Changes {
		c, rc, again := s.Accept(&Arrival{ID: 2 * store.IDStep, Key: store.Hash{2}, Stale: true})
		return told(c, rc, again)
	},
	"accept old": func(s *Set) Changes {
		c, rc, again := s.Accept(&Arrival{ID: 2 * store.IDStep, Key: store.Hash{2}, Old: true})
		return told(c, rc, again)
	},
	"again, ping":    again(Arrival{Source: waxwing.SourcePing}),
	"again, newer":   again(Arrival{Updated: 2}),
	"again, rank":    again(Arrival{Rank: 1}),
	"again, same":    again(Arrival{}),
	"again, poison":  again(Arrival{Updated: 2, Poison: "x"}),
	"again, erased":  func(s *Set) Changes { erased(s); return again(Arrival{Updated: 2})(s) },
	"replace late":   replaced(waxwing.Ready, "", false, Arrival{Updated: 2, Source: "api"}),
	"replace, rank":  replaced(waxwing.Received, "", false, Arrival{Rank: 1}),
	"replace, same":  replaced(waxwing.Received, "", false, Arrival{}),
	"replace stale":  replaced(waxwing.Held, CauseStale, false, Arrival{Updated: 2, Old: true, Hashes: []store.Hash{{6}}}),
	"replace, asked": replaced(waxwing.Held, CauseStale, true, Arrival{Updated: 2, Old: true}),
	"replace, gate":  replaced(waxwing.Held, CauseGate, false, Arrival{Updated: 2, Old: true, Format: "generic"}),
	"replace, loss":  replaced(waxwing.Held, CauseLoss, false, Arrival{Updated: 2}),
	"replace, erased": func(s *Set) Changes {
		erased(s)
		return replaced(waxwing.Received, "", false, Arrival{Updated: 2})(s)
	},
	"replace, many": func(s *Set) Changes {
		r := s.Confirmations[conf]
		r.Events = MaxEvents
		s.Confirmations[conf] = r
		return replaced(waxwing.Received, "", false, Arrival{Updated: 2})(s)
	},
	"ready with all": func(s *Set) Changes {
		r := s.Confirmations[conf]
		r.State = waxwing.Received
		s.Confirmations[conf] = r
		s.Suppressed[store.Hash{5}] = true
		c, _ := s.Ready(asSeen(s), []Draft{
			{Channel: waxwing.Email, State: waxwing.Queued, Locale: "de", Body: []byte{1}, Digest: []byte{2}, People: []store.Hash{{4}}, Notes: []string{"a", strings.Repeat("b", 300)}},
			{Channel: waxwing.SMS, State: waxwing.Queued, People: []store.Hash{{4}, {5}}},
			{Channel: waxwing.SMS, State: waxwing.Failed, Reason: "no number"}}, []store.Hash{{6}}, time.Hour)
		return c
	},
	"add of a person": func(s *Set) Changes {
		c, _ := s.Add(asSeen(s), &Draft{State: waxwing.Queued, Resend: true, Act: waxwing.Act{By: "anna", Reason: "she asked"}, People: []store.Hash{{4}}}, time.Hour)
		return c
	},
	"add, late": func(s *Set) Changes {
		w := asSeen(s)
		w.Next++
		c, _ := s.Add(w, &Draft{}, time.Hour)
		return c
	},
	"add, erased": func(s *Set) Changes { erased(s); c, _ := s.Add(asSeen(s), &Draft{}, time.Hour); return c },
	"settle, late": func(s *Set) Changes {
		w := asSeen(s)
		w.Next++
		c, _ := s.Settle(w, Settled{waxwing.Held, "x", CauseGate, 5}, nil)
		return c
	},
	"fallback":       fallback(1, 1),
	"fallback, late": fallback(2, 1),
	"fallback, full": func(s *Set) Changes { return fallback(1, store.IDStep)(s) },
	"fallback, most": func(s *Set) Changes { return fallback(1, store.IDStep-2)(s) },
	"a verdict with all": func(s *Set) Changes {
		m := s.Messages[msg]
		m.Tries, m.Faults, m.Attempts = 1, 2, 3
		s.Messages[msg] = m
		v := Verdict{Message: msg, Number: 4, Sealed: []byte{3}, To: waxwing.Queued, Reason: strings.Repeat("r", 300), NextAt: noon.Add(time.Hour), Counts: true,
			DownSince: noon.Add(-time.Minute), Hashes: []store.Hash{{6}}, Attempt: waxwing.Attempt{Provider: "mail", Verdict: waxwing.Deferred,
				Fault: waxwing.ProviderFault, Phase: waxwing.PhaseData, Code: 421, Enhanced: "4.3.2", Began: noon, Ended: noon.Add(time.Second)}}
		c, _ := s.Resolve(&v)
		return c
	},
	"a transport fault": func(s *Set) Changes {
		v := Verdict{Message: msg, To: waxwing.Queued, Attempt: waxwing.Attempt{Verdict: waxwing.Deferred, Fault: waxwing.TransportFault}}
		c, _ := s.Resolve(&v)
		return c
	},
	"no attempt": func(s *Set) Changes {
		c, _ := s.Resolve(&Verdict{Message: msg, To: waxwing.Queued, Reason: "busy", NextAt: noon})
		return c
	},
	"a verdict, erased": func(s *Set) Changes {
		erased(s)
		v := verdicts["sent"]
		v.Message, v.Sealed = msg, []byte{3}
		c, _ := s.Resolve(&v)
		return c
	},
	"claim in doubt, late": func(s *Set) Changes {
		s.Now, s.Doubts[msg] = noon.Add(time.Second), 1
		c, _ := s.Claim(msg)
		return c
	},
	"claim in the last moment":  func(s *Set) Changes { s.Now = noon.Add(999 * time.Millisecond); c, _ := s.Claim(msg); return c },
	"claim in the first moment": func(s *Set) Changes { s.Now = noon.Add(-time.Millisecond); c, _ := s.Claim(msg); return c },
	"commit in the last moment": func(s *Set) Changes {
		s.Now = noon.Add(999 * time.Millisecond)
		c, _, _ := s.CommitPoint(msg, 0, store.Hash{}, "mail")
		return c
	},
	"commit too late": func(s *Set) Changes {
		s.Now = noon.Add(time.Second)
		c, _, _ := s.CommitPoint(msg, 0, store.Hash{}, "mail")
		return c
	},
	"take over, held": func(s *Set) Changes {
		s.Doubts[msg] = 3
		m := s.Messages[msg]
		m.Attempts, m.Expires = 3, m.Expires+3600_000
		s.Messages[msg] = m
		c, held := s.TakeOver(msg)
		return flagged(c, held)
	},
	"take over, first": func(s *Set) Changes {
		m := s.Messages[msg]
		m.Expires += 3600_000
		s.Messages[msg] = m
		c, held := s.TakeOver(msg)
		return flagged(c, held)
	},
	"release, erased":    func(s *Set) Changes { erased(s); c, err := s.Release(1, conf, waxwing.Act{}); return refused(c, err) },
	"release of what is": func(s *Set) Changes { c, err := s.Release(1, conf, waxwing.Act{}); return refused(c, err) },
	"release what is ignored": func(s *Set) Changes {
		r := s.Confirmations[conf]
		r.State = waxwing.Ignored
		s.Confirmations[conf] = r
		c, err := s.Release(1, conf, waxwing.Act{})
		return refused(c, err)
	},
	"stop what is received": func(s *Set) Changes {
		r := s.Confirmations[conf]
		r.State = waxwing.Received
		s.Confirmations[conf] = r
		c, err := s.Stop(1, conf, store.Hash{9}, waxwing.Act{By: "anna"})
		return refused(c, err)
	},
	"annotate":        func(s *Set) Changes { tried(s); return annotated(s, waxwing.Delivered) },
	"annotate, other": func(s *Set) Changes { tried(s); annotated(s, waxwing.Opened); return annotated(s, waxwing.Delivered) },
	"annotate, again": func(s *Set) Changes {
		tried(s)
		s.Annotations[msg] = []store.Annotation{{Message: msg, Kind: waxwing.Delivered}}
		return annotated(s, waxwing.Delivered)
	},
	"annotate, erased":  func(s *Set) Changes { tried(s); erased(s); return annotated(s, waxwing.Bounced) },
	"annotate, untried": func(s *Set) Changes { return annotated(s, waxwing.Bounced) },
	"annotate, dot": func(s *Set) Changes {
		s.Claims[msg] = store.Claim{Message: msg, Dot: true}
		return annotated(s, waxwing.Complained)
	},
	"annotate, unknown": func(s *Set) Changes { tried(s); return annotated(s, "seen") },
	"annotate, nobody's": func(s *Set) Changes {
		delete(s.Messages, msg)
		return annotated(s, waxwing.Clicked)
	},
	"suppress again": func(s *Set) Changes {
		s.Suppressed[store.Hash{5}] = true
		return (&Bar{Tenant: 1, Name: "acme", Hash: store.Hash{5}, Class: waxwing.SuppressedPerson, Act: waxwing.Act{By: "anna"}}).Suppress(s, []waxwing.ID{conf, 3 * store.IDStep})
	},
	"lift": func(s *Set) Changes {
		s.Suppressed[store.Hash{5}] = true
		return (&Bar{Tenant: 1, Name: "acme", Hash: store.Hash{5}, Act: waxwing.Act{By: "anna", Reason: "she has a new mailbox"}}).Lift(s, []waxwing.ID{conf, 3 * store.IDStep})
	},
	"lift what is not barred": func(s *Set) Changes {
		return (&Bar{Tenant: 1, Name: "acme", Hash: store.Hash{5}}).Lift(s, []waxwing.ID{conf})
	},
	"erase what quotes": func(s *Set) Changes {
		m := s.Messages[msg]
		m.Reason = "550 no such user ida"
		s.Messages[msg] = m
		c, _ := s.Erase(conf, waxwing.Act{})
		return c
	},
	"erase again": func(s *Set) Changes { erased(s); c, ok := s.Erase(conf, waxwing.Act{}); return flagged(c, ok) },
	"doubt, later": func(s *Set) Changes {
		m := s.Messages[msg]
		m.NextAt = 0
		s.Messages[msg] = m
		return s.Doubt(msg)
	},
	"hold back, erased": func(s *Set) Changes {
		erased(s)
		r := s.Confirmations[conf]
		r.State = waxwing.Held
		s.Confirmations[conf] = r
		return s.HoldBack(conf)
	},
	"of nothing": func(s *Set) Changes {
		s.Messages, s.Confirmations = map[waxwing.ID]store.Message{}, map[waxwing.ID]store.Confirmation{}
		var all Changes
		_, err := s.Resolve(&Verdict{Message: msg})
		all = refused(all, err)
		_, err = s.Ready(Seen{ID: conf}, nil, nil, 0)
		all = refused(all, err)
		_, _, err = s.Replace(&Arrival{Key: store.Hash{8}})
		return refused(all, err)
	},
}

func told(c Changes, rc waxwing.Receipt, again bool) Changes {
	c.note(Entry{Cause: fmt.Sprintf("receipt %s %s new %t work %t, again %t", rc.ID, rc.State, rc.New, rc.Work, again)})
	return c
}

func flagged(c Changes, is bool) Changes {
	c.note(Entry{Cause: fmt.Sprint(is)})
	return c
}

func refused(c Changes, err error) Changes {
	if err != nil {
		c.note(Entry{Cause: err.Error()})
	}
	return c
}

func erased(s *Set) {
	r := s.Confirmations[conf]
	r.DEK = nil
	s.Confirmations[conf] = r
}

func again(a Arrival) func(*Set) Changes {
	return func(s *Set) Changes {
		a.Key = store.Hash{1}
		return told(s.Accept(&a))
	}
}

func replaced(state waxwing.State, reason string, asked bool, a Arrival) func(*Set) Changes {
	return func(s *Set) Changes {
		r := s.Confirmations[conf]
		r.State, r.Reason, r.Asked = state, reason, asked
		s.Confirmations[conf] = r
		a.Key = store.Hash{1}
		c, rc, err := s.Replace(&a)
		return refused(told(c, rc, false), err)
	}
}

// fallback is a rejection with drafts, where the confirmation has so many messages.
func fallback(drafts, messages int64) func(*Set) Changes {
	return func(s *Set) Changes {
		id := conf | waxwing.ID(messages)
		m, k := s.Messages[msg], s.Claims[msg]
		m.ID, k.Message = id, id
		s.Messages[id] = m
		if _, held := s.Claims[msg]; held {
			s.Claims[id] = k
		}
		r := s.Confirmations[conf]
		r.Messages = messages
		s.Confirmations[conf] = r
		v := verdicts["rejected"]
		v.Message, v.Hashes = id, []store.Hash{{6}}
		for range drafts {
			v.Fallback = append(v.Fallback, Draft{Channel: waxwing.SMS, State: waxwing.Queued})
		}
		c, err := s.Resolve(&v)
		return refused(c, err)
	}
}

// TestGolden holds every part of what the commands come to.
func TestGolden(t *testing.T) {
	var b strings.Builder
	all := maps.Clone(more)
	maps.Copy(all, onMessage)
	maps.Copy(all, asks)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		for _, from := range messageStates {
			s := begun(from)
			c := all[name](s)
			if c.Empty() {
				continue
			}
			c.Place(s, "a,")
			_, _ = fmt.Fprintf(&b, "%s, %s:\n", from, name)
			show(&b, &c)
		}
	}
	const file = "testdata/commands.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != b.String() {
		got, old := strings.Split(b.String(), "\n"), strings.Split(string(want), "\n")
		for i := range got {
			if i >= len(old) || got[i] != old[i] {
				t.Fatalf("line %d of %s is another (-update writes it):\n%s", i+1, file, got[i])
			}
		}
		t.Fatalf("%s has more lines", file)
	}
}

func show(b *strings.Builder, c *Changes) {
	// What later layouts added shows where it is not empty.
	added := strings.NewReplacer(" Act:{By: Reason:} Revision:", "", " Kind: Part:", "", " Ingredients:[]", "")
	line := func(what string, v any) {
		_, _ = fmt.Fprintf(b, "  %s %s\n", what, added.Replace(fmt.Sprintf("%+v", v)))
	}
	for _, x := range c.Confirmations {
		line("confirmation", x)
	}
	for _, x := range c.Messages {
		line("message", x)
	}
	for _, x := range c.Claims {
		line("claim", x)
	}
	for _, x := range c.Freed {
		line("freed", x)
	}
	for _, x := range c.Events {
		line("event", x)
	}
	for _, x := range c.Contents {
		line("content", x)
	}
	for _, x := range c.Attempts {
		line("attempt", x)
	}
	for _, x := range c.Annotations {
		line("annotation", x)
	}
	for _, x := range c.Lookups {
		line("lookup", x)
	}
	for _, x := range c.Suppressions {
		line("suppression", x)
	}
	for _, x := range c.Lifted {
		line("lifted", x)
	}
	for _, x := range c.Destroyed {
		line("destroyed", x)
	}
	for _, x := range c.Entries {
		_, _ = fmt.Fprintf(b, "  entry %s %s %q to %q %s %v\n", x.Confirmation, x.Message, x.From, x.To, x.Cause, x.Detail)
	}
}

// TestEmpty: each part alone is something to write.
func TestEmpty(t *testing.T) {
	if !new(Changes).Empty() {
		t.Error("nothing is something")
	}
	for i, c := range []store.Changes{{Confirmations: make([]store.Confirmation, 1)}, {Messages: make([]store.Message, 1)}, {Claims: make([]store.Claim, 1)},
		{Freed: make([]waxwing.ID, 1)}, {Events: make([]store.Event, 1)}, {Contents: make([]store.Content, 1)}, {Annotations: make([]store.Annotation, 1)}, {Attempts: make([]store.Attempt, 1)},
		{Lookups: make([]store.Lookup, 1)}, {Suppressions: make([]store.Suppression, 1)}, {Lifted: make([]store.Hash, 1)}, {Destroyed: make([]waxwing.ID, 1)}, {Entries: make([]Entry, 1)}} {
		if c.Empty() {
			t.Errorf("part %d is nothing", i)
		}
	}
}

// tried has the message offered once.
func tried(s *Set) {
	m := s.Messages[msg]
	m.Attempts = 1
	s.Messages[msg] = m
	delete(s.Claims, msg)
}

func annotated(s *Set, kind waxwing.AnnotationKind) Changes {
	c, err := s.Annotate(&Note{Message: msg, Kind: kind, Provider: "mail", Sealed: []byte{3}})
	return refused(c, err)
}

package machine

import (
	"errors"
	"slices"
	"strconv"
	"testing"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// TestClip cuts at the end of a character, and not at all where there is room.
func TestClip(t *testing.T) {
	for _, x := range []struct {
		s    string
		n    int
		want string
	}{
		{"", 0, ""}, {"", 5, ""}, {"abc", 4, "abc"}, {"abc", 3, "abc"}, {"abc", 2, "ab"}, {"abc", 0, ""},
		{"aé", 3, "aé"}, {"aé", 2, "a"}, {"aéb", 3, "aé"}, {"é", 1, ""}, {"a\U0001f600", 4, "a"}, {"a\U0001f600", 5, "a\U0001f600"},
		{"\x80\x80\x80", 2, ""}, // no character's, as a hostile server sends it
	} {
		if got := Clip(x.s, x.n); got != x.want {
			t.Errorf("%q in %d bytes is %q, want %q", x.s, x.n, got, x.want)
		}
	}
}

// FuzzClip: it is a beginning that fits, of whole characters, and one more would not fit.
func FuzzClip(f *testing.F) {
	f.Add("naïve \U0001f600", 3)
	f.Fuzz(func(t *testing.T, s string, n int) {
		if n < 0 {
			return
		}
		got := Clip(s, n)
		if len(got) > n || got != s[:len(got)] {
			t.Fatalf("%q in %d bytes is %q", s, n, got)
		}
		if !utf8.ValidString(s) {
			return
		}
		if !utf8.ValidString(got) {
			t.Errorf("%q is cut within a character: %q", s, got)
		}
		if _, next := utf8.DecodeRuneInString(s[len(got):]); len(got) < len(s) && len(got)+next <= n {
			t.Errorf("%q in %d bytes is %q, and the next character fits", s, n, got)
		}
	})
}

// TestTheLastMessageOfAConfirmation: another channel takes over as long as there is a number
// for its message, and not where a person's resend took it.
func TestTheLastMessageOfAConfirmation(t *testing.T) {
	for _, x := range []struct {
		messages, fallbacks int
		newest, ok          bool
	}{{1, 1, true, true}, {62, 1, true, true}, {63, 1, true, false}, {61, 2, true, true}, {62, 2, true, false}, {2, 1, false, false}} {
		s := begun("dot")
		m, k := s.Messages[msg], s.Claims[msg]
		delete(s.Messages, msg)
		delete(s.Claims, msg)
		m.ID = conf | waxwing.ID(x.messages)
		c := s.Confirmations[conf]
		if c.Messages = int64(x.messages); !x.newest {
			c.Messages++
		}
		k.Message = m.ID
		s.Confirmations[conf], s.Messages[m.ID], s.Claims[m.ID] = c, m, k
		v := verdicts["rejected"]
		v.Message, v.Fallback = m.ID, make([]Draft, x.fallbacks)
		for i := range v.Fallback {
			v.Fallback[i] = Draft{Channel: waxwing.SMS, State: waxwing.Queued}
		}
		ch, err := s.Resolve(&v)
		if (err == nil) != x.ok || err != nil && (!errors.Is(err, ErrNoFallback) || !ch.Empty()) {
			t.Errorf("message %d of %d, %d more: %v", x.messages, c.Messages, x.fallbacks, err)
			continue
		}
		if x.ok && (len(ch.Messages) != 1+x.fallbacks || ch.Confirmations[0].Messages != int64(x.messages+x.fallbacks)) {
			t.Errorf("message %d, %d more: %d messages, and %d are counted", x.messages, x.fallbacks, len(ch.Messages), ch.Confirmations[0].Messages)
		}
	}
}

// TestALateVerdictTellsItsCode where there is one: an SMTP server's reply has a number, a
// broken connection has none.
func TestALateVerdictTellsItsCode(t *testing.T) {
	for _, code := range []int{0, 250, 451} {
		s := begun("uncertain")
		s.Attempts[msg] = []store.Attempt{{Message: msg, N: 1, Provider: "mail", Verdict: waxwing.UncertainVerdict}}
		v := verdicts["sent"]
		v.Message, v.Number, v.Attempt.Provider, v.Attempt.Code, v.Attempt.Phase = msg, 1, "mail", code, waxwing.PhaseDot
		c, noted := s.Late(&v)
		if !noted || len(c.Entries) != 1 {
			t.Fatalf("code %d: noted %t, %d entries", code, noted, len(c.Entries))
		}
		i := slices.IndexFunc(c.Entries[0].Detail, func(d [2]string) bool { return d[0] == "code" })
		if (i >= 0) != (code != 0) || i >= 0 && c.Entries[0].Detail[i][1] != strconv.Itoa(code) {
			t.Errorf("code %d: the trail says %v", code, c.Entries[0].Detail)
		}
	}
}

// TestPlace: what a claim's row says of the trail goes to the message when it is freed, each
// entry's batch stands in the row that it is of, once, and a row that is not there is none.
func TestPlace(t *testing.T) {
	s := begun("dot")
	m, k, row := s.Messages[msg], s.Claims[msg], s.Confirmations[conf]
	m.Trail, k.Trail, row.Trail = "1,", "2,3,", "1,"
	s.Messages[msg], s.Claims[msg], s.Confirmations[conf] = m, k, row
	v := verdicts["sent"]
	v.Message = msg
	c, err := s.Resolve(&v)
	if err != nil {
		t.Fatal(err)
	}
	c.note(Entry{Confirmation: conf, Cause: CauseNote})
	c.note(Entry{Confirmation: conf, Cause: CauseNote})
	c.note(Entry{Confirmation: conf + store.IDStep, Cause: CauseNote})
	c.note(Entry{Confirmation: conf, Message: conf | 9, Cause: CauseNote})
	c.note(Entry{Cause: CausePerson})
	c.Freed = append(c.Freed, conf|9)
	c.Place(s, "4,")
	if len(c.Messages) != 1 || c.Messages[0].Trail != "1,2,3,4," {
		t.Errorf("the message's batches: %+v, want 1,2,3,4,", c.Messages)
	}
	if len(c.Confirmations) != 1 || c.Confirmations[0].Trail != "1,4," {
		t.Errorf("the confirmation's batches: %+v, want 1,4,", c.Confirmations)
	}
	// While it is held, its claim is the one row that changes.
	s = begun("claimed")
	c, _, err = s.CommitPoint(msg, 0, store.Hash{}, "mail")
	if err != nil {
		t.Fatal(err)
	}
	c.Place(s, "14,")
	c.Place(s, "14,")
	c.Place(s, "4,")
	if len(c.Messages) != 0 || len(c.Claims) != 1 || c.Claims[0].Trail != "14,4," {
		t.Errorf("a held message's: %d messages, claims %+v", len(c.Messages), c.Claims)
	}
}

// TestNewer: the shop's clock decides, and of one second the event that says more.
func TestNewer(t *testing.T) {
	for _, x := range []struct {
		updated, rank int64
		want          bool
	}{{9, 9, false}, {10, 0, false}, {10, 1, false}, {10, 2, true}, {11, 0, true}} {
		if got := newer(&Arrival{Updated: x.updated, Rank: x.rank}, &store.Confirmation{Updated: 10, Rank: 1}); got != x.want {
			t.Errorf("at %d, rank %d: newer %t than at 10, rank 1", x.updated, x.rank, got)
		}
	}
}

// TestOutcomeIsTheNewestFactThatMatters, in whatever order the messages stand.
func TestOutcomeIsTheNewestFactThatMatters(t *testing.T) {
	order := []waxwing.State{waxwing.Sent, waxwing.Uncertain, waxwing.Dot, waxwing.Claimed, waxwing.Queued, waxwing.Suppressed, waxwing.Failed, waxwing.Cancelled}
	for i, better := range order {
		for _, worse := range order[i:] {
			for _, messages := range [][]waxwing.State{{better, worse}, {worse, better}, {worse, better, worse}} {
				if got := Outcome(waxwing.Ready, messages); got != better {
					t.Errorf("%v come to %s", messages, got)
				}
			}
			if got := Outcome(waxwing.Held, []waxwing.State{worse, better}); got != waxwing.Held {
				t.Errorf("what is not ready comes to %s", got)
			}
		}
	}
	if got := Outcome(waxwing.Ready, nil); got != waxwing.Ready {
		t.Errorf("without a message: %s", got)
	}
}

// TestDueByTwoClocks: a message that nobody has tried is had by whoever hears of it, though their
// clock is behind that of whoever made it; one that was tried, or put off for long, waits for its time.
func TestDueByTwoClocks(t *testing.T) {
	for name, x := range map[string]struct {
		change func(*store.Message)
		ahead  int64 // ms that its time is ahead of this clock
		taken  bool
	}{
		"its time has come":           {func(*store.Message) {}, 0, true},
		"the maker's clock is ahead":  {func(*store.Message) {}, 20, true},
		"as far as clocks are apart":  {func(*store.Message) {}, apart, true},
		"put off":                     {func(*store.Message) {}, apart + 1, false},
		"tried":                       {func(m *store.Message) { m.Attempts = 1 }, 20, false},
		"tried, by the schedule":      {func(m *store.Message) { m.Tries = 1 }, 20, false},
		"its provider failed":         {func(m *store.Message) { m.Faults = 1 }, 20, false},
		"no provider works":           {func(m *store.Message) { m.DownSince = 1 }, 20, false},
		"in doubt":                    {func(m *store.Message) { m.State = waxwing.Uncertain }, 20, false},
		"tried, and its time is here": {func(m *store.Message) { m.Attempts = 1 }, 0, true},
	} {
		s := begun("queued")
		m := s.Messages[msg]
		m.NextAt = s.ms() + x.ahead
		x.change(&m)
		s.Messages[msg] = m
		c, taken := s.Claim(msg)
		if taken != x.taken || taken != (len(c.Claims) == 1) {
			t.Errorf("%s: taken %v, want %v", name, taken, x.taken)
		}
	}
}

package smtp_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/channel/smtp"
)

type form struct {
	raw  string
	code int
}

// forms reads testdata/replies.tsv.
func forms(t *testing.T) (out []form) {
	t.Helper()
	b, err := os.ReadFile("testdata/replies.tsv")
	if err != nil {
		t.Fatal(err)
	}
	for l := range strings.Lines(string(b)) {
		q, code, ok := strings.Cut(strings.TrimSuffix(l, "\n"), "\t")
		if !ok || q[0] == '#' {
			continue
		}
		raw, err := strconv.Unquote(q)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		n, err := strconv.Atoi(code)
		if err != nil {
			t.Fatalf("%s: %v", q, err)
		}
		out = append(out, form{raw, n})
	}
	return out
}

// TestReplyForms: the code and what stands behind it decide, whatever the text is
// written in.
func TestReplyForms(t *testing.T) {
	for _, f := range forms(t) {
		for _, phase := range []waxwing.Phase{waxwing.PhaseMail, waxwing.PhaseRcpt, waxwing.PhaseData, waxwing.PhaseDot} {
			for _, lockstep := range []bool{false, true} {
				playForm(t, f, phase, lockstep)
			}
		}
	}
}

// TestLongReplies: how much a server explains changes nothing, on one line or many.
func TestLongReplies(t *testing.T) {
	for _, code := range []int{250, 354, 451, 550} {
		for _, raw := range []string{
			fmt.Sprintf("%d %s\r\n", code, strings.Repeat("x", 200<<10)),
			fmt.Sprintf("%d-%s\r\n%d ok\r\n", code, strings.Repeat("x", 70<<10), code),
			strings.Repeat(fmt.Sprintf("%d-of many\r\n", code), 10000) + fmt.Sprintf("%d end\r\n", code),
		} {
			for _, phase := range []waxwing.Phase{waxwing.PhaseMail, waxwing.PhaseRcpt, waxwing.PhaseData, waxwing.PhaseDot} {
				if code == 354 && phase != waxwing.PhaseData {
					continue // the server would not wait for a body
				}
				playForm(t, form{raw, code}, phase, false)
			}
		}
	}
}

func playForm(t *testing.T, f form, phase waxwing.Phase, lockstep bool) {
	srv := sink.New(sink.Config{Lockstep: lockstep, Plan: func(q sink.Question) (a sink.Answer) {
		if q.Phase == phase {
			a.Raw, a.Code = f.raw, f.code
			if f.code == 0 && phase != waxwing.PhaseDot {
				a.Code = 500 // it means none, and the server goes on without the message
			}
		}
		return a
	}})
	defer srv.Close()
	dial, _ := far(srv, 0)
	s := smtp.New(smtp.Config{Name: "mail", Addr: "mx.example:25", TLS: smtp.NoTLS, Connections: 1, Dial: dial, Timeouts: allTimeouts(5 * time.Second)})
	defer func() { _ = s.Close(context.Background()) }()
	a := s.Offer(t.Context(), mail(1, 300), nothing)
	want := formVerdict(f.code, phase)
	if a.Verdict != want {
		t.Errorf("%.60q at %s (lockstep %v): %s, want %s (%v)", f.raw, phase, lockstep, a.Verdict, want, a.Err)
	}
	if n := srv.Truth().Total(); a.Verdict == waxwing.Accepted && n != 1 || (a.Verdict == waxwing.Deferred || a.Verdict == waxwing.Rejected) && n != 0 {
		t.Errorf("%.60q at %s: %s, and the server has %d mails", f.raw, phase, a.Verdict, n)
	}
	if r := a.Reply.Reveal(); !utf8.ValidString(r) || strings.ContainsFunc(r, func(c rune) bool {
		return c != '\n' && unicode.IsControl(c) || unicode.In(c, unicode.Bidi_Control)
	}) {
		t.Errorf("%.60q at %s: kept as %q", f.raw, phase, r)
	}
}

// formVerdict is what a code means at a phase.
func formVerdict(code int, p waxwing.Phase) waxwing.Verdict {
	switch {
	case code/100 == 5:
		return waxwing.Rejected
	case p == waxwing.PhaseDot && (code == 0 || code/100 == 3):
		return waxwing.UncertainVerdict
	case code == 354 && p == waxwing.PhaseData, code/100 == 2 && p != waxwing.PhaseData:
		return waxwing.Accepted
	}
	return waxwing.Deferred
}

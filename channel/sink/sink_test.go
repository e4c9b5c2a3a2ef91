package sink_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/sink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// say sends each text and returns everything that came back until the server
// hung up.
func say(t *testing.T, s *sink.Server, texts ...string) string {
	t.Helper()
	a, b := net.Pipe()
	go s.ServeConn(b)
	go func() {
		for _, x := range texts {
			_, _ = io.WriteString(a, x)
		}
	}()
	got, _ := io.ReadAll(a)
	_ = a.Close()
	return string(got)
}

const envelope = "EHLO x\r\nMAIL FROM:<a@b.example> SIZE=10\r\nRCPT TO:<c@d.example>\r\nDATA\r\n"

func codes(s string) (out string) {
	for l := range strings.Lines(s) {
		if len(l) > 3 && l[3] == ' ' {
			out += l[:3] + " "
		}
	}
	return out
}

func TestMessageInAnyPieces(t *testing.T) {
	body := "Subject: x\r\nmessage-id:\r\n <1@acme.example>\r\n\r\n..dot\r\n.\r\n"
	whole := envelope + body + "QUIT\r\n"
	for cut := 1; cut < len(whole); cut++ {
		var got []sink.Mail
		s := sink.New(sink.Config{Keep: true, OnMail: func(m sink.Mail) { got = append(got, m) }})
		if c := codes(say(t, s, whole[:cut], whole[cut:])); c != "220 250 250 250 354 250 221 " {
			t.Fatalf("cut at %d: %s", cut, c)
		}
		if len(got) != 1 || got[0].MessageID != "1@acme.example" || got[0].To != "c@d.example" || !strings.HasSuffix(string(got[0].Data), "\r\n\r\n.dot\r\n") {
			t.Fatalf("cut at %d: %+v", cut, got)
		}
		_ = s.Close()
	}
}

func TestOutOfOrder(t *testing.T) {
	s := sink.New(sink.Config{MaxSize: 100})
	for in, want := range map[string]string{
		"MAIL FROM:<a@b>\r\nQUIT\r\n":                                      "220 503 221 ",
		"EHLO x\r\nRCPT TO:<a@b>\r\nDATA\r\nQUIT\r\n":                      "220 250 503 503 221 ",
		"EHLO x\r\nMAIL FROM:a@b\r\nWHAT\r\nQUIT\r\n":                      "220 250 501 500 221 ",
		"HELO x\r\nMAIL FROM:<>\r\nRSET\r\nNOOP\r\nQUIT\r\n":               "220 250 250 250 250 221 ",
		envelope + strings.Repeat("a", 200) + "\r\n.\r\nQUIT\r\n":          "220 250 250 250 354 552 221 ",
		"EHLO x\r\nMAIL FROM:<a@b> SIZE=101\r\nQUIT\r\n":                   "220 250 552 221 ",
		strings.Replace(envelope, "DATA", "RCPT TO:<e@f>", 1) + "QUIT\r\n": "220 250 250 250 503 221 ",
	} {
		if got := codes(say(t, s, in)); got != want {
			t.Errorf("%q: %s, want %s", in, got, want)
		}
	}
	if s.Truth().Total() != 0 {
		t.Error("accepted something")
	}
	_ = s.Close()
}

func TestTruthOnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "truth")
	for range 2 {
		tr, err := sink.OpenTruth(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 {
			if err := tr.Add(fmt.Sprint("m", i), "x@y.example"); err != nil {
				t.Fatal(err)
			}
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// A line that is being written does not count yet.
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = f.WriteString("m9")
	_ = f.Close()
	counts, err := sink.ReadTruth(path)
	if err != nil || len(counts) != 3 || counts["m0"] != 2 {
		t.Error(counts, err)
	}
	tr, err := sink.OpenTruth(path)
	if err != nil || tr.Total() != 6 {
		t.Error(tr, err)
	}
	_ = tr.Close()
}

func TestFaultsRepeat(t *testing.T) {
	f := sink.Faults{Seed: 7, LostReply: .1, Dropped: .2, DeferRcpt: .1, DeferDot: .1, Busy: .05, Refuse: map[string]string{"no@x.example": "550 5.1.1 no such user"}}
	a, b := f.Plan(), f.Plan()
	kinds := map[string]int{}
	for range 2000 {
		for _, p := range []waxwing.Phase{waxwing.PhaseMail, waxwing.PhaseRcpt, waxwing.PhaseData, waxwing.PhaseBody, waxwing.PhaseDot, waxwing.PhaseRequest} {
			q := sink.Question{Phase: p, To: "c@d.example"}
			x, y := a(q), b(q)
			if x != y {
				t.Fatal("one seed, two plans")
			}
			switch {
			case x.Drop:
				kinds["drop"]++
			case x.Lost:
				kinds["lost"]++
			case x.Code != 0:
				kinds[fmt.Sprint(x.Code)]++
			}
		}
	}
	for _, k := range []string{"drop", "lost", "421", "450", "451", "429"} {
		if kinds[k] == 0 {
			t.Errorf("no %s in %v", k, kinds)
		}
	}
	if x := a(sink.Question{Phase: waxwing.PhaseRcpt, To: "no@x.example"}); x.Code != 550 && !x.Drop {
		t.Error(x)
	}
}

func TestMessageID(t *testing.T) {
	for in, want := range map[string]string{
		"Message-ID: <a@b>\r\n\r\n": "a@b", "X: y\r\nMESSAGE-ID:<a@b>\r\n": "a@b", "X: y\r\n\r\nMessage-ID: <a@b>\r\n": "",
		"": "", "Message-ID:": "", "Message-ID: a@b\r\n\r\n": "", "X: Message-ID: <a@b>\r\n\r\n": "",
	} {
		if got := sink.MessageID([]byte(in)); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

package smtp

import (
	"bytes"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/waxwinghq/waxwing"
)

func TestJudgeEnhanced(t *testing.T) {
	const (
		rejected, deferred, accepted, uncertain = waxwing.Rejected, waxwing.Deferred, waxwing.Accepted, waxwing.UncertainVerdict
		rec, addr, policy, prov, line           = waxwing.RecipientFault, waxwing.AddressFault, waxwing.PolicyFault, waxwing.ProviderFault, waxwing.TransportFault
		mail, rcpt, data, dot                   = waxwing.PhaseMail, waxwing.PhaseRcpt, waxwing.PhaseData, waxwing.PhaseDot
	)
	for _, c := range []struct {
		phase    waxwing.Phase
		code     int
		enhanced string
		want     ruling
	}{
		{rcpt, 550, "5.1.1", ruling{rejected, addr, false}},
		{rcpt, 550, "5.1.10", ruling{rejected, addr, false}},
		{rcpt, 550, "5.10.1", ruling{rejected, rec, false}}, // not 5.1.x
		{rcpt, 556, "", ruling{rejected, addr, false}},
		{rcpt, 550, "5.4.4", ruling{rejected, addr, false}},
		{rcpt, 550, "5.1.7", ruling{rejected, rec, false}}, // the sender's address
		{rcpt, 550, "5.1.8", ruling{rejected, rec, false}},
		{mail, 550, "5.1.8", ruling{rejected, rec, false}},
		{mail, 550, "5.1.1", ruling{rejected, rec, false}}, // at MAIL it can only be the sender's
		{dot, 550, "5.1.1", ruling{rejected, addr, false}},
		{dot, 556, "", ruling{rejected, rec, false}},
		{rcpt, 552, "", ruling{deferred, rec, false}},
		{rcpt, 552, "5.2.2", ruling{deferred, rec, false}},
		{rcpt, 550, "5.2.2", ruling{deferred, rec, false}},
		{rcpt, 550, "4.2.2", ruling{deferred, rec, false}}, // x.2.2
		{dot, 552, "5.2.2", ruling{deferred, rec, false}},
		{dot, 552, "", ruling{rejected, rec, false}}, // too large
		{rcpt, 552, "5.3.4", ruling{rejected, rec, false}},
		{mail, 552, "5.3.4", ruling{rejected, rec, false}},
		{data, 552, "5.2.2", ruling{rejected, rec, false}}, // the rule is RCPT's and the dot's
		{rcpt, 550, "5.7.1", ruling{rejected, policy, false}},
		{dot, 554, "5.7.26", ruling{rejected, policy, false}},
		{mail, 550, "5.7.1", ruling{rejected, policy, false}},
		{data, 554, "5.7.0", ruling{rejected, policy, false}},
		{mail, 550, "5.7.8", unwell},
		{data, 554, "5.7.8", unwell},
		{mail, 530, "5.7.0", unwell},
		{data, 535, "", unwell},
		{rcpt, 530, "", ruling{rejected, rec, false}},
		{rcpt, 530, "5.7.8", ruling{rejected, policy, false}},
		// Where the classes disagree the basic code counts.
		{rcpt, 550, "4.1.1", ruling{rejected, rec, false}},
		{rcpt, 550, "2.1.5", ruling{rejected, rec, false}},
		{rcpt, 550, "4.7.1", ruling{rejected, rec, false}},
		{rcpt, 450, "5.1.1", ruling{deferred, rec, false}},
		{dot, 451, "5.7.1", ruling{deferred, rec, false}},
		{dot, 250, "5.0.0", ruling{verdict: accepted}},
		{rcpt, 250, "5.1.1", ruling{}},
		{rcpt, 421, "4.7.0", ruling{deferred, rec, true}},
		{dot, 421, "", ruling{deferred, rec, true}},
		{dot, 354, "", ruling{uncertain, line, false}},
		{data, 250, "", ruling{deferred, line, false}},
		{waxwing.PhaseAuth, 535, "5.7.8", unwell},
		{waxwing.PhaseAuth, 454, "4.7.0", unwell},
		{waxwing.PhaseBanner, 554, "5.7.1", unwell},
		{waxwing.PhaseBody, 552, "5.3.4", ruling{deferred, line, false}},
		{waxwing.PhaseAuth, 235, "", ruling{}},
	} {
		if got := judge(c.phase, c.code, c.enhanced); got != c.want {
			t.Errorf("%s %d %s: %+v, want %+v", c.phase, c.code, c.enhanced, got, c.want)
		}
		_ = prov
	}
}

func TestParseLine(t *testing.T) {
	for _, c := range []struct {
		in       string
		code     int
		more     bool
		enhanced string
	}{
		{"250", 250, false, ""}, {"250 ", 250, false, ""}, {"250-", 250, true, ""}, {"250 2.0.0 ok", 250, false, "2.0.0"},
		{"550-5.1.1 no", 550, true, "5.1.1"}, {"550 5.1.1", 550, false, "5.1.1"}, {"550 5.1.1234 no", 550, false, ""},
		{"550 5.1 no", 550, false, ""}, {"550 6.1.1 no", 550, false, ""}, {"550 5.1.1no", 550, false, ""}, {"550 5..1 no", 550, false, ""},
		{"550 15.1.1 no", 550, false, ""}, {"250 tab\there", 250, false, ""},
		// The text is data.
		{"250 \x00", 250, false, ""}, {"250 \x7f", 250, false, ""}, {"250 \r x", 250, false, ""}, {"250 gr\xfc\xdfe", 250, false, ""},
		{"250 grüße", 250, false, ""}, {"250-2.0.0 é", 250, true, "2.0.0"}, {"250\t2.0.0 ok", 250, false, "2.0.0"}, {"250ok", 250, false, ""},
		{"250_", 250, false, ""}, {"550é", 550, false, ""}, {"260 x", 260, false, ""}, {"599 x", 599, false, ""},
	} {
		l, err := parseLine([]byte(c.in))
		if err != nil || l.code != c.code || l.more != c.more || string(parseEnhanced(l.text)) != c.enhanced {
			t.Errorf("%q: %+v %v", c.in, l, err)
		}
	}
	for _, in := range []string{"", "2", "25", "25a", "2500", "150 x", "099 x", "600 x", "999 x", " 250 x", "-250 x", "２５０ x", "\xef\xbb\xbf250 x", "é"} {
		if l, err := parseLine([]byte(in)); err == nil {
			t.Errorf("%q: accepted as %+v", in, l)
		}
	}
}

func TestCheckData(t *testing.T) {
	for in, want := range map[string]bool{
		"": true, "a": true, "a\r\n": true, "\r\n\r\n": true, "a\nb": false, "a\rb": false, "a\r\r\n": false, "\n": false, "\r": false,
		"a\r\n\n": false, "\x00": false, "a\r\n.\r\n": true, "a\n.\r\n": false, "a\r.\r\n": false, "a\r\n.\nb": false, "a\r\n\r": false,
		strings.Repeat("x", 998) + "\r\n": true, strings.Repeat("x", 999) + "\r\n": false, strings.Repeat("x", 999): false,
	} {
		ok, dotted := checkData([]byte(in))
		if ok && dotted != strings.Contains("\n"+in, "\n.") {
			t.Errorf("%.40q: a line begins with a dot: %v", in, dotted)
		}
		if ok != want {
			t.Errorf("%.40q: %v", in, !want)
		}
	}
}

func FuzzReply(f *testing.F) {
	for _, s := range []string{"250 ok\r\n", "250-a\r\n250 b\r\n", "250-a\r\n251 b\r\n", "250-a\r\nb\r\n250 c\r\n", "250-a\r\n550 b\r\n", "250\n",
		"999 x\r\n", "250 \x00\r\n", "250 \xe9\n", strings.Repeat("250-x\r\n", 300), strings.Repeat("2", 5000)} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		l := &conn{in: make([]byte, 64)}
		l.in, l.w = append([]byte(nil), b...), len(b)
		l.nc = dead{}
		r, err := l.readReply(nil)
		if err != nil {
			if r != (reply{}) {
				t.Errorf("%q: %v with %+v", b, err, r)
			}
			return
		}
		used := b
		if l.r < l.w { // else all of it, of which the beginning may have been moved away
			used = b[:l.r]
		}
		if r.code < 200 || r.code > 599 || len(l.kept) > keepText {
			t.Errorf("%q: %+v", b, r)
		}
		if shown := tidy(string(l.kept)); !utf8.ValidString(shown) || strings.ContainsFunc(shown, func(r rune) bool { return r != '\n' && unicode.IsControl(r) }) {
			t.Errorf("%q: kept as %q", b, shown)
		}
		// The first line and the last have a code of this class, and the last is the reply's.
		lines := bytes.Split(bytes.TrimSuffix(used, []byte("\n")), []byte("\n"))
		if used[0] != byte('0'+r.code/100) || !bytes.HasPrefix(lines[len(lines)-1], strconv.AppendInt(nil, int64(r.code), 10)) {
			t.Errorf("%q: %+v", b, r)
		}
	})
}

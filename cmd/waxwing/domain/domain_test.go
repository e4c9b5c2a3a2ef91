package domain

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/dkim"
	"github.com/waxwinghq/waxwing/channel/mx/mtasts"
	"github.com/waxwinghq/waxwing/cmd/waxwing/orders"
)

// zone is what a DNS server of the test's own knows: "TXT name" and the like to values.
type zone map[string][]string

// serve answers over UDP and TCP until the test ends.
func (z zone) serve(t *testing.T) string {
	t.Helper()
	p, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	l, err := net.Listen("tcp", p.LocalAddr().String())
	if err != nil {
		t.Skip("the port is taken for TCP")
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		buf := make([]byte, 1500)
		for {
			n, from, err := p.ReadFrom(buf)
			if err != nil {
				return
			}
			a := z.answer(buf[:n])
			if len(a) > 512 { // as a server without EDNS: the rest comes over TCP
				a = a[:12]
				a[2] |= 2
				a[4], a[5], a[6], a[7] = 0, 0, 0, 0
			}
			_, _ = p.WriteTo(a, from)
		}
	}()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				head := make([]byte, 2)
				if _, err := io.ReadFull(c, head); err != nil {
					return
				}
				q := make([]byte, int(head[0])<<8|int(head[1]))
				if _, err := io.ReadFull(c, q); err != nil {
					return
				}
				a := z.answer(q)
				_, _ = c.Write(append([]byte{byte(len(a) >> 8), byte(len(a))}, a...))
			}()
		}
	}()
	return p.LocalAddr().String()
}

func (z zone) answer(b []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(b) != nil || len(m.Questions) != 1 {
		return b
	}
	q := m.Questions[0]
	m.Header = dnsmessage.Header{ID: m.ID, Response: true, RecursionAvailable: true, RecursionDesired: true}
	m.Additionals = nil
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	m.RCode = dnsmessage.RCodeNameError
	for k := range z {
		if strings.HasSuffix(k, " "+name) {
			m.RCode = dnsmessage.RCodeSuccess
		}
	}
	for _, v := range z[strings.TrimPrefix(q.Type.String(), "Type")+" "+name] {
		if v == "SERVFAIL" {
			m.RCode = dnsmessage.RCodeServerFailure
			break
		}
		var body dnsmessage.ResourceBody
		switch q.Type {
		case dnsmessage.TypeTXT:
			var parts []string
			for ; len(v) > 255; v = v[255:] {
				parts = append(parts, v[:255])
			}
			body = &dnsmessage.TXTResource{TXT: append(parts, v)}
		case dnsmessage.TypeMX:
			body = &dnsmessage.MXResource{Pref: 10, MX: dnsmessage.MustNewName(v)}
		case dnsmessage.TypeA:
			body = &dnsmessage.AResource{A: netip.MustParseAddr(v).As4()}
		case dnsmessage.TypePTR:
			body = &dnsmessage.PTRResource{PTR: dnsmessage.MustNewName(v)}
		}
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 60}, Body: body})
	}
	out, err := m.Pack()
	if err != nil {
		return b
	}
	return out
}

// shop is a configuration of acme.example with the keys of "domain keys", and the records that these say.
func shop(t *testing.T) (file string, z zone) {
	t.Helper()
	dir := t.TempDir()
	var out bytes.Buffer
	if err := (Keys{Domain: "acme.example", Selector: "s1", Dir: dir}).Run(orders.Streams{Out: &out}); err != nil {
		t.Fatal(err)
	}
	z = zone{
		"TXT acme.example":        {"google-site-verification=x", "v=spf1 a:relay.acme.example include:mailgun.org ~all"},
		"TXT mailgun.org":         {"v=spf1 ip4:9.9.0.0/16 -all"},
		"TXT _dmarc.acme.example": {"v=DMARC1; p=quarantine; rua=mailto:dmarc@acme.example"},
		"MX acme.example":         {"mx.acme.example."}, "A mx.acme.example": {"9.8.7.5"}, "A relay.acme.example": {"9.8.7.6"},
		"PTR 6.7.8.9.in-addr.arpa":       {"relay.acme.example."},
		"TXT _smtp._tls.acme.example":    {"v=TLSRPTv1; rua=mailto:t@acme.example"},
		"TXT default._bimi.acme.example": {"v=BIMI1; l=https://acme.example/l.svg; a=https://acme.example/l.pem"},
	}
	for _, s := range []string{"s1-rsa", "s1-ed25519"} {
		b, err := os.ReadFile(filepath.Join(dir, s+".acme.example.pem"))
		if err != nil {
			t.Fatal(err)
		}
		k, err := dkim.ParseKey(waxwing.Secret(b))
		if err != nil {
			t.Fatal(err)
		}
		z["TXT "+s+"._domainkey.acme.example"] = []string{k.Record()}
		if !strings.Contains(out.String(), k.Record()) || !strings.Contains(out.String(), s+"._domainkey.acme.example. 3600 IN TXT ( \"v=DKIM1") {
			t.Errorf("what is printed does not say what to publish for %s:\n%s", s, out.String())
		}
	}
	// The lines that it prints are those of the configuration.
	_, lines, ok := strings.Cut(out.String(), "\n    dkim:\n")
	if !ok {
		t.Fatal(out.String())
	}
	file = filepath.Join(dir, "waxwing.yaml")
	text := fmt.Sprintf(`data: %q
http: {listen: "127.0.0.1:0"}
providers: {mail: {type: smtp, addr: "relay.acme.example:25"}, gun: {type: mailgun, domain: mg.acme.example, key: k}}
pipeline: [normalise, render, {queue: {name: mail, on: gochannel}}, {send: {providers: [mail, gun]}}]
tenants:
  acme:
    name: Acme
    from: orders@acme.example
    shops: {shopify: {secret: shop-secret}}
    dkim:
`, filepath.Join(dir, "data")) + lines
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, z
}

// TestCheck: a domain that is well, and what each record that is not does to it.
func TestCheck(t *testing.T) {
	file, good := shop(t)
	long := "v=spf1"
	for i := range 11 {
		long += fmt.Sprintf(" a:h%d.acme.example", i)
		good[fmt.Sprintf("A h%d.acme.example", i)] = []string{"9.8.7.6"}
	}
	good["TXT loop.example"] = []string{"v=spf1 include:loop.example ~all"}
	both := []string{"TXT s1-rsa._domainkey.acme.example", "TXT s1-ed25519._domainkey.acme.example"}
	for _, c := range []struct {
		name   string
		change zone
		gone   []string
		ip     string
		fails  bool
		want   []string
	}{
		{name: "well", want: []string{"ok       SPF acme.example: 2 of 10", "ok       DKIM s1-rsa (acme.example): the record is", "RSA of 2048", "ok       DKIM s1-ed25519", "ok       DMARC: p=quarantine",
			"ok       DMARC alignment: a signature and the return path", "ok       MX acme.example: mx.acme.example", "ok       PTR 9.8.7.6: relay", "missing  MTA-STS", `_mta-sts.acme.example. 3600 IN TXT ( "v=STSv1; id=`,
			"ok       TLS-RPT", "ok       BIMI", "Nothing here makes mail from acme.example fail"}},
		{name: "a key is not there yet", gone: both[1:], want: []string{"missing  DKIM s1-ed25519", `s1-ed25519._domainkey.acme.example. 3600 IN TXT ( "v=DKIM1; k=ed25519; p=`}},
		{name: "no key is there", gone: both, fails: true, want: []string{"missing  DKIM s1-rsa", `" "`, "warn     DMARC alignment: only the return path"}},
		{name: "another's key", change: zone{both[0]: {"v=DKIM1; k=rsa; p=AAAA"}, both[1]: {"v=DKIM1; k=rsa; p=AAAA"}}, fails: true, want: []string{"another key's", "says k=rsa, and the key is ed25519"}},
		{name: "revoked", change: zone{both[0]: {"v=DKIM1; p="}}, want: []string{"wrong    DKIM s1-rsa (acme.example): the key is revoked"}},
		{name: "two in one place", change: zone{both[0]: append(slices.Clone(good[both[0]]), "v=DKIM1; p=")}, want: []string{"2 records"}},
		{name: "a test", change: zone{both[0]: {good[both[0]][0] + "; t=y:s"}}, want: []string{"warn     DKIM s1-rsa", "t=y"}},
		{name: "sha1 alone", change: zone{both[0]: {good[both[0]][0] + "; h=sha1"}}, want: []string{"does not allow sha256"}},
		{name: "no SPF", change: zone{"TXT acme.example": {"v=spf10 x"}}, want: []string{"missing  SPF", `acme.example. 3600 IN TXT ( "v=spf1 a:relay.acme.example include:mailgun.org ~all" )`, "alignment: a signature stands"}},
		{name: "two SPF", change: zone{"TXT acme.example": {"v=spf1 -all", "V=SPF1 ~all"}}, fails: true, want: []string{"2 policies"}},
		{name: "SPF for all", change: zone{"TXT acme.example": {"v=spf1 +all"}}, fails: true, want: []string{"+all lets everybody"}},
		{name: "SPF too long", change: zone{"TXT acme.example": {long + " ~all"}}, fails: true, want: []string{"11 of 10 look-ups"}},
		{name: "SPF in a circle", change: zone{"TXT acme.example": {"v=spf1 include:loop.example ~all"}}, fails: true, want: []string{"more than can be followed"}},
		{name: "SPF of voids", change: zone{"TXT acme.example": {"v=spf1 a:v1.example a:v2.example a:v3.example ~all"}}, fails: true, want: []string{"3 names in it"}},
		{name: "SPF misspelt", change: zone{"TXT acme.example": {"v=spf1 ipv4:1.2.3.4 ~all"}}, fails: true, want: []string{"is no mechanism"}},
		{name: "SPF by redirect", change: zone{"TXT acme.example": {"v=spf1 redirect=mailgun.org"}}, want: []string{"warn     SPF", "relay.acme.example is not among"}},
		{name: "SPF without us", change: zone{"TXT acme.example": {"v=spf1 mx -all"}}, want: []string{"relay.acme.example is not among", "mailgun is not included"}},
		{name: "SPF of a mask", change: zone{"TXT acme.example": {"v=spf1 mx/24 include:mailgun.org -all"}}, want: []string{"ok       SPF"}},
		{name: "SPF that depends", change: zone{"TXT acme.example": {"v=spf1 exists:%{i}.acme.example -all"}}, want: []string{"ok       SPF"}},
		{name: "an address of ours", ip: "9.9.1.2", change: zone{"PTR 2.1.9.9.in-addr.arpa": {"gw.acme.example."}, "A gw.acme.example": {"9.9.1.2"}}, want: []string{"ok       SPF", "ok       PTR 9.9.1.2: gw"}},
		{name: "not an address of ours", ip: "8.8.1.2", fails: true, want: []string{"8.8.1.2 is not allowed", "missing  PTR 8.8.1.2", "2.1.8.8.in-addr.arpa. 3600 IN PTR"}},
		{name: "a name that is not its own", change: zone{"PTR 6.7.8.9.in-addr.arpa": {"mx.acme.example."}}, fails: true, want: []string{"wrong    PTR", "does not have that address"}},
		{name: "no DMARC", gone: []string{"TXT _dmarc.acme.example"}, want: []string{"missing  DMARC", `_dmarc.acme.example. 3600 IN TXT ( "v=DMARC1; p=quarantine`}},
		{name: "DMARC none", change: zone{"TXT _dmarc.acme.example": {"v=DMARC1; p=none; rua=mailto:a@else.test; pct=5"}}, want: []string{"warn     DMARC", "pct=5", "acme.example._report._dmarc.else.test"}},
		{name: "DMARC elsewhere allowed", change: zone{"TXT _dmarc.acme.example": {"v=DMARC1; p=reject; rua=mailto:a@else.test!10m"}, "TXT acme.example._report._dmarc.else.test": {"v=DMARC1"}}, want: []string{"ok       DMARC: p=reject"}},
		{name: "DMARC twice", change: zone{"TXT _dmarc.acme.example": {"v=DMARC1; p=none", "v=DMARC1; p=none"}}, want: []string{"wrong    DMARC: there are 2"}},
		{name: "DMARC misspelt", change: zone{"TXT _dmarc.acme.example": {"v=DMARC1; p=all"}}, want: []string{"none of none"}},
		{name: "DMARC fails", gone: append(slices.Clone(both), "TXT acme.example"), fails: true, want: []string{"wrong    DMARC alignment: neither"}},
		{name: "null MX", change: zone{"MX acme.example": {"."}}, fails: true, want: []string{"wrong    MX", "RFC 7505"}},
		{name: "no MX", gone: []string{"MX acme.example"}, fails: true, want: []string{"missing  MX", "acme.example. 3600 IN MX 10"}},
		{name: "MX nowhere", gone: []string{"A mx.acme.example"}, fails: true, want: []string{"wrong    MX"}},
		{name: "an address alone", gone: []string{"MX acme.example"}, change: zone{"A acme.example": {"9.8.7.6"}}, want: []string{"warn     MX"}},
		{name: "DNS is ill", change: zone{"TXT acme.example": {"SERVFAIL"}}, want: []string{"warn     SPF", "DNS could not be asked", "Not all of acme.example could be looked up"}},
		{name: "a policy inside", change: zone{"TXT _mta-sts.acme.example": {"v=STSv1; id=1"}, "A mta-sts.acme.example": {"127.0.0.1"}}, want: []string{"wrong    MTA-STS", "not of the public internet"}},
		{name: "what a terminal does not like", change: zone{"MX acme.example": {"m\x1b[31m.acme.example."}}, want: []string{"MX acme.example"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			z := zone{}
			for k, v := range good {
				if !slices.Contains(c.gone, k) {
					z[k] = v
				}
			}
			for k, v := range c.change {
				z[k] = v
			}
			var out bytes.Buffer
			err := Check{Domain: "Acme.Example.", Config: file, DNS: z.serve(t), SenderIP: c.ip}.Run(orders.Streams{Out: &out})
			if errors.Is(err, ErrFails) != c.fails || err != nil && !c.fails {
				t.Errorf("%v", err)
			}
			for _, w := range c.want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("without %q", w)
				}
			}
			if strings.Contains(out.String(), "\x1b") {
				t.Error("an escape")
			}
			if t.Failed() {
				t.Log(out.String())
			}
		})
	}
}

// TestWithoutConfiguration: what is published is told of all the same.
func TestWithoutConfiguration(t *testing.T) {
	file, z := shop(t)
	var out bytes.Buffer
	t.Chdir(t.TempDir())
	if err := (Check{Domain: "acme.example", DNS: z.serve(t)}).Run(orders.Streams{Out: &out}); err != nil || !strings.Contains(out.String(), "give it with -c") {
		t.Errorf("%v\n%s", err, out.String())
	}
	for _, c := range []Check{{Domain: "acme"}, {Domain: "a b.example"}, {Domain: "1.2.3.4"}, {Domain: "acme.example", SenderIP: "x"}, {Domain: "acme.example", DNS: "x"}, {Domain: "other.example", Config: file}} {
		if err := c.Run(orders.Streams{Out: &out}); err == nil || errors.Is(err, ErrFails) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

// TestKeysStay: a key is private, new each time, and never written over; where one is there, neither is made.
func TestKeysStay(t *testing.T) {
	dir := t.TempDir()
	k := Keys{Domain: "acme.example", Selector: "s", Dir: dir}
	in := filepath.Join(dir, "s-ed25519.acme.example.pem")
	if err := os.WriteFile(in, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := k.Run(orders.Streams{Out: io.Discard}); err == nil || !strings.Contains(err.Error(), "never written over") {
		t.Errorf("%v", err)
	}
	if all, _ := filepath.Glob(filepath.Join(dir, "*")); len(all) != 1 {
		t.Errorf("%v", all)
	}
	if b, _ := os.ReadFile(in); string(b) != "mine" {
		t.Errorf("%s", b)
	}
	k.Selector = "t"
	if err := k.Run(orders.Streams{Out: io.Discard}); err != nil {
		t.Fatal(err)
	}
	for _, f := range []string{"t-rsa", "t-ed25519"} {
		name := filepath.Join(dir, f+".acme.example.pem")
		st, err := os.Stat(name)
		if err != nil || st.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, st.Mode(), err)
		}
		b, _ := os.ReadFile(name)
		if p, _ := pem.Decode(b); p == nil || p.Type != "PRIVATE KEY" {
			t.Errorf("%s is no key", f)
		}
	}
	for _, s := range []string{"../x", "a b", "-", "a;b"} {
		if err := (Keys{Domain: "acme.example", Selector: s, Dir: dir}).Run(orders.Streams{Out: io.Discard}); err == nil {
			t.Errorf("selector %q", s)
		}
	}
}

// answers is a web of one answer.
type answers struct {
	status int
	body   string
}

func (a answers) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.String() != "https://mta-sts.acme.example/.well-known/mta-sts.txt" {
		return nil, errors.New("another address")
	}
	return &http.Response{StatusCode: a.status, Body: io.NopCloser(strings.NewReader(a.body)), Request: r, Header: http.Header{}}, nil
}

// TestPolicyOfTransport: MTA-STS by what the web answers.
func TestPolicyOfTransport(t *testing.T) {
	const head = "version: STSv1\r\nmode: enforce\r\nmax_age: 604800\r\n"
	for _, c := range []struct {
		name string
		web  answers
		want State
	}{
		{"by name", answers{200, head + "mx: mx.acme.example\r\n"}, OK},
		{"by star", answers{200, head + "mx: *.acme.example\n"}, OK},
		{"another", answers{200, head + "mx: mx.else.example\n"}, Wrong},
		{"testing", answers{200, strings.Replace(head, "enforce", "testing", 1) + "mx: a.example\n"}, Warn},
		{"none there", answers{404, ""}, Wrong},
		{"moved", answers{301, head}, Wrong},
		{"without mx", answers{200, head}, Wrong},
		{"endless", answers{200, head + "mx: mx.acme.example\n" + strings.Repeat("x", mtasts.MaxBytes)}, Wrong},
	} {
		l, err := newLooker(zone{"TXT _mta-sts.acme.example": {"v=STSv1; id=1"}, "MX acme.example": {"mx.acme.example."}}.serve(t))
		if err != nil {
			t.Fatal(err)
		}
		l.web.Transport = c.web
		if f := l.sts(context.Background(), "acme.example"); f.State != c.want {
			t.Errorf("%s: %s %s", c.name, f.State, f.Said)
		}
	}
}

// TestZoneLine: strings of 255 bytes at most, as a zone file has them.
func TestZoneLine(t *testing.T) {
	if got := zoneLine("a.example", strings.Repeat("x", 256)+`"`); got != `a.example. 3600 IN TXT ( "`+strings.Repeat("x", 255)+`" "x\"" )` {
		t.Error(got)
	}
	if got := reverse(netip.MustParseAddr("2001:db8::1")); got != "1."+strings.Repeat("0.", 23)+"8.b.d.0.1.0.0.2.ip6.arpa." {
		t.Error(got)
	}
}

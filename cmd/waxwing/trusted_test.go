package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"log/slog"
	netsmtp "net/smtp"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/dkim"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/cmd/waxwing/domain"
	"github.com/waxwinghq/waxwing/cmd/waxwing/orders"
	"github.com/waxwinghq/waxwing/compose"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/locales"
	"github.com/waxwinghq/waxwing/pipeline/queue/queuetest"
)

var (
	trustedMails = flag.Int("trusted.mails", 80, "how many mails an independent verifier looks at")
	trustedRelay = flag.String("trusted.relay", "", "host:port of another real mail server, which hands on to -trusted.next")
	trustedNext  = flag.String("trusted.next", "127.0.0.1:20025", "where the test listens for what -trusted.relay hands on")
)

// has skips a test without its programs, or fails it where services are required.
func has(t *testing.T, why string, err error) {
	t.Helper()
	if err != nil && os.Getenv("WAXWING_REQUIRE_SERVICES") != "" {
		t.Fatal(why)
	}
	if err != nil {
		t.Skip(why)
	}
}

// signedMails are mails in every locale, each signed by both algorithms, and the records of the keys.
func signedMails(t *testing.T, n int) (mails []waxwing.Draft, records map[string]string) {
	t.Helper()
	dir := t.TempDir()
	var out bytes.Buffer
	if err := (domain.Keys{Domain: "acme.example", Selector: "w1", Dir: dir}).Run(orders.Streams{Out: &out}); err != nil {
		t.Fatal(err)
	}
	records = map[string]string{}
	for _, s := range []string{"w1-rsa", "w1-ed25519"} {
		b, err := os.ReadFile(filepath.Join(dir, s+".acme.example.pem"))
		if err != nil {
			t.Fatal(err)
		}
		k, err := dkim.ParseKey(waxwing.Secret(b))
		if err != nil {
			t.Fatal(err)
		}
		records[s+"._domainkey.acme.example."] = k.Record()
	}
	text := fmt.Sprintf(`data: %[1]q
http: {listen: "127.0.0.1:0"}
providers: {mail: {type: smtp, addr: "127.0.0.1:2525", tls: none}}
pipeline: [normalise, render, {queue: {name: mail, on: gochannel}}, {send: {providers: [mail]}}]
tenants:
  acme:
    name: Acme Outfitters
    from: orders@acme.example
    reply_to: help@acme.example
    support_url: https://acme.example/help
    tracking_url: https://acme.example/track/{order}
    locales: [%[2]s]
    brand: {logo: "https://acme.example/logo.png", color: "#1a5fb4", footer: "Thank you for shopping with us.", address: "Acme Outfitters Ltd\n1 High Street\nLondon"}
    legal: {seller: "Acme Outfitters Ltd, London", terms_url: "https://acme.example/terms", privacy_url: "https://acme.example/privacy"}
    shops: {shopify: {secret: shop-secret}}
    dkim: {domain: acme.example, selector: w1-rsa, key: %[3]q, also: [{selector: w1-ed25519, key: %[4]q}]}
`, dir, strings.Join(locales.Tags(), ", "), "file:"+filepath.Join(dir, "w1-rsa.acme.example.pem"), "file:"+filepath.Join(dir, "w1-ed25519.acme.example.pem"))
	cfg := configtest.Must(daemon.Components(), text)
	x, err := compose.New(cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	shopify := daemon.FormatsOf(cfg)["shopify"]
	tags := locales.Tags()
	for i := range n {
		o, err := shopify.Normalise("orders/paid", shopifyOrder(1000+i, fmt.Sprintf("jana%d@example.com", i), "paid"))
		if err != nil {
			t.Fatal(err)
		}
		if o.Locale = tags[i%len(tags)]; o.Locale == "en" { // elsewhere it becomes a variant
			o.Shipping.Country = "US"
		}
		if i/len(tags)%2 == 1 {
			o.Personal = compose.InventedPersonal(o)
		}
		w := &waxwing.Work{Tenant: "acme", Shop: "shopify", ID: waxwing.ID(i + 1), Token: fmt.Sprintf("abcdefghijklmnopqrstuvwxyz%06d", i)}
		d, err := x.Email(w, o, time.Date(2026, 11, 27, 9, 0, i, 0, time.UTC))
		if err != nil {
			t.Fatal(err)
		}
		if d.Locale != o.Locale {
			t.Fatalf("%s for %s", d.Locale, o.Locale)
		}
		mails = append(mails, d)
	}
	return mails, records
}

// verifier is Debian's python3-dkim over a folder: a line for each signature, "FILE INDEX ALGORITHM True".
const verifier = `import dkim, json, os, sys, logging
records = json.load(open(sys.argv[1]))
def txt(name, timeout=5):
    name = name.decode() if isinstance(name, bytes) else name
    return records.get(name, '').encode() or None
for f in sorted(os.listdir(sys.argv[2])):
    m = open(os.path.join(sys.argv[2], f), 'rb').read()
    n = sum(1 for h, _ in dkim.rfc822_parse(m)[0] if h.lower() == b'dkim-signature')
    for i in range(n):
        d = dkim.DKIM(m)
        try: ok = d.verify(idx=i, dnsfunc=txt)
        except Exception as e: ok = repr(e)
        a = d.signature_fields.get(b'a', b'?').decode()
        print(f, i, a, ok)
`

// heldBy has python3-dkim look at each mail, and counts the signatures that hold, by algorithm.
func heldBy(t *testing.T, mails [][]byte, records map[string]string) map[string]int {
	t.Helper()
	const python = "/usr/bin/python3"
	has(t, "it needs Debian's python3-dkim and python3-nacl (apt-get install)", exec.Command(python, "-c", "import dkim, nacl").Run())
	dir := t.TempDir()
	folder := filepath.Join(dir, "mails")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	for i, m := range mails {
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("%05d", i)), m, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	b, err := json.Marshal(records)
	if err != nil {
		t.Fatal(err)
	}
	known := filepath.Join(dir, "records.json")
	if err := os.WriteFile(known, b, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(python, "-c", verifier, known, folder).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	held := map[string]int{}
	for line := range strings.Lines(string(out)) {
		f := strings.SplitN(strings.TrimSpace(line), " ", 4)
		if len(f) != 4 || f[3] != "True" {
			t.Errorf("python3-dkim: %s", line)
			continue
		}
		held[f[2]]++
	}
	return held
}

// bothHold fails unless each mail's two signatures were found to hold.
func bothHold(t *testing.T, where string, mails [][]byte, records map[string]string) {
	t.Helper()
	held := heldBy(t, mails, records)
	if len(mails) == 0 || held["rsa-sha256"] != len(mails) || held["ed25519-sha256"] != len(mails) || len(held) != 2 {
		t.Errorf("%s: of %d mails there hold %v", where, len(mails), held)
	}
	t.Logf("%s: %d mails in %d locales: python3-dkim found to hold %v", where, len(mails), len(locales.Tags()), held)
}

// TestServiceDKIM: a verifier that others wrote finds both signatures of every mail to hold, as it was rendered and
// after real mail servers; and it finds what was changed.
func TestServiceDKIM(t *testing.T) {
	queuetest.Wanted(t)
	drafts, records := signedMails(t, max(*trustedMails, len(locales.Tags())))
	var mails [][]byte
	for _, d := range drafts {
		mails = append(mails, d.Data)
	}
	bothHold(t, "as rendered", mails, records)

	t.Run("postfix", func(t *testing.T) {
		if os.Getuid() != 0 {
			t.Skip("Postfix needs root")
		}
		_, err := exec.LookPath("postfix")
		has(t, "it needs Postfix (apt-get install postfix)", err)
		g := gathered{want: len(drafts), all: make(chan struct{})}
		p := &postfix{mails: g.take}
		addr := p.start(t, 50, func(string) {})
		defer p.stop()
		g.through(t, addr, drafts)
		bothHold(t, "after Postfix", g.mails, records)
	})
	t.Run("relay", func(t *testing.T) {
		if *trustedRelay == "" {
			t.Skip("-trusted.relay names no other mail server")
		}
		g := gathered{want: len(drafts), all: make(chan struct{})}
		s := sink.New(sink.Config{Keep: true, OnMail: g.take})
		if _, err := s.Listen(*trustedNext); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		g.through(t, *trustedRelay, drafts)
		bothHold(t, "after "+*trustedRelay, g.mails, records)
	})
}

// gathered are mails that a server handed on.
type gathered struct {
	mu    sync.Mutex
	want  int
	mails [][]byte
	all   chan struct{}
}

func (g *gathered) take(m sink.Mail) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mails = append(g.mails, bytes.Clone(m.Data)); len(g.mails) == g.want {
		close(g.all)
	}
}

// through sends mails by a server and waits for them behind it.
func (g *gathered) through(t *testing.T, addr string, drafts []waxwing.Draft) {
	t.Helper()
	c, err := netsmtp.Dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range drafts {
		if err := c.Mail(d.From); err != nil {
			t.Fatal(err)
		}
		if err := c.Rcpt(d.To); err != nil {
			t.Fatal(err)
		}
		w, err := c.Data()
		if err == nil {
			_, err = w.Write(d.Data)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	_ = c.Quit()
	select {
	case <-g.all:
	case <-time.After(3 * time.Minute):
		t.Fatalf("%d of %d mails came out", len(g.mails), g.want)
	}
	for _, m := range g.mails {
		if !bytes.Contains(m[:bytes.Index(m, []byte("DKIM-Signature"))+1], []byte("Received: ")) {
			t.Fatal("a mail that has not been through the server")
		}
	}
}

// spamStatus is SpamAssassin's verdict in a mail's header.
var spamStatus = regexp.MustCompile(`(?s)X-Spam-Status: \w+, score=(-?[0-9.]+) .*?tests=(.*?)(?: autolearn|\r?\n[^\s])`)

// TestServiceSpamAssassin: no built-in mail in any language is taken for spam.
func TestServiceSpamAssassin(t *testing.T) {
	queuetest.Wanted(t)
	_, err := exec.LookPath("spamassassin")
	has(t, "it needs SpamAssassin (apt-get install spamassassin)", err)
	n := len(locales.Tags())
	drafts, _ := signedMails(t, 2*n) // without and with what plugins add
	var box bytes.Buffer
	for _, d := range drafts {
		fmt.Fprintf(&box, "From orders@acme.example Fri Nov 27 09:00:00 2026\n")
		fmt.Fprintf(&box, "Received: from relay.acme.example (relay.acme.example [9.8.7.6])\n\tby mx.example.com with ESMTPS id 4AB1; %s\n", time.Date(2026, 11, 27, 9, 0, 2, 0, time.UTC).Format(time.RFC1123Z))
		box.Write(bytes.ReplaceAll(bytes.ReplaceAll(d.Data, []byte("\r\n"), []byte("\n")), []byte("\nFrom "), []byte("\n>From ")))
		box.WriteString("\n")
	}
	cmd := exec.Command("spamassassin", "-L", "--mbox")
	cmd.Stdin, cmd.Env = &box, append(os.Environ(), "HOME="+t.TempDir())
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	found := spamStatus.FindAllSubmatch(out, -1)
	if len(found) != len(drafts) {
		t.Fatalf("%d verdicts on %d mails", len(found), len(drafts))
	}
	worst := -100.0
	for i, m := range found {
		score, err := strconv.ParseFloat(string(m[1]), 64)
		if err != nil {
			t.Fatal(err)
		}
		kind := map[bool]string{false: "plain", true: "personal"}[i >= n]
		t.Logf("%-6s %-8s %5.1f  %s", drafts[i].Locale, kind, score, strings.Join(strings.Fields(string(m[2])), ""))
		if worst = max(worst, score); score >= 1 {
			t.Errorf("%s, %s: %.1f", drafts[i].Locale, kind, score)
		}
	}
	t.Logf("the highest of %d: %.1f", len(found), worst)
}

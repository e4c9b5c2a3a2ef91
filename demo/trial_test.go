package demo

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/channel/mailgun"
	"github.com/waxwinghq/waxwing/channel/smtp"
	"github.com/waxwinghq/waxwing/channel/twilio"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/locales"
	"github.com/waxwinghq/waxwing/pipeline"
)

// TestTestOrdersAreOrders: of each format, in each language, and plainly a test.
func TestTestOrdersAreOrders(t *testing.T) {
	for _, name := range written {
		f := daemon.Formats()[name]
		for i, tag := range append(locales.Tags(), "de-AT", "xx") {
			body, header, err := testOrder(name, tag, int64(i+1), time.Now())
			if err != nil {
				t.Fatal(err)
			}
			if name == "generic" {
				body, _ = withShop(body, "own")
			}
			topic := ""
			if f.Topic != nil {
				topic = f.Topic(header)
			}
			k, err := f.Key(topic, body)
			if err != nil || k.Ignore != "" || k.OrderID == "" {
				t.Fatalf("%s %s: %+v %v", name, tag, k, err)
			}
			o, err := f.Normalise(topic, body)
			if err != nil || o.Customer.Email != "test-order@customer.example" || !strings.Contains(o.Number, "TEST-") || o.Note != testNote ||
				!o.Payment.Verified(nil) || len(o.Items) == 0 || !strings.EqualFold(o.Locale[:2], tag[:2]) {
				t.Errorf("%s %s: %v %+v", name, tag, err, o)
			}
		}
	}
}

func TestTryingOutNeedsThisMachine(t *testing.T) {
	for listen, ok := range map[string]bool{"127.0.0.1:0": true, "localhost:0": true, "[::1]:0": true, ":8080": false, "0.0.0.0:8080": false, "10.0.0.1:80": false} {
		c := configtest.Load(t, daemon.Components(), "providers: {mail: {type: smtp, addr: \"mail.example:25\"}}\ntenants: {acme: {name: Acme, from: a@acme.example}}\nhttp: {listen: \""+listen+"\"}\n")
		try, err := NewTrial(c, nil)
		if (err == nil) != ok {
			t.Errorf("%s: %v", listen, err)
		}
		if err == nil {
			if p := c.Providers["mail"].Settings.(*smtp.Settings); p.Addr == "mail.example:25" || p.Auth != nil || p.TLS != "none" {
				t.Errorf("%+v", p)
			}
			try.Close()
		}
	}
}

// TestTryingOutSendsNothing: whatever carries mails or texts, also for one tenant only, is the mailbox.
func TestTryingOutSendsNothing(t *testing.T) {
	c := configtest.Load(t, daemon.Components(), `http: {listen: "127.0.0.1:0"}
providers:
  mail: {type: mailgun, domain: mg.acme.example, key: "a-key-of-mailgun"}
  texts: {type: vonage, key: abcd, secret: "a-secret-of-vonage", from: Acme}
tenants:
  acme:
    name: Acme
    from: a@acme.example
    providers: {mine: {type: smtp, addr: "mail.acme.example:25"}, other: {type: ses, region: eu-central-1, access_key: AKIA, secret_key: "a-secret-of-ses"}}
`)
	try, err := NewTrial(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer try.Close()
	own := c.Tenants["acme"].Providers
	for name, p := range map[string]config.Provider{"mail": c.Providers["mail"], "mine": own["mine"], "other": own["other"]} {
		if s, ok := p.Settings.(*smtp.Settings); !ok || p.Type != "smtp" || s.Addr != try.smtp {
			t.Errorf("%s is %+v", name, p)
		}
	}
	if s, ok := c.Providers["texts"].Settings.(*twilio.Settings); !ok || s.BaseURL != try.twilio {
		t.Errorf("texts are %+v", c.Providers["texts"])
	}
	if made, err := daemon.OpenProvider("mail", c.Providers["mail"], nil); err != nil {
		t.Error(err)
	} else {
		daemon.CloseNow(made)
	}
	if _, ok := try.real["mail"].Settings.(*mailgun.Settings); !ok {
		t.Errorf("a release would go by %+v", try.real["mail"])
	}
}

// TestTryingOutKeepsToItself: a trial neither writes into the ledgers of daemons that send, nor
// takes what stands on their brokers.
func TestTryingOutKeepsToItself(t *testing.T) {
	c := configtest.Load(t, daemon.Components(), `data: books
http: {listen: "127.0.0.1:0"}
keys: {master: "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}
ledger: {type: postgres, dsn: "postgres://127.0.0.1/home"}
ledgers: {north: {type: postgres, dsn: "postgres://127.0.0.1/north"}}
brokers: {bus: {type: redis, url: "redis://127.0.0.1:6379/0"}}
providers: {mail: {type: smtp, addr: "mail.example:25"}}
tenants:
  acme: {name: Acme, from: a@acme.example}
  bolt: {name: Bolt, from: b@bolt.example, ledger: north, pipeline: other}
pipeline: [normalise, render, {queue: {name: mail, on: bus}}, {send: {providers: [mail]}}]
pipelines: {other: [normalise, render, {queue: {name: post, on: bus}}, {send: {providers: [mail]}}]}
`)
	try, err := NewTrial(c, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer try.Close()
	if c.Data != "books-mailbox" || c.Ledger != nil || len(c.Ledgers) > 0 || len(c.Brokers) > 0 || c.Tenants["bolt"].Ledger != "" {
		t.Errorf("it keeps %s, %v, %v and %v", c.Data, c.Ledger, c.Ledgers, c.Brokers)
	}
	for _, stages := range [][]config.Stage{c.Pipeline, c.Pipelines["other"]} {
		if q := stages[2].Settings.(*pipeline.Queue); q.QueueOn() != "" {
			t.Errorf("the queue %s stands on %s", q.Name, q.On)
		}
	}
}

// TestQuickstartsOrder: what the quick start tells to save and post is an order.
func TestQuickstartsOrder(t *testing.T) {
	b, err := os.ReadFile("../docs/quickstart.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(b), "```json\n")
	body, _, ok := strings.Cut(rest, "```")
	f := daemon.Formats()["generic"]
	if k, err := f.Key("", []byte(body)); !ok || err != nil || k.Shop != "own" {
		t.Fatalf("%+v %v", k, err)
	}
	if o, err := f.Normalise("", []byte(body)); err != nil || o.Number != "#1001" || !o.Payment.Verified(nil) {
		t.Fatalf("%+v %v", o, err)
	}
}

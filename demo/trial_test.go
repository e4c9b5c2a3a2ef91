package demo

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/channel/smtp"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/daemon"
	"github.com/waxwinghq/waxwing/locales"
)

// TestTestOrdersAreOrders: of each format, in each language, and plainly a test.
func TestTestOrdersAreOrders(t *testing.T) {
	for name, f := range daemon.Formats() {
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

package mx_test

import (
	"context"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/mx"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
)

// open makes a provider of keys as a file has them.
func (w *world) open(keys string) (*mx.Sender, *mx.Settings) {
	w.t.Helper()
	p := configtest.Provider(config.Registry{Locales: []string{"en"}, Providers: []config.Component{mx.Component()}},
		fmt.Sprintf("type: mx, hostname: mta1.shop.example, resolver: %q, port: %d, %s", w.dns.Addr, w.port, keys))
	settings := p.Settings.(*mx.Settings)
	s, err := settings.Open("direct", slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s, settings
}

// TestSettings: what a file says is what is done.
func TestSettings(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.cert.Certificate[0]}), 0o600); err != nil {
		t.Fatal(err)
	}
	good, plain := w.server("127.0.0.2", sink.Config{TLS: w.tls()}), w.server("127.0.0.3", sink.Config{})
	w.dns.Set("acme.example. 60 IN MX 10 mx1.acme.example.", "mx1.acme.example. 60 IN A 127.0.0.2", "bank.example. 60 IN A 127.0.0.3", "mta1.shop.example. 60 IN A 198.51.100.1")
	allowed, settings := w.open(fmt.Sprintf("allow: [127.0.0.0/8], tls_required: [Bank.example, '*.example'], ca_file: %q", file))
	want(t, w.offer(allowed, "bob@acme.example"), waxwing.Accepted, "")
	want(t, w.offer(allowed, "bob@bank.example"), waxwing.Deferred, waxwing.RecipientFault)
	public, _ := w.open("tls: required")
	want(t, w.offer(public, "bob@acme.example"), waxwing.Rejected, waxwing.PolicyFault)
	received(t, []int{1, 0}, good, plain)
	if allowed.MaxAtDot() != 32 || allowed.MaxInFlight() != 32 || allowed.Name() != "direct" {
		t.Errorf("%d at the dot, %d in flight", allowed.MaxAtDot(), allowed.MaxInFlight())
	}
	for _, x := range []struct{ change, said, remedy string }{
		{"", "mta1.shop.example has an address", ""},
		{"forgotten", "has no address in DNS", "Publish an A or AAAA record"},
		{"ill", "DNS does not answer", "resolver: 127.0.0.1:53"},
	} {
		fresh, _ := w.open("tls: required")
		switch x.change {
		case "forgotten":
			w.dns.Unset("mta1.shop.example")
		case "ill":
			w.dns.Fail("mta1.shop.example", 2)
		}
		a := fresh.Probe(t.Context())
		said, remedy := settings.Explain(a)
		if (a.Verdict == waxwing.Accepted) != (x.change == "") || !strings.Contains(said, x.said) || !strings.Contains(remedy, x.remedy) {
			t.Errorf("%s: %s, %q, %q", x.change, a.Verdict, said, remedy)
		}
	}
}

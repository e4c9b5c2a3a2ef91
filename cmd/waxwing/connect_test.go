package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/channel/dkim"
	"github.com/waxwinghq/waxwing/channel/sink"
	"github.com/waxwinghq/waxwing/daemon"
)

// records answers DNS from a table; a name that is not in it does not exist.
type records map[string][]string

func (r records) LookupTXT(_ context.Context, name string) ([]string, error) {
	if name == "down._domainkey.acme.example" {
		return nil, errors.New("i/o timeout")
	}
	if v, ok := r[name]; ok {
		return v, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

// TestCheckConnect: each connection has its line, and each failure its remedy.
func TestCheckConnect(t *testing.T) {
	_, key, _ := ed25519.GenerateKey(nil)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	private := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
	parsed, err := dkim.ParseKey(waxwing.Secret(private))
	if err != nil {
		t.Fatal(err)
	}
	record := parsed.Record()
	server := sink.New(sink.Config{User: "mailer", Password: "good-password"})
	addr, err := server.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "dkim.pem"), private, 0o600); err != nil {
		t.Fatal(err)
	}
	open := sink.New(sink.Config{}) // offers no log-in
	noAuth, err := open.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = open.Close() })
	const good, db = "good-password", "file:shop.db"
	for _, c := range []struct {
		name, addr, password, selector, dsn, from string
		ok                                        bool
		want                                      []string
	}{
		{"all is well", addr, good, "w1", db, "orders@acme.example", true, []string{"ok    providers.mail: " + addr + " answers, tls: none, and takes the log-in.",
			"ok    tenants.acme.dkim: w1._domainkey.acme.example has the public half", "ok    enrich.crm: the database answers.", "ok    providers.texts: not tried"}},
		{"a record in pieces and spaces", addr, good, "spaced", db, "orders@acme.example", true, []string{"ok    tenants.acme.dkim"}},
		{"a subdomain signs for it", addr, good, "w1", db, "orders@mail.acme.example", true, []string{"has the public half of the key."}},
		{"another domain", addr, good, "w1", db, "orders@other.example", true, []string{"but mails come from other.example"}},
		{"a wrong password", addr, "wrong-password", "w1", db, "orders@acme.example", false, []string{"FAIL  providers.mail: " + addr + " fails at auth: smtp auth: answered 535", "Mend auth.user and auth.password"}},
		{"no log-in is offered", noAuth, good, "w1", db, "orders@acme.example", false, []string{"offers neither AUTH PLAIN nor LOGIN", "Take auth out if"}},
		{"nobody listens", "127.0.0.1:1", good, "w1", db, "orders@acme.example", false, []string{"FAIL  providers.mail: 127.0.0.1:1 fails at connect", "let this machine out to 127.0.0.1, port 1"}},
		{"no record", addr, good, "none", db, "orders@acme.example", false, []string{"there is no record at none._domainkey.acme.example", "Publish at none._domainkey.acme.example, as TXT: " + record}},
		{"another key's", addr, good, "other", db, "orders@acme.example", false, []string{"is another key's", "Publish at "}},
		{"revoked", addr, good, "revoked", db, "orders@acme.example", false, []string{"is revoked"}},
		{"no DKIM record", addr, good, "spf", db, "orders@acme.example", false, []string{"is no DKIM record"}},
		{"DNS is down", addr, good, "down", db, "orders@acme.example", false, []string{"DNS could not be asked"}},
		{"no database", addr, good, "w1", "file:nowhere/shop.db?mode=ro", "orders@acme.example", false, []string{"FAIL  enrich.crm: the database does not answer", "Mend dsn"}},
		{"no Postgres", addr, good, "w1", "postgres://u:canary-pass@127.0.0.1:1/x", "orders@acme.example", false, []string{"FAIL  enrich.crm"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := filepath.Join(dir, "waxwing.yaml")
			dsn := c.dsn
			if rest, ok := strings.CutPrefix(dsn, "file:"); ok {
				dsn = "file:" + filepath.Join(dir, rest)
			}
			text := fmt.Sprintf(`providers:
  mail: {type: smtp, addr: %q, tls: none, auth: {user: mailer, password: %q}}
  texts: {type: twilio, account: AC1, token: t, from: "+15005550006"}
enrich: {crm: {type: sql, dsn: %q, customer: select 1}}
tenants:
  acme: {name: Acme, from: %s, dkim: {domain: acme.example, selector: %s, key: "file:dkim.pem"}, shops: {shopify: {secret: shop-secret}}}
`, c.addr, c.password, dsn, c.from, c.selector)
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			_, p, _ := strings.Cut(record, "p=")
			cmd := checkCmd{configFlag: configFlag{file}, Connect: true, connector: daemon.Connector{Resolver: records{
				"w1._domainkey.acme.example": {record}, "spaced._domainkey.acme.example": {"v=DKIM1; k=ed25519; p=" + p[:9] + " \t" + p[9:] + ";"},
				"other._domainkey.acme.example": {"v=DKIM1; k=ed25519; p=AAAA"}, "revoked._domainkey.acme.example": {"v=DKIM1; p="},
				"spf._domainkey.acme.example": {"v=spf1 -all"}}}}
			var out bytes.Buffer
			err := cmd.Run(streams{out: &out, err: &out})
			if (err == nil) != c.ok {
				t.Errorf("%v\n%s", err, out.String())
			}
			for _, w := range c.want {
				if !strings.Contains(out.String(), w) {
					t.Errorf("%q is not in\n%s", w, out.String())
				}
			}
			if s := out.String(); strings.Contains(s, "canary-pass") || strings.Contains(s, "-password") {
				t.Errorf("a password is shown:\n%s", s)
			}
			if !strings.Contains(out.String(), "1 tenant, 1 shop, 2 providers") {
				t.Error(out.String())
			}
		})
	}
}

// TestCheckConnectToSilence: a server that takes the connection and says nothing is
// named as that, and not as a connection that we closed.
func TestCheckConnectToSilence(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // the system takes the connection; nobody answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	file := filepath.Join(t.TempDir(), "waxwing.yaml")
	text := fmt.Sprintf("providers: {mail: {type: smtp, addr: %q, tls: none}}\ntenants: {acme: {name: Acme, from: o@acme.example, shops: {shopify: {secret: shop-secret}}}}\n", l.Addr())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = checkCmd{configFlag: configFlag{file}, Connect: true, connector: daemon.Connector{Resolver: records{}, Patience: time.Millisecond}}.Run(streams{out: &out, err: &out})
	if err == nil || !strings.Contains(out.String(), "no answer within 1ms.") || strings.Contains(out.String(), "closed network connection") || strings.Contains(out.String(), "?.") {
		t.Errorf("%v\n%s", err, out.String())
	}
}

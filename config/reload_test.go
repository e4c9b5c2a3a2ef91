package config

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestFixed: what differs and is not read again is named at its key, or where it was
// taken out of; tenants, keys and the log's level may differ.
func TestFixed(t *testing.T) {
	const main = mailer + `tenants:
  acme: {name: Acme, from: orders@acme.example}
http: {listen: "127.0.0.1:80", admin_keys: [admin-key-012345]}
log: {level: info}
limits:
  send: 7
enrich: {crm: {type: sql, dsn: "file:hunter2.db", customer: "select 1"}}
`
	load := func(t *testing.T, text string) *Config {
		t.Helper()
		c, err := Load(filepath.Join(put(t, map[string]string{"waxwing.yaml": text}), "waxwing.yaml"), Components)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	running := load(t, main)
	for name, c := range map[string]struct {
		old, new string
		want     []string // LINE:COLUMN: and how the message begins
	}{
		"nothing":          {"", "", nil},
		"spaces":           {"limits:\n  send: 7", "limits: {send: 7}", nil},
		"a default":        {"limits:\n", "retention: {content: 90d}\nlimits:\n", nil},
		"a tenant":         {"name: Acme,", "name: Acme & Co,", nil},
		"a new tenant":     {"http:", "  bolt: {name: Bolt, from: b@bolt.example}\nhttp:", nil},
		"an admin key":     {"admin-key-012345", "admin-key-543210", nil},
		"the log's level":  {"level: info", "level: debug", nil},
		"the log's format": {"level: info", "level: info, format: json", []string{"6:20: log.format has changed"}},
		"a number":         {"send: 7", "send: 8", []string{"8:3: limits.send has changed"}},
		"taken out":        {"limits:\n  send: 7\n", "", []string{"1:1: limits.send has changed"}},
		"the port":         {":80", ":81", []string{"5:8: http.listen has changed"}},
		"a provider's":     {"127.0.0.1:25", "127.0.0.1:26", []string{"2:22: providers.mail.addr has changed"}},
		"a new provider":   {"tenants:", "  more: {type: smtp, addr: 127.0.0.1:25}\ntenants:", []string{"3:3: providers.more is new"}},
		"another name":     {"  mail:", "  post:", []string{"1:1: providers.mail is gone", "2:3: providers.post is new"}},
		"a secret":         {"hunter2.db", "hunter3.db", []string{"9:27: enrich.crm.dsn has changed"}},
		"a pipeline":       {"limits:", "pipeline: [normalise, render, {queue: {name: post}}, {send: {providers: [mail]}}]\nlimits:", []string{"7:1: pipeline has changed"}},
		"a tenant's ledger": {"tenants:\n  acme: {", "keys: {master: \"" + strings.Repeat("5a", 32) + "\"}\nledgers: {north: {type: postgres, dsn: \"postgres://127.0.0.1/one\"}}\ntenants:\n  acme: {ledger: north, ",
			[]string{"3:8: keys.master has changed", "4:11: ledgers.north is new", "6:10: tenants.acme.ledger has changed"}},
		"several": {"  send: 7\nenrich: {crm: {type: sql, dsn: \"file:hunter2.db\"", "  send: 8\nenrich: {crm: {type: sql, dsn: \"file:hunter3.db\"", []string{"8:3: limits.send", "9:27: enrich.crm.dsn"}},
	} {
		t.Run(name, func(t *testing.T) {
			next := load(t, strings.Replace(main, c.old, c.new, 1))
			err := next.Fixed(running)
			var got []string
			if l, ok := err.(ErrorList); ok {
				for _, e := range l {
					got = append(got, strings.TrimPrefix(e.Error(), e.File+":"))
				}
			} else if err != nil {
				t.Fatal(err)
			}
			if !slices.EqualFunc(got, c.want, strings.HasPrefix) {
				t.Errorf("got %v, want %v", got, c.want)
			}
			if err != nil && strings.Contains(err.Error(), "hunter") {
				t.Errorf("a secret is shown: %v", err)
			}
		})
	}
}

func TestTenantsSince(t *testing.T) {
	was := &Config{Tenants: map[string]Tenant{"a": {Name: "A"}, "b": {Name: "B", Shops: map[string]Shop{"x": {}}}, "c": {}}}
	is := &Config{Tenants: map[string]Tenant{"a": {Name: "A"}, "b": {Name: "B", Shops: map[string]Shop{"x": {Secret: "s"}}}, "d": {}}}
	d := is.TenantsSince(was)
	if !slices.Equal(d.Added, []string{"d"}) || !slices.Equal(d.Changed, []string{"b"}) || !slices.Equal(d.Removed, []string{"c"}) {
		t.Errorf("%+v", d)
	}
}

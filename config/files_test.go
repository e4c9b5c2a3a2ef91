package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// put writes files into a folder and returns it.
func put(t testing.TB, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const (
	mailer = "providers:\n  mail: {type: smtp, addr: 127.0.0.1:25, tls: none}\n"
	bolt   = "name: Bolt\nfrom: orders@bolt.example\nkeys: [bolt-key-0123456]\nshops: {shopify: {secret: file:bolt.key}}\n"
)

// TestManyFiles: sections, names and tenants come from several files, each file's paths
// begin at its own folder, and defaults are filled in everywhere.
func TestManyFiles(t *testing.T) {
	dir := put(t, map[string]string{
		"waxwing.yaml":         "include: [ops/more.yaml, texts.yaml]\ntenants_dir: shops/of\nlog: {level: warn}\n" + mailer + "tenants:\n  acme: {name: Acme, from: orders@acme.example}\n",
		"ops/more.yaml":        "limits: {send: 7}\ntenants:\n  cord: {name: Cord, from: orders@cord.example, shops: {shopify: {secret: file:cord.key}}}\n",
		"ops/cord.key":         "secret-of-cord",
		"texts.yaml":           "providers:\n  texts: {type: twilio, account: AC1, token: t, from: \"+15005550006\"}\n",
		"shops/of/bolt.yaml":   bolt + "templates: set\n",
		"shops/of/bolt.key":    "secret-of-bolt",
		"shops/of/set/x":       "",
		"shops/of/.swp":        "no: [yaml",
		"shops/of/README.md":   "no: [yaml",
		"shops/of/..data/x":    "",
		"shops/of/bolt.yaml~":  "no: [yaml",
		"shops/of/dawn-2.yaml": "name: Dawn\nfrom: orders@dawn.example\n",
	})
	c, err := Load(filepath.Join(dir, "waxwing.yaml"), Components)
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(sorted(c.Tenants), " "); got != "acme bolt cord dawn-2" {
		t.Error(got)
	}
	if got := strings.Join(sorted(c.Providers), " "); got != "mail texts" || len(c.Pipeline) != 7 {
		t.Error(got, c.Pipeline)
	}
	b := c.Tenants["bolt"]
	if b.Shops["shopify"].Secret != "secret-of-bolt" || b.Shops["shopify"].Format != "shopify" || b.Templates != filepath.Join(dir, "shops/of/set") || b.TTL.D() != 24*time.Hour {
		t.Errorf("%+v", b)
	}
	if c.Tenants["cord"].Shops["shopify"].Secret != "secret-of-cord" || c.Limits.Send != 7 || c.Limits.Render != 64 || c.Log.Level != "warn" || c.Retention.Trail == 0 {
		t.Errorf("%+v %+v", c.Limits, c.Log)
	}
}

// TestFaultsOfManyFiles: each mistake has its own file, line and caret, and no secret.
func TestFaultsOfManyFiles(t *testing.T) {
	const main = mailer + "tenants:\n  acme: {name: Acme, from: orders@acme.example, keys: [acme-key-0123456]}\n"
	for name, c := range map[string]struct {
		files map[string]string // besides waxwing.yaml, which begins with main
		main  string
		want  []string
	}{
		"an unknown key": {map[string]string{"t/bolt.yaml": "name: Bolt\nfrm: orders@bolt.example\n"}, "tenants_dir: t\n",
			[]string{`t/bolt.yaml:2:1: unknown key "frm". Did you mean "from"?`}},
		"a missing key": {map[string]string{"t/bolt.yaml": "name: Bolt\n"}, "tenants_dir: t\n",
			[]string{`t/bolt.yaml:1:1: tenants.bolt: "from" is missing. Add from: with text.`}},
		"a rule": {map[string]string{"t/bolt.yaml": "name: Bolt\nfrom: nobody\n"}, "tenants_dir: t\n",
			[]string{`t/bolt.yaml:2:7: tenants.bolt.from "nobody" is no e-mail address. Write a bare address such as orders@example.com.`}},
		"two files, and the main one": {map[string]string{"t/bolt.yaml": "name: Bolt\nfrom: 7\n", "t/cord.yaml": "- a\n"}, "tenants_dir: t\nlimits: {send: none}\n",
			[]string{"waxwing.yaml:6:16: limits.send wants", "t/bolt.yaml:2:7: tenants.bolt.from wants text", "t/cord.yaml:1:1: tenants.cord wants keys and values, not a list."}},
		"no YAML": {map[string]string{"t/bolt.yaml": "name: [Bolt\nfrom: x\n"}, "tenants_dir: t\n", []string{"t/bolt.yaml:"}},
		"an empty file": {map[string]string{"t/bolt.yaml": "\n"}, "tenants_dir: t\n",
			[]string{"t/bolt.yaml:1:1: the file is empty. Write what would stand below tenants.bolt, or take it out."}},
		"a tenant that stands here, too": {map[string]string{"t/acme.yaml": "name: Bolt\nfrom: orders@bolt.example\n"}, "tenants_dir: t\n",
			[]string{"t/acme.yaml:1:1: tenants.acme stands in waxwing.yaml already, on line 4. Keep one of them."}},
		"a name that is none": {map[string]string{"t/Bolt!.yaml": bolt}, "tenants_dir: t\n", []string{`t/Bolt!.yaml:1:1: "Bolt!" is no name.`}},
		"a file of another ending": {map[string]string{"t/bolt.yml": bolt}, "tenants_dir: t\n",
			[]string{"t/bolt.yml:1:1: a tenant's file ends in .yaml. Name it bolt.yaml."}},
		"another's key": {map[string]string{"t/bolt.yaml": "name: Bolt\nfrom: o@bolt.example\nkeys: [acme-key-0123456]\n"}, "tenants_dir: t\n",
			[]string{"t/bolt.yaml:3:8: this key is the same as tenants.acme.keys[0]."}},
		"each other's key": {map[string]string{"t/bolt.yaml": "name: Bolt\nfrom: o@bolt.example\nkeys: [bolt-key-0123456]\n", "t/cord.yaml": "name: Cord\nfrom: o@cord.example\nkeys: [bolt-key-0123456]\n"}, "tenants_dir: t\n",
			[]string{"t/cord.yaml:3:8: this key is the same as tenants.bolt.keys[0]."}},
		"a secret's file": {map[string]string{"t/bolt.yaml": bolt}, "tenants_dir: t\n", []string{"t/bolt.yaml:4:27: the secret's file "}},
		"no folder":       {nil, "tenants_dir: t\n", []string{`waxwing.yaml:5:14: tenants_dir "t" cannot be read.`}},
		"no folder named": {nil, "tenants_dir: \"\"\n", []string{"waxwing.yaml:5:14: tenants_dir is empty."}},
		"no included file": {nil, "include: [ops.yaml]\n",
			[]string{`waxwing.yaml:5:11: include[0] "ops.yaml" does not exist. Mend the path, which begins at the configuration file, or let the daemon's user read it.`}},
		"a folder included":  {map[string]string{"ops/x": ""}, "include: [ops]\n", []string{`waxwing.yaml:5:11: include[0] "ops" is no file.`}},
		"included twice":     {map[string]string{"ops.yaml": "log: {level: info}\n"}, "include: [ops.yaml, ops.yaml]\n", []string{`waxwing.yaml:5:21: include names "ops.yaml" twice.`}},
		"a section twice":    {map[string]string{"ops.yaml": "log: {level: info}\n"}, "include: [ops.yaml]\nlog: {level: warn}\n", []string{"ops.yaml:1:1: log stands in waxwing.yaml already, on line 6. Keep one of them."}},
		"a name twice":       {map[string]string{"ops.yaml": "\ntenants:\n  acme: {name: A, from: a@a.example, keys: [hunter2-hunter2-hunter2]}\n"}, "include: [ops.yaml]\n", []string{"ops.yaml:3:3: tenants.acme stands in waxwing.yaml already, on line 4."}},
		"includes within":    {map[string]string{"ops.yaml": "include: [x.yaml]\n"}, "include: [ops.yaml]\n", []string{"ops.yaml:1:1: include stands in waxwing.yaml already, on line 5."}},
		"a rule of included": {map[string]string{"ops.yaml": "http: {listen: here}\n"}, "include: [ops.yaml]\n", []string{`ops.yaml:1:16: http.listen "here" is not host:port.`}},
		"a provider's rule":  {map[string]string{"ops.yaml": "\nproviders:\n  texts: {type: twilio}\n"}, "include: [ops.yaml]\n", []string{`ops.yaml:3:3: providers.texts: "account", "token" and "from" are missing.`}},
	} {
		t.Run(name, func(t *testing.T) {
			files := map[string]string{"waxwing.yaml": main + c.main}
			for n, text := range c.files {
				files[n] = text
			}
			dir := put(t, files)
			_, err := Load(filepath.Join(dir, "waxwing.yaml"), Components)
			var l ErrorList
			if !errors.As(err, &l) || len(l) != len(c.want) {
				t.Fatalf("want %d mistakes, got %v", len(c.want), err)
			}
			for i, e := range l {
				if got := strings.ReplaceAll(e.Error(), dir+"/", ""); !strings.HasPrefix(got, c.want[i]) {
					t.Errorf("\ngot  %s\nwant %s", got, c.want[i])
				}
			}
			if s := err.Error(); strings.Contains(s, "hunter2") || strings.Contains(s, "-key-") && !strings.Contains(s, "same as") {
				t.Errorf("a secret is shown:\n%s", s)
			}
		})
	}
}

// TestNoTenantAnywhere: without tenants, or a folder of them, the file is not whole.
func TestNoTenantAnywhere(t *testing.T) {
	for main, want := range map[string]string{
		mailer:                        `waxwing.yaml:1:1: "tenants" is missing.`,
		mailer + "tenants_dir: t\n":   `waxwing.yaml:3:14: tenants_dir "t" holds no tenant. Put a file there for each: NAME.yaml.`,
		"tenants_dir: full\n":         `waxwing.yaml:1:1: "providers" is missing.`,
		"include: [providers.yaml]\n": `waxwing.yaml:1:1: "tenants" is missing.`,
	} {
		dir := put(t, map[string]string{"waxwing.yaml": main, "t/README": "", "full/dawn.yaml": "name: D\nfrom: d@d.example\n", "providers.yaml": mailer})
		_, err := Load(filepath.Join(dir, "waxwing.yaml"), Components)
		if err == nil || !strings.HasPrefix(strings.ReplaceAll(err.Error(), dir+"/", ""), want) {
			t.Errorf("%q: %v", main, err)
		}
	}
}

// TestMaskOfManyFiles: an excerpt shows the line of its own file, without its secrets.
func TestMaskOfManyFiles(t *testing.T) {
	dir := put(t, map[string]string{"waxwing.yaml": mailer + "tenants_dir: t\n",
		"t/bolt.yaml": "name: Bolt\nfrom: o@bolt.example\nkeys: [hunter2-hunter2]\nshops: {shopify: {secret: hunter2, frmat: x}}\n"})
	_, err := Load(filepath.Join(dir, "waxwing.yaml"), Components)
	want := "    4 | shops: {shopify: {secret: ****, frmat: ****}}\n      |                                 ^"
	if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

// manyTenants writes ordinary tenants, a file each.
func manyTenants(t testing.TB, n int) (file string) {
	t.Helper()
	files := map[string]string{"waxwing.yaml": mailer + "tenants_dir: tenants\n"}
	for i := range n {
		files[fmt.Sprintf("tenants/t%05d.yaml", i)] = fmt.Sprintf(`name: Tenant %[1]d
from: orders@t%[1]d.example
support_url: https://t%[1]d.example/help
locales: [en, de]
keys: [{name: anna, key: key-of-tenant-%05[1]d}]
brand: {logo: "https://t%[1]d.example/logo.png", color: "#1a5fb4", footer: "Thank you"}
legal: {seller: "Tenant %[1]d Ltd, 1 Canal Street", vat: GB%09[1]d}
shops:
  shopify: {secret: "secret-of-tenant-%05[1]d"}
  outlet: {format: woocommerce, secret: "outlet-of-tenant-%05[1]d"}
`, i)
	}
	return filepath.Join(put(t, files), "waxwing.yaml")
}

// BenchmarkTenantFiles loads a thousand ordinary tenants.
func BenchmarkTenantFiles(b *testing.B) {
	file := manyTenants(b, 1000)
	b.ReportAllocs()
	for b.Loop() {
		if c, err := Load(file, Components); err != nil || len(c.Tenants) != 1000 {
			b.Fatal(err)
		}
	}
}

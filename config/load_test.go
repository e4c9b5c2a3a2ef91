package config

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// always has every variable.
func always(name string) (string, bool) {
	switch name {
	case "WAXWING_MASTER_KEY":
		return strings.Repeat("0f", 32), true
	case "SPARE_ADDR":
		return "", false
	}
	return "value-of-" + name, true
}

func parse(t *testing.T, src string) *Config {
	t.Helper()
	c, err := Parse("x.yaml", []byte(src), always, Components)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const least = `providers:
  mail: {type: smtp, addr: 127.0.0.1:25, tls: none}
tenants:
  acme: {name: Acme, from: orders@acme.example}
`

// examples copies config/examples to a folder with the files that full.yaml
// names, which hold keys and so are not kept here.
func examples(t *testing.T) []string {
	t.Helper()
	dir := t.TempDir()
	pub, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	crt, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{}, pub, key)
	if err != nil {
		t.Fatal(err)
	}
	put := func(name string, b []byte) {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("dkim.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	put("dkim-ed25519.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	put("ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: crt}))
	if err := os.Mkdir(filepath.Join(dir, "templates"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "plugins"), 0o755); err != nil {
		t.Fatal(err)
	}
	put("plugins/loyalty.wasm", nil)
	put("plugins/loyalty.json", nil)
	files, err := filepath.Glob("examples/*.yaml")
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	var out []string
	for _, f := range [...]string{"more/relay.yaml", "tenants/kumo.yaml"} {
		b, err := os.ReadFile("examples/" + f)
		if err := errors.Join(err, os.Mkdir(filepath.Join(dir, filepath.Dir(f)), 0o755)); err != nil {
			t.Fatal(err)
		}
		put(f, b)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		put(filepath.Base(f), b)
		out = append(out, filepath.Join(dir, filepath.Base(f)))
	}
	return out
}

func TestExamplesLoad(t *testing.T) {
	for _, f := range examples(t) {
		src, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		c, err := Parse(f, src, always, Components)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(f) == "full.yaml" {
			everyKey(t, string(src))
			if setting(c.Providers["spare"].Settings, "addr") != "relay.example.net:465" || c.Tenants["acme"].Shops["shopify"].Format != "shopify" {
				t.Errorf("%+v", c.Providers["spare"])
			}
			if x := c.Tenants["acme"]; x.Templates != filepath.Join(filepath.Dir(f), "templates") || !strings.Contains(x.DKIM.Key.Reveal(), "PRIVATE") {
				t.Error("paths do not begin at the file")
			}
		}
	}
}

// everyKey holds full.yaml to its word.
func everyKey(t *testing.T, src string) {
	t.Helper()
	harmless, _ := (&lexicon{Registry: Components}).keys()
	for key := range harmless {
		if !strings.Contains(src, key+":") && !strings.Contains(src, "- "+key) {
			t.Errorf("full.yaml lacks %q", key)
		}
	}
}

// setting is a key's value in a component's block, nil if there is none.
func setting(b Block, key string) any {
	v := reflect.ValueOf(b).Elem()
	for _, f := range shape(v.Type()) {
		if f.name == key {
			return f.in(v).Interface()
		}
	}
	return nil
}

// TestIssueExample: the configuration as the issue has it.
func TestIssueExample(t *testing.T) {
	src, err := os.ReadFile("examples/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c := parse(t, string(src))
	x := c.Tenants["acme"]
	if x.Keys[0].Key.Reveal() != "value-of-ACME_KEY" || x.Shops["woocommerce"].Secret.Reveal() != "value-of-ACME_WOO_SECRET" ||
		!slices.Equal(x.Offline, []string{"cash_on_delivery"}) || x.TTL.D() != 24*time.Hour || x.MaxAge.D() != 24*time.Hour ||
		x.HoldTTL.D() != 14*24*time.Hour || x.Shops["shopify"].Format != "shopify" {
		t.Errorf("%+v", x)
	}
	if p := c.Providers["mail"]; setting(p.Settings, "tls") != "none" || p.MaxConnections() != 32 || setting(p.Settings, "dot_timeout") != Duration(10*time.Minute) {
		t.Errorf("%+v", p)
	}
	if c.Limits != (Limits{Render: 64, Send: 256, Drain: Duration(25 * time.Second)}) || c.Retention.Content.String() != "90d" ||
		c.Retention.Trail.String() != "7y" || c.HTTP.MaxBody != 8<<20 || c.Log != (Log{Level: "info", Format: "text"}) {
		t.Errorf("%+v", c)
	}
	s := c.Pipeline
	if len(s) != 6 || setting(s[1].Settings, "deadline") != Duration(300*time.Millisecond) || reflect.ValueOf(setting(s[4].Settings, "retry")).Len() != 7 ||
		setting(s[5].Settings, "unreachable") != Duration(5*time.Minute) || !reflect.DeepEqual(setting(s[5].Settings, "after"), []string{"rejected", "bounced", "unreachable"}) {
		t.Errorf("%+v", s)
	}
}

func TestPipelineLeftOut(t *testing.T) {
	c := parse(t, strings.Replace(least, "providers:\n", "providers:\n  b: {type: smtp, addr: b.example:25}\n  texts: {type: twilio, account: AC1, token: t, from: \"+15005550006\"}\n", 1))
	var got []string
	for _, s := range c.Pipeline {
		got = append(got, s.Name)
	}
	if !slices.Equal(got, []string{"normalise", "enrich", "plugins", "render", "queue", "send", "fallback"}) {
		t.Fatal(got)
	}
	if s := c.Pipeline[5].Settings; !reflect.DeepEqual(setting(s, "providers"), []string{"b", "mail"}) || reflect.ValueOf(setting(s, "uncertain")).FieldByName("Policy").String() != "resend" || reflect.ValueOf(setting(s, "retry")).Len() != 7 {
		t.Errorf("%+v", s)
	}
	if q := c.Pipeline[4].Settings; setting(q, "name") != "mail" || setting(q, "on") != "gochannel" {
		t.Errorf("%+v", q)
	}
}

func TestExpand(t *testing.T) {
	env := func(n string) (string, bool) {
		v, ok := map[string]string{"A": "one", "E": "", "N": "${A}"}[n]
		return v, ok
	}
	for in, want := range map[string]string{"x": "x", "${A}": "one", "<${A}${A}>": "<oneone>", "$${A}": "${A}", "$A": "$A", "${E}": "",
		"${E:-two}": "two", "${X:-}": "", "${X:-a:b}": "a:b", "${N}": "${A}", "a$": "a$", "$$": "$$"} {
		if got, problem, _ := expand(in, env); got != want || problem != "" {
			t.Errorf("%q: %q %s", in, got, problem)
		}
	}
	for _, in := range []string{"${X}", "${", "${}", "${1A}", "${A", "${A-x}"} {
		if _, problem, remedy := expand(in, env); problem == "" || remedy == "" {
			t.Errorf("%q passes", in)
		}
	}
}

func TestSecretFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte("hunter2\r\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := filepath.Join(dir, "x.yaml")
	if err := os.WriteFile(f, []byte(least[:len(least)-2]+", keys: [\"file:key\", \"file:"+filepath.Join(dir, "key2")+"\"]}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(f, Components); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "key2"), []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(f, Components)
	if err != nil {
		t.Fatal(err)
	}
	if k := c.Tenants["acme"].Keys; k[0].Key.Reveal() != "hunter2" || k[1].Key.Reveal() != "other" {
		t.Error("wrong secrets")
	}
}

func TestLoadWithoutFile(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "no.yaml"), Components); err == nil || !strings.Contains(err.Error(), "there is no such file") {
		t.Error(err)
	}
	if _, err := Load(t.TempDir(), Components); err == nil {
		t.Error("a folder loads")
	}
}

func TestTolerated(t *testing.T) {
	for name, src := range map[string]string{
		"byte order mark": "\ufeff" + least,
		"line ends":       strings.ReplaceAll(least, "\n", "\r\n"),
		"document marks":  "---\n" + least + "...\n",
		"alias":           strings.Replace(least, "acme: {", "acme: &a {", 1) + "  two: *a\n",
		"stage with no settings": least + "pipeline:\n  - normalise:\n  - enrich: {}\n  - render:\n  - queue: {name: q}\n" +
			"  - send: {providers: [mail]}\n",
		"generic shop": strings.Replace(least, "example}", "example, shops: {till: {format: generic}}}", 1),
		"tab comment":  least + "# \tx\n",
	} {
		t.Run(name, func(t *testing.T) { parse(t, src) })
	}
}

// TestHuge: a file of another kind is refused in no time.
func TestHuge(t *testing.T) {
	var laughs strings.Builder
	laughs.WriteString("tenants:\n  a0: &a0 {shops: {}}\n")
	for i := 1; i < 40; i++ {
		laughs.WriteString("  b" + strings.Repeat("b", i) + ": &x" + strings.Repeat("x", i) + " [" + strings.TrimSuffix(strings.Repeat("*x"+strings.Repeat("x", i-1)+", ", 9), ", ") + "]\n")
	}
	for name, src := range map[string]string{
		"large": strings.Repeat("x: 1\n", 1<<18), "brackets": strings.Repeat("[", 1<<19), "braces": strings.Repeat("{a: ", 1<<18),
		"dashes": strings.Repeat("- ", 1<<19), "questions": strings.Repeat("? ", 1<<19), "laughs": laughs.String(),
		"recursive": "providers: &p\n  mail: *p\n", "keys": "tenants:\n" + strings.Repeat("  a: 1\n", 1<<12), "long line": "data: " + strings.Repeat("é", 1<<18),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse("x.yaml", []byte(src), always, Components)
			var l ErrorList
			if !errors.As(err, &l) {
				t.Fatal(err)
			}
			if n := len(err.Error()); n > 40_000 {
				t.Errorf("the error has %d bytes", n)
			}
		})
	}
}

func TestDurations(t *testing.T) {
	for in, want := range map[string]time.Duration{"0": 0, "0s": 0, "300ms": 300 * time.Millisecond, "90s": 90 * time.Second, "24h": 24 * time.Hour,
		"90d": 90 * 24 * time.Hour, "7y": 7 * 365 * 24 * time.Hour, "1h30m": 90 * time.Minute, "1d12h": 36 * time.Hour} {
		got, err := ParseDuration(in)
		if err != nil || got.D() != want {
			t.Errorf("%s: %v %v", in, got, err)
		}
		if again, err := ParseDuration(got.String()); err != nil || again != got {
			t.Errorf("%s is written %s", in, got)
		}
	}
	for _, in := range []string{"", "s", "90", "1.5h", "-1m", "+1m", "1 h", "1H", "1w", "1µs", "293y", "99999999999999999999s", "1m ", "١m"} {
		if got, err := ParseDuration(in); err == nil {
			t.Errorf("%q is %v", in, got)
		}
	}
}

// TestSchemaAgrees: what loads is valid, and what is of the wrong shape is not.
func TestSchemaAgrees(t *testing.T) {
	raw, err := Schema()
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(strings.NewReader(string(raw)))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("waxwing.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("waxwing.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range examples(t) {
		if err := s.Validate(asJSON(t, f)); err != nil {
			t.Error(f, err)
		}
	}
	for _, f := range []string{"unknown-key", "unknown-key-top", "unknown-key-flow", "text-for-list", "text-for-mapping", "mapping-for-text",
		"text-for-number", "number-for-text", "number-out-of-range", "null-value", "duration-without-unit", "duration-unknown-unit",
		"duration-negative", "provider-type-unknown", "tls-unknown", "policy-unknown", "offline-unknown",
		"provider-without-type", "provider-without-addr", "tenant-without-from", "twilio-without-token-and-from", "key-of-other-type",
		"stage-unknown", "stage-two-keys", "stage-empty", "send-word-alone", "tenant-name-bad", "shop-format-unknown", "no-tenants", "no-providers"} {
		if err := s.Validate(asJSON(t, "testdata/bad/"+f+".yaml")); err == nil {
			t.Errorf("the schema accepts %s", f)
		}
	}
}

func asJSON(t *testing.T, file string) any {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	b, err := yaml.YAMLToJSON(src)
	if err != nil {
		t.Fatal(file, err)
	}
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

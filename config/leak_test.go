package config

import (
	"os"
	"strings"
	"testing"
)

// leaky has a canary as each secret, in each way that YAML can write one.
const leaky = `keys:
  master: canary00
http:
  admin_keys: [canary01, "canary02 two words"]
providers:
  mail: {type: smtp, addr: "smtp.example.com:587", auth: {user: u, password: canary03}}
  other:
    type: smtp
    addr: smtp.example.com:587
    auth:
      user: u
      password: >-
        canary04
        canary05
  texts: {type: twilio, account: AC1, token: 'canary06', from: "+15005550006"}
tenants:
  acme:
    name: Acme
    from: orders@acme.example
    keys:
      - canary07
      - "canary08
        canary09"
      - {name: anna, key: canary15}
    dkim:
      domain: acme.example
      selector: w1
      key: |
        -----BEGIN PRIVATE KEY-----
        canary10
        -----END PRIVATE KEY-----
    shops:
      shopify: {secrets: [canary11, canary12]}
      woocommerce:
        secret:
          canary13
enrich:
  crm: {type: sql, dsn: "postgres://u:canary14@db/x", customer: select 1}
`

// TestNoLeak breaks a file in every place it can be broken in by one
// character, so that faults of all kinds fall on the lines of secrets.
func TestNoLeak(t *testing.T) {
	env := func(string) (string, bool) { return "", false }
	try := func(src string) {
		_, err := Parse("x.yaml", []byte(src), env, Components)
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Fatalf("a secret is shown:\n%v\nin\n%s", err, src)
		}
	}
	try(leaky)
	for i := range len(leaky) {
		if inCanary(leaky, i) {
			continue
		}
		try(leaky[:i] + leaky[i+1:])
		for j, c := range []string{"\"", "'", ":", "x", "\n", " ", "[", "}", "#", "\t", "*", "!", "- ", "\x01", "${", "\n  - ", "{"} {
			if (i+j)%6 == 0 { // a sixth is quick, and still has all kinds everywhere
				try(leaky[:i] + c + leaky[i:])
			}
		}
	}
}

// inCanary keeps the canaries whole: half a one would not be found.
func inCanary(s string, i int) bool {
	from := max(0, i-8)
	j := strings.Index(s[from:min(len(s), i+8)], "canary")
	return j >= 0 && from+j <= i && i < from+j+8
}

// FuzzParse: no panic, no endless work, and each mistake with its place.
func FuzzParse(f *testing.F) {
	for _, name := range []string{"examples/shop.yaml", "examples/minimal.yaml", "testdata/bad/several-mistakes.yaml", "testdata/bad/tag.yaml"} {
		src, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Add([]byte(leaky))
	f.Add([]byte("a: &x [*x]\nb: *x\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		c, err := Parse("x.yaml", src, badEnv, Components)
		if err == nil {
			if c == nil || len(c.Tenants) == 0 || len(c.Pipeline) == 0 {
				t.Fatalf("accepted: %+v", c)
			}
			return
		}
		l, ok := err.(ErrorList)
		if !ok || len(l) == 0 {
			t.Fatalf("%T %v", err, err)
		}
		for _, e := range l {
			if e.Line < 1 || e.Column < 1 || e.Problem == "" || e.Remedy == "" || e.Line > strings.Count(string(src), "\n")+1 {
				t.Fatalf("%+v", e)
			}
		}
	})
}

package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
)

// keyForms are ways to write each kind of key, good and bad: what matters is that
// check and serve are of one mind.
func keyForms(t *testing.T) map[string][]string {
	t.Helper()
	must := func(b []byte, err error) []byte {
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	block := func(kind string, b []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}))
	}
	strong, _ := rsa.GenerateKey(rand.Reader, 2048)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	ec, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	raw := bytes.Repeat([]byte{0xfb, 0xff, 0xbf, 1}, 8) // both alphabets of base64 differ in it
	encodings := func(b []byte) []string {
		return []string{hex.EncodeToString(b), strings.ToUpper(hex.EncodeToString(b)), base64.StdEncoding.EncodeToString(b), base64.RawStdEncoding.EncodeToString(b),
			base64.URLEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b), "0x" + hex.EncodeToString(b), string(b)}
	}
	bytes32 := append(encodings(raw), encodings(raw[:31])...)
	bytes32 = append(append(bytes32, encodings(append(raw[:32:32], 7))...), encodings(raw[:16])...)
	p8 := func(k any) string { return block("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(k))) }
	p1 := block("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(strong))
	return map[string][]string{
		"master": bytes32,
		"public": bytes32,
		"dkim": {p1, p8(strong), p8(ed), p8(ec), block("EC PRIVATE KEY", must(x509.MarshalECPrivateKey(ec))), block("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(ed.Public()))),
			"some words\n" + p1, p1 + p1, p8(ec) + p1, block("ENCRYPTED PRIVATE KEY", []byte("x")), block("RSA PRIVATE KEY", []byte("x")), "no PEM"},
		"bearer": {"k", "key", "keys", "acme-key", hex.EncodeToString(raw), "schlüssel-schlüssel", "two words of a key", "a\tb-a\tb-a\tb-a\tb"},
		"secret": {"s", "hush", hex.EncodeToString(raw), "with some spaces in it", "geheim-geheim-geheim-ß"},
	}
}

// around are what editors, shells and other systems put around a key in a file.
var around = map[string]func(string) string{
	"plain":     func(s string) string { return s },
	"line end":  func(s string) string { return s + "\n" },
	"CRLF":      func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") + "\r\n" },
	"BOM":       func(s string) string { return "\ufeff" + s + "\n" },
	"spaces":    func(s string) string { return "  " + s + "  \n" },
	"two lines": func(s string) string { return "\n" + s + "\n\n" },
	"UTF-16":    func(s string) string { return "\xff\xfe" + strings.Join(strings.Split(s, ""), "\x00") + "\x00" },
	"nothing":   func(string) string { return "" },
}

// TestCheckAndServeAgree: whatever form of key check calls good, the daemon starts with,
// and the other way round.
func TestCheckAndServeAgree(t *testing.T) {
	dir := t.TempDir()
	const pattern = `data: DATA
http: {listen: "127.0.0.1:0"}
KEYS
providers: {mail: {type: smtp, addr: "127.0.0.1:25", tls: none}}
tenants:
  acme:
    name: Acme
    from: orders@acme.example
TENANT
    shops: {shopify: {secret: SECRET}}
`
	slots := map[string][2]string{"master": {"KEYS", "keys: {master: VALUE}"}, "public": {"TENANT", "    plugin_keys: {release: VALUE}"},
		"dkim": {"TENANT", "    dkim: {domain: acme.example, selector: s, key: VALUE}"}, "bearer": {"TENANT", "    keys: [VALUE]"}, "secret": {"SECRET", "VALUE"}}
	good, bad, n := 0, 0, 0
	for kind, forms := range keyForms(t) {
		for i, form := range forms {
			for how, wrap := range around {
				for _, by := range []string{"file", "env"} {
					n++
					value := wrap(form)
					if (by == "env" || kind == "public") && strings.ContainsRune(value, 0) {
						continue // no variable holds that
					}
					if how != "plain" && i > 1 {
						continue // two forms of each kind tell
					}
					if i > 1 && (i%2 == 0) != (by == "file") {
						continue // what it comes by matters to no further form
					}
					file := filepath.Join(dir, fmt.Sprintf("%d.yaml", n))
					quoted := fmt.Sprintf("%q", fmt.Sprintf("file:%d.key", n))
					if kind == "public" || by == "env" {
						t.Setenv("AGREE", value)
						quoted = `"${AGREE}"`
					} else if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.key", n)), []byte(value), 0o600); err != nil {
						t.Fatal(err)
					}
					slot := slots[kind]
					text := strings.ReplaceAll(pattern, slot[0], strings.ReplaceAll(slot[1], "VALUE", quoted))
					text = strings.NewReplacer("DATA", filepath.Join(dir, fmt.Sprint("data", n)), "KEYS\n", "", "TENANT\n", "", "SECRET", "a-secret-of-a-shop").Replace(text)
					if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
						t.Fatal(err)
					}
					var out bytes.Buffer
					checked := run([]string{"check", "-c", file}, streams{out: &out, err: &out}) == 0
					started := startsWith(t, file)
					if checked != started {
						t.Errorf("%s %.40q by %s, %s: check says %v, serve %v: %s", kind, form, by, how, checked, started, out.String())
					}
					if checked {
						good++
					} else {
						bad++
					}
				}
			}
		}
	}
	t.Logf("%d forms were good, %d bad", good, bad)
	if good < 40 || bad < 40 {
		t.Error("the forms are not both good and bad")
	}
}

// startsWith reports whether a daemon starts with a file.
func startsWith(t *testing.T, file string) bool {
	t.Helper()
	c, err := config.Load(file, daemon.Components())
	if err != nil {
		return false
	}
	d, err := daemon.Start(c, slog.New(slog.DiscardHandler), daemon.Extras{})
	if err != nil {
		return false
	}
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	_ = os.RemoveAll(c.Data)
	return true
}

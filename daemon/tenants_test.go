package daemon

import (
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
)

var tenants = flag.Int("tenants", 500, "how many tenants TestManyTenants starts with; 10000 is the promise's size")

// tenantFile is an ordinary tenant, as a file of tenants_dir holds it.
func tenantFile(i int) string {
	return fmt.Sprintf(`name: Tenant %[1]d
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

// TestManyTenants starts with ordinary tenants of a file each, twice: none of them costs a
// write to the disk of its own, so that the bounds hold for ten thousand, on a machine
// with nothing else to do.
func TestManyTenants(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "tenants"), 0o700); err != nil {
		t.Fatal(err)
	}
	write("waxwing.yaml", fmt.Sprintf("data: %q\nhttp: {listen: \"127.0.0.1:0\"}\nproviders:\n  mail: {type: smtp, addr: 127.0.0.1:25, tls: none}\ntenants_dir: tenants\n", filepath.Join(dir, "data")))
	for i := range *tenants {
		write(fmt.Sprintf("tenants/t%05d.yaml", i), tenantFile(i))
	}
	for _, when := range []string{"first", "later"} {
		begun := time.Now()
		c, err := config.Load(filepath.Join(dir, "waxwing.yaml"), Components())
		if err != nil {
			t.Fatal(err)
		}
		loaded := time.Since(begun)
		TuneMemory(c, t.TempDir())
		d, err := Start(c, slog.New(slog.DiscardHandler), Extras{})
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(begun)
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		t.Logf("%s start with %d tenants: %s, of it %s to load; the heap holds %d MiB, the process %s", when, len(c.Tenants), took.Round(time.Millisecond), loaded.Round(time.Millisecond), m.HeapAlloc>>20, resident())
		if got := len(d.Ledger().(*sqlite.Ledger).Tenants()); got != *tenants {
			t.Errorf("the ledger knows %d tenants", got)
		}
		if err := d.Stop(); err != nil {
			t.Fatal(err)
		}
		if bound := 20 * time.Second; took > bound {
			t.Errorf("the %s start took %s", when, took)
		}
	}
}

// resident is how much memory the process takes, where the system says so.
func resident() string {
	b, _ := os.ReadFile("/proc/self/status")
	_, rest, _ := strings.Cut(string(b), "VmRSS:")
	line, _, _ := strings.Cut(rest, "\n")
	return strings.TrimSpace(line)
}

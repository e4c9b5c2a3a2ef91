package orders

import (
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/daemon"
)

// Streams are where a command reads and writes; tests give their own.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// configFlag names the configuration file.
type configFlag struct {
	Config string `short:"c" placeholder:"FILE" help:"The configuration file; waxwing.yaml in this folder by default." default:"waxwing.yaml"`
}

func (f configFlag) load() (*config.Config, error) { return config.Load(f.Config, daemon.Components()) }

// shopFlags name one shop of a configuration.
type shopFlags struct {
	configFlag
	Tenant string `env:"WAXWING_TENANT" help:"The tenant; not needed where there is one alone." placeholder:"TENANT"`
	Shop   string `help:"The tenant's shop; not needed where there is one alone." placeholder:"SHOP"`
}

// chosen is a shop and its format.
type chosen struct {
	cfg          *config.Config
	tenant, shop string
	settings     config.Shop
	name         string // of the format
	format       waxwing.Format
}

// choose finds the shop that is meant.
func (f shopFlags) choose() (c chosen, err error) {
	if c.cfg, err = f.load(); err != nil {
		return c, err
	}
	if c.tenant, err = one("--tenant", f.Tenant, c.cfg.Tenants, "the configuration", "tenant"); err != nil {
		return c, err
	}
	t := c.cfg.Tenants[c.tenant]
	if c.shop, err = one("--shop", f.Shop, t.Shops, "tenant "+c.tenant, "shop"); err != nil {
		return c, err
	}
	c.settings = t.Shops[c.shop]
	c.name = config.FormatOf(c.tenant, c.shop, c.settings.Format)
	var ok bool
	if c.format, ok = daemon.FormatsOf(c.cfg)[c.name]; !ok {
		return c, fmt.Errorf("the shop %s/%s is read by a plugin: try its events with \"waxwing plugin test\"", c.tenant, c.shop)
	}
	return c, nil
}

// one is what a flag names, or the only one there is.
func one[V any](flag, given string, all map[string]V, of, noun string) (string, error) {
	names := slices.Sorted(maps.Keys(all))
	_, known := all[given]
	switch {
	case known:
		return given, nil
	case given != "":
		return "", fmt.Errorf("%s: %s has no %s %q; there are %s", flag, of, noun, given, strings.Join(names, ", "))
	case len(names) == 1:
		return names[0], nil
	case len(names) == 0:
		return "", fmt.Errorf("%s has no %s", of, noun)
	}
	return "", fmt.Errorf("%s is missing: %s has the %ss %s", flag, of, noun, strings.Join(names, ", "))
}

// mostRead bounds an event that is read from a file: the daemon takes no larger one.
const mostRead = 64 << 20

func readFile(path string, in io.Reader) ([]byte, error) {
	if path == "-" {
		return io.ReadAll(io.LimitReader(in, mostRead))
	}
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.Size() > mostRead {
		return nil, fmt.Errorf("%s: %d MiB are no one event; many events are for \"waxwing import\"", path, st.Size()>>20)
	}
	return os.ReadFile(path)
}

func examples(lines ...string) string { return "Examples:\n\n  " + strings.Join(lines, "\n  ") }

func some(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// bare is an error's text without its marks.
func bare(err error) string {
	s := strings.TrimPrefix(err.Error(), "permanent: ")
	return strings.TrimSuffix(s, ": permanent")
}

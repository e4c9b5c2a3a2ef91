// Package configtest gives tests their configurations, each made by the loader: so they
// have the defaults that every daemon has, and none that only a test would have.
package configtest

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// Load makes a configuration of a file's text. Relative paths in it begin in a folder of
// the test's own, and it has no environment. It ends the test where the text has a fault.
func Load(t testing.TB, r config.Registry, text string) *config.Config {
	t.Helper()
	c, err := config.Parse(filepath.Join(t.TempDir(), "waxwing.yaml"), []byte(text), none, r)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Must likewise makes one without a test, for programs that a test starts and what tests
// share. It panics at a fault.
func Must(r config.Registry, text string) *config.Config {
	c, err := config.Parse("waxwing.yaml", []byte(text), none, r)
	if err != nil {
		panic(err)
	}
	return c
}

// Provider makes one provider of its keys, in braces or without: "type: smtp, addr:
// localhost:25". It panics at a fault.
func Provider(r config.Registry, keys string) config.Provider {
	r.Providers = append(slices.Clone(r.Providers), poster())
	text := "providers: {post: {type: post}, made: {" + strings.Trim(keys, "{}") + "}}\ntenants: {any: {name: Any, from: any@shop.example}}\n"
	return Must(r, text).Providers["made"]
}

func none(string) (string, bool) { return "", false }

// With is a configuration of nothing but tenants, who may be as no file has them: with keys
// that are too short, say. All else is what the loader makes of a file that does not say.
func With(tenants map[string]config.Tenant) *config.Config {
	c := Must(config.Registry{Locales: []string{"en"}, Providers: []config.Component{poster()}},
		"providers: {mail: {type: post}}\ntenants: {any: {name: Any, from: any@shop.example}}\n")
	c.Tenants = tenants
	return c
}

func poster() config.Component {
	return config.Component{Name: "post", Carries: waxwing.Email, Settings: func() config.Block { return &post{} }}
}

// post is a provider without keys, since a configuration needs one that carries e-mail.
type post struct{}

// Check finds nothing.
func (*post) Check(*config.Report) {}

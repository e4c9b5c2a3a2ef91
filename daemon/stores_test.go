package daemon

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/config/configtest"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/sqlite"
)

// shed is a store of a test's: the embedded one in another folder.
type shed struct {
	// Room is where the ledger is.
	Room string `yaml:"room"`
}

func (*shed) Check(*config.Report) {}

func (s *shed) open(ctx context.Context, o ledger.Options) (*sqlite.Ledger, error) {
	if s.Room == "full" {
		return nil, errors.New("there is no room")
	}
	o.Dir = filepath.Join(o.Dir, s.Room)
	return sqlite.Open(ctx, sqlite.Options{Options: o})
}

var sheds = []storeType{storeOf(config.Component{Name: "shed", Settings: func() config.Block { return &shed{} }}, (*shed).open)}

// TestOpenStore: the section ledger says where the ledger is; without one it is embedded.
func TestOpenStore(t *testing.T) {
	r := Components()
	r.Stores = components(sheds, func(t storeType) config.Component { return t.Component })
	for section, want := range map[string]string{
		"":                                 "",
		"ledger: {type: shed, room: left}": "left",
		"ledger: {type: shed, room: full}": "there is no room",
	} {
		c := configtest.Load(t, r, "providers: {mail: {type: smtp, addr: \"mail.example:25\"}}\ntenants: {acme: {name: Acme, from: orders@acme.example}}\n"+section+"\n")
		dir := t.TempDir()
		l, err := openStore(t.Context(), c.Ledger, sheds, sqlite.Options{Options: ledger.Options{Dir: dir, Tenants: []waxwing.TenantID{"acme"}, Policy: "resend"}})
		if err != nil {
			if l != nil || err.Error() != want {
				t.Errorf("%q: %v %v", section, l, err)
			}
			continue
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
		if found, err := filepath.Glob(filepath.Join(dir, want, sqlite.LedgerFile)); len(found) != 1 || err != nil {
			t.Errorf("%q: the ledger is not in %q", section, want)
		}
	}
	c := configtest.With(nil)
	c.Ledger = &config.Store{Type: "hut"}
	if _, err := openStore(t.Context(), c.Ledger, sheds, sqlite.Options{}); err == nil || err.Error() != `ledger: there is no type "hut"` {
		t.Error(err)
	}
}

package postgres

import (
	"context"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/ledger"
)

// Component is the store's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "postgres", Settings: func() config.Block { return &Settings{} }, Example: "type: postgres\ndsn: \"${LEDGER_DSN}\""}
}

// Settings are the keys of a ledger in a Postgres database, which several daemons may share:
// each with a data folder of its own, and all with the same keys.master.
type Settings struct {
	// DSN names the database, Postgres 15 or newer: postgres://user:password@host/database.
	DSN config.Secret `yaml:"dsn"`
}

// Check reports a DSN that names no Postgres database, and a master key that is missing: each
// daemon would make one of its own.
func (s *Settings) Check(r *config.Report) {
	if scheme, _, ok := strings.Cut(s.DSN.Reveal(), "://"); ok && scheme != "postgres" && scheme != "postgresql" {
		r.Fail("dsn", r.Path("dsn")+" names no Postgres database", "Write postgres://user:password@host/database")
	}
	if !r.HasMaster() {
		r.FailKey("", "keys.master is not set, and all daemons of a ledger on Postgres need the same",
			"Add keys: {master: \"${WAXWING_MASTER_KEY}\"}, of 64 hex digits as openssl rand -hex 32 gives them")
	}
}

// Open opens it.
func (s *Settings) Open(ctx context.Context, o ledger.Options) (*Ledger, error) {
	return Open(ctx, Options{DSN: waxwing.Secret(s.DSN.Reveal()), Options: o, ServerTime: true})
}

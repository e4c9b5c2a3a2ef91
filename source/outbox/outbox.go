// Package outbox reads events from a table that an application fills in its own transactions, as
// watermill-sql's publisher does or plain SQL. It is not read by watermill-sql's subscriber, which would hold
// a transaction open, acknowledge by the batch, and wait on Postgres for everybody else's transactions.
package outbox

import (
	"context"
	"log/slog"
	"regexp"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue/sql"
	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/broker"
)

// Component is the source's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "outbox", Settings: func() config.Block { return &Settings{} },
		Example: "type: outbox\nurl: \"${SHOP_DATABASE}\"\ntopic: orders\ntenant: acme\nshop: web",
		Notes:   "Postgres 13 or newer, or MariaDB 10.6 or newer. The table is `watermill_TOPIC`, as watermill-sql v4 makes it; `waxwing source setup NAME` makes it, too. The user needs SELECT and DELETE on it. docs/sources.md has both ways to write to it."}
}

// Settings are the keys of a table in the shop's database.
type Settings struct {
	// URL names the database: postgres://user:password@host/database, or mysql://user:password@host:3306/database, which takes ?tls=true.
	URL config.Secret `yaml:"url"`
	// Topic is what the application publishes to: the table is watermill_TOPIC.
	Topic string `yaml:"topic" want:"the topic that the application publishes to, such as orders"`
	// Tenant is whose orders they are.
	Tenant string `yaml:"tenant" want:"the tenant whose orders they are"`
	// Shop is the tenant's shop whose format reads them.
	Shop string `yaml:"shop" want:"the tenant's shop, such as web"`
	// Poll is how often an idle reader looks. While rows come it looks more often.
	Poll config.Duration `yaml:"poll,omitempty" default:"500ms" min:"50ms" max:"10s"`
	// After is what becomes of a row that is on disk here. With keep it stays, for others that read it, and the table
	// waxwing_read says which were read; the application must delete rows some day, since all are looked through.
	After string `yaml:"after,omitempty" enum:"delete,keep" default:"delete"`
}

// longestTopic is Postgres' name of a table without watermill_.
const longestTopic = 53

var topicName = regexp.MustCompile(`^[A-Za-z0-9_.:-]+$`)

// Check reports what is no such database or table.
func (s *Settings) Check(r *config.Report) {
	sql.CheckURL(r, "url", s.URL)
	if !r.Bad("topic") && s.Topic != "" && (len(s.Topic) > longestTopic || !topicName.MatchString(s.Topic)) {
		r.Fail("topic", r.Path("topic")+" "+r.Quote("topic")+" is no topic", "Use letters, digits, and . : - _, up to 53")
	}
	broker.CheckRoute(r, s.Tenant, s.Shop)
}

// Open makes the source; it connects in Run.
func (s *Settings) Open(_ string, log *slog.Logger) (*Source, error) {
	d, err := s.dialect()
	if err != nil {
		return nil, err
	}
	return &Source{Watch: broker.NewWatch(), settings: *s, dialect: d, log: log}, nil
}

// Source is a table of the shop's.
type Source struct {
	*broker.Watch
	settings Settings
	dialect  dialect
	log      *slog.Logger
}

// Run is source.Source's.
func (x *Source) Run(ctx context.Context, accept source.Accept) error {
	return broker.Run(ctx, accept, x.Watch, broker.Options{Route: broker.Route{Tenant: waxwing.TenantID(x.settings.Tenant), Shop: waxwing.ShopID(x.settings.Shop)}}, x.dial)
}

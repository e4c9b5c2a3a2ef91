package enrich

import (
	_ "embed"
	"strings"

	"github.com/waxwinghq/waxwing/config"
)

// sqlNotes say what the queries' parameters and columns mean.
//
//go:embed sql.md
var sqlNotes string

// sqlComponent is the lookup's entry in the list.
func sqlComponent() config.Component {
	return config.Component{Name: "sql", Settings: func() config.Block { return &SQL{} }, Notes: sqlNotes,
		Example: `type: sql
dsn: "file:shop.db?mode=ro"
product: SELECT name, image_url, url FROM products WHERE sku = :sku`}
}

// SQL are the keys of a lookup that asks a database: SQLite or Postgres.
type SQL struct {
	// DSN names the database: file:shop.db?mode=ro (SQLite) or
	// postgres://user:password@host/database.
	DSN config.Secret `yaml:"dsn" asis:"file:"`
	// Customer is a query for who ordered.
	Customer string `yaml:"customer,omitempty" params:"tenant,shop,order,email,customer"`
	// Product is a query for one article: name, picture, page.
	Product string `yaml:"product,omitempty" params:"tenant,shop,sku"`
	// Stock is a query for whether one article is there.
	Stock string `yaml:"stock,omitempty" params:"tenant,shop,sku"`
	// Delivery is a query for the delivery's days.
	Delivery string `yaml:"delivery,omitempty" params:"tenant,shop,order,country,postal_code,placed"`
	// Candidates is a query for the articles that may be recommended. This and
	// the two below are asked only if a plugin of the tenant needs them.
	Candidates string `yaml:"candidates,omitempty" params:"tenant,shop,order,customer,email,currency,country"`
	// Baskets is a query for earlier orders that hold one article.
	Baskets string `yaml:"baskets,omitempty" params:"tenant,shop,sku"`
	// Lane is a query for the delays of the carrier's latest parcels to the
	// order's country.
	Lane string `yaml:"lane,omitempty" params:"tenant,shop,order,country,postal_code,placed"`
}

// Check reports a database that cannot be asked, and questions that it cannot answer.
func (s *SQL) Check(r *config.Report) {
	scheme, _, ok := strings.Cut(s.DSN.Reveal(), "://")
	if ok && scheme != "postgres" && scheme != "postgresql" && scheme != "file" && scheme != "sqlite" {
		r.Fail("dsn", r.Path("dsn")+" names no database that can be asked", "Write file:shop.db?mode=ro (SQLite) or postgres://user:password@host/database")
	}
	r.Queries(s)
	if s.Customer+s.Product+s.Stock+s.Delivery+s.Candidates+s.Baskets+s.Lane == "" {
		r.FailKey("", r.Path("")+" asks nothing", "Give it a query: customer, product, stock, delivery, candidates, baskets or lane")
	}
}

// withoutPassword is a driver's error without what it may quote of the DSN.
func withoutPassword(err error, dsn config.Secret) string {
	s := strings.ReplaceAll(err.Error(), dsn.Reveal(), "(dsn)")
	if _, rest, ok := strings.Cut(dsn.Reveal(), "://"); ok {
		if user, _, ok := strings.Cut(rest, "@"); ok {
			if _, password, ok := strings.Cut(user, ":"); ok && password != "" {
				s = strings.ReplaceAll(s, password, "****")
			}
		}
	}
	return strings.Join(strings.Fields(s), " ")
}

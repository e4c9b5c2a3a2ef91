// Package postgres reads a shop's orders from the transaction log of its Postgres database, by
// logical replication (pgoutput): an order is told when the transaction that completes it has
// been committed, and never before or otherwise.
//
// feed puts the log's messages together to transactions, and finds in them the keys of orders;
// stream has these read (orders) and accepted in their order, and confirms to the server what is
// on disk here; page is what the ledger remembers of it, by which a gap is found, and heal fills it.
package postgres

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/source/table"
)

// Component is the source's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "postgres", Settings: func() config.Block { return &Settings{} }, Example: `type: postgres
dsn: "${SHOP_DSN}"
tenant: acme
shop: web
watch:
  - table: public.orders
    when: {status: pending -> paid}
order:
  row: select * from orders where id = $1
  lists:
    items: select sku, name, quantity, price from order_lines where order_id = $1 order by id
scan: select id from orders where paid_at >= $1`,
		Notes: "Postgres 14 or newer with `wal_level = logical`. [sources.md](sources.md) goes from an orders table to the first mail."}
}

// Settings are the keys of a shop's Postgres database whose transaction log is read.
type Settings struct {
	// DSN names the database: postgres://user:password@host/database. The role needs REPLICATION and SELECT, and no pooler may stand before it.
	DSN config.Secret `yaml:"dsn"`
	// Tenant is whose orders these are.
	Tenant string `yaml:"tenant"`
	// Shop is the tenant's shop whose format reads the events.
	Shop string `yaml:"shop,omitempty"`
	// Shops tell the shops apart, where several are in one database.
	Shops *table.Shops `yaml:"shops,omitempty"`
	// Preset finds and reads the orders of a shop of this make: watch, order, scan and settle are then known, and those given beside it go before. The shop's format has the same name.
	Preset string `yaml:"preset,omitempty" enum:"vendure,medusa"`
	// Topic is what the shop's format is told that the events are, where it asks.
	Topic string `yaml:"topic,omitempty"`
	// Slot is the replication slot's name; by default waxwing_ and the source's name.
	Slot string `yaml:"slot,omitempty"`
	// Publication is the publication's name; by default as the slot.
	Publication string `yaml:"publication,omitempty"`
	// Settle is how long after the commit an order is looked at, where a shop may undo it a moment later.
	Settle config.Duration `yaml:"settle,omitempty" default:"0" min:"0" max:"1h"`
	// Watch are the tables, and when a change in them completes an order. It may be left out with a preset.
	Watch []table.Watch `yaml:"watch,omitempty"`
	// Order is how a completed order is read.
	Order table.Order `yaml:"order,omitempty"`
	// Scan is a query that gives the keys of the orders completed since $1 (timestamptz); without order.row whole rows. It finds what a gap has hidden. Without it a gap stops the source.
	Scan string `yaml:"scan,omitempty"`
	// ScanMargin is how much earlier than the last order that is known a search begins: more than the shop's longest transaction takes.
	ScanMargin config.Duration `yaml:"scan_margin,omitempty" default:"5m" min:"1s" max:"7d"`
}

var (
	slotName = regexp.MustCompile(`^[a-z0-9_]{1,63}$`)
	oddRunes = regexp.MustCompile(`[^a-z0-9_]`)
)

// Check reports what is no database, and what cannot be watched.
func (s *Settings) Check(r *config.Report) {
	if !r.Bad("dsn") && s.DSN != "" {
		if _, err := pgconn.ParseConfig(s.DSN.Reveal()); err != nil || !strings.HasPrefix(s.DSN.Reveal(), "postgres") {
			r.Fail("dsn", r.Path("dsn")+" names no Postgres database", "Write postgres://user:password@host/database")
		}
	}
	if s.Slot != "" && !slotName.MatchString(s.Slot) {
		r.Fail("slot", fmt.Sprintf("%s %s is no name of a slot", r.Path("slot"), r.Quote("slot")), "Use a-z, 0-9 and _, up to 63")
	}
	if s.Shop == "" && s.Shops == nil {
		r.FailKey("", r.Path("")+" names no shop", "Add shop, the tenant's shop whose format reads the events; or shops, where several are in one database")
	}
	if p, ok := table.PresetOf(s.Preset); ok {
		s.take(p)
	}
	if len(s.Watch) == 0 && !r.Bad("watch") && !r.Bad("preset") {
		r.FailKey("", r.Path("")+" watches no table", "Add watch, a list of tables with the condition that completes an order, or preset for a shop whose tables are known")
	}
	for i, w := range s.Watch {
		key := fmt.Sprintf("watch[%d]", i)
		w.Check(r, key, table.Dollars)
		if w.Find != "" && s.Order.Row == "" {
			r.Fail(key+".find", r.Path(key+".find")+" finds orders, and nothing reads them", "Add order.row, a query that gives the order by its key")
		}
	}
	if s.Settle > 0 && s.Order.Row == "" && !r.Bad("settle") {
		r.Fail("settle", r.Path("settle")+" looks again, and there is nothing to look with", "Add order.row, a query that gives the order by its key, or take it out")
	}
	s.Order.Check(r, "order", table.Dollars)
	table.CheckQuery(r, "scan", s.Scan, 1, table.Dollars)
}

// take fills what is not given beside a preset.
func (s *Settings) take(p table.Preset) {
	if len(s.Watch) == 0 {
		s.Watch = p.Watch
	}
	if s.Settle == 0 {
		s.Settle = p.Settle
	}
	if s.Scan == "" {
		s.Scan = p.Scan
	}
	s.Order = p.Over(s.Order)
}

// Open makes the source; it connects when it runs.
func (s *Settings) Open(name string, log *slog.Logger) (*Source, error) {
	x := &Source{settings: *s, name: name, log: log.With("source", name)}
	x.settings.Slot, x.settings.Publication = s.names(name)
	if _, err := pgconn.ParseConfig(s.DSN.Reveal()); err != nil {
		return nil, fmt.Errorf("dsn: %w", errDSN)
	}
	var err error
	if x.watches, err = s.watches(); err != nil {
		return nil, err
	}
	x.status.Store(&noStatus)
	return x, nil
}

// names are those of the slot and the publication.
func (s *Settings) names(source string) (slot, publication string) {
	slot, publication = s.Slot, s.Publication
	if slot == "" {
		slot = "waxwing_" + oddRunes.ReplaceAllString(strings.ToLower(source), "_")
		slot = slot[:min(63, len(slot))]
	}
	if publication == "" {
		publication = slot
	}
	return slot, publication
}

func (s *Settings) watches() (out []watch, err error) {
	for _, w := range s.Watch {
		x := watch{table: w.Table, keys: w.Keys(), find: table.Query(w.Find), whole: s.Order.Row == ""}
		if x.when, err = table.ParseWhen(w.When); err != nil {
			return nil, fmt.Errorf("watch %s: %w", w.Table, err)
		}
		out = append(out, x)
	}
	return out, nil
}

// shopOf says whose an order is, by the value of the column that parts them. Both are "" for one of no shop of ours.
func (s *Settings) shopOf(value string) (waxwing.ShopID, error) {
	shop, ok := s.Shops.Of[value]
	switch {
	case ok:
		return waxwing.ShopID(shop), nil
	case s.Shop != "":
		return waxwing.ShopID(s.Shop), nil
	}
	return "", fmt.Errorf("the column %s has a value that is no shop, %.40q: add it to shops.of, with \"\" if its orders are not ours", s.Shops.Column, value)
}

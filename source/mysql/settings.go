// Package mysql reads a shop's orders from the binary log of its MariaDB database, with GTIDs and whole rows:
// an order is told when the transaction that completes it has been committed, and never before or otherwise.
//
// feed puts the log's events together to transactions, and finds in them the keys of orders; stream has these read
// (orders) and accepted in their order. The server remembers nothing of who reads its log: page, in the ledger, is
// the position, and by it a gap is found, which heal fills.
package mysql

import (
	"fmt"
	"hash/fnv"
	"log/slog"
	"strings"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/source/table"
)

// Component is the source's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "mysql", Settings: func() config.Block { return &Settings{} }, Example: `type: mysql
dsn: "${SHOP_DSN}"
tenant: acme
shop: web
watch:
  - table: orders
    when: {status: pending -> paid}
order:
  row: select * from orders where id = ?
  lists:
    items: select sku, name, quantity, price from order_lines where order_id = ? order by id
scan: select id from orders where paid_at >= ?`,
		Notes: "MariaDB 10.5 or newer with `log_bin`, `binlog_format = ROW` and `binlog_row_metadata = FULL`; tested with 10.11. " +
			"Not MySQL yet. [sources.md](sources.md) says how to begin."}
}

// Settings are the keys of a shop's MariaDB database whose binary log is read.
type Settings struct {
	// DSN names the database: mysql://user:password@host:3306/database, with ?tls=true or skip-verify. The user needs REPLICATION SLAVE, BINLOG MONITOR and SELECT.
	DSN config.Secret `yaml:"dsn"`
	// Tenant is whose orders these are.
	Tenant string `yaml:"tenant"`
	// Shop is the tenant's shop whose format reads the events.
	Shop string `yaml:"shop,omitempty"`
	// Shops tell the shops apart, where several are in one database.
	Shops *table.Shops `yaml:"shops,omitempty"`
	// Topic is what the shop's format is told that the events are, where it asks.
	Topic string `yaml:"topic,omitempty"`
	// ServerID is by what the server knows who reads its log: one that no server and no other reader there has. 0: one made of the source's name, the database and the tenant.
	ServerID int `yaml:"server_id,omitempty" default:"0" min:"0" max:"4294967295"`
	// Settle is how long after the commit an order is looked at, where a shop may undo it a moment later.
	Settle config.Duration `yaml:"settle,omitempty" default:"0" min:"0" max:"1h"`
	// Watch are the tables, and when a change in them completes an order.
	Watch []table.Watch `yaml:"watch"`
	// Order is how a completed order is read.
	Order table.Order `yaml:"order,omitempty"`
	// Scan is a query that gives the keys of the orders completed since ? (in UTC); without order.row whole rows. It finds what a gap has hidden. Without it a gap stops the source.
	Scan string `yaml:"scan,omitempty"`
	// ScanMargin is how much earlier than the last order that is known a search begins: more than the shop's longest transaction takes.
	ScanMargin config.Duration `yaml:"scan_margin,omitempty" default:"5m" min:"1s" max:"7d"`
}

// Check reports what is no database, and what cannot be watched.
func (s *Settings) Check(r *config.Report) {
	if !r.Bad("dsn") && s.DSN != "" {
		if _, err := parseAddress(s.DSN.Reveal()); err != nil {
			r.Fail("dsn", fmt.Sprintf("%s names no MariaDB database: %v", r.Path("dsn"), err), "Write mysql://user:password@host:3306/database")
		}
	}
	if s.Shop == "" && s.Shops == nil {
		r.FailKey("", r.Path("")+" names no shop", "Add shop, the tenant's shop whose format reads the events; or shops, where several are in one database")
	}
	if len(s.Watch) == 0 && !r.Bad("watch") {
		r.FailKey("", r.Path("")+" watches no table", "Add watch, a list of tables with the condition that completes an order")
	}
	for i, w := range s.Watch {
		key := fmt.Sprintf("watch[%d]", i)
		w.Check(r, key, table.Questions)
		if w.Find != "" && s.Order.Row == "" {
			r.Fail(key+".find", r.Path(key+".find")+" finds orders, and nothing reads them", "Add order.row, a query that gives the order by its key")
		}
	}
	s.Order.Check(r, "order", table.Questions)
	table.CheckQuery(r, "scan", s.Scan, 1, table.Questions)
}

// Open makes the source; it connects when it runs.
func (s *Settings) Open(name string, log *slog.Logger) (*Source, error) {
	x := &Source{settings: *s, log: log.With("source", name)}
	var err error
	if x.address, err = parseAddress(s.DSN.Reveal()); err != nil {
		return nil, fmt.Errorf("dsn: %w", err)
	}
	x.id = s.serverID(name, x.address.database)
	if x.watches, err = s.watches(x.address.database); err != nil {
		return nil, err
	}
	x.status.Store(&noStatus)
	return x, nil
}

// serverID is the one given, or one of the upper half, where people give none: of two installations whose sources have
// one name each has its own, since one would stand by for the other.
func (s *Settings) serverID(source, database string) uint32 {
	if s.ServerID > 0 {
		return uint32(s.ServerID) //nolint:gosec // its max is checked
	}
	h := fnv.New32a()
	_, _ = h.Write(fmt.Appendf(nil, "waxwing %q %q %q", source, database, s.Tenant)) // never fails
	return h.Sum32() | 1<<31
}

// watch is a table's block, read.
type watch struct {
	table string // database.table
	when  table.When
	keys  []string
	find  string
	whole bool // the changed row is the event
}

func (s *Settings) watches(database string) (out []watch, err error) {
	for _, w := range s.Watch {
		x := watch{table: w.Table, keys: w.Keys(), find: table.Query(w.Find), whole: s.Order.Row == ""}
		if !strings.Contains(x.table, ".") {
			x.table = database + "." + x.table
		}
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

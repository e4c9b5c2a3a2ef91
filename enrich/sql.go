package enrich

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

// sqlLookup asks a SQLite file or a Postgres database. Its drivers are linked
// by package daemon; this package knows database/sql only.
type sqlLookup struct {
	db                                 *sql.DB
	dsn                                config.Secret
	customer, product, stock, delivery *query
	candidates, baskets, lane          *query // asked only where plugins need them
}

// maxSKUs bounds how many lines of one order are looked up.
const maxSKUs = 100

// open makes the lookup, which connects when it is first asked.
func (c *SQL) open() (*sqlLookup, error) {
	dsn := c.DSN.Reveal()
	if dsn == "" {
		return nil, errors.New(`dsn: name a SQLite file ("file:shop.db?mode=ro") or a database ("postgres://...")`)
	}
	driver := "sqlite"
	if strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://") {
		driver = "pgx"
	}
	l := &sqlLookup{dsn: c.DSN}
	for _, q := range []struct {
		key, text string
		to        **query
		params    string
	}{
		{"customer", c.Customer, &l.customer, "tenant shop order email customer"},
		{"product", c.Product, &l.product, "tenant shop sku"},
		{"stock", c.Stock, &l.stock, "tenant shop sku"},
		{"delivery", c.Delivery, &l.delivery, "tenant shop order country postal_code placed"},
		{"candidates", c.Candidates, &l.candidates, "tenant shop order customer email currency country"},
		{"baskets", c.Baskets, &l.baskets, "tenant shop sku"},
		{"lane", c.Lane, &l.lane, "tenant shop order country postal_code placed"},
	} {
		if q.text == "" {
			continue
		}
		parsed, err := parseQuery(q.text, driver == "pgx", strings.Fields(q.params))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.key, err)
		}
		*q.to = parsed
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		// The driver's own words may quote the password.
		return nil, errors.New("dsn: it cannot be read; want file:... or postgres://user:password@host/database")
	}
	db.SetMaxOpenConns(8)
	db.SetConnMaxIdleTime(time.Minute)
	l.db = db
	return l, nil
}

// Ping connects to the database. Its error holds no password.
func (l *sqlLookup) Ping(ctx context.Context) error {
	if err := l.db.PingContext(ctx); err != nil {
		return errors.New(withoutPassword(err, l.dsn))
	}
	return nil
}

// Close closes the database.
func (l *sqlLookup) Close() error { return l.db.Close() }

// query is a statement with the names of its parameters in their order.
type query struct {
	text  string
	names []string
}

// parseQuery turns :name into the driver's placeholders. Quoted text, comments
// and Postgres' casts (::int) are left alone.
func parseQuery(text string, dollar bool, known []string) (*query, error) {
	q := &query{}
	var b strings.Builder
	for i := 0; i < len(text); {
		if n := quoted(text[i:]); n > 0 {
			b.WriteString(text[i : i+n])
			i += n
			continue
		}
		if text[i] != ':' || i+1 >= len(text) || !letter(text[i+1]) {
			b.WriteByte(text[i])
			i++
			continue
		}
		j := i + 1
		for j < len(text) && (letter(text[j]) || text[j] >= '0' && text[j] <= '9') {
			j++
		}
		name := text[i+1 : j]
		i = j
		found := false
		for _, k := range known {
			found = found || k == name
		}
		if !found {
			return nil, fmt.Errorf("there is no parameter :%s here; there are :%s", name, strings.Join(known, ", :"))
		}
		q.names = append(q.names, name)
		if dollar {
			fmt.Fprintf(&b, "$%d", len(q.names))
		} else {
			b.WriteByte('?')
		}
	}
	q.text = b.String()
	return q, nil
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' }

// quoted is the length of a quoted text, comment or cast at the start of s.
func quoted(s string) int {
	end := ""
	switch {
	case strings.HasPrefix(s, "::"):
		return 2
	case s[0] == '\'' || s[0] == '"':
		end = s[:1]
	case strings.HasPrefix(s, "--"):
		end = "\n"
	case strings.HasPrefix(s, "/*"):
		end = "*/"
	default:
		return 0
	}
	start := 1
	if len(end) == 2 {
		start = 2
	}
	if i := strings.Index(s[start:], end); i >= 0 {
		return start + i + len(end)
	}
	return len(s)
}

func (q *query) args(in *waxwing.Inquiry, sku string) []any {
	args := make([]any, len(q.names))
	for i, n := range q.names {
		switch n {
		case "tenant":
			args[i] = string(in.Tenant)
		case "shop":
			args[i] = string(in.Shop)
		case "order":
			args[i] = in.Order
		case "email":
			args[i] = in.Email
		case "customer":
			args[i] = in.Customer
		case "country":
			args[i] = in.Country
		case "postal_code":
			args[i] = in.PostalCode
		case "placed":
			args[i] = in.Placed.UTC().Format("2006-01-02")
		case "currency":
			args[i] = in.Currency
		case "sku":
			args[i] = sku
		}
	}
	return args
}

// Find asks the configured queries at once. What one of them cannot say does
// not spoil the others: the error is returned only if all failed.
func (l *sqlLookup) Find(ctx context.Context, in *waxwing.Inquiry) (*waxwing.Finding, error) {
	f := &waxwing.Finding{}
	var wg sync.WaitGroup
	var errs [7]error
	tasks := 0
	start := func(i int, q *query, work func(*query) error) {
		if q != nil {
			tasks++
			wg.Go(func() { errs[i] = work(q) })
		}
	}
	asked := func(q *query, needed bool) *query {
		if !needed {
			return nil
		}
		return q
	}
	start(0, l.customer, func(q *query) (err error) { f.Customer, err = l.findCustomer(ctx, q, in); return err })
	start(1, l.product, func(q *query) (err error) { f.Products, err = l.findProducts(ctx, q, in); return err })
	start(2, l.stock, func(q *query) (err error) { f.Stock, err = l.findStock(ctx, q, in); return err })
	start(3, l.delivery, func(q *query) (err error) { f.Delivery, err = l.findDelivery(ctx, q, in); return err })
	start(4, asked(l.candidates, in.Candidates), func(q *query) (err error) {
		f.Insight.Candidates, err = l.findCandidates(ctx, q, in)
		return err
	})
	start(5, asked(l.baskets, in.Baskets), func(q *query) (err error) { f.Insight.Baskets, err = l.findBaskets(ctx, q, in); return err })
	start(6, asked(l.lane, in.Lane), func(q *query) (err error) { f.Insight.Lane, err = l.findLane(ctx, q, in); return err })
	wg.Wait()
	failed := 0
	for _, e := range errs {
		if e != nil {
			failed++
		}
	}
	if failed == tasks && tasks > 0 {
		return nil, errors.Join(errs[:]...)
	}
	return f, nil
}

func (l *sqlLookup) findCustomer(ctx context.Context, q *query, in *waxwing.Inquiry) (*waxwing.Customer, error) {
	r, err := l.first(ctx, q, q.args(in, ""))
	if err != nil || r == nil {
		return nil, err
	}
	return &waxwing.Customer{FirstName: r.text("first_name"), LastName: r.text("last_name"), Email: r.text("email"),
		Phone: r.text("phone"), Group: r.text("group"), Orders: r.count("orders"), Points: r.count("points")}, nil
}

func (l *sqlLookup) findProducts(ctx context.Context, q *query, in *waxwing.Inquiry) (map[string]waxwing.Product, error) {
	out := map[string]waxwing.Product{}
	return out, l.eachSKU(ctx, q, in, func(sku string, r row) {
		out[sku] = waxwing.Product{Name: r.text("name"), ImageURL: r.text("image_url"), URL: r.text("url")}
	})
}

func (l *sqlLookup) findStock(ctx context.Context, q *query, in *waxwing.Inquiry) (map[string]waxwing.Stock, error) {
	out := map[string]waxwing.Stock{}
	return out, l.eachSKU(ctx, q, in, func(sku string, r row) {
		switch s := waxwing.Stock(r.text("status")); s {
		case waxwing.StockAllocated, waxwing.StockInStock, waxwing.StockLow, waxwing.StockBackorder, waxwing.StockPreorder,
			waxwing.StockOut, waxwing.StockPending:
			out[sku] = s
			return
		}
		if n, ok := r.number("quantity"); ok {
			out[sku] = waxwing.StockInStock
			if n <= 0 {
				out[sku] = waxwing.StockBackorder
			}
		}
	})
}

func (l *sqlLookup) eachSKU(ctx context.Context, q *query, in *waxwing.Inquiry, f func(string, row)) error {
	seen := map[string]bool{}
	for _, sku := range in.SKUs {
		if seen[sku] || len(seen) >= maxSKUs {
			continue
		}
		seen[sku] = true
		r, err := l.first(ctx, q, q.args(in, sku))
		if err != nil {
			return err
		}
		if r != nil {
			f(sku, r)
		}
	}
	return nil
}

func (l *sqlLookup) findDelivery(ctx context.Context, q *query, in *waxwing.Inquiry) (*waxwing.Delivery, error) {
	r, err := l.first(ctx, q, q.args(in, ""))
	if err != nil || r == nil {
		return nil, err
	}
	d := &waxwing.Delivery{From: r.day("from_date"), To: r.day("to_date"), Method: r.text("method")}
	lo, ok1 := r.number("min_days")
	hi, ok2 := r.number("max_days")
	if ok1 && ok2 && lo >= 0 && hi >= lo && hi < 400 && !in.Placed.IsZero() {
		y, m, day := in.Placed.Date()
		d.From = time.Date(y, m, day+int(lo), 0, 0, 0, 0, in.Placed.Location())
		d.To = time.Date(y, m, day+int(hi), 0, 0, 0, 0, in.Placed.Location())
	}
	if d.From.IsZero() || d.To.Before(d.From) {
		d.From, d.To = time.Time{}, time.Time{}
	}
	if d.IsZero() {
		return nil, nil
	}
	return d, nil
}

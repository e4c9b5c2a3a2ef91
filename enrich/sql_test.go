package enrich

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/config"
)

var fixture = []string{
	`CREATE TABLE people (email TEXT, first TEXT, last TEXT, phone TEXT, grp TEXT, bought INTEGER)`,
	`INSERT INTO people VALUES ('ada@example.com', 'Ada', 'Lovelace', '+4915112345678', 'vip', 12)`,
	`CREATE TABLE goods (sku TEXT, title TEXT, picture TEXT, page TEXT, status TEXT, left_over INTEGER)`,
	`INSERT INTO goods VALUES ('MUG', 'Mug: enamel', 'https://cdn.example/mug.png', 'https://shop.example/mug', '', 7)`,
	`INSERT INTO goods VALUES ('BAG', 'Bag', '', '', 'preorder', 0)`,
	`INSERT INTO goods VALUES ('HAT', 'Hat', '', '', '', 0)`,
	`CREATE TABLE lanes (country TEXT, lo INTEGER, hi INTEGER, name TEXT)`,
	`INSERT INTO lanes VALUES ('DE', 2, 4, 'DHL')`,
	`CREATE TABLE offers (n INTEGER, sku TEXT, title TEXT, price NUMERIC, currency TEXT, picture TEXT, page TEXT, tags TEXT)`,
	`INSERT INTO offers VALUES (1, 'SOAP', 'Soap', 4.5, NULL, 'https://cdn.example/soap.png', 'http://shop.example/soap', ' bath, gift,,bath ')`,
	`INSERT INTO offers VALUES (2, 'TEA', 'Tea', 1200, 'jpy', NULL, 'https://shop.example/tea', NULL), (3, 'SOAP', 'Again', 1, NULL, NULL, NULL, NULL)`,
	`INSERT INTO offers VALUES (4, '', 'No SKU', 1, NULL, NULL, NULL, NULL), (5, 'ODD', 'Odd', -1, 'EURO', 'javascript:x', '', '')`,
	`CREATE TABLE sold (basket INTEGER, sku TEXT)`,
	`INSERT INTO sold VALUES (1, 'MUG'), (1, 'SOAP'), (1, 'SOAP'), (2, 'MUG'), (2, 'BAG'), (3, 'BAG'), (4, 'TEA'), (3, NULL)`,
	`CREATE TABLE parcels (n INTEGER, carrier TEXT, origin TEXT, late REAL)`,
	`INSERT INTO parcels VALUES (1, 'DHL', 'LEJ', 1.5), (2, 'DHL', 'LEJ', -2), (3, 'UPS', 'LEJ', 99), (4, 'DHL', 'LEJ', NULL), (5, 'DHL', 'LEJ', 1e30)`,
}

func lookupConfig(dsn string) config.Lookup {
	return config.Lookup{Type: "sql", Settings: &SQL{DSN: config.Secret(dsn),
		Customer:   `SELECT first AS first_name, last AS last_name, phone, grp AS "group", bought AS orders, -3 AS points FROM people WHERE email = :email -- :not a parameter`,
		Product:    `SELECT title AS name, picture AS image_url, page AS url FROM goods WHERE sku = :sku AND 'a:b' <> :shop`,
		Stock:      `SELECT status, left_over AS quantity FROM goods WHERE sku = :sku`,
		Delivery:   `SELECT lo AS min_days, hi AS max_days, name AS method FROM lanes WHERE country = :country`,
		Candidates: `SELECT sku, title AS name, price, currency, picture AS image_url, page AS url, tags FROM offers WHERE :currency <> '' ORDER BY n`,
		Baskets:    `SELECT basket, sku FROM sold WHERE basket IN (SELECT basket FROM sold WHERE sku = :sku) ORDER BY basket`,
		Lane:       `SELECT carrier, origin, late AS delay_hours FROM parcels WHERE :country = 'DE' ORDER BY n`}}
}

func story(t *testing.T, dsn string) {
	t.Helper()
	ls, err := Open(config.Enrich{"catalogue": lookupConfig(dsn)})
	if err != nil {
		t.Fatal(err)
	}
	defer ls.Close()
	placed := time.Date(2026, 11, 24, 23, 0, 0, 0, time.FixedZone("", 3600))
	f, err := ls.All()["catalogue"].Find(t.Context(), &waxwing.Inquiry{Tenant: "acme", Shop: "web", Email: "ada@example.com", Country: "DE",
		Placed: placed, SKUs: []string{"MUG", "BAG", "HAT", "NONE", "x' OR '1'='1"}})
	if err != nil {
		t.Fatal(err)
	}
	if c := f.Customer; c == nil || c.FirstName != "Ada" || c.Group != "vip" || c.Phone != "+4915112345678" ||
		c.Orders == nil || *c.Orders != 12 || c.Points != nil {
		t.Errorf("customer %#v", f.Customer)
	}
	if p := f.Products["MUG"]; len(f.Products) != 3 || p.Name != "Mug: enamel" || p.ImageURL != "https://cdn.example/mug.png" || p.URL != "https://shop.example/mug" {
		t.Errorf("products %v", f.Products)
	}
	want := map[string]waxwing.Stock{"MUG": waxwing.StockInStock, "BAG": waxwing.StockPreorder, "HAT": waxwing.StockBackorder}
	if fmt.Sprint(f.Stock) != fmt.Sprint(want) {
		t.Errorf("stock %v, want %v", f.Stock, want)
	}
	d := f.Delivery
	if d == nil || d.Method != "DHL" || d.From.Format("2006-01-02") != "2026-11-26" || d.To.Format("2006-01-02") != "2026-11-28" {
		t.Errorf("delivery %+v", d)
	}
	if x := f.Insight; x.Candidates != nil || x.Baskets != nil || x.Lane != nil {
		t.Errorf("nobody asked for %+v", x)
	}
	insight(t, ls.All()["catalogue"])
	none, err := ls.All()["catalogue"].Find(t.Context(), &waxwing.Inquiry{Email: "nobody@example.com", SKUs: []string{"NONE"}})
	if err != nil || none.Customer != nil || len(none.Products) != 0 || none.Delivery != nil {
		t.Errorf("%+v %v", none, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ls.All()["catalogue"].Find(ctx, &waxwing.Inquiry{Email: "ada@example.com", SKUs: []string{"MUG"}}); err == nil {
		t.Error("an ended context is no answer")
	}
}

// insight is what plugins are told, odd rows left out.
func insight(t *testing.T, l Lookup) {
	t.Helper()
	f, err := l.Find(t.Context(), &waxwing.Inquiry{Country: "DE", Currency: "EUR", SKUs: []string{"MUG", "BAG", "MUG", "NONE"},
		Candidates: true, Baskets: true, Lane: true})
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, c := range f.Insight.Candidates {
		price := "?"
		if c.Price != nil {
			price = c.Price.Decimal() + c.Price.Currency
		}
		said = append(said, fmt.Sprintf("%s|%s|%s|%s|%s|%q", c.SKU, c.Name, price, c.ImageURL, c.URL, c.Tags))
	}
	want := []string{`SOAP|Soap|4.50EUR|https://cdn.example/soap.png||["bath" "gift"]`, `TEA|Tea|1200JPY||https://shop.example/tea|[]`, `ODD|Odd|?|||[]`}
	if fmt.Sprint(said) != fmt.Sprint(want) {
		t.Errorf("candidates\n got %v\nwant %v", said, want)
	}
	if got := fmt.Sprint(f.Insight.Baskets); got != "[[MUG SOAP] [MUG BAG] [BAG]]" {
		t.Errorf("baskets %s", got)
	}
	if got := fmt.Sprint(f.Insight.Lane); got != "&{DHL  LEJ [1.5 -2]}" {
		t.Errorf("lane %s", got)
	}
}

// No query can bring more than an order's plugins are told.
func TestInsightIsBounded(t *testing.T) {
	dsn := "file:" + filepath.Join(t.TempDir(), "shop.db")
	build(t, "sqlite", dsn)
	many := func(n int, columns string) string {
		return fmt.Sprintf("WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM c WHERE n < %d) SELECT %s FROM c", n, columns)
	}
	ls, err := Open(config.Enrich{"shop": config.Lookup{Type: "sql", Settings: &SQL{DSN: config.Secret(dsn), Candidates: many(500, "n AS sku"),
		Baskets: many(30000, "n % 300 AS basket, n AS sku, :sku AS x"), Lane: many(500, "n AS delay_hours")}}})
	if err != nil {
		t.Fatal(err)
	}
	defer ls.Close()
	var skus []string
	for i := range 40 {
		skus = append(skus, fmt.Sprint("S", i))
	}
	f, err := ls.All()["shop"].Find(t.Context(), &waxwing.Inquiry{SKUs: skus, Candidates: true, Baskets: true, Lane: true})
	if err != nil {
		t.Fatal(err)
	}
	longest := 0
	for _, b := range f.Insight.Baskets {
		longest = max(longest, len(b))
	}
	if x := f.Insight; len(x.Candidates) != maxCandidates || len(x.Baskets) != maxBaskets || longest > maxBasketSKUs || len(x.Lane.Delays) != maxParcels {
		t.Errorf("%d candidates, %d baskets of up to %d, %d parcels", len(x.Candidates), len(x.Baskets), longest, len(x.Lane.Delays))
	}
}

func TestSQLite(t *testing.T) {
	dsn := "file:" + filepath.Join(t.TempDir(), "shop.db")
	build(t, "sqlite", dsn)
	story(t, dsn+"?mode=ro")
}

func build(t *testing.T, driver, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, q := range fixture {
		if _, err := db.Exec(q); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

// TestPostgres runs where a Postgres answers; with WAXWING_REQUIRE_SERVICES=1
// it must.
func TestPostgres(t *testing.T) {
	dsn := os.Getenv("WAXWING_TEST_POSTGRES")
	if dsn == "" {
		dsn = "postgres://postgres@127.0.0.1:5432/test?sslmode=disable"
	}
	db, err := sql.Open("pgx", dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		if os.Getenv("WAXWING_REQUIRE_SERVICES") == "1" {
			t.Fatalf("no Postgres: %v", err)
		}
		t.Skipf("no Postgres here (WAXWING_TEST_POSTGRES names one): %v", err)
	}
	schema := fmt.Sprintf("waxwing_test_%d", os.Getpid())
	if _, err := db.Exec("CREATE SCHEMA " + schema); err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = db.Exec("DROP SCHEMA " + schema + " CASCADE") }() // leaves nothing behind
	own := dsn + "&search_path=" + schema
	build(t, "pgx", own)
	story(t, own)
}

func TestDatabaseDown(t *testing.T) {
	ls, err := Open(config.Enrich{"catalogue": lookupConfig("postgres://nobody:hunter2@127.0.0.1:1/none")})
	if err != nil {
		t.Fatal(err)
	}
	defer ls.Close()
	_, err = ls.All()["catalogue"].Find(t.Context(), &waxwing.Inquiry{Email: "a@b.example", SKUs: []string{"MUG"}})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("%v", err)
	}
}

func TestParseQuery(t *testing.T) {
	for _, c := range []struct{ in, lite, pg, err string }{
		{in: "SELECT 1", lite: "SELECT 1", pg: "SELECT 1"},
		{in: "SELECT a::text FROM t WHERE s=:sku AND u=:shop", lite: "SELECT a::text FROM t WHERE s=? AND u=?", pg: "SELECT a::text FROM t WHERE s=$1 AND u=$2"},
		{in: `SELECT ':sku', ":sku" /* :sku */ -- :sku`, lite: `SELECT ':sku', ":sku" /* :sku */ -- :sku`, pg: `SELECT ':sku', ":sku" /* :sku */ -- :sku`},
		{in: "SELECT :skew", err: "no parameter :skew"},
		{in: "SELECT ':open", lite: "SELECT ':open", pg: "SELECT ':open"},
	} {
		for _, dollar := range []bool{false, true} {
			q, err := parseQuery(c.in, dollar, []string{"sku", "shop"})
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("%s: %v", c.in, err)
				}
				continue
			}
			want := c.lite
			if dollar {
				want = c.pg
			}
			if err != nil || q.text != want {
				t.Errorf("%s: %v %v", c.in, q, err)
			}
		}
	}
}

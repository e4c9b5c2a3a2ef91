package demo

import (
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// stock writes the merchants' own database that the enrich stage asks: an
// ordinary SQLite file with pictures, stock and days of delivery, and, for
// plugins, customers, prices, earlier orders and parcels.
func (d *Demo) stock() (dsn string, err error) {
	path := filepath.Join(d.dir, "catalogue.db")
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("demo: %w", err)
	}
	db, err := sql.Open("sqlite", "file:"+path)
	if err != nil {
		return "", fmt.Errorf("demo: the catalogue: %w", err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	tx, err := db.Begin()
	if err != nil {
		return "", fmt.Errorf("demo: the catalogue: %w", err)
	}
	s := &shelves{tx: tx, rng: rand.New(rand.NewPCG(3, 4))}
	s.put(`CREATE TABLE goods (tenant, sku, image_url, url, stock, PRIMARY KEY (tenant, sku));
		CREATE TABLE carriers (country PRIMARY KEY, min_days, max_days);
		CREATE TABLE customers (tenant, email, "group", orders, points, PRIMARY KEY (tenant, email));
		CREATE TABLE offers (tenant, country, sku, name, price, currency, image_url, url, tags, PRIMARY KEY (tenant, country, sku));
		CREATE TABLE sold (tenant, basket, sku, PRIMARY KEY (tenant, basket, sku));
		CREATE INDEX sold_sku ON sold (tenant, sku, basket);
		CREATE TABLE parcels (tenant, country, carrier, service, origin, delivered, delay_hours, PRIMARY KEY (tenant, country, delivered))`)
	for country, m := range markets {
		s.put("INSERT INTO carriers VALUES (?,?,?)", country, m.days, m.days+2)
	}
	for _, tenant := range []string{"acme", "kumo", "lune"} {
		s.goods(tenant)
		s.sold(tenant)
		for i := range assortment().people {
			if c := &assortment().people[i]; slices.Contains(c.Tenants, tenant) {
				s.customers(tenant, c)
				s.offers(tenant, c)
				s.parcels(tenant, c)
			}
		}
	}
	if s.err == nil {
		s.err = tx.Commit()
	}
	if s.err != nil {
		return "", fmt.Errorf("demo: the catalogue: %w", errors.Join(s.err, tx.Rollback()))
	}
	return "file:" + path + "?mode=ro", nil
}

// shelves fills the database; its first error stays.
type shelves struct {
	tx  *sql.Tx
	rng *rand.Rand
	err error
}

func (s *shelves) put(query string, args ...any) {
	if s.err == nil {
		_, s.err = s.tx.Exec(query, args...)
	}
}

// links are a good's picture and page.
func (g *good) links(tenant string) (picture, page string) {
	if g.Picture == "" {
		return "", ""
	}
	return picturesAt + g.Picture + ".svg", "https://" + domains[tenant] + "/p/" + strings.ToLower(g.SKU)
}

func (s *shelves) goods(tenant string) {
	for _, g := range assortment().goods[tenant] {
		picture, page := g.links(tenant)
		s.put("INSERT INTO goods VALUES (?,?,?,?,?)", tenant, g.SKU, picture, page, g.Stock)
	}
}

// offers are the goods in a country's language and money.
func (s *shelves) offers(tenant string, c *crowd) {
	priced := &sale{crowd: c, market: markets[c.Country]}
	for _, g := range assortment().goods[tenant] {
		picture, page := g.links(tenant)
		s.put("INSERT INTO offers VALUES (?,?,?,?,?,?,?,?,?)", tenant, c.Country, g.SKU, localName(&g, c.Locale), priced.money(priced.price(g.EUR)),
			c.Currency, picture, page, g.Tags)
	}
}

// customers are known but for every fourth, who buys for the first time.
func (s *shelves) customers(tenant string, c *crowd) {
	for i, n := range c.Names {
		known := []struct {
			group          string
			orders, points int
		}{{"vip", 11, 1840}, {"", 2, 310}, {"", 1, 95}}
		if i >= len(known) {
			continue
		}
		k := known[i]
		for _, domain := range []string{"post.example", slowDomain, goneDomain, flakyDomain} {
			s.put("INSERT INTO customers VALUES (?,?,?,?,?)", tenant, strings.Split(n, "|")[2]+"@"+domain, k.group, k.orders, k.points)
		}
	}
}

// sold are earlier orders. Neighbours on the shelf are often bought together,
// so that there is something to find.
func (s *shelves) sold(tenant string) {
	goods := assortment().goods[tenant]
	for basket := 1; basket <= 160; basket++ {
		at := s.rng.IntN(len(goods))
		held := []int{at}
		if s.rng.IntN(10) < 7 {
			held = append(held, (at+1)%len(goods))
		}
		if s.rng.IntN(10) < 3 {
			if other := s.rng.IntN(len(goods)); !slices.Contains(held, other) {
				held = append(held, other)
			}
		}
		for _, i := range held {
			s.put("INSERT INTO sold VALUES (?,?,?)", tenant, basket, goods[i].SKU)
		}
	}
}

// origins are where the tenants send from.
var origins = map[string]string{"acme": "Berlin", "kumo": "Shizuoka", "lune": "Lyon"}

// lateness is how late a country's parcels have come of late, in hours: half
// of them later than the first, one in ten later than the second.
var lateness = map[string][2]float64{"US": {30, 76}, "BR": {52, 130}, "DE": {1, 9}, "SA": {20, 50}, "JP": {-1, 3}, "PL": {8, 30}, "IT": {14, 40}, "CN": {6, 28}}

func (s *shelves) parcels(tenant string, c *crowd) {
	late, ok := lateness[c.Country]
	if !ok {
		late = [2]float64{-2, 4}
	}
	for n := 1; n <= 60; n++ {
		// A normal distribution has its ninth tenth at 1.28 deviations.
		delay := late[0] + s.rng.NormFloat64()*(late[1]-late[0])/1.28
		s.put("INSERT INTO parcels VALUES (?,?,?,?,?,?,?)", tenant, c.Country, markets[c.Country].ship, "standard", origins[tenant], n, float64(int(delay*10))/10)
	}
}

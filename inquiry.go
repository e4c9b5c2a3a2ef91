package waxwing

import "time"

// Inquiry is what a lookup may know of an order: a copy, so that one that
// answers too late harms nobody.
type Inquiry struct {
	Tenant     TenantID
	Shop       ShopID
	Order      string // the shop's order id
	Customer   string // the shop's customer id
	Email      string
	Country    string // of the shipping address
	PostalCode string
	Placed     time.Time
	SKUs       []string
	Currency   string // of the order
	// What the tenant's plugins need beyond the order; nobody pays for the rest.
	Candidates, Baskets, Lane bool
}

// Finding is what a lookup found. Nil and empty fields mean: nothing known.
type Finding struct {
	Customer *Customer
	Products map[string]Product // by SKU
	Stock    map[string]Stock   // by SKU
	Delivery *Delivery
	Insight  Insight
}

// Product is what a catalogue knows of a SKU.
type Product struct {
	Name     string
	ImageURL string
	URL      string
}

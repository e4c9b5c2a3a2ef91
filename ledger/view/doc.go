// Package view reads the ledger for those who look into it.
//
// A Reader gives orders, lists, counts and plugins' runs as they stand, opened with the keys of
// their tenants. Lookups give the keyed hashes by which orders are found, and a Tracer finds
// everything that names a person, also where no hash was made yet. Nothing here changes a row.
package view

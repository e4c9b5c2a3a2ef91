// Package sums proves rows: each table has the sum of the keyed hashes of its rows, kept up to date
// by SQLite's own report of what changes, sealed with each commit.
package sums

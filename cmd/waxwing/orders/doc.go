// Package orders are the commands by which orders come in, other than by themselves, and are accounted for: a
// shop's event tried, a source set up, a file imported, a shop's orders held against the ledger.
package orders

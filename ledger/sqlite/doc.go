// Package sqlite is the embedded ledger: one SQLite file in WAL mode with
// synchronous=FULL, one writer goroutine that commits many transitions at once,
// and a lock on the data folder that keeps a second daemon out.
package sqlite

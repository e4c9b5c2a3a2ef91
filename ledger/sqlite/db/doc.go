// Package db is one connection to an SQLite file, with as little between it and the driver as
// can be: statements are prepared once and kept, values are bound without copies, and rows are
// shown where they lie. What SQLite's errors say of the disk is told apart (FaultOf), and pages
// are read as they are in the file (Page, FreePages, Overflows; sqlite.org/fileformat2.html), for
// what an erasure must leave in none of them.
package db

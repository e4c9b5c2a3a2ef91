// Package statement writes what became of a tenant's orders in a span of time so that others can check it without the
// ledger and without this program's database: a file of JSON, a line for each confirmation with its entries of the
// trail, then sums, heads of the chains and a signature (Ed25519, RFC 8032) by the key that signs the ledger's anchors.
//
// What a reader can check by it alone: that nobody changed a byte since it was signed; that counts and sums are those of
// the lines; that each line's outcome is what its entries come to, step by step, with none missing between two; that
// each entry is the one whose hash the chain has, and follows the entry before it where that is the statement's, too. With
// anchors that were kept elsewhere: that the chains are those of the ledger.
package statement

// Package ledger holds the truth: which state may follow which, how the trail
// is chained and proved, and how content is sealed. The sqlite package below it
// stores all that; ledgertest is the suite that every store passes.
package ledger

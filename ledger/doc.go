// Package ledger holds the truth: which state may follow which, how the trail
// is chained and proved, how content is sealed, and what is shown of it (Reader, over any
// database that fills store.Viewer). The sqlite package below it
// stores all that; ledgertest is the suite that every store passes.
package ledger

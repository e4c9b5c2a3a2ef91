// Package pipeline runs confirmations through their stages: one Watermill
// router carries ids, bounded workers do the work, the ledger keeps the truth,
// and a sweeper finds whatever a lost message left behind.
package pipeline

// Package trail makes the audit trail a proof.
//
// Each writing instance has a Chain: every entry is a line whose hash includes the one before
// it, so that an edited, removed or reordered line shows from there on. Heads of chains are
// signed (Anchor) and kept outside of the database, so that a cut end shows, too.
package trail

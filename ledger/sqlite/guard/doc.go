// Package guard notices when the ledger's files are not those any more that were opened: deleted,
// moved, replaced by a copy, or written by another program. Unix lets a process write on into a
// file without a name, and all that would be lost with the process.
package guard

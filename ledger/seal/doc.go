// Package seal keeps what people wrote and were written from whoever reads the database.
//
// Keys form a chain: the master key, from a file or the environment, wraps a key for each
// tenant (Keyring), which wraps a data key for each confirmation. Events, messages, providers'
// replies and plugins' runs are packed (package pack) and sealed under that data key with AES-256-GCM
// (Contents), each bound to its place, so that no row can be passed off for another. Whoever
// destroys the data key has erased the person, and need not find each copy.
//
// Rows are found by keyed hashes (TenantKey.Index) of normalised addresses and numbers: without
// the key nobody can tell whether somebody is among them.
package seal

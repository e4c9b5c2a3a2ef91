// Package machine decides what happens to confirmations and messages: pure functions over
// rows that were loaded, which give the rows as they are to stand and the entries that
// tell of it, or refuse and change nothing. Nothing else may change a state, and each
// change goes through one table of steps, see Allowed.
//
// A command is a method of Set. Whoever runs it loads what the command names in its
// comment, writes the Changes in one transaction, and takes them back into the Set where
// further commands follow in the same one. What must hold whatever happens (one
// confirmation an order, no copy without a mark, nobody who is suppressed) is held here,
// by a fuzz target over histories with crashes.
package machine

// Package move takes a whole ledger from one store to another: from SQLite to Postgres, and back.
//
// Rows travel as they are stored, sealed and packed, in the columns of one table of tables
// (Tables), in which both stores read and write them. Nothing is opened, and nothing is sealed
// anew, so that each mail's bytes stay what they were. Rows stream from a query of the source
// into batches, and each batch is one transaction of the target together with the mark that
// says how far it is: the key of the last row, and for each table how many rows there were and
// the sum of their hashes.
//
// Two marks keep two ledgers from being served. The target has one from before its first row
// until it is whole; the source has one from before the first row is read, for good. A store
// with a mark refuses a daemon, and says where the ledger is. Both name the same move.
//
//  1. The target's tables are made, empty, with its mark.
//  2. The source is shut: what dead instances hold is taken over, no instance lives, its mark is written.
//     The target's mark then names the source's newest batch of the trail: nothing is written there any more.
//  3. Rows are copied, part by part.
//  4. The target is finished: numbers that go on, proofs of rows, anchors and their key.
//  5. It is read whole: each table has the rows and the sum that were copied. Both ledgers are verified.
//  6. The source's mark says that it is done.
//  7. The target's mark goes. It can be served.
//
// Whoever is killed is followed by the same command:
//
//	killed in   marks found                       what follows
//	1           none, or the target's             1 again: what is there has no rows
//	2           both, and no batch is named       2 again
//	3           both, and a batch is named        3, from the row behind the mark's key: its batch is there whole or not at all
//	4, 5        both, and all parts are copied    4 again, each step of which may be done twice
//	6           both, the source's is done        4 again, to 7
//	7           the source's, done                nothing: it is said where the ledger is
//
// Until 7 a move can be given up: the target's mark says so first, for good, and then the
// source's goes.
package move

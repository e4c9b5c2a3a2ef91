// Package postgres keeps a ledger in a Postgres database, 15 or newer, which several daemons may
// share.
//
// A group commit is two round trips where its loads are known before it begins (see
// store.Ahead): one that begins, locks and reads, and one that writes sets of rows and
// commits. What a command decides by is locked until the commit, in one order: confirmations,
// then messages, each by their ids. Where two instances meet in another order one of them is
// undone and run again.
//
// It needs no session: no session lock, and no setting that outlives a transaction. The usual
// statements have names where those are kept, and one connection listens where that is heard;
// nothing stands on either. So it works behind a pooler that lends connections for a transaction,
// as PgBouncer does with pool_mode=transaction, but not for a statement.
package postgres

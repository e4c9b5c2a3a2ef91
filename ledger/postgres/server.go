package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// How long the server lets a transaction of ours wait. They are well below ledger.LeaseFor: an
// instance that was stopped in the middle of a group must not keep its locks until others
// have taken it for dead.
const (
	statementTimeout = 10 * time.Second
	lockTimeout      = 5 * time.Second
	idleTimeout      = 5 * time.Second
	// sendTimeout is how long an answer is waited for, where the network does not say that
	// there will be none.
	sendTimeout    = 30 * time.Second
	connectTimeout = 5 * time.Second
	// A connection that says nothing for so long is asked for a sign of life, so often.
	aliveIdle, aliveEvery, aliveCount = 10 * time.Second, 5 * time.Second, 3
)

// oldest is the oldest server that is known to work.
const oldest = 15

// The connections of an instance.
const (
	writerCount = 2 // one to commit, and one to ask what became of a commit
	shortCount  = 4
	listCount   = 2
)

// poolOf reads a DSN. Statements have no names but for the usual ones, so that any connection of a
// pooler can run them: their descriptions are kept here, and the server reads each anew.
func poolOf(dsn string, conns int32) (*pgxpool.Config, error) {
	c, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("it is no DSN of a Postgres database (it is not shown, since it may hold a password): write postgres://user:password@host/database")
	}
	if !strings.Contains(dsn, "default_query_exec_mode") {
		c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	}
	if c.ConnConfig.ConnectTimeout == 0 || c.ConnConfig.ConnectTimeout > connectTimeout {
		c.ConnConfig.ConnectTimeout = connectTimeout
	}
	if c.ConnConfig.RuntimeParams["application_name"] == "" {
		c.ConnConfig.RuntimeParams["application_name"] = "waxwing"
	}
	if c.ConnConfig.ValidateConnect == nil { // of several hosts the one that writes
		c.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	c.ConnConfig.DialFunc = (&net.Dialer{KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: aliveIdle, Interval: aliveEvery, Count: aliveCount}}).DialContext
	c.ConnConfig.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) {} // a pooler may bring what others asked for, which is not kept
	c.MaxConns, c.MinConns = conns, 0
	return c, nil
}

// suits says why a server must not keep a ledger.
func suits(ctx context.Context, p *pgxpool.Pool) error {
	var version int
	var commit, fsync, pages, encoding string
	err := p.QueryRow(ctx, `SELECT current_setting('server_version_num')::int, current_setting('synchronous_commit'), current_setting('fsync'),
		current_setting('full_page_writes'), current_setting('server_encoding')`).Scan(&version, &commit, &fsync, &pages, &encoding)
	switch {
	case err != nil:
		return err
	case version/10000 < oldest:
		return fmt.Errorf("the server is Postgres %d, and a ledger needs %d or newer", version/10000, oldest)
	case commit == "off":
		return errors.New("synchronous_commit is off: a crash of the server would lose what was acknowledged, and mails would be sent twice; " +
			"set it to on for this database: ALTER DATABASE ... SET synchronous_commit = on")
	case fsync == "off":
		return errors.New("fsync is off: a crash of the server's machine would lose the ledger; set fsync = on in postgresql.conf")
	case pages == "off":
		return errors.New("full_page_writes is off: a crash of the server's machine could damage the ledger; set full_page_writes = on in postgresql.conf")
	case encoding != "UTF8":
		return fmt.Errorf("the database's encoding is %s, and a ledger needs UTF8: CREATE DATABASE ... ENCODING 'UTF8' TEMPLATE template0", encoding)
	}
	return nil
}

// clean is a text as Postgres can keep it: it knows no NUL, and no broken UTF-8.
func clean[T ~string](s T) string {
	return strings.ToValidUTF8(strings.ReplaceAll(string(s), "\x00", "\uFFFD"), "\uFFFD")
}

// blob is bytes that are not NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// usual are the statements that nearly each group has. Reading and planning them takes the
// server a third of its work, so that they have names, by which it keeps them and their plans.
var usual = sync.OnceValue(func() (out []string) {
	b := &pgx.Batch{}
	begin(b, nil)
	id := []waxwing.ID{1}
	hot(b, store.NewSet(), &store.Keys{Instances: []int64{1}, Confirmations: id, Messages: id, People: make([]store.Hash, 1)}, locked)
	hot(b, store.NewSet(), &store.Keys{Keys: make([]store.Hash, 1)}, locked)
	insertConfirmations(b, []*confirmation{{}})
	updateConfirmations(b, []*confirmation{{}})
	insertMessages(b, []*message{{}})
	updateMessages(b, []*message{{}})
	o := newOverlay()
	o.messages[2], o.claims[1], o.claims[2] = &message{claim: &store.Claim{}}, true, true
	o.flushClaims(b)
	o.queued = queued{events: make([]store.Event, 1), contents: make([]store.Content, 1), attempts: make([]store.Attempt, 1), lookups: make([]store.Lookup, 1)}
	o.flushRest(b)
	for _, q := range b.QueuedQueries[1:] { // but for the BEGIN
		out = append(out, q.SQL)
	}
	return append(out, insertBatch)
})

// byIndex is part of a SELECT that has the transaction look for rows by indexes. A plan is kept
// from when a table was small, and of such a one the planner thinks that all of it is read sooner.
const byIndex = "set_config('enable_seqscan', 'off', true) || set_config('enable_hashjoin', 'off', true) || set_config('enable_mergejoin', 'off', true)"

// named marks a connection whose usual statements have names.
const named = "waxwing.named"

// name gives a connection's usual statements names, once.
func (d *database) name(ctx context.Context, c *pgx.Conn) error {
	marks := c.PgConn().CustomData()
	if d.nameless.Load() || marks[named] != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	for _, q := range usual() {
		if _, err := c.Prepare(ctx, q, q); err != nil {
			return err
		}
	}
	marks[named] = true
	return nil
}

// misnamed says that a group failed for its statements' names, and may be run again on a new
// connection. Where a pooler lends another one of its own for each transaction, theirs are on
// another: then they have none any more.
func (d *database) misnamed(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case "26000", "42P05": // it is not there; it is, since another client of the pooler's gave it
		if !d.nameless.Swap(true) {
			d.log.Info("statements have no names, since a pooler stands before the database that knows none: each is planned anew")
		}
	case "0A000": // a migration has changed what it gives, and a pooler may keep the old one for all of its connections
		if again := d.renamed; again && !d.nameless.Swap(true) {
			d.log.Info("statements have no names until this daemon is started again, since a migration has changed what they give, and a pooler keeps what they were: each is planned anew")
		}
		d.renamed = true
	default:
		return false
	}
	return true
}

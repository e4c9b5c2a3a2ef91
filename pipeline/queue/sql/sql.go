// Package sql carries a queue's messages over a table of a Postgres or MariaDB database, from which
// each is deleted when it is acknowledged.
package sql

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue"
)

// Component is the broker's entry in a registry.
func Component() config.Component {
	return config.Component{Name: "sql", Settings: func() config.Block { return &Settings{} }, Example: "type: sql\nurl: \"${BUS_URL}\"",
		Notes: "Postgres 12 or newer, or MariaDB 10.6 or newer. The messages of all queues are rows of one table, `waxwing_queue`; where it is missing it is made, for which the user must be allowed to create tables. A process has two connections at most to publish by, and two more for each topic that it takes from: four with one queue. A database that answers before it has written (`synchronous_commit` or `fsync` off, `innodb_flush_log_at_trx_commit` 0 or 2) is not used, and the log says so."}
}

// Settings are the keys of a database, of which a table carries queues.
type Settings struct {
	// URL names the database: postgres://user:password@host/database, or mysql://user:password@host:3306/database, which takes ?tls=true.
	URL config.Secret `yaml:"url"`
	// Poll is how often an idle daemon looks for messages. The sweeper finds in a second or two
	// what they stand for: a longer time would make the broker of no use.
	Poll config.Duration `yaml:"poll,omitempty" default:"100ms" min:"10ms" max:"1s"`
	// MaxLen is about how many messages of a queue are kept, as after hours in which no provider works. What comes
	// then waits in the ledger alone, and is sent by the sweeper.
	MaxLen int64 `yaml:"maxlen,omitempty" default:"100000" min:"10000" max:"100000000"`
}

const (
	// publishing is the connections to publish by, and reading those that take messages of a topic.
	publishing, reading = 2, 2
	dialFor             = 5 * time.Second
	// answerFor is how long the server may take for a part of an answer: one that is gone would be waited for without end.
	answerFor = 10 * time.Second
	// spareFor closes connections that were of use in a burst only.
	spareFor = time.Minute
	// idleFor ends the transaction of a daemon that stands still while it holds a message.
	idleFor = time.Minute
)

// Check reports what is no address of a database, and one that has it answer before it has written.
func (s *Settings) Check(r *config.Report) {
	queue.CheckURL(r, "url", s.URL, "postgres", "postgresql", "mysql")
	if r.Bad("url") || s.URL == "" {
		return
	}
	u, _ := url.Parse(s.URL.Reveal()) // it is one
	if q := u.Query(); q.Get("synchronous_commit") == "off" || strings.Contains(q.Get("options"), "synchronous_commit=off") {
		r.Fail("url", r.Path("url")+" switches synchronous_commit off: what the server has not written is lost at its crash, and nobody is told",
			"Take it out of the address: it is on by default")
		return
	}
	CheckURL(r, "url", s.URL)
}

// CheckURL reports an address of a database that is none.
func CheckURL(r *config.Report, key string, address config.Secret) {
	queue.CheckURL(r, key, address, "postgres", "postgresql", "mysql")
	if r.Bad(key) || address == "" {
		return
	}
	if _, err := dialectOf(address); err != nil {
		r.Fail(key, r.Path(key)+" is no address of such a database: "+err.Error(), "Write postgres://user:password@host/database or mysql://user:password@host:3306/database")
	}
}

// Connect opens a database of such an address; it connects when it is first asked. Statements see what
// is committed when they begin, and the server ends a transaction of this process that stands still.
func Connect(address config.Secret) (*sql.DB, error) {
	d, err := dialectOf(address)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(d.connector), nil
}

// Open makes the broker; it connects in Dial.
func (s *Settings) Open(string, *slog.Logger) (*Broker, error) {
	d, err := dialectOf(s.URL)
	if err != nil {
		return nil, err
	}
	return &Broker{d, s.Poll.D(), s.MaxLen}, nil
}

// Broker is a database.
type Broker struct {
	dialect
	poll time.Duration
	most int64 // messages of a topic
}

// Dial is queue.Broker's.
func (b *Broker) Dial(ctx context.Context, topics []string, failed func(error)) (queue.Link, error) {
	db := sql.OpenDB(b.connector)
	db.SetMaxOpenConns(publishing + reading*len(topics))
	db.SetMaxIdleConns(publishing + reading*len(topics))
	db.SetConnMaxIdleTime(spareFor)
	if err := b.ready(ctx, db, len(topics) > 0); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return newLink(db, b, failed)
}

// ready says why a database would lose messages, and makes the table where it is missing and wanted.
func (b *Broker) ready(ctx context.Context, db *sql.DB, wanted bool) error {
	if err := b.safe(ctx, db); err != nil || !wanted {
		return err
	}
	err := b.kept(ctx, db)
	if errors.Is(err, errNoTable) {
		_, failed := db.ExecContext(ctx, b.create)
		if err = b.kept(ctx, db); errors.Is(err, errNoTable) { // else another daemon has made it meanwhile
			return failed
		}
	}
	return err
}

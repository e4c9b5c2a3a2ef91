package postgres

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// listener hears when another instance leaves work to somebody, by a connection of its own. What
// it hears is a hint to look at once: who looks each second finds it, too.
type listener struct {
	dsn     string
	number  string          // this instance's
	by      *pgxpool.Pool   // what it tells itself by
	until   context.Context // ends with Close
	log     *slog.Logger
	reshare func() // has the others that live be looked up anew
	told    chan struct{}
	heard   bool          // once, so that no pooler is in the way
	tried   chan struct{} // closed when it is known whether anything can be heard
	once    sync.Once     // closes it
	working sync.WaitGroup
}

// Told gives a hint when another instance has left work to somebody, or may have.
func (l *listener) Told() <-chan struct{} { return l.told }

// Tell has the others look for work when the group is committed.
func (t *tx) Tell() { t.tells = true }

const (
	// heardOn is the channel of NOTIFY, which each database has for itself. What is told is the
	// number of the instance, and nothing else: each role of the database may listen.
	heardOn = "waxwing"
	// probeWait is how long an instance waits for what it tells itself.
	probeWait = 5 * time.Second
)

// tell queues that this instance leaves work to others.
func (t *tx) tell() {
	t.batch.Queue("SELECT pg_notify($1, $2)", heardOn, strconv.FormatInt(t.d.self, 10))
}

// muteFor is for how long nobody is told anything where that cannot be done.
const muteFor = time.Minute

// unheard says that a group failed because others could not be told: the queue of what is told,
// which is all databases' of the server, is full since somebody who listens reads nothing, or this
// role may not. Nothing may depend on telling: the group is run again without it.
func (d *database) unheard(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) || e.Code != "54000" && e.Code != "42501" || time.Now().Before(d.mute.until) {
		return false
	}
	d.mute.until = time.Now().Add(muteFor)
	d.log.Warn("other daemons are not told of work, which they find within a second or two", "again_in", muteFor, "err", err)
	return true
}

// errDeaf says that nothing of what is told is heard.
var errDeaf = errors.New("it is not heard what is told")

// listen listens until the ledger is closed.
func (l *listener) listen() {
	var away backOff
	for again := false; ; again = true {
		err := l.hearken(again, func() { away = backOff{} })
		switch {
		case l.until.Err() != nil:
			return
		case errors.Is(err, errDeaf):
			l.log.Info("a pooler stands before the database that leaves each connection to others after a transaction, so that LISTEN hears nothing: " +
				"what other daemons leave to this one is found within a second or two")
			l.once.Do(func() { close(l.tried) })
			return
		}
		l.log.Debug("nothing is heard of other daemons; what they leave is found by looking each second", "err", err)
		away.failed(time.Now())
		select {
		case <-time.After(time.Until(away.until)):
		case <-l.until.Done():
			return
		}
	}
}

// hearken listens by one connection, until that is lost. again says that there was one before, so
// that something may have been missed; heard is called when this one works.
func (l *listener) hearken(again bool, heard func()) error {
	cfg, err := poolOf(l.dsn, 1)
	if err != nil {
		return err
	}
	var last string
	cfg.ConnConfig.OnNotification = func(_ *pgconn.PgConn, n *pgconn.Notification) { last = n.Payload }
	c, err := pgx.ConnectConfig(l.until, cfg.ConnConfig)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(l.until), connectTimeout)
		defer cancel()
		_ = c.Close(ctx) // it only listened
	}()
	soon, cancel := context.WithTimeout(l.until, connectTimeout)
	defer cancel()
	if _, err := c.Exec(soon, "LISTEN "+heardOn); err != nil {
		return err
	}
	if err := l.probe(c, &last, l.number+"?"); err != nil {
		return err
	}
	heard()
	l.once.Do(func() { close(l.tried) })
	if again {
		l.hint()
	}
	for {
		if err := c.PgConn().WaitForNotification(l.until); err != nil {
			return err
		}
		if last != l.number && !strings.HasSuffix(last, "?") {
			l.hint()
		}
	}
}

// probe tells something by another connection, and waits until it is heard.
func (l *listener) probe(c *pgx.Conn, last *string, what string) error {
	ctx, cancel := context.WithTimeout(l.until, probeWait)
	defer cancel()
	if _, err := l.by.Exec(ctx, "SELECT pg_notify($1, $2)", heardOn, what); err != nil {
		return err
	}
	for *last != what {
		if err := c.PgConn().WaitForNotification(ctx); err != nil {
			alive, cancel := context.WithTimeout(l.until, connectTimeout)
			defer cancel()
			if ctx.Err() == nil || c.Ping(alive) != nil {
				return err
			}
			if *last != what && !l.heard { // it may have come before the ping's answer, or be late
				return errDeaf
			}
		}
	}
	l.heard = true
	return nil
}

// hint has whoever looks for work do so at once, and among whom it is shared be looked up anew.
func (l *listener) hint() {
	l.reshare()
	select {
	case l.told <- struct{}{}:
	default:
	}
}

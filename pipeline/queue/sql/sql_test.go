package sql

import (
	"context"
	"database/sql"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	wsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/tests"

	"github.com/waxwinghq/waxwing/config"
	"github.com/waxwinghq/waxwing/pipeline/queue"
	"github.com/waxwinghq/waxwing/pipeline/queue/queuetest"
)

// servers are the databases that it stands on.
var servers = []struct {
	name string
	make func(t *testing.T, naive bool) *queuetest.Server
}{{"postgres", queuetest.Postgres}, {"mariadb", queuetest.MariaDB}}

func open(t *testing.T, url string) *Broker {
	t.Helper()
	s := &Settings{URL: config.Secret(url)}
	config.Fill(s)
	b, err := s.Open("bus", nil)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestConforms: several take from a table at once, so that the suite's order is not tried, nor its
// groups: all that take from a table share its messages.
func TestConforms(t *testing.T) {
	for _, x := range servers {
		t.Run(x.name, func(t *testing.T) {
			s := x.make(t, false)
			queuetest.Conform(t, tests.Features{Persistent: true}, func(string) queue.Broker { return open(t, s.URL) })
		})
	}
}

func TestSurvives(t *testing.T) {
	for _, x := range servers {
		t.Run(x.name, func(t *testing.T) {
			s := x.make(t, false)
			queuetest.Survive(t, s, open(t, s.URL))
		})
	}
}

func ask(t *testing.T, b *Broker, statements ...string) {
	t.Helper()
	db := sql.OpenDB(b.connector)
	defer db.Close()
	for _, q := range statements {
		if _, err := db.ExecContext(t.Context(), q); err != nil {
			t.Fatalf("%s: %v", q, err)
		}
	}
}

func rows(t *testing.T, b *Broker, from string) (n int) {
	t.Helper()
	db := sql.OpenDB(b.connector)
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+from).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestUnsafe: a database that answers before it has written is not used, nor a table that does not
// outlast a crash, and the error says what to do.
func TestUnsafe(t *testing.T) {
	for _, x := range []struct{ server, before, want, mend string }{
		{"postgres", "ALTER SYSTEM SET synchronous_commit = off; SELECT pg_reload_conf()",
			"postgres says that it has what it has not written, since synchronous_commit is off: ALTER ROLE ... SET synchronous_commit = on", "ALTER ROLE postgres SET synchronous_commit = on"},
		{"postgres", "CREATE UNLOGGED TABLE waxwing_queue (topic text)", "the table waxwing_queue is emptied when postgres crashes: ALTER TABLE waxwing_queue SET LOGGED", "ALTER TABLE waxwing_queue SET LOGGED"},
		{"mariadb", "SET GLOBAL innodb_flush_log_at_trx_commit = 2",
			"MariaDB says that it has what it has not written, since innodb_flush_log_at_trx_commit is 2: SET GLOBAL innodb_flush_log_at_trx_commit = 1, and in its file", "SET GLOBAL innodb_flush_log_at_trx_commit = 1"},
		{"mariadb", "CREATE TABLE waxwing_queue (topic TEXT) ENGINE = Aria", "the table waxwing_queue is of the engine Aria, which knows no transactions: ALTER TABLE waxwing_queue ENGINE = InnoDB", "ALTER TABLE waxwing_queue ENGINE = InnoDB"},
	} {
		t.Run(x.server, func(t *testing.T) {
			i := map[string]int{"postgres": 0, "mariadb": 1}[x.server]
			b := open(t, servers[i].make(t, false).URL)
			for _, q := range strings.Split(x.before, "; ") {
				ask(t, b, q)
			}
			settled(t, func() string { return refusal(t, b) }, x.want)
			ask(t, b, x.mend)
			settled(t, func() string { return refusal(t, b) }, "")
		})
	}
}

// refusal is why a database is not used.
func refusal(t *testing.T, b *Broker) string {
	t.Helper()
	l, err := b.Dial(t.Context(), []string{"a"}, func(error) {})
	if err != nil {
		return err.Error()
	}
	_ = l.Close()
	return ""
}

// settled waits for what a server does only soon after it was told to.
func settled(t *testing.T, is func() string, want string) {
	t.Helper()
	limit := time.After(20 * time.Second)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		got := is()
		if got == want {
			return
		}
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}

// TestFsyncOff: nor is one that leaves it to the machine when to write.
func TestFsyncOff(t *testing.T) {
	b := open(t, queuetest.Postgres(t, false).URL)
	ask(t, b, "ALTER SYSTEM SET fsync = off")
	ask(t, b, "SELECT pg_reload_conf()")
	settled(t, func() string { return refusal(t, b) }, "postgres does not write to its disk, since fsync is off: set fsync = on in postgresql.conf")
}

// TestPartOfMany holds the adapter's own schema beside ours: ten messages are there, three are acknowledged, and
// the reader ends. Its own loses the other seven. Where it does not any more, ours may go.
func TestPartOfMany(t *testing.T) {
	for i, x := range servers {
		t.Run(x.name, func(t *testing.T) {
			url := x.make(t, false).URL
			b := open(t, url)
			db := sql.OpenDB(b.connector)
			if x.name == "postgres" { // its own schema needs a driver that asks for types
				var err error
				if db, err = sql.Open("pgx", url); err != nil {
					t.Fatal(err)
				}
			}
			defer db.Close()
			begin := wsql.BeginnerFromStdSQL(db)
			theirs := []wsql.SchemaAdapter{wsql.PostgreSQLQueueSchema{}, wsql.MySQLQueueSchema{}}[i]
			where := []wsql.OffsetsAdapter{wsql.PostgreSQLQueueOffsetsAdapter{DeleteOnAck: true}, wsql.MySQLQueueOffsetsAdapter{DeleteOnAck: true}}[i]
			sub, err := wsql.NewSubscriber(begin, wsql.SubscriberConfig{SchemaAdapter: theirs, OffsetsAdapter: where, InitializeSchema: true}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if err := sub.SubscribeInitialize("trial"); err != nil {
				t.Fatal(err)
			}
			pub, err := wsql.NewPublisher(begin, wsql.PublisherConfig{SchemaAdapter: theirs}, nil)
			if err != nil {
				t.Fatal(err)
			}
			taken(t, pub, sub, func() {})
			if n := rows(t, b, "watermill_trial"); n != 0 {
				t.Errorf("the adapter's own schema leaves %d rows: does it lose nothing any more?", n)
			}
			l, err := b.Dial(t.Context(), []string{"trial"}, func(error) {})
			if err != nil {
				t.Fatal(err)
			}
			taken(t, l, l, func() {
				settled(t, func() string { return strconv.Itoa(rows(t, b, table)) }, "7")
			})
			if n := rows(t, b, table); n != 7 {
				t.Errorf("of ten messages, of which three were acknowledged, %d are there", n)
			}
		})
	}
}

// taken publishes ten messages, acknowledges three, takes one more, and closes after a while.
func taken(t *testing.T, pub message.Publisher, sub message.Subscriber, after func()) {
	t.Helper()
	for i := range 10 {
		if err := pub.Publish("trial", message.NewMessage(strconv.Itoa(i), []byte(`{"n": `+strconv.Itoa(i)+`}`))); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	all, err := sub.Subscribe(ctx, "trial")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		m := <-all
		m.Ack()
	}
	<-all
	after()
	if err := sub.Close(); err != nil {
		t.Fatal(err)
	}
}

// TestPassword: what fails says nothing of the password.
func TestPassword(t *testing.T) {
	for _, url := range []string{"postgres://u:hunter2@127.0.0.1:1/d", "mysql://u:hunter2@127.0.0.1:1/d"} {
		if _, err := open(t, url).Dial(t.Context(), nil, func(error) {}); err == nil || !strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v", err)
		}
	}
}

// TestSilentServer: a server that says nothing any more is not waited for without end.
func TestSilentServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	var open sync.WaitGroup
	defer open.Wait()
	open.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			defer c.Close()
		}
	})
	defer ln.Close()
	d, err := mariaDB(config.Secret("mysql://u:p@"+ln.Addr().String()+"/d"), 50*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	db := sql.OpenDB(d.connector)
	defer db.Close()
	if err := d.safe(context.Background(), db); err == nil { // no deadline but its own
		t.Error("it answers")
	}
}

// TestConnectionsAreFew: hundreds of processes may take from one database.
func TestConnectionsAreFew(t *testing.T) {
	b := open(t, queuetest.Postgres(t, false).URL)
	l, err := b.Dial(t.Context(), []string{"a"}, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if n := l.(*link).db.Stats().MaxOpenConnections; n != 4 {
		t.Errorf("%d connections", n)
	}
	in, err := l.Subscribe(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	const n = 50 // published while all that may read hold a message
	for i := range n {
		if err := l.Publish("a", message.NewMessage(strconv.Itoa(i), []byte("x"))); err != nil {
			t.Fatal(err)
		}
	}
	for range n {
		(<-in).Ack()
	}
}

// TestFull: a queue that nobody takes from has a bound.
func TestFull(t *testing.T) {
	for _, x := range servers {
		t.Run(x.name, func(t *testing.T) {
			b := open(t, x.make(t, false).URL)
			b.most = 5
			queuetest.Fills(t, b)
		})
	}
}

package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/waxwinghq/waxwing/ledger/store"
)

// backOff keeps off a server that is away: those who come meanwhile hear so at once.
type backOff struct {
	until time.Time
	wait  time.Duration
}

const (
	firstWait = 50 * time.Millisecond
	mostWait  = 2 * time.Second
)

// failed doubles the wait. Instances that lost the same server come back at moments of
// their own.
func (b *backOff) failed(now time.Time) {
	b.wait = min(max(2*b.wait, firstWait), mostWait)
	b.until = now.Add(b.wait/2 + rand.N(b.wait/2))
}

// errAway is the error of what was not tried, since the server was away just now.
var errAway = errors.New("the database was away just now, and is asked again soon")

// again says that a transaction was undone for what others did meanwhile, and may well
// succeed when it is run again: a key that is taken, a deadlock, a lock that was waited for
// too long.
func again(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case "23505", "40001", "40P01", "55P03":
		return true
	}
	return false
}

// answered says that an error is the server's answer to a statement, after which the
// transaction is undone. A server that ends the connection, or itself, has said nothing of a
// commit that was under way: a PANIC may come after its record was written.
func answered(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && !ends(e)
}

// ends says that the server ends the connection with this.
func ends(e *pgconn.PgError) bool {
	return strings.HasPrefix(e.Code, "08") || strings.HasPrefix(e.Code, "57P") || e.SeverityUnlocalized == "FATAL" || e.SeverityUnlocalized == "PANIC"
}

// readOnly are what a server answers that others have taken the place of: it only reads, or
// has no numbers for transactions.
var readOnly = []string{"25006", "55000"}

// leadsNowhere says that a connection had better be made anew, for what is wrong with this one or
// with the server that it leads to.
func leadsNowhere(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (ends(e) || slices.Contains(readOnly, e.Code))
}

// proof is what tells whether a transaction was committed.
type proof struct {
	xid string
	// batch is the number of the trail's batch in it, and head its head; 0: it has none.
	batch int64
	head  []byte
	// mark is the number that it left in its instance's row, where it has no batch; 0: it has
	// changed nothing, so that it is all the same.
	instance, mark int64
}

// settle tells what became of a commit whose answer was lost: made, or not. known is false
// where the ledger was closed before the server could tell.
func (d *database) settle(ctx context.Context, p *proof, lost error) (made, known bool) {
	d.fault.Store(&lost) // whoever asks hears so meanwhile
	d.log.Warn("the answer to a commit was lost: the server is asked what became of it", "err", lost)
	for {
		made, known, err := d.fate(ctx, p)
		if known && err == nil {
			d.away = backOff{}
			d.log.Warn("what became of the commit whose answer was lost is known", "made", made)
			return made, true
		}
		if d.closing.Err() != nil {
			d.log.Error("whether the last changes were made is not known: the database did not come back before the end", "err", lost)
			return false, false
		}
		d.away.failed(time.Now())
		select {
		case <-time.After(time.Until(d.away.until)):
		case <-d.closing.Done():
		}
	}
}

// fate asks the server for a transaction's. A server that crashed before the transaction had
// reached its disk gives its number to another one, which may be committed. So the number only
// says that it is over, and the batch that it wrote, which nobody else can have written, that
// it was committed: asked for afterwards, or the commit could come between the two. What has no
// batch, such as a lease, has left a mark instead.
func (d *database) fate(ctx context.Context, p *proof) (made, known bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	c, err := d.write.Acquire(ctx)
	if err != nil {
		return false, false, err
	}
	defer c.Release()
	var status string
	err = c.QueryRow(ctx, "SELECT CASE WHEN pg_is_in_recovery() THEN 'in progress' ELSE coalesce(pg_xact_status($1::text::xid8), 'forgotten') END", p.xid).Scan(&status)
	var e *pgconn.PgError
	if errors.As(err, &e) && e.Code == "22023" { // no transaction had that number yet, after a crash
		status, err = "aborted", nil
	}
	if err != nil || status == "in progress" {
		return false, false, err
	}
	if p.batch == 0 && p.mark == 0 {
		return status == "committed", true, nil
	}
	b := rows{c.Conn(), store.AnyTenant}.batch() // a policy that is asked for nobody shows no batch, and a commit that was made would not be known
	b.Queue("SELECT EXISTS (SELECT FROM trail WHERE batch = $1 AND head = $2) OR EXISTS (SELECT FROM instances WHERE id = $3 AND mark = $4 AND mark <> 0)",
		p.batch, p.head, p.instance, p.mark).QueryRow(func(r pgx.Row) error { return r.Scan(&made) })
	err = c.SendBatch(ctx, b).Close()
	return made && err == nil, err == nil, err
}

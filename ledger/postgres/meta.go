package postgres

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/layout"
	"github.com/waxwinghq/waxwing/ledger/move"
	"github.com/waxwinghq/waxwing/ledger/postgres/schema"
	"github.com/waxwinghq/waxwing/ledger/seal"
	"github.com/waxwinghq/waxwing/ledger/store"
)

// What stands in the table meta, beside the mark of a move: all of it was moved here with the
// ledger. A ledger that began here has none.
const (
	metaAnchor  = "anchor"  // the seed of the key that signs anchors, sealed; none: it is derived from the master key
	metaIndexed = "indexed" // the last confirmation of a program that gave fewer lookups
	metaKeyed   = "keyed"   // the last confirmation of a program that knew orders by seal.FormerOrderKey
	metaLosses  = "losses"  // those that a person accepted, as JSON
)

// queryer is a connection, or a transaction.
type queryer interface {
	// Query runs a statement; the rows are the caller's to close.
	Query(ctx context.Context, q string, args ...any) (pgx.Rows, error)
}

// metaOf reads the table.
func metaOf(ctx context.Context, c queryer) (map[string][]byte, error) {
	out := map[string][]byte{}
	r, err := c.Query(ctx, "SELECT k, v FROM meta")
	if err != nil {
		return nil, err
	}
	var k string
	var v []byte
	_, err = pgx.ForEachRow(r, []any{&k, &v}, func() error {
		out[k] = append([]byte{}, v...)
		return nil
	})
	return out, err
}

// inherited is what a ledger has from the store that it was moved from.
type inherited struct {
	former bool // orders of older programs are here
	losses ledger.Losses
}

// inherit reads it, and takes the key that signs anchors.
func (l *Ledger) inherit(ctx context.Context) error {
	m, err := metaOf(ctx, l.write)
	if err != nil {
		return err
	}
	mark, err := move.Decode(m[move.MetaKey])
	if err != nil {
		return err
	}
	if err := mark.Refuse(l.o.moving, l.o.ReadOnly); err != nil {
		return err
	}
	if keyed, _ := strconv.ParseInt(string(m[metaKeyed]), 10, 64); keyed != 0 { // none is 0
		l.inherited.former = true
	}
	if b := m[metaLosses]; len(b) > 0 {
		if err := json.Unmarshal(b, &l.inherited.losses); err != nil {
			return fmt.Errorf("the record of accepted losses: %w", err)
		}
	}
	if b := m[metaAnchor]; len(b) > 0 {
		l.keys, err = anchoredBy(l.keys, l.o.Master, b)
	}
	return err
}

// anchorSealer seals the seed of the key that signs anchors.
func anchorSealer(keys *seal.Keyring) seal.Sealer {
	k := seal.Key(keys.Derive("moved anchor key"))
	return k.Sealer()
}

// anchoredBy is a keyring that signs with a sealed seed's key.
func anchoredBy(keys *seal.Keyring, secret waxwing.Secret, sealed []byte) (*seal.Keyring, error) {
	seed, err := anchorSealer(keys).Open(nil, sealed, metaAnchor)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, errors.New("the master key does not open the ledger's anchor key: set keys.master to the one this ledger was made with")
	}
	master, err := seal.ParseKey(secret)
	if err != nil {
		return nil, err
	}
	return seal.NewKeyring(master, ed25519.NewKeyFromSeed(seed)), nil
}

// orderKeys gives the key of an event's order, and the one that it may be known by from older programs.
func (x *inherited) orderKeys(t *seal.Tenant, ev *waxwing.Event) (key, former store.Hash) {
	key = seal.OrderKey(t, ev.Shop, &ev.Key)
	if x.former {
		return key, seal.FormerOrderKey(t, ev.Shop, &ev.Key)
	}
	return key, key
}

// findUnread finds what no lookup says of whose it is, since an older program wrote it.
const findUnread = `SELECT id FROM confirmations WHERE tenant = $1 AND id >= $2 AND id < $3 AND state <> 'ready' AND dek <> ''
	AND id <= coalesce((SELECT convert_from(v, 'UTF8')::bigint FROM meta WHERE k = '` + metaIndexed + `'), 0) ORDER BY id DESC LIMIT $4`

// openToRead is open for who only reads.
func (l *Ledger) openToRead(ctx context.Context) error {
	has, err := Layout(ctx, l.o.DSN)
	switch {
	case err != nil:
		return err
	case has == 0:
		return errors.New("there is no ledger in this database: the daemon's first start makes it")
	case has > schema.Layout:
		return fmt.Errorf("the ledger has layout %d and this program knows %d: run the newer program", has, schema.Layout)
	case has < schema.Layout:
		return fmt.Errorf("the ledger has layout %d, and this program's is %d: run waxwing ledger migrate, or start the daemon once", has, schema.Layout)
	}
	if err := l.inherit(ctx); err != nil {
		return err
	}
	l.assemble(ledger.Before{})
	return l.learnAll(ctx)
}

// LatestLayout is the tables' version that this program makes.
const LatestLayout = schema.Layout

// Layout is a database's; 0: it has no ledger.
func Layout(ctx context.Context, dsn waxwing.Secret) (at int64, err error) {
	return at, asSQL(dsn, func(db *sql.DB) error {
		at, err = schema.Of(ctx, db)
		return err
	})
}

// MayMigrate says why the role of a DSN cannot change the tables; nil: it can.
func MayMigrate(ctx context.Context, dsn waxwing.Secret) error {
	return asSQL(dsn, func(db *sql.DB) error {
		owner, role, err := schema.NotOwner(ctx, db)
		if err == nil && owner != "" {
			err = fmt.Errorf("the tables belong to the role %q, and this is %q, which cannot change them: run it with a DSN of %[1]q", owner, role)
		}
		return err
	})
}

// Lacks gives the migrations that a database of a layout lacks.
func Lacks(at int64) ([]layout.Migration, error) { return schema.After(at) }

// asSQL lends f a connection that is only read.
func asSQL(dsn waxwing.Secret, f func(*sql.DB) error) error {
	c, err := poolOf(dsn.Reveal(), 1)
	if err != nil {
		return err
	}
	db := stdlib.OpenDB(*c.ConnConfig)
	defer func() { _ = db.Close() }()
	return f(db)
}

// refuseMoved says why an instance must not begin on a ledger that was moved, or is being moved.
func (l *Ledger) refuseMoved(ctx context.Context, tx pgx.Tx) error {
	m, err := metaOf(ctx, tx)
	if err != nil {
		return err
	}
	mark, err := move.Decode(m[move.MetaKey])
	if err != nil {
		return err
	}
	return mark.Refuse(l.o.moving, false)
}

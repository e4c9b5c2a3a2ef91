package postgres

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
	"github.com/waxwinghq/waxwing/ledger/move"
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

// metaPage begins the rows that are kept for others under names of theirs.
const metaPage = "page/"

// Page is what was kept under a name; nil: nothing was.
func (d *database) Page(ctx context.Context, name string) (page []byte, err error) {
	err = d.write.QueryRow(ctx, "SELECT v FROM meta WHERE k = $1", metaPage+name).Scan(&page)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("page %s: %w: %w", name, waxwing.ErrUnavailable, err)
	}
	return page, nil
}

// SetPage keeps something under a name in place of what was there; with nil it is on disk.
func (d *database) SetPage(ctx context.Context, name string, page []byte) error {
	if _, err := d.write.Exec(ctx, "INSERT INTO meta (k, v) VALUES ($1, $2) ON CONFLICT (k) DO UPDATE SET v = excluded.v", metaPage+name, page); err != nil {
		return fmt.Errorf("page %s: %w: %w", name, waxwing.ErrUnavailable, err)
	}
	return nil
}

// pagesOf are all that are kept, by name.
func pagesOf(meta map[string][]byte) map[string][]byte {
	var out map[string][]byte
	for k, v := range meta {
		if name, ok := strings.CutPrefix(k, metaPage); ok {
			if out == nil {
				out = map[string][]byte{}
			}
			out[name] = v
		}
	}
	return out
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

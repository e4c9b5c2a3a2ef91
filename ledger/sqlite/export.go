package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"encoding/hex"
	"encoding/json"
	"io"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger"
)

// exportPiece is how many batches are read at once: each has 512 entries or so at most.
const exportPiece = 32

// Export writes the trail up to its end as of now, as one line of JSON an entry, each
// with its chain and the head after it, so that others can check it without this
// program. It reads in pieces and holds nothing of the ledger while it writes: whoever
// takes the lines may be as slow as he likes. The trail only grows, so that the pieces
// fit together.
func (l *Ledger) Export(ctx context.Context, w io.Writer, progress func(entries int64)) error {
	var end [1]driver.Value
	err := l.read(ctx, func(c *conn) error {
		_, err := c.row("SELECT coalesce(max(batch),0) FROM trail", end[:])
		return err
	})
	if err != nil {
		return err
	}
	type batch struct {
		instance int64
		entries  []byte
	}
	var chain ledger.Chain
	var n, after int64
	for after < num(end[0]) {
		var piece []batch
		err := l.read(ctx, func(c *conn) error {
			return c.query("SELECT batch, instance, entries FROM trail WHERE batch>? AND batch<=? ORDER BY batch LIMIT ?", func(r []driver.Value) error {
				after = num(r[0])
				piece = append(piece, batch{num(r[1]), bytes.Clone(blob(r[2]))})
				return nil
			}, after, num(end[0]), exportPiece)
		})
		if err != nil {
			return err
		}
		for _, b := range piece {
			if b.instance != chain.Instance {
				chain = ledger.Chain{Instance: b.instance}
			}
			if err := exportBatch(w, &chain, b.entries, &n, progress); err != nil {
				return err
			}
		}
	}
	return nil
}

func exportBatch(w io.Writer, chain *ledger.Chain, entries []byte, n *int64, progress func(int64)) error {
	lines := bytes.Split(bytes.TrimSuffix(entries, []byte{'\n'}), []byte{'\n'})
	i := 0
	return chain.Walk(entries, func(e waxwing.TrailEntry, h ledger.Head) error {
		b, err := json.Marshal(struct {
			Instance int64           `json:"instance"`
			Head     string          `json:"head"`
			Entry    json.RawMessage `json:"entry"`
		}{chain.Instance, hex.EncodeToString(h[:]), lines[i]})
		i++
		if err != nil {
			return err
		}
		if *n++; *n%100_000 == 0 && progress != nil {
			progress(*n)
		}
		_, err = w.Write(append(b, '\n'))
		return err
	})
}

package view

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"

	"github.com/waxwinghq/waxwing"
	"github.com/waxwinghq/waxwing/ledger/store"
	"github.com/waxwinghq/waxwing/ledger/trail"
)

// exportPiece is how many batches are read at once: each has 512 entries or so at most.
const exportPiece = 32

// Export writes the trail up to its end as of now, as one line of JSON an entry, each
// with its chain and the head after it, so that others can check it without this
// program. It reads in pieces and holds nothing of the ledger while it writes: whoever
// takes the lines may be as slow as he likes. The trail only grows, so that the pieces
// fit together.
func (r *Reader) Export(ctx context.Context, w io.Writer, progress func(entries int64)) error {
	var end store.Batch
	err := r.p.Rows.View(ctx, store.AnyTenant, func(rows store.Rows) (err error) { end, err = rows.Last(ctx); return err })
	if err != nil {
		return err
	}
	var chain trail.Chain
	var n, after int64
	for after < end.N {
		var piece []store.Batch
		err := r.p.Rows.View(ctx, store.AnyTenant, func(rows store.Rows) error {
			return rows.Walk(ctx, after, func(b *store.Batch) error {
				own := *b
				own.Entries = bytes.Clone(b.Entries)
				if piece = append(piece, own); len(piece) == exportPiece || b.N == end.N {
					return store.ErrStop
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
		for _, b := range piece {
			after = b.N
			if b.Instance != chain.Instance {
				chain = trail.Chain{Instance: b.Instance}
			}
			if err := exportBatch(w, &chain, b.Entries, &n, progress); err != nil {
				return err
			}
		}
		if len(piece) == 0 {
			return nil
		}
	}
	return nil
}

func exportBatch(w io.Writer, chain *trail.Chain, entries []byte, n *int64, progress func(int64)) error {
	lines := bytes.Split(bytes.TrimSuffix(entries, []byte{'\n'}), []byte{'\n'})
	i := 0
	return chain.Walk(entries, func(e waxwing.TrailEntry, h trail.Head) error {
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

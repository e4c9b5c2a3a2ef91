package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// unidentified are the columns of which a condition needs the old value and the log does not hold it.
func unidentified(ctx context.Context, pool *pgxpool.Pool, w watch) (missing []string, err error) {
	rows, err := pool.Query(ctx, `select a.attname::text from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
		where c.oid = to_regclass($1) and (c.relreplident = 'f' or exists (select from pg_index i where i.indrelid = c.oid and a.attnum = any(i.indkey)
			and (c.relreplident = 'i' and i.indisreplident or c.relreplident = 'd' and i.indisprimary)))`, quoteTable(w.table))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var have []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		have = append(have, s)
	}
	for _, c := range w.when.Old() {
		if !slices.Contains(have, c) {
			missing = append(missing, c)
		}
	}
	return missing, rows.Err()
}

var _ = fmt.Sprint
var _ = strings.Join

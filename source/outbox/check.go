package outbox

import (
	"context"
	stdsql "database/sql"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/waxwinghq/waxwing/pipeline/queue/sql"
	"github.com/waxwinghq/waxwing/source"
)

// Examine is source.Checker's. It tries statements that touch no row.
func (s *Settings) Examine(ctx context.Context, _ string) ([]source.Finding, error) {
	d, db, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }() // it was only asked
	offset := d.quote("offset")
	columns := offset + ", uuid, created_at, payload, metadata"
	if d.postgres {
		columns += ", transaction_id"
	}
	create := d.create()
	tries := []struct{ what, statement, remedy string }{
		{"the table " + d.table + " is there and may be read", "SELECT " + columns + " FROM " + d.table + " WHERE 1 = 0", create[0] + " GRANT SELECT, DELETE ON " + d.table + " TO ...;"},
	}
	if d.keep {
		tries = append(tries,
			struct{ what, statement, remedy string }{"the table waxwing_read is there and may be read", "SELECT topic, " + offset + ", uuid FROM waxwing_read WHERE 1 = 0", create[1] + " GRANT SELECT, INSERT, DELETE ON waxwing_read TO ...;"},
			struct{ what, statement, remedy string }{"what was read may be written down in waxwing_read", "INSERT INTO waxwing_read (topic, " + offset + ", uuid) SELECT topic, " + offset + ", uuid FROM waxwing_read WHERE 1 = 0", "GRANT SELECT, INSERT, DELETE ON waxwing_read TO ...;"},
			struct{ what, statement, remedy string }{"what was read and is gone may be forgotten", "DELETE FROM waxwing_read WHERE 1 = 0", "GRANT SELECT, INSERT, DELETE ON waxwing_read TO ...;"})
	} else {
		tries = append(tries, struct{ what, statement, remedy string }{"rows that are on disk here may be deleted from " + d.table, "DELETE FROM " + d.table + " WHERE 1 = 0", "GRANT SELECT, DELETE ON " + d.table + " TO ...;"})
	}
	var out []source.Finding
	for _, t := range tries {
		f := source.Finding{OK: true, What: t.what}
		if _, err := db.ExecContext(ctx, t.statement); err != nil {
			f = source.Finding{What: "not so: " + t.what + ": " + err.Error(), Remedy: t.remedy}
		}
		out = append(out, f)
	}
	f, err := d.lasts(ctx, db)
	if err != nil {
		return out, err
	}
	return append(out, f...), nil
}

// lasts says whether the table outlasts a crash of its server.
func (d dialect) lasts(ctx context.Context, db *stdsql.DB) ([]source.Finding, error) {
	q, good, what, remedy := `SELECT relpersistence::text FROM pg_class WHERE oid = to_regclass('`+d.table+`')`, "p", "the table outlasts a crash of Postgres", "ALTER TABLE "+d.table+" SET LOGGED;"
	if !d.postgres {
		q, good, what, remedy = "SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '"+strings.Trim(d.table, "`")+"'", "InnoDB",
			"the table knows transactions", "ALTER TABLE "+d.table+" ENGINE = InnoDB;"
	}
	var is string
	switch err := db.QueryRowContext(ctx, q).Scan(&is); {
	case errors.Is(err, stdsql.ErrNoRows): // said above
		return nil, nil
	case err != nil:
		return nil, err
	case is == good:
		return []source.Finding{{OK: true, What: what}}, nil
	}
	return []source.Finding{{What: "not so: " + what, Remedy: remedy}}, nil
}

// Setup is source.Checker's.
func (s *Settings) Setup(ctx context.Context, _ string, dry bool, w io.Writer) error {
	d, db, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // what was made is made
	for _, q := range d.create() {
		if _, err := fmt.Fprintln(w, q); err != nil {
			return err
		}
		if dry {
			continue
		}
		if _, err := db.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("make the table: %w", err)
		}
	}
	return nil
}

func (s *Settings) connect(ctx context.Context) (dialect, *stdsql.DB, error) {
	d, err := s.dialect()
	if err != nil {
		return d, nil, err
	}
	db, err := sql.Connect(s.URL)
	if err != nil {
		return d, nil, err
	}
	if err := db.PingContext(ctx); err != nil {
		return d, nil, errors.Join(err, db.Close())
	}
	return d, db, nil
}

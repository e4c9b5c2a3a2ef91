package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/waxwinghq/waxwing/source"
)

// server is how it is set up.
type server struct {
	version, format, image, metadata, log string
	charsets                              map[uint64]string
	ahead                                 time.Duration // its clock before ours
	replica, relays                       bool          // it has what another server writes; and its log has that too
	only, never                           []string      // databases that its log has, if any are named; and has not
	unseen                                error         // why these are not known
}

func look(ctx context.Context, db *sql.DB) (*server, error) {
	sv := &server{charsets: map[uint64]string{}}
	var us int64
	err := db.QueryRowContext(ctx, `SELECT VERSION(), @@GLOBAL.binlog_format, @@GLOBAL.binlog_row_image, @@GLOBAL.log_bin, CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS UNSIGNED)`).Scan(&sv.version, &sv.format, &sv.image, &sv.log, &us)
	if err != nil {
		return nil, fmt.Errorf("looking at the server's settings: %w", err)
	}
	sv.ahead = time.Until(time.UnixMicro(us))
	if !strings.Contains(strings.ToLower(sv.version), "mariadb") || before(sv.version, 10, 5) {
		return sv, nil
	}
	if err := db.QueryRowContext(ctx, "SELECT @@GLOBAL.binlog_row_metadata, @@GLOBAL.log_slave_updates, @@GLOBAL.gtid_slave_pos <> ''").Scan(&sv.metadata, &sv.relays, &sv.replica); err != nil {
		return nil, fmt.Errorf("looking at the server's settings: %w", err)
	}
	if err := sv.kept(ctx, db); err != nil {
		return nil, fmt.Errorf("looking at what the server keeps out of its log: %w", err)
	}
	query := "SELECT id, character_set_name FROM information_schema.collation_character_set_applicability WHERE id IS NOT NULL"
	if before(sv.version, 10, 10) {
		query = "SELECT id, character_set_name FROM information_schema.collations WHERE id IS NOT NULL"
	}
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("asking for the server's collations: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err says what was wrong
	for rows.Next() {
		var id uint64
		var name string
		if err := rows.Scan(&id, &name); err != nil {
			return nil, fmt.Errorf("asking for the server's collations: %w", err)
		}
		sv.charsets[id] = name
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("asking for the server's collations: %w", err)
	}
	return sv, nil
}

// fit says what keeps its log from being read.
func (sv *server) fit(watches []watch) error {
	switch {
	case !strings.Contains(strings.ToLower(sv.version), "mariadb"):
		return fmt.Errorf("the server is no MariaDB but %s, whose log cannot be read yet: let the application fill an outbox, or ask by `waxwing reconcile`", sv.version)
	case before(sv.version, 10, 5):
		return fmt.Errorf("MariaDB %s does not name columns in its log: 10.5 or newer is needed", sv.version)
	case sv.log != "1":
		return errors.New("the server writes no log: start it with log_bin, binlog_format=ROW and binlog_row_metadata=FULL")
	case sv.format != "ROW":
		return fmt.Errorf("binlog_format is %s: SET GLOBAL binlog_format = 'ROW', and have the shop connect anew", sv.format)
	case sv.image != "FULL":
		return fmt.Errorf("binlog_row_image is %s: SET GLOBAL binlog_row_image = 'FULL', and have the shop connect anew", sv.image)
	case sv.metadata != "FULL":
		return fmt.Errorf("binlog_row_metadata is %s: SET GLOBAL binlog_row_metadata = 'FULL'", sv.metadata)
	}
	if sv.unseen != nil {
		return fmt.Errorf("looking at what the server keeps out of its log: %w%s", sv.unseen, hint(sv.unseen))
	}
	return failed(sv.holds(watches))
}

// failed is what the first of some findings that is not as it should be says.
func failed(list []source.Finding) error {
	for _, f := range list {
		if !f.OK {
			return fmt.Errorf("%s: %s", f.What, f.Remedy)
		}
	}
	return nil
}

// kept finds out what others write and what is left out of the log.
func (sv *server) kept(ctx context.Context, db *sql.DB) error {
	masters, err := shown(ctx, db, "SHOW ALL SLAVES STATUS")
	if err != nil && code(err) != 1227 { // who may not ask knows it by gtid_slave_pos
		return err
	}
	sv.replica = sv.replica || len(masters) > 0
	status, err := shown(ctx, db, "SHOW MASTER STATUS")
	if code(err) == 1227 {
		sv.unseen = err
		return nil
	}
	for _, row := range status {
		sv.only, sv.never = names(row["Binlog_Do_DB"]), names(row["Binlog_Ignore_DB"])
	}
	return err
}

// names reads a,b.
func names(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// shown gives what a statement shows.
func shown(ctx context.Context, db *sql.DB, statement string, args ...any) (out []map[string]string, err error) {
	rows, err := db.QueryContext(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err says what was wrong
	columns, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
	for i := range into {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		row := map[string]string{}
		for i, c := range columns {
			row[c] = values[i].String
		}
		out = append(out, row)
	}
	return out, rows.Err()
}

// holds says whether the log has the changes of what is watched: one that lacks them looks like a shop without orders.
func (sv *server) holds(watches []watch) (out []source.Finding) {
	say := func(ok bool, what, bad, remedy string) {
		if ok {
			bad, remedy = what, ""
		}
		out = append(out, source.Finding{OK: ok, What: bad, Remedy: remedy})
	}
	say(sv.relays || !sv.replica, "the log has all that the server has", "the server is a replica, and its log has not what it is sent (log_slave_updates is off)",
		"start it with log_slave_updates (also if it was a replica and is none any more), or read the log of the server that the shop writes to")
	var done []string
	for _, w := range watches {
		of, _, _ := strings.Cut(w.table, ".")
		if slices.Contains(done, of) {
			continue
		}
		done = append(done, of)
		is := func(name string) bool { return strings.EqualFold(name, of) }
		left := slices.ContainsFunc(sv.never, is) || len(sv.only) > 0 && !slices.ContainsFunc(sv.only, is)
		say(!left, "the log has the database "+of, "the server keeps the database "+of+" out of its log", "take binlog_do_db and binlog_ignore_db out of its configuration, and start it anew")
	}
	return out
}

// named says whether the log has a table under a name, letter for letter. The server may know it by others.
func named(ctx context.Context, db *sql.DB, name string) (source.Finding, error) {
	f := source.Finding{What: "the table " + name + " is in the log under this name"}
	database, of, _ := strings.Cut(name, ".")
	var folds int
	if err := db.QueryRowContext(ctx, "SELECT @@GLOBAL.lower_case_table_names").Scan(&folds); err != nil {
		return f, fmt.Errorf("looking for the table %s: %w", name, err)
	}
	if low := strings.ToLower(name); folds != 0 && low != name {
		f.What, f.Remedy = "the log has no table "+name+", since the server writes names in small letters (lower_case_table_names)", "write "+low+" in watch"
		return f, nil
	}
	list, err := shown(ctx, db, "SELECT table_schema AS s, table_name AS n, table_type AS t FROM information_schema.tables WHERE table_schema = ? AND table_name = ?", database, of)
	if err != nil {
		return f, fmt.Errorf("looking for the table %s: %w", name, err)
	}
	i := slices.IndexFunc(list, func(row map[string]string) bool { return row["s"] == database && row["n"] == of })
	switch {
	case i < 0:
		f.What, f.Remedy = "there is no table "+name+", or it may not be seen", "correct watch: names stand without quotes, in the letters that the server has, as database.table; or grant SELECT"
	case strings.Contains(list[i]["t"], "VIEW"):
		f.What, f.Remedy = name+" is a view, of which the log has nothing", "watch the tables that it is made of"
	default:
		f.OK = true
	}
	return f, nil
}

// zones says whether the server knows time zones, if a query needs them: else convert_tz gives NULL, and a scan finds nothing.
func zones(ctx context.Context, db *sql.DB, queries map[string]string) ([]source.Finding, error) {
	for _, q := range queries {
		if !strings.Contains(strings.ToLower(q), "convert_tz") {
			continue
		}
		f := source.Finding{What: "the server knows time zones, for convert_tz"}
		if err := db.QueryRowContext(ctx, "SELECT CONVERT_TZ('2026-01-01', 'UTC', 'Europe/Berlin') IS NOT NULL").Scan(&f.OK); err != nil {
			return nil, fmt.Errorf("asking for time zones: %w", err)
		}
		if !f.OK {
			f.What, f.Remedy = "the server knows no time zones, so that convert_tz gives NULL", "as root run mariadb-tzinfo-to-sql /usr/share/zoneinfo | mariadb mysql"
		}
		return []source.Finding{f}, nil
	}
	return nil, nil
}

// fits is the error that keeps anything from being read, if there is one.
func (o *orders) fits(ctx context.Context, sv *server) error {
	if err := sv.fit(o.watches); err != nil {
		return err
	}
	var list []source.Finding
	for _, w := range o.watches {
		f, err := named(ctx, o.db, w.table)
		if err != nil {
			return err
		}
		list = append(list, f)
	}
	return failed(list)
}

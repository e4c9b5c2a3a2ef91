package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/waxwinghq/waxwing/source"
)

// examiner looks at a database before anything is read.
type examiner struct {
	s       *Settings
	db      *sql.DB
	id      uint32
	watches []watch
	user    string // 'name'@'host', as a statement has it
	found   []source.Finding
}

func (s *Settings) examiner(ctx context.Context, name string) (*examiner, error) {
	a, err := parseAddress(s.DSN.Reveal())
	if err != nil {
		return nil, fmt.Errorf("dsn: %w", err)
	}
	x := &examiner{s: s, id: s.serverID(name, a.database)}
	if x.watches, err = s.watches(a.database); err != nil {
		return nil, err
	}
	if x.db, err = a.open(); err != nil {
		return nil, err
	}
	var user string
	if err := x.db.QueryRowContext(ctx, "SELECT CURRENT_USER()").Scan(&user); err != nil {
		_ = x.db.Close() // it was only asked
		return nil, fmt.Errorf("connecting to the shop's database: %w%s", err, hint(err))
	}
	at := strings.LastIndexByte(user, '@')
	x.user = quote(user[:max(0, at)]) + "@" + quote(user[at+1:])
	return x, nil
}

// quote writes a name as a statement has it.
func quote(s string) string { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }

func quoteTable(s string) string {
	database, name, _ := strings.Cut(s, ".")
	return quote(database) + "." + quote(name)
}

// Examine is source.Checker's.
func (s *Settings) Examine(ctx context.Context, name string) ([]source.Finding, error) {
	x, err := s.examiner(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = x.db.Close() }() // it was only asked
	return x.look(ctx)
}

// look looks at everything, in the order in which it is to be put right.
func (x *examiner) look(ctx context.Context) ([]source.Finding, error) {
	x.found = nil
	for _, step := range []func(context.Context) error{x.server, x.rights, x.tables, x.queries} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return x.found, nil
}

func (x *examiner) say(ok bool, what, remedy string) {
	if ok {
		remedy = ""
	}
	x.found = append(x.found, source.Finding{OK: ok, What: what, Remedy: remedy})
}

func (x *examiner) server(ctx context.Context) error {
	sv, err := look(ctx, x.db)
	if err != nil {
		return err
	}
	maria := strings.Contains(strings.ToLower(sv.version), "mariadb")
	x.say(maria && !before(sv.version, 10, 5), "the server is "+sv.version, "MariaDB 10.5 or newer is needed (MySQL's log cannot be read yet)")
	x.say(sv.log == "1", "log_bin is "+sv.log, "start the server with log_bin (and server_id, binlog_format=ROW, binlog_row_metadata=FULL) in its configuration")
	x.say(sv.format == "ROW", "binlog_format is "+sv.format, "SET GLOBAL binlog_format = 'ROW';")
	x.say(sv.image == "FULL", "binlog_row_image is "+sv.image, "SET GLOBAL binlog_row_image = 'FULL';")
	x.say(sv.metadata == "FULL", "binlog_row_metadata is "+sv.metadata, "SET GLOBAL binlog_row_metadata = 'FULL';")
	var id, days int64
	if err := x.db.QueryRowContext(ctx, "SELECT @@GLOBAL.server_id, CAST(CEIL(@@GLOBAL.expire_logs_days) AS INTEGER)").Scan(&id, &days); err != nil {
		return fmt.Errorf("looking at the server's settings: %w", err)
	}
	x.say(id != int64(x.id), fmt.Sprintf("server_id is %d here, and %d there", x.id, id), "give the source another server_id")
	if sv.unseen == nil { // else the rights say it
		x.found = append(x.found, sv.holds(x.watches)...)
	}
	x.say(days == 0 || days >= 3, fmt.Sprintf("expire_logs_days is %d (0: for ever)", days), "SET GLOBAL expire_logs_days = 7;")
	return nil
}

// rights looks at what is granted on everything; what is granted otherwise the server tells when it refuses.
func (x *examiner) rights(ctx context.Context) error {
	rows, err := x.db.QueryContext(ctx, "SHOW GRANTS")
	if err != nil {
		return fmt.Errorf("looking at the rights: %w", err)
	}
	defer func() { _ = rows.Close() }() // Err says what was wrong
	all := ""
	for rows.Next() {
		var g string
		if err := rows.Scan(&g); err != nil {
			return fmt.Errorf("looking at the rights: %w", err)
		}
		if list, _, ok := strings.Cut(g, " ON *.* TO "); ok {
			all += strings.TrimPrefix(list, "GRANT ") + ", "
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("looking at the rights: %w", err)
	}
	for right, names := range map[string][]string{"REPLICATION SLAVE": {"REPLICATION SLAVE", "REPLICATION REPLICA"}, "BINLOG MONITOR": {"BINLOG MONITOR", "REPLICATION CLIENT"}} {
		ok := strings.Contains(all, "ALL PRIVILEGES") || slices.ContainsFunc(names, func(n string) bool { return strings.Contains(all, n) })
		x.say(ok, "the user "+x.user+" may read the log ("+right+")", "GRANT "+right+" ON *.* TO "+x.user+";")
	}
	slices.SortFunc(x.found[len(x.found)-2:], func(a, b source.Finding) int { return strings.Compare(a.What, b.What) })
	return nil
}

func (x *examiner) tables(ctx context.Context) error {
	var done []string
	for _, w := range x.watches {
		if slices.Contains(done, w.table) {
			continue
		}
		done = append(done, w.table)
		columns, err := x.columns(ctx, w.table)
		switch code(err) {
		case 1142:
			x.say(false, "the table "+w.table+" cannot be read", "GRANT SELECT ON "+quoteTable(w.table)+" TO "+x.user+";")
			continue
		case 1146, 1049, 1044:
			x.say(false, "there is no table "+w.table+", or it may not be seen", "correct watch: names stand without quotes, as database.table; or grant SELECT")
			continue
		}
		if err != nil {
			return fmt.Errorf("looking at the table %s: %w", w.table, err)
		}
		x.say(true, "the table "+w.table+" may be read", "")
		f, err := named(ctx, x.db, w.table)
		if err != nil {
			return err
		}
		x.found = append(x.found, f)
		for _, v := range x.watches {
			for _, c := range append(v.when.Columns(), v.keys...) {
				if v.table == w.table && !slices.Contains(columns, c) {
					x.say(false, "the table "+w.table+" has no column "+c, "correct watch: names stand without quotes, and in the letters that the database has")
				}
			}
		}
	}
	return nil
}

func (x *examiner) columns(ctx context.Context, name string) ([]string, error) {
	rows, err := x.db.QueryContext(ctx, "SELECT * FROM "+quoteTable(name)+" LIMIT 0")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err says what was wrong
	columns, err := rows.Columns()
	return columns, errors.Join(err, rows.Err())
}

func (x *examiner) queries(ctx context.Context) error {
	all := x.s.queries()
	for _, key := range slices.Sorted(maps.Keys(all)) {
		err := describe(ctx, x.db, all[key])
		if err != nil && code(err) == 0 {
			return fmt.Errorf("having the server read %s: %w", key, err)
		}
		remedy := ""
		if err != nil {
			remedy = strings.TrimSuffix(advised(err, key).Error(), ";")
		}
		x.say(err == nil, "the server understands "+key, remedy)
	}
	list, err := zones(ctx, x.db, all)
	if err != nil {
		return err
	}
	x.found = append(x.found, list...)
	if x.s.Scan == "" {
		x.say(false, "there is no query that finds orders after a gap, so a gap stops the source", "add scan: the keys of the orders completed since ?")
	}
	return nil
}

// Setup is source.Checker's.
func (s *Settings) Setup(ctx context.Context, name string, dry bool, w io.Writer) error {
	x, err := s.examiner(ctx, name)
	if err != nil {
		return err
	}
	defer func() { _ = x.db.Close() }() // what it did is done
	list, err := x.look(ctx)
	if err != nil {
		return err
	}
	var refused []string
	said := 0
	line := func(format string, args ...any) {
		said++
		if _, of := fmt.Fprintf(w, format+"\n", args...); of != nil && err == nil {
			err = of
		}
	}
	for _, f := range list {
		switch {
		case f.OK:
			continue
		case !strings.HasSuffix(f.Remedy, ";"):
			line("-- %s: %s", f.What, f.Remedy)
			continue
		}
		line("-- %s", f.What)
		line("%s", f.Remedy)
		if dry {
			continue
		}
		if _, of := x.db.ExecContext(ctx, strings.TrimSuffix(f.Remedy, ";")); of != nil {
			if code(of) == 0 {
				return fmt.Errorf("setting up: %w", of)
			}
			line("-- refused: %v. Run it as root.", of)
			refused = append(refused, f.Remedy)
		} else if strings.HasPrefix(f.Remedy, "SET GLOBAL") {
			line("-- write it into the server's configuration too, else it ends with the server; the shop must connect anew")
		}
	}
	if said == 0 {
		line("-- nothing is to be done")
	}
	if err == nil && len(refused) > 0 {
		return fmt.Errorf("%d statements were refused; as root run: %s", len(refused), strings.Join(refused, " "))
	}
	return err
}

package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/waxwinghq/waxwing/source"
	"github.com/waxwinghq/waxwing/source/table"
)

// examiner looks at a database before anything is read.
type examiner struct {
	s           *Settings
	db          *pgxpool.Pool
	slot        string
	publication string
	watches     []watch
	found       []source.Finding
}

func (s *Settings) examiner(ctx context.Context, name string) (*examiner, error) {
	x := &examiner{s: s}
	x.slot, x.publication = s.names(name)
	var err error
	if x.watches, err = s.watches(); err != nil {
		return nil, err
	}
	if x.db, err = openPool(ctx, s); err != nil {
		return nil, err
	}
	if err := x.db.Ping(ctx); err != nil {
		x.db.Close()
		return nil, fmt.Errorf("connecting to the shop's database: %w", err)
	}
	return x, nil
}

// Examine is source.Checker's.
func (s *Settings) Examine(ctx context.Context, name string) ([]source.Finding, error) {
	x, err := s.examiner(ctx, name)
	if err != nil {
		return nil, err
	}
	defer x.db.Close()
	return x.look(ctx)
}

// look looks at everything, in the order in which it is to be put right.
func (x *examiner) look(ctx context.Context) ([]source.Finding, error) {
	x.found = nil
	for _, step := range []func(context.Context) error{x.server, x.role, x.tables, x.published, x.identities, x.queries, x.slots} {
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
	var version, level, keep string
	var free, senders int
	err := x.db.QueryRow(ctx, `select current_setting('server_version'), current_setting('wal_level'),
		(current_setting('max_replication_slots')::int - (select count(*) from pg_replication_slots where slot_name <> $1))::int,
		(current_setting('max_wal_senders')::int - (select count(*) from pg_stat_replication))::int, current_setting('max_slot_wal_keep_size')`, x.slot).
		Scan(&version, &level, &free, &senders, &keep)
	if err != nil {
		return fmt.Errorf("looking at the server's settings: %w", err)
	}
	var major int
	_, _ = fmt.Sscanf(version, "%d", &major) // 0 is taken for old
	x.say(major >= 14, "Postgres "+version, "Postgres 14 or newer is needed")
	x.say(level == "logical", "wal_level is "+level, "ALTER SYSTEM SET wal_level = 'logical'; -- and start the server anew")
	x.say(free > 0, fmt.Sprintf("slots that are free: %d", free), "ALTER SYSTEM SET max_replication_slots = 20;")
	x.say(senders > 0, fmt.Sprintf("connections for replication that are free: %d", senders), "ALTER SYSTEM SET max_wal_senders = 20;")
	x.say(keep != "-1", "max_slot_wal_keep_size is "+keep+" (without a limit a slot that nobody reads fills the disk)", "ALTER SYSTEM SET max_slot_wal_keep_size = '10GB';")
	return nil
}

func (x *examiner) role(ctx context.Context) error {
	var name string
	var may bool
	if err := x.db.QueryRow(ctx, "select rolname, rolreplication or rolsuper from pg_roles where rolname = current_user").Scan(&name, &may); err != nil {
		return fmt.Errorf("looking at the role: %w", err)
	}
	x.say(may, "the role "+name+" may read the log (REPLICATION)", "ALTER ROLE "+quoteIdent(name)+" REPLICATION;")
	return nil
}

// names are the watched tables, each once.
func (x *examiner) names() (out []string) {
	for _, w := range x.watches {
		if !slices.Contains(out, w.table) {
			out = append(out, w.table)
		}
	}
	return out
}

func (x *examiner) tables(ctx context.Context) error {
	for _, name := range x.names() {
		var there, may bool
		var role string
		var columns []string
		err := x.db.QueryRow(ctx, `select c.oid is not null, coalesce(has_table_privilege(c.oid, 'select'), false), current_user,
			coalesce((select array_agg(attname::text) from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped), '{}')
			from (select to_regclass($1) as oid) c`, quoteTable(name)).Scan(&there, &may, &role, &columns)
		if err != nil {
			return fmt.Errorf("looking at the table %s: %w", name, err)
		}
		if !there {
			x.say(false, "there is no table "+name, "correct watch: names stand without quotes, and in the letters that the database has")
			continue
		}
		x.say(may, "the table "+name+" may be read", "GRANT SELECT ON "+quoteTable(name)+" TO "+quoteIdent(role)+";")
		for _, w := range x.watches {
			for _, c := range append(w.when.Columns(), w.keys...) {
				if w.table == name && !slices.Contains(columns, c) {
					x.say(false, "the table "+name+" has no column "+c, "correct watch: names stand without quotes, and in the letters that the database has")
				}
			}
		}
	}
	return nil
}

func (x *examiner) published(ctx context.Context) error {
	var all, acts, root bool
	var tables []string
	err := x.db.QueryRow(ctx, `select puballtables, pubinsert and pubupdate, pubviaroot,
		coalesce((select array_agg(schemaname || '.' || tablename order by 1) from pg_publication_tables t where t.pubname = p.pubname), '{}')
		from pg_publication p where pubname = $1`, x.publication).Scan(&all, &acts, &root, &tables)
	want := x.names()
	list := make([]string, len(want))
	for i, n := range want {
		list[i] = quoteTable(n)
	}
	slices.Sort(want)
	slices.Sort(tables)
	name := quoteIdent(x.publication)
	viaRoot := "" // else a partitioned table's changes are those of tables that nobody watches
	if !root && len(tables) > len(want) {
		viaRoot = " ALTER PUBLICATION " + name + " SET (publish_via_partition_root = true);"
	}
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		x.say(false, "there is no publication "+x.publication, "CREATE PUBLICATION "+name+" FOR TABLE "+strings.Join(list, ", ")+" WITH (publish = 'insert, update, delete', publish_via_partition_root = true);")
	case err != nil:
		return fmt.Errorf("looking at the publication %s: %w", x.publication, err)
	case all:
		x.say(false, "the publication "+x.publication+" has all tables, also those that nobody outside is to read", "make one of its own: name another in publication, and run setup")
	case !slices.Equal(want, tables):
		x.say(false, fmt.Sprintf("the publication %s has the tables %s, and not %s", x.publication, strings.Join(tables, ", "), strings.Join(want, ", ")),
			"ALTER PUBLICATION "+name+" SET TABLE "+strings.Join(list, ", ")+";"+viaRoot)
	default:
		x.say(true, "the publication "+x.publication+" has the tables "+strings.Join(tables, ", "), "")
	}
	if err == nil {
		x.say(acts, "it publishes inserts and updates", "ALTER PUBLICATION "+name+" SET (publish = 'insert, update, delete');")
	}
	return nil
}

func (x *examiner) identities(ctx context.Context) error {
	done := map[string]bool{}
	for _, w := range x.watches {
		if len(w.when.Old()) == 0 {
			continue
		}
		missing, err := unidentified(ctx, x.db, w)
		if err != nil {
			return fmt.Errorf("looking at the replica identity of %s: %w", w.table, err)
		}
		remedy, err := identified(ctx, x.db, w.table)
		if err != nil {
			return fmt.Errorf("looking at the partitions of %s: %w", w.table, err)
		}
		if len(missing) > 0 && done[w.table] {
			continue
		}
		done[w.table] = len(missing) > 0
		x.say(len(missing) == 0, "the log has the old values of "+w.table+" that its condition needs ("+strings.Join(w.when.Old(), ", ")+")", remedy)
	}
	return nil
}

func (x *examiner) queries(ctx context.Context) error {
	c, err := x.db.Acquire(ctx)
	if err != nil {
		return err
	}
	defer c.Release()
	all := x.s.queries()
	for _, key := range slices.Sorted(maps.Keys(all)) {
		err := tried(ctx, c.Conn().PgConn(), all[key])
		var p *pgconn.PgError
		if err != nil && !errors.As(err, &p) {
			return fmt.Errorf("having the server read %s: %w", key, err)
		}
		remedy := ""
		if err != nil {
			remedy = strings.TrimSuffix(advised(err, key).Error(), ";")
		}
		x.say(err == nil, "the server understands "+key, remedy)
		if key != "scan" || err != nil {
			continue
		}
		if d, err := describe(ctx, c.Conn().PgConn(), all[key]); err == nil && len(d.ParamOIDs) > 0 && d.ParamOIDs[0] == oidStamp {
			x.say(true, "scan compares with times that have no zone, which must be UTC: else write $1::timestamptz at time zone 'Europe/Berlin'", "")
		}
	}
	if x.s.Scan == "" {
		x.say(false, "there is no query that finds orders after a gap, so a gap stops the source", "add scan: the keys of the orders completed since $1")
	}
	return nil
}

// tried has the server read a query and begin it, without a row: so it also tells of rights that are missing.
func tried(ctx context.Context, c *pgconn.PgConn, query string) error {
	d, err := describe(ctx, c, query)
	if err != nil {
		return err
	}
	call := "EXPLAIN EXECUTE waxwing_tried"
	if n := len(d.ParamOIDs); n > 0 {
		call += "(" + strings.TrimSuffix(strings.Repeat("NULL, ", n), ", ") + ")"
	}
	if err := c.Exec(ctx, "PREPARE waxwing_tried AS "+table.Query(query)).Close(); err != nil {
		return err
	}
	return errors.Join(c.Exec(ctx, call).Close(), c.Exec(ctx, "DEALLOCATE waxwing_tried").Close())
}

// leftover names slots like ours that nobody reads: that of a source that was renamed or taken out keeps the server's log for ever.
func (x *examiner) leftover(ctx context.Context) error {
	rows, err := x.db.Query(ctx, `select slot_name, coalesce(pg_size_pretty(pg_current_wal_lsn() - restart_lsn), 'nothing') from pg_replication_slots
		where slot_name like 'waxwing\_%' and slot_name <> $1 and not active and plugin = 'pgoutput' and database = current_database() order by 1`, x.slot)
	if err != nil {
		return fmt.Errorf("looking for slots that nobody reads: %w", err)
	}
	var name, held string
	_, err = pgx.ForEachRow(rows, []any{&name, &held}, func() error {
		x.say(false, "the slot "+name+" is read by nobody and keeps "+held+" of the log", "start what reads it, or, if its source was renamed or taken out: SELECT pg_drop_replication_slot("+literal(name)+");")
		return nil
	})
	return err
}

func (x *examiner) slots(ctx context.Context) error {
	if err := x.leftover(ctx); err != nil {
		return err
	}
	var raw string
	err := x.db.QueryRow(ctx, slotQuery(x.slot)).Scan(&raw)
	if errors.Is(err, pgx.ErrNoRows) {
		x.say(true, "the slot "+x.slot+" is made at the first start: orders completed from then on are read", "")
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking at the slot %s: %w", x.slot, err)
	}
	var s slot
	if err := json.Unmarshal([]byte(raw), &s); err != nil {
		return fmt.Errorf("looking at the slot %s: %w", x.slot, err)
	}
	switch {
	case s.Plugin != "pgoutput":
		x.say(false, fmt.Sprintf("the slot %s is none of pgoutput's, but of %q", x.slot, s.Plugin), "name another in slot")
	case s.lost():
		x.say(false, "the slot "+x.slot+" is lost", "start the daemon: it makes the slot anew, and the scan finds what is missing")
	default:
		x.say(true, "the slot "+x.slot+" stands at "+s.Confirmed, "")
	}
	return nil
}

// Setup is source.Checker's.
func (s *Settings) Setup(ctx context.Context, name string, dry bool, w io.Writer) error {
	x, err := s.examiner(ctx, name)
	if err != nil {
		return err
	}
	defer x.db.Close()
	found, err := x.look(ctx)
	if err != nil {
		return err
	}
	out := &printer{w: w}
	var refused []string
	for _, f := range found {
		switch {
		case f.OK:
			continue
		case !strings.HasSuffix(f.Remedy, ";"):
			out.line("-- %s: %s", f.What, f.Remedy)
			continue
		}
		out.line("-- %s", f.What)
		out.line("%s", f.Remedy)
		if dry {
			continue
		}
		_, err := x.db.Exec(ctx, f.Remedy)
		var p *pgconn.PgError
		switch {
		case errors.As(err, &p):
			out.line("-- refused: %s. Run it as a superuser, or as the table's owner.", p.Message)
			refused = append(refused, f.Remedy)
		case err != nil:
			return fmt.Errorf("setting up: %w", err)
		}
		if strings.HasPrefix(f.Remedy, "ALTER SYSTEM") && err == nil {
			out.line("%s", after(ctx, x.db, f.Remedy))
		}
	}
	if out.n == 0 {
		out.line("-- nothing is to be done")
	}
	if out.err == nil && len(refused) > 0 {
		return fmt.Errorf("%d statements were refused; as a superuser run: %s", len(refused), strings.Join(refused, " "))
	}
	return out.err
}

// after has a setting of the server's take effect, where that does not take a restart.
func after(ctx context.Context, db *pgxpool.Pool, remedy string) string {
	if !strings.Contains(remedy, "max_slot_wal_keep_size") {
		return "-- this takes effect when the server is started anew"
	}
	if _, err := db.Exec(ctx, "SELECT pg_reload_conf();"); err != nil {
		return "-- SELECT pg_reload_conf(); was refused: it takes effect when the server reads its settings anew"
	}
	return "SELECT pg_reload_conf();"
}

// printer remembers what could not be written.
type printer struct {
	w   io.Writer
	n   int
	err error
}

func (p *printer) line(format string, args ...any) {
	p.n++
	if _, err := fmt.Fprintf(p.w, format+"\n", args...); err != nil && p.err == nil {
		p.err = err
	}
}

// unidentified are the columns of which a condition needs the old value and the log does not hold it.
func unidentified(ctx context.Context, pool *pgxpool.Pool, w watch) (missing []string, err error) {
	var have []string
	// Of a partitioned table each leaf has an identity of its own: what all of them have counts.
	err = pool.QueryRow(ctx, `with leaf as (select c.oid, c.relreplident from pg_class c where c.oid in
			(select to_regclass($1)::oid where not exists (select from pg_partition_tree(to_regclass($1)) t where t.level > 0)
			union select relid::oid from pg_partition_tree(to_regclass($1)) where isleaf)),
		col as (select l.oid, a.attname::text as name from leaf l join pg_attribute a on a.attrelid = l.oid and a.attnum > 0 and not a.attisdropped
			where l.relreplident = 'f' or exists (select from pg_index i where i.indrelid = l.oid and a.attnum = any(i.indkey)
				and (l.relreplident = 'i' and i.indisreplident or l.relreplident = 'd' and i.indisprimary)))
		select coalesce(array_agg(name), '{}') from (select name from col group by name having count(*) = (select count(*) from leaf)) x`, quoteTable(w.table)).Scan(&have)
	if err != nil {
		return nil, err
	}
	for _, c := range w.when.Old() {
		if !slices.Contains(have, c) {
			missing = append(missing, c)
		}
	}
	return missing, nil
}

// identified is the statement that gives a table, or each of its partitions, the identity FULL.
func identified(ctx context.Context, pool *pgxpool.Pool, name string) (string, error) {
	var leaves []string
	err := pool.QueryRow(ctx, `select coalesce(array_agg(n.nspname || '.' || c.relname order by 1), '{}') from pg_partition_tree(to_regclass($1)) t
		join pg_class c on c.oid = t.relid join pg_namespace n on n.oid = c.relnamespace where t.isleaf and t.level > 0`, quoteTable(name)).Scan(&leaves)
	if err != nil {
		return "", err
	}
	if len(leaves) == 0 {
		leaves = []string{name}
	}
	var out []string
	for _, l := range leaves {
		out = append(out, "ALTER TABLE "+quoteTable(l)+" REPLICA IDENTITY FULL;")
	}
	return strings.Join(out, " "), nil
}

// unpublished says why the log does not have what is watched; "" where it has. A table that was swapped for another of its name is
// in no publication, and nothing else would tell.
func unpublished(ctx context.Context, pool *pgxpool.Pool, publication string, watches []watch) (string, error) {
	var acts bool
	var tables []string
	err := pool.QueryRow(ctx, `select pubinsert and pubupdate, coalesce((select array_agg(schemaname || '.' || tablename) from pg_publication_tables t where t.pubname = p.pubname), '{}')
		from pg_publication p where pubname = $1`, publication).Scan(&acts, &tables)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "there is no publication " + publication, nil
	case err != nil:
		return "", fmt.Errorf("looking at the publication %s: %w", publication, err)
	case !acts:
		return "the publication " + publication + " leaves out inserts or updates", nil
	}
	for _, w := range watches {
		if !slices.Contains(tables, w.table) {
			return "the publication " + publication + " does not have the table " + w.table, nil
		}
	}
	return "", nil
}

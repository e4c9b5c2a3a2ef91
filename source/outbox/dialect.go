package outbox

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// row is one of the table, as it is found again: by what the table is sorted by, and by its name, since a
// database that was restored may give a place a second time.
type row struct {
	tx     string // of Postgres: the id of the transaction that wrote it
	offset int64
	uuid   string
}

// dialect is what differs between the databases.
type dialect struct {
	postgres bool
	table    string // quoted
	topic    string
	keep     bool
}

func (s *Settings) dialect() (dialect, error) {
	d := dialect{postgres: !strings.HasPrefix(s.URL.Reveal(), "mysql://"), topic: s.Topic, keep: s.After == "keep"}
	if !topicName.MatchString(s.Topic) || len(s.Topic) > longestTopic { // it stands in the statements
		return d, fmt.Errorf("%q is no topic", s.Topic)
	}
	d.table = d.quote("watermill_" + s.Topic)
	return d, nil
}

func (d dialect) quote(name string) string {
	if d.postgres {
		return `"` + name + `"`
	}
	return "`" + name + "`"
}

// mark is the n-th parameter, from 1.
func (d dialect) mark(n int) string {
	if d.postgres {
		return "$" + strconv.Itoa(n)
	}
	return "?"
}

// choose gives the rows behind one, in the table's order. There is no rule of which transactions are over: a row that is
// committed late, and lies before others, is found when the table is read from its beginning again.
func (d dialect) choose(behind row) (string, []any) {
	q, args, where := `SELECT "offset", transaction_id::text, uuid, payload, metadata FROM `+d.table+` AS t`, []any{behind.tx, behind.offset}, `(transaction_id, "offset") > ($1::xid8, $2::bigint)`
	order := `transaction_id, "offset"`
	if !d.postgres {
		q, args, where = "SELECT `offset`, '', uuid, payload, metadata FROM "+d.table+" AS t", []any{behind.offset}, "`offset` > ?"
		order = "`offset`"
	}
	if d.keep {
		offset := d.quote("offset")
		where += ` AND NOT EXISTS (SELECT 1 FROM waxwing_read AS r WHERE r.topic = ` + d.mark(len(args)+1) + ` AND r.` + offset + ` = t.` + offset + ` AND r.uuid = t.uuid)`
		args = append(args, d.topic)
	}
	return q + ` WHERE ` + where + ` ORDER BY ` + order + ` LIMIT ` + strconv.Itoa(page), args
}

// done deletes rows, or writes down that they were read.
func (d dialect) done(rows []row) (string, []any) {
	var args []any
	parts := make([]string, len(rows))
	for i, r := range rows {
		n := len(args)
		switch {
		case d.keep:
			parts[i] = "(" + d.mark(n+1) + ", " + d.mark(n+2) + ", " + d.mark(n+3) + ")"
			args = append(args, d.topic, r.offset, r.uuid)
		case d.postgres:
			parts[i] = fmt.Sprintf("($%d::xid8, $%d::bigint)", n+1, n+2)
			args = append(args, r.tx, r.offset)
		default:
			parts[i] = "?"
			args = append(args, r.offset)
		}
	}
	list := strings.Join(parts, ", ")
	switch {
	case d.keep && d.postgres:
		return `INSERT INTO waxwing_read (topic, "offset", uuid) VALUES ` + list + ` ON CONFLICT DO NOTHING`, args
	case d.keep:
		return "INSERT IGNORE INTO waxwing_read (topic, `offset`, uuid) VALUES " + list, args
	case d.postgres:
		return `DELETE FROM ` + d.table + ` WHERE (transaction_id, "offset") IN (` + list + `)`, args
	}
	return "DELETE FROM " + d.table + " WHERE `offset` IN (" + list + ")", args
}

// prune forgets what was read and is gone.
func (d dialect) prune() (string, []any) {
	offset := d.quote("offset")
	return `DELETE FROM waxwing_read WHERE topic = ` + d.mark(1) + ` AND NOT EXISTS (SELECT 1 FROM ` + d.table + ` AS t WHERE t.` + offset + ` = waxwing_read.` + offset + ` AND t.uuid = waxwing_read.uuid)`, []any{d.topic}
}

// count is how many rows there are, up to a bound.
func (d dialect) count() (string, []any) {
	where, args := "", []any(nil)
	if d.keep {
		offset := d.quote("offset")
		where = ` WHERE NOT EXISTS (SELECT 1 FROM waxwing_read AS r WHERE r.topic = ` + d.mark(1) + ` AND r.` + offset + ` = t.` + offset + ` AND r.uuid = t.uuid)`
		args = []any{d.topic}
	}
	return `SELECT count(*) FROM (SELECT 1 FROM ` + d.table + ` AS t` + where + ` LIMIT ` + strconv.Itoa(mostCounted) + `) AS x`, args
}

// lock takes a lock of the session, and of no transaction, which says that this daemon reads; one that another has is
// not waited for. It ends with the connection.
func (d dialect) lock() (string, []any) {
	h := fnv.New64a()
	_, _ = h.Write([]byte("waxwing outbox " + d.topic)) // it gives no error
	if d.postgres {
		return `SELECT CASE WHEN pg_try_advisory_lock($1) THEN 1 ELSE 0 END`, []any{int64(h.Sum64())}
	}
	return `SELECT COALESCE(GET_LOCK(SHA1(CONCAT(DATABASE(), ?)), 0), 0)`, []any{" waxwing " + strconv.FormatUint(h.Sum64(), 36)}
}

// session has the server forget a reader that is gone, or stands still, so that another may read: it
// asks each second at least.
func (d dialect) session(version int) []string {
	if !d.postgres {
		return []string{"SET SESSION wait_timeout = 60"}
	}
	out := []string{"SET tcp_keepalives_idle = 10", "SET tcp_keepalives_interval = 5", "SET tcp_keepalives_count = 4"}
	if version >= 140000 {
		out = append(out, "SET idle_session_timeout = 60000")
	}
	return out
}

// create are the statements that make the table as watermill-sql v4 has it, and the one of what was read.
func (d dialect) create() []string {
	table := "CREATE TABLE IF NOT EXISTS " + d.table + ` (
	"offset" BIGSERIAL,
	"uuid" VARCHAR(36) NOT NULL,
	"created_at" TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
	"payload" JSON DEFAULT NULL,
	"metadata" JSON DEFAULT NULL,
	"transaction_id" xid8 NOT NULL,
	PRIMARY KEY ("transaction_id", "offset")
);`
	read := `CREATE TABLE IF NOT EXISTS waxwing_read (
	topic VARCHAR(64) NOT NULL,
	"offset" BIGINT NOT NULL,
	uuid VARCHAR(36) NOT NULL,
	PRIMARY KEY (topic, "offset", uuid)
);`
	if !d.postgres {
		table = "CREATE TABLE IF NOT EXISTS " + d.table + " (\n\t`offset` BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,\n\t`uuid` VARCHAR(36) NOT NULL,\n" +
			"\t`created_at` TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,\n\t`payload` JSON DEFAULT NULL,\n\t`metadata` JSON DEFAULT NULL\n) ENGINE = InnoDB;"
		read = "CREATE TABLE IF NOT EXISTS waxwing_read (\n\ttopic VARCHAR(64) NOT NULL,\n\t`offset` BIGINT NOT NULL,\n\tuuid VARCHAR(36) NOT NULL,\n\tPRIMARY KEY (topic, `offset`, uuid)\n) ENGINE = InnoDB;"
	}
	if d.keep {
		return []string{table, read}
	}
	return []string{table}
}

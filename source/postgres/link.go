package postgres

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
)

// link is a connection for replication.
type link struct {
	*pgconn.PgConn
	slot        string
	publication string
	id          identity
	confirmed   LSN // where the slot stood when it was looked at last
}

// identity says which database it is, so that another in its place is noticed.
type identity struct {
	System   string `json:"system"`
	Timeline int32  `json:"timeline"`
	Database string `json:"database"` // its oid
	// at is the end of the log.
	at LSN
	// now is the server's clock.
	now time.Time
}

func connect(ctx context.Context, s *Settings) (*link, error) {
	c, err := pgconn.ParseConfig(s.DSN.Reveal())
	if err != nil {
		return nil, errDSN
	}
	c.RuntimeParams["replication"] = "database"
	params(c.RuntimeParams)
	c.ConnectTimeout = connectFor
	conn, err := pgconn.ConnectConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("connecting to the shop's database for replication: %w%s", err, hint(err))
	}
	l := &link{PgConn: conn, slot: s.Slot, publication: s.Publication}
	if err := l.identify(ctx); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// hint is what to do about what a server answers to a connection.
func hint(err error) string {
	var p *pgconn.PgError
	if !errors.As(err, &p) {
		return ""
	}
	switch {
	case p.Code == "42501" || p.Code == "28000" && strings.Contains(p.Message, "replication"):
		return ": the role needs REPLICATION: ALTER ROLE ... REPLICATION"
	case p.Code == "53300":
		return ": raise max_wal_senders"
	}
	return ""
}

func (l *link) identify(ctx context.Context) error {
	x, err := pglogrepl.IdentifySystem(ctx, l.PgConn)
	if err != nil {
		return fmt.Errorf("asking the server who it is: %w", err)
	}
	row, err := l.ask(ctx, "select oid::text, (extract(epoch from clock_timestamp()) * 1000000)::bigint::text from pg_database where datname = current_database()")
	if err != nil || len(row) != 2 {
		return fmt.Errorf("asking the server who it is: %w", err)
	}
	us, err := strconv.ParseInt(row[1], 10, 64)
	if err != nil {
		return fmt.Errorf("asking the server for its clock: %w", err)
	}
	l.id = identity{System: x.SystemID, Timeline: x.Timeline, Database: row[0], at: x.XLogPos, now: time.UnixMicro(us).UTC()}
	return nil
}

// ask runs a statement and gives its first row; nil if there is none.
func (l *link) ask(ctx context.Context, sql string) ([]string, error) {
	got, err := l.Exec(ctx, sql).ReadAll()
	if err != nil || len(got) == 0 || len(got[0].Rows) == 0 {
		return nil, err
	}
	var out []string
	for _, v := range got[0].Rows[0] {
		out = append(out, string(v))
	}
	return out, nil
}

// lock has one daemon read, for as long as this connection lives.
func (l *link) lock(ctx context.Context) (bool, error) {
	row, err := l.ask(ctx, "select pg_try_advisory_lock(hashtextextended('waxwing source "+l.slot+"', 0))")
	if err != nil || len(row) != 1 {
		return false, fmt.Errorf("locking the slot's name: %w", err)
	}
	return row[0] == "t", nil
}

// slot is what the server says of a slot; later servers say more.
type slot struct {
	Plugin    string  `json:"plugin"`
	Database  string  `json:"database"`
	Active    bool    `json:"active"`
	Restart   string  `json:"restart_lsn"`
	Confirmed string  `json:"confirmed_flush_lsn"`
	WAL       string  `json:"wal_status"`
	Safe      *int64  `json:"safe_wal_size"` // bytes until it is lost; nil where nothing limits it
	Failover  bool    `json:"failover"`
	Invalid   *string `json:"invalidation_reason"`
	Conflict  *bool   `json:"conflicting"`
}

// lost says that the slot cannot be read any more.
func (s *slot) lost() bool {
	return s.WAL == "lost" || s.Invalid != nil && *s.Invalid != "" || s.Conflict != nil && *s.Conflict
}

func (s *slot) confirmed() LSN {
	at, _ := pglogrepl.ParseLSN(s.Confirmed) // "" of a slot that is being made: 0
	return at
}

func slotQuery(name string) string {
	return "select to_jsonb(s)::text from pg_replication_slots s where slot_name = " + literal(name)
}

func (l *link) look(ctx context.Context) (*slot, error) {
	row, err := l.ask(ctx, slotQuery(l.slot))
	if err != nil {
		return nil, fmt.Errorf("looking at the slot %s: %w", l.slot, err)
	}
	if row == nil {
		return nil, nil
	}
	var s slot
	if err := json.Unmarshal([]byte(row[0]), &s); err != nil {
		return nil, fmt.Errorf("looking at the slot %s: %w", l.slot, err)
	}
	l.confirmed = s.confirmed()
	if s.Plugin != "pgoutput" {
		return nil, fmt.Errorf("the slot %s is none of pgoutput's, but of %q: name another in slot", l.slot, s.Plugin)
	}
	return &s, nil
}

// create makes the slot, which a standby keeps as well where the server can (17 and newer).
func (l *link) create(ctx context.Context) (*slot, error) {
	more := ""
	if l.version() >= 17 {
		more = ", false, false, true"
	}
	_, err := l.ask(ctx, "select pg_create_logical_replication_slot("+literal(l.slot)+", 'pgoutput'"+more+")")
	var p *pgconn.PgError
	if err != nil && more != "" && errors.As(err, &p) && p.Code != "42710" {
		_, err = l.ask(ctx, "select pg_create_logical_replication_slot("+literal(l.slot)+", 'pgoutput')")
	}
	if err != nil {
		if errors.As(err, &p) && p.Code == "55000" {
			return nil, fmt.Errorf("making the slot %s: %s: set wal_level = logical and start the server anew", l.slot, p.Message)
		}
		return nil, fmt.Errorf("making the slot %s: %w%s", l.slot, err, hint(err))
	}
	s, err := l.look(ctx)
	if s == nil && err == nil {
		err = fmt.Errorf("the slot %s went as soon as it was made", l.slot)
	}
	return s, err
}

func (l *link) drop(ctx context.Context) error {
	_, err := l.ask(ctx, "select pg_drop_replication_slot("+literal(l.slot)+")")
	if err != nil {
		return fmt.Errorf("dropping the slot %s, which is lost: %w", l.slot, err)
	}
	return nil
}

// version is the server's, of which "17beta1" is 17 as well.
func (l *link) version() (v int) {
	_, _ = fmt.Sscanf(l.ParameterStatus("server_version"), "%d", &v) // 0 is taken for old
	return v
}

// start begins the stream where the server knows that we stand.
func (l *link) start(ctx context.Context) error {
	err := pglogrepl.StartReplication(ctx, l.PgConn, l.slot, 0, pglogrepl.StartReplicationOptions{PluginArgs: []string{
		"proto_version '2'", "streaming 'on'", "messages 'true'", "publication_names " + literal(`"`+strings.ReplaceAll(l.publication, `"`, `""`)+`"`)}})
	var p *pgconn.PgError
	if errors.As(err, &p) && p.Code == "42704" {
		return fmt.Errorf("reading the log: %s: `waxwing source setup` makes it", p.Message)
	}
	if err != nil {
		return fmt.Errorf("reading the log: %w", err)
	}
	return nil
}

// inUse says that somebody else reads the slot.
func inUse(err error) bool {
	var p *pgconn.PgError
	return errors.As(err, &p) && (p.Code == "55006" || p.Code == "42710" && strings.Contains(p.Message, "slot"))
}

// confirm tells the server what is on disk here. It is written to the socket as it is, so that it may be called while
// another goroutine waits for a message: pglogrepl's own way goes by buffers that reading uses as well.
func (l *link) confirm(at LSN, ask bool) error {
	b := make([]byte, 0, 39)
	b = append(b, 'd', 0, 0, 0, 38, pglogrepl.StandbyStatusUpdateByteID)
	for range 3 { // written, flushed, applied
		b = binary.BigEndian.AppendUint64(b, uint64(at))
	}
	b = binary.BigEndian.AppendUint64(b, uint64(time.Now().UnixMicro()-epoch)) //nolint:gosec // after 2000
	b = append(b, map[bool]byte{true: 1}[ask])
	_, err := l.Conn().Write(b)
	return err
}

func (l *link) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
	defer cancel()
	_ = l.Close(ctx) // the server notices by itself
}

func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func quoteIdent(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }

// quoteTable quotes schema.table.
func quoteTable(s string) string {
	schema, name, _ := strings.Cut(s, ".")
	return quoteIdent(schema) + "." + quoteIdent(name)
}

package sql

import (
	"database/sql"
	"encoding/json"

	wsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
)

// table has the messages of all topics. A table for each, as the adapter would have it, might get a
// name that is cut off, and then be another's.
const table = "waxwing_queue"

// schema is what the adapter asks of a database, in place of its own. Its own (watermill-sql
// v4.1.2) takes a hundred rows at once and deletes all of them when the first was acknowledged,
// and lets one subscriber wait for another. This one takes one row, past those that others have,
// and deletes it when it was acknowledged.
type schema struct {
	isolation          sql.IsolationLevel
	insert, take, done string
	count              string // how many there are, up to a bound
}

var postgresSchema = schema{
	isolation: sql.LevelReadCommitted,
	insert:    `INSERT INTO ` + table + ` (topic, uuid, payload, metadata) VALUES ($1, $2, $3, $4)`,
	take:      `SELECT id, uuid, payload, metadata FROM ` + table + ` WHERE topic = $1 ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED`,
	// It need not be on the disk: a message that comes again costs nothing.
	done:  `DELETE FROM ` + table + ` USING (SELECT set_config('synchronous_commit', 'off', true) AS s) AS x WHERE topic = $1 AND id = $2 AND x.s = 'off'`,
	count: `SELECT count(*) FROM (SELECT 1 FROM ` + table + ` WHERE topic = $1 LIMIT $2) AS x`,
}

var mariaDBSchema = schema{
	isolation: sql.LevelDefault, // which each connection has set, so that no transaction need ask for it
	insert:    `INSERT INTO ` + table + ` (topic, uuid, payload, metadata) VALUES (?, ?, ?, ?)`,
	take:      `SELECT id, uuid, payload, metadata FROM ` + table + ` WHERE topic = ? ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED`,
	done:      `DELETE FROM ` + table + ` WHERE topic = ? AND id = ?`,
	count:     `SELECT count(*) FROM (SELECT 1 FROM ` + table + ` WHERE topic = ? LIMIT ?) AS x`,
}

// InsertQuery is the adapter's. It is given one message.
func (s schema) InsertQuery(p wsql.InsertQueryParams) (wsql.Query, error) {
	m := p.Msgs[0]
	metadata, err := json.Marshal(m.Metadata)
	return wsql.Query{Query: s.insert, Args: []any{p.Topic, m.UUID, append([]byte{}, m.Payload...), string(metadata)}}, err
}

// SelectQuery is the adapter's.
func (s schema) SelectQuery(p wsql.SelectQueryParams) (wsql.Query, error) {
	return wsql.Query{Query: s.take, Args: []any{p.Topic}}, nil
}

// UnmarshalMessage is the adapter's. Metadata that nobody can read hold no message up.
func (schema) UnmarshalMessage(p wsql.UnmarshalMessageParams) (wsql.Row, error) {
	var r wsql.Row
	if err := p.Row.Scan(&r.Offset, &r.UUID, &r.Payload, &r.Metadata); err != nil {
		return r, err
	}
	r.Msg = message.NewMessage(string(r.UUID), r.Payload)
	_ = json.Unmarshal(r.Metadata, &r.Msg.Metadata)
	return r, nil
}

// SubscribeIsolationLevel is the adapter's.
func (s schema) SubscribeIsolationLevel() sql.IsolationLevel { return s.isolation }

// SchemaInitializingQueries is the adapter's: the table is made by Dial.
func (schema) SchemaInitializingQueries(wsql.SchemaInitializingQueriesParams) ([]wsql.Query, error) {
	return nil, nil
}

// offsets is what else the adapter asks: where a reader stands. It stands nowhere, since what was
// taken is gone.
type offsets struct{ schema }

// AckMessageQuery is the adapter's. The one row that was taken is the one that was acknowledged.
func (o offsets) AckMessageQuery(p wsql.AckMessageQueryParams) (wsql.Query, error) {
	return wsql.Query{Query: o.done, Args: []any{p.Topic, p.LastRow.Offset}}, nil
}

// ConsumedMessageQuery is the adapter's.
func (offsets) ConsumedMessageQuery(wsql.ConsumedMessageQueryParams) (wsql.Query, error) {
	return wsql.Query{}, nil
}

// NextOffsetQuery is the adapter's.
func (offsets) NextOffsetQuery(wsql.NextOffsetQueryParams) (wsql.Query, error) {
	return wsql.Query{}, nil
}

// SchemaInitializingQueries is the adapter's.
func (offsets) SchemaInitializingQueries(wsql.OffsetsSchemaInitializingQueriesParams) ([]wsql.Query, error) {
	return nil, nil
}

// BeforeSubscribingQueries is the adapter's.
func (offsets) BeforeSubscribingQueries(wsql.BeforeSubscribingQueriesParams) ([]wsql.Query, error) {
	return nil, nil
}

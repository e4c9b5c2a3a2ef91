package outbox

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/ThreeDotsLabs/watermill"
	wsql "github.com/ThreeDotsLabs/watermill-sql/v4/pkg/sql"
	"github.com/ThreeDotsLabs/watermill/message"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/waxwinghq/waxwing/config"
)

// complete is the Go example of docs/sources.md.
func complete(ctx context.Context, tx *stdsql.Tx, schema wsql.SchemaAdapter, event any) error {
	payload, err := json.Marshal(event)
	if err != nil {
		return err
	}
	outbox, err := wsql.NewPublisher(wsql.TxFromStdSQL(tx), wsql.PublisherConfig{SchemaAdapter: schema}, watermill.NopLogger{})
	if err != nil {
		return err
	}
	return outbox.Publish("orders", message.NewMessageWithContext(ctx, watermill.NewUUID(), payload))
}

// documented is the text of docs/sources.md between a mark and the end of its block of code.
func documented(t *testing.T, mark string) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/sources.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, ok := strings.Cut(string(page), mark)
	text, _, end := strings.Cut(text, "```")
	if !ok || !end {
		t.Fatalf("docs/sources.md has no block that begins with %q", mark)
	}
	return strings.TrimSpace(text)
}

// TestPublishing: what docs/sources.md says to the one who writes to the table is so: by Go, where the code is this file's, and
// by SQL, which is run as it stands there. What is rolled back never comes.
func TestPublishing(t *testing.T) {
	src, err := os.ReadFile("publish_test.go")
	if err != nil {
		t.Fatal(err)
	}
	example := documented(t, "```go\n")
	for line := range strings.Lines(example) {
		if !strings.Contains(string(src), strings.TrimRight(line, "\n")) {
			t.Errorf("the example of docs/sources.md is not what is tested: %s", line)
		}
	}
	for _, x := range servers {
		t.Run(x.name, func(t *testing.T) {
			o := newTable(t, x.make(t, true).URL, "orders")
			schema, plain := wsql.SchemaAdapter(wsql.DefaultPostgreSQLSchema{}), documented(t, "```sql\n-- Postgres\n")
			if x.name == "mariadb" {
				schema, plain = wsql.DefaultMySQLSchema{}, documented(t, "```sql\n-- MariaDB\n")
			}
			// The table is the adapter's own, too: what it would make is there.
			made, err := schema.SchemaInitializingQueries(wsql.SchemaInitializingQueriesParams{Topic: "orders"})
			if err != nil {
				t.Fatal(err)
			}
			for _, q := range made {
				ask(t, o, q.Query)
			}
			app := o.db
			if x.name == "postgres" { // as an application opens it
				if app, err = stdsql.Open("pgx", o.URL.Reveal()); err != nil {
					t.Fatal(err)
				}
				defer app.Close()
			}
			var event any
			if err := json.Unmarshal([]byte(order("by go")), &event); err != nil {
				t.Fatal(err)
			}
			for _, undo := range []bool{true, false} {
				tx, err := app.BeginTx(t.Context(), nil)
				if err != nil {
					t.Fatal(err)
				}
				if err := complete(t.Context(), tx, schema, event); err != nil {
					t.Fatal(err)
				}
				end := tx.Commit
				if undo {
					end = tx.Rollback
				}
				if err := end(); err != nil {
					t.Fatal(err)
				}
			}
			got := heard(t, o)
			if s := next(t, got); !strings.Contains(s, `"by go"`) {
				t.Error(s)
			}
			ask(t, o, plain)
			if id, err := key("", []byte(next(t, got))); err != nil || id != "100042" {
				t.Error(id, err)
			}
			if !o.Taken(t) {
				t.Error("rows were left")
			}
			if len(got) != 0 {
				t.Error("what was rolled back came, or something twice:", next(t, got))
			}
		})
	}
}

// TestCloudEvents: an outbox of CloudEvents in both modes: in the payload, and in the metadata.
func TestCloudEvents(t *testing.T) {
	o := newTable(t, servers[0].make(t, true).URL, "orders")
	got := heard(t, o)
	ask(t, o, `INSERT INTO watermill_orders (uuid, payload, metadata, transaction_id) VALUES ('1', '{"specversion":"1.0","type":"order.completed","source":"/shop","id":"1","data":{"id":"structured"}}', NULL, pg_current_xact_id())`)
	if s := next(t, got); s != `{"id":"structured"}` {
		t.Error(s)
	}
	ask(t, o, `INSERT INTO watermill_orders (uuid, payload, metadata, transaction_id) VALUES ('2', '{"id":"binary"}', '{"ce_specversion":"1.0","ce_type":"order.completed","ce_source":"/shop","ce_id":"2","n":1}', pg_current_xact_id())`)
	if s := next(t, got); s != `{"id":"binary"}` {
		t.Error(s)
	}
	ask(t, o, `INSERT INTO watermill_orders (uuid, payload, metadata, transaction_id) VALUES ('3', NULL, NULL, pg_current_xact_id())`)
	if s := next(t, got); !strings.Contains(s, `"why":"it is empty","where":"watermill_orders, offset 3, uuid 3"`) {
		t.Error(s)
	}
}

func TestTopics(t *testing.T) {
	for topic, ok := range map[string]bool{"orders": true, "Shop-1.orders_v2": true, `a"b`: false, "a`b": false, "": false, strings.Repeat("x", 53): true, strings.Repeat("x", 54): false} {
		s := &Settings{URL: config.Secret("postgres://u:hunter2@db.example/shop"), Topic: topic}
		if _, err := s.Open("outbox", nil); (err == nil) != ok {
			t.Errorf("%q: %v", topic, err)
		}
	}
}

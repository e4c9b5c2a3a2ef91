package sqlite

import (
	"database/sql/driver"
	"fmt"
)

// version is the schema's; it is kept in PRAGMA user_version.
const version = 6

// Ids of messages and later events lie behind their confirmation's: its own id
// has six low bits of nought, the n-th message is id|n. So no index is needed
// from a confirmation to what belongs to it.
//
// A message that an instance holds has a row in claims: a table that stays a
// few hundred rows small, so that claim and dot touch one hot page.
const schema = `
CREATE TABLE meta (k TEXT PRIMARY KEY, v BLOB) WITHOUT ROWID;
CREATE TABLE tenants (no INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, key BLOB NOT NULL);
CREATE TABLE instances (id INTEGER PRIMARY KEY, started INTEGER NOT NULL, stopped INTEGER);

CREATE TABLE confirmations (
  id INTEGER PRIMARY KEY,
  tenant INTEGER NOT NULL,
  key BLOB NOT NULL,
  shop TEXT NOT NULL,
  format TEXT NOT NULL,
  state TEXT NOT NULL,
  reason TEXT NOT NULL DEFAULT '',
  event INTEGER NOT NULL,          -- number of the event that counts
  updated INTEGER NOT NULL,        -- its updated_at, ms
  rank INTEGER NOT NULL,           -- which of two events of one second counts
  asked INTEGER NOT NULL DEFAULT 0,
  due INTEGER,                     -- when the sweeper looks at it; NULL: never
  released INTEGER,                -- by the gate, ms
  messages INTEGER NOT NULL DEFAULT 0,
  events INTEGER NOT NULL DEFAULT 1,
  dek BLOB,                        -- wrapped data key; NULL: erased
  trail TEXT NOT NULL              -- the batches that hold its entries
);
CREATE UNIQUE INDEX confirmations_key ON confirmations (key);
CREATE INDEX confirmations_due ON confirmations (due) WHERE due IS NOT NULL;
CREATE INDEX confirmations_tenant ON confirmations (tenant, id);

CREATE TABLE events (
  id INTEGER PRIMARY KEY,          -- confirmation | number
  source TEXT NOT NULL, topic TEXT NOT NULL, at INTEGER NOT NULL, updated INTEGER NOT NULL,
  body BLOB NOT NULL
);

CREATE TABLE messages (
  id INTEGER PRIMARY KEY,          -- confirmation | number
  tenant INTEGER NOT NULL,
  channel TEXT NOT NULL,
  state TEXT NOT NULL,             -- claimed and dot stand in claims
  reason TEXT NOT NULL DEFAULT '',
  locale TEXT NOT NULL,
  resend INTEGER NOT NULL,
  next_at INTEGER,                 -- NULL: nothing to do
  expires INTEGER NOT NULL,
  tries INTEGER NOT NULL DEFAULT 0,
  faults INTEGER NOT NULL DEFAULT 0,
  down_since INTEGER NOT NULL DEFAULT 0,
  attempts INTEGER NOT NULL DEFAULT 0,
  released INTEGER NOT NULL,
  digest BLOB,                     -- of the sealed content
  trail TEXT NOT NULL
);
CREATE INDEX messages_due ON messages (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE contents (id INTEGER PRIMARY KEY, body BLOB NOT NULL);

CREATE TABLE claims (
  message INTEGER PRIMARY KEY, instance INTEGER NOT NULL, dot INTEGER NOT NULL DEFAULT 0,
  at INTEGER NOT NULL, expires INTEGER NOT NULL, provider TEXT NOT NULL DEFAULT '', trail TEXT NOT NULL
);

CREATE TABLE attempts (
  message INTEGER NOT NULL, n INTEGER NOT NULL,
  provider TEXT NOT NULL, verdict TEXT NOT NULL, fault TEXT NOT NULL, phase TEXT NOT NULL,
  code INTEGER NOT NULL, enhanced TEXT NOT NULL, began INTEGER NOT NULL, ended INTEGER NOT NULL,
  sealed BLOB,                     -- reply and the provider's id
  PRIMARY KEY (message, n)
) WITHOUT ROWID;

CREATE TABLE lookups (hash BLOB NOT NULL, confirmation INTEGER NOT NULL, PRIMARY KEY (hash, confirmation)) WITHOUT ROWID;
CREATE TABLE suppressions (hash BLOB PRIMARY KEY, tenant INTEGER NOT NULL, at INTEGER NOT NULL, cause TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE trail (
  batch INTEGER PRIMARY KEY, instance INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
  entries BLOB NOT NULL,           -- a line of JSON each
  head BLOB NOT NULL
);
CREATE TABLE dictionaries (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
`

// shelves is what version 2 adds: plugins, their code, and what they were asked.
//
// A version's columns repeat its body for whoever looks into the file; a run's
// are what a list shows. Its id is the moment of writing in ms, ten bits up:
// it rises though the newest row may be erased, and tells its age.
const shelves = `
CREATE TABLE plugin_versions (
  tenant INTEGER NOT NULL, plugin TEXT NOT NULL, no INTEGER NOT NULL,
  hash TEXT NOT NULL, state TEXT NOT NULL, percent INTEGER NOT NULL, why TEXT NOT NULL,
  body BLOB NOT NULL,              -- the version as JSON
  PRIMARY KEY (tenant, plugin, no)
);
CREATE TABLE plugin_modules (hash TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE plugin_runs (
  id INTEGER PRIMARY KEY,
  tenant INTEGER NOT NULL, plugin TEXT NOT NULL, confirmation INTEGER NOT NULL,
  hook TEXT NOT NULL, role TEXT NOT NULL, hash TEXT NOT NULL, at INTEGER NOT NULL,
  fuel INTEGER NOT NULL, micros INTEGER NOT NULL,
  fault TEXT NOT NULL,             -- its kind only
  body BLOB NOT NULL               -- sealed: input, output, log, fault, seed, at
);
CREATE INDEX plugin_runs_plugin ON plugin_runs (tenant, plugin, id);
CREATE INDEX plugin_runs_confirmation ON plugin_runs (confirmation);
`

// seals is what version 3 adds: no table, but each row's part in the sealed sums,
// which are counted after it. The row that older programs do not know keeps them
// from writing rows that nobody sums.
const seals = `SELECT 1`

// byChannel is version 4: it lets each channel's due messages, and those whose time is over, be found
// without a look at any other's; and held confirmations apart from fresh ones.
const byChannel = `
DROP INDEX messages_due;
CREATE INDEX messages_due ON messages (channel, next_at, expires, state) WHERE next_at IS NOT NULL;
DROP INDEX confirmations_due;
CREATE INDEX confirmations_due ON confirmations (due, state) WHERE due IS NOT NULL;
`

// bounds is version 5: the greatest number of a plugin's signatures stays when its
// versions go; what holds a module, and a tenant's oldest runs, are found at once.
const bounds = `
CREATE TABLE plugin_numbers (tenant INTEGER NOT NULL, plugin TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (tenant, plugin)) WITHOUT ROWID;
CREATE INDEX plugin_versions_hash ON plugin_versions (hash);
CREATE INDEX plugin_runs_tenant ON plugin_runs (tenant, id);
`

// byState is version 6: what few have is found without a walk over all others. On the usual
// way from received to sent neither index is touched.
const byState = `
CREATE INDEX messages_state ON messages (tenant, state, id) WHERE ` + rareOfMessages + `;
CREATE INDEX confirmations_state ON confirmations (tenant, state, id) WHERE ` + rareOfConfirmations + `;
`

// steps lead from each version to the next, from an empty file on.
var steps = [version]string{schema, shelves, seals, byChannel, bounds, byState}

// migrate brings the file to this version, a step at a time: what is done
// stays done where the program is killed between two.
func migrate(c *conn) error { return migrateTo(c, version) }

func migrateTo(c *conn, to int64) error {
	at, err := schemaOf(c)
	if err != nil {
		return err
	}
	if at > version {
		return fmt.Errorf("the ledger has schema %d and this program knows %d: run the newer program", at, version)
	}
	for ; at < to; at++ {
		for _, q := range []string{"BEGIN IMMEDIATE", steps[at], fmt.Sprintf("PRAGMA user_version=%d", at+1), "COMMIT"} {
			if _, err := c.exec(q); err != nil {
				return fmt.Errorf("make the tables of schema %d: %w", at+1, err)
			}
		}
	}
	return nil
}

// schemaOf is the file's version; 0: it is empty.
func schemaOf(c *conn) (int64, error) {
	var v [1]driver.Value
	_, err := c.row("PRAGMA user_version", v[:])
	return num(v[0]), err
}

-- The first layout: orders, their messages, and the trail.
--
-- Ids of messages and later events lie behind their confirmation's: its own id
-- has six low bits of nought, the n-th message is id|n. So no index is needed
-- from a confirmation to what belongs to it.
--
-- A message that an instance holds has a row in claims: a table that stays a
-- few hundred rows small, so that claim and dot touch one hot page.

-- +goose Up
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

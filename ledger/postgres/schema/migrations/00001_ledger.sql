-- The first layout. Times are milliseconds since 1970, and 0 is none: no column is ever NULL,
-- so that sets of rows go to the server as arrays.
--
-- Ids of messages and later events lie behind their confirmation's: its own id has six low
-- bits of nought, the n-th message is id|n.
--
-- What is sealed cannot be compressed, and is not tried to be.

-- +goose Up
CREATE TABLE tenants (no bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE, key bytea NOT NULL);

CREATE TABLE instances (
  id bigint PRIMARY KEY, epoch bigint NOT NULL, started bigint NOT NULL, stopped bigint NOT NULL, lease bigint NOT NULL
);

CREATE TABLE confirmations (
  id bigint PRIMARY KEY,
  tenant bigint NOT NULL,
  key bytea NOT NULL,
  kind text NOT NULL,
  part text NOT NULL,
  shop text NOT NULL,
  format text NOT NULL,
  state text NOT NULL,
  reason text NOT NULL,
  event bigint NOT NULL,           -- number of the event that counts
  updated bigint NOT NULL,         -- its updated_at
  rank bigint NOT NULL,            -- which of two events of one second counts
  asked boolean NOT NULL,
  due bigint NOT NULL,             -- when the sweeper looks at it
  released bigint NOT NULL,        -- by the gate
  messages bigint NOT NULL,
  events bigint NOT NULL,
  dek bytea NOT NULL,              -- wrapped data key; empty: erased
  trail text NOT NULL              -- the batches that hold its entries
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX confirmations_key ON confirmations (key);
CREATE INDEX confirmations_due ON confirmations (state, due) WHERE due <> 0;
CREATE INDEX confirmations_shop ON confirmations (tenant, shop, id);
CREATE INDEX confirmations_tenant ON confirmations (tenant, id);
CREATE INDEX confirmations_state ON confirmations (tenant, state, id) WHERE state IN ('held','quarantined','ignored','cancelled');
CREATE INDEX confirmations_bare ON confirmations (tenant, id) WHERE state = 'ready' AND messages = 0;

CREATE TABLE events (
  id bigint PRIMARY KEY,           -- confirmation | number
  source text NOT NULL, topic text NOT NULL, at bigint NOT NULL, updated bigint NOT NULL,
  body bytea NOT NULL
);
ALTER TABLE events ALTER body SET STORAGE EXTERNAL;

CREATE TABLE messages (
  id bigint PRIMARY KEY,           -- confirmation | number
  tenant bigint NOT NULL,
  channel text NOT NULL,
  state text NOT NULL,             -- claimed and dot stand in claims
  reason text NOT NULL,
  locale text NOT NULL,
  resend boolean NOT NULL,
  next_at bigint NOT NULL,
  expires bigint NOT NULL,
  tries bigint NOT NULL,
  faults bigint NOT NULL,
  down_since bigint NOT NULL,
  attempts bigint NOT NULL,
  released bigint NOT NULL,
  digest bytea NOT NULL,           -- of the sealed content
  actor text NOT NULL,
  why text NOT NULL,
  revision text NOT NULL,
  trail text NOT NULL
) WITH (fillfactor = 85);
CREATE INDEX messages_due ON messages (channel, next_at, id) WHERE next_at <> 0;
CREATE INDEX messages_waiting ON messages (tenant, id) WHERE next_at <> 0;
CREATE INDEX messages_state ON messages (tenant, state, id) WHERE state IN ('failed','suppressed','cancelled','uncertain');

CREATE TABLE contents (id bigint PRIMARY KEY, body bytea NOT NULL, ingredients bytea NOT NULL);
ALTER TABLE contents ALTER body SET STORAGE EXTERNAL, ALTER ingredients SET STORAGE EXTERNAL;

-- A message that an instance holds. Whoever writes here has the message's row locked.
CREATE TABLE claims (
  message bigint PRIMARY KEY, instance bigint NOT NULL, dot boolean NOT NULL, at bigint NOT NULL, expires bigint NOT NULL,
  provider text NOT NULL, trail text NOT NULL
) WITH (fillfactor = 50, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_scale_factor = 0);

CREATE TABLE attempts (
  message bigint NOT NULL, n bigint NOT NULL,
  provider text NOT NULL, verdict text NOT NULL, fault text NOT NULL, phase text NOT NULL,
  code bigint NOT NULL, enhanced text NOT NULL, began bigint NOT NULL, ended bigint NOT NULL,
  sealed bytea NOT NULL,           -- reply and the provider's id
  PRIMARY KEY (message, n)
);
CREATE TABLE annotations (
  message bigint NOT NULL, kind text NOT NULL, at bigint NOT NULL, provider text NOT NULL,
  sealed bytea NOT NULL,           -- the evidence, as its provider gave it
  PRIMARY KEY (message, kind)
);

CREATE TABLE lookups (hash bytea NOT NULL, confirmation bigint NOT NULL, PRIMARY KEY (hash, confirmation));
CREATE INDEX lookups_confirmation ON lookups (confirmation);
CREATE TABLE suppressions (hash bytea PRIMARY KEY, tenant bigint NOT NULL, at bigint NOT NULL, cause text NOT NULL);

CREATE TABLE trail (
  batch bigint PRIMARY KEY, instance bigint NOT NULL, first bigint NOT NULL, last bigint NOT NULL,
  entries bytea NOT NULL,          -- packed lines of JSON
  head bytea NOT NULL
);
ALTER TABLE trail ALTER entries SET STORAGE EXTERNAL;
CREATE TABLE dictionaries (id bigint PRIMARY KEY, body bytea NOT NULL);

CREATE TABLE plugin_versions (
  saved bigint GENERATED ALWAYS AS IDENTITY, -- the order in which they were first saved
  tenant bigint NOT NULL, plugin text NOT NULL, no bigint NOT NULL,
  hash text NOT NULL, state text NOT NULL, percent bigint NOT NULL, why text NOT NULL,
  body bytea NOT NULL,             -- the version as JSON
  PRIMARY KEY (tenant, plugin, no)
);
CREATE INDEX plugin_versions_hash ON plugin_versions (hash);
CREATE TABLE plugin_modules (hash text PRIMARY KEY, body bytea NOT NULL);
ALTER TABLE plugin_modules ALTER body SET STORAGE EXTERNAL;
CREATE TABLE plugin_numbers (tenant bigint NOT NULL, plugin text NOT NULL, number bigint NOT NULL, PRIMARY KEY (tenant, plugin));
CREATE TABLE plugin_runs (
  id bigint PRIMARY KEY,
  tenant bigint NOT NULL, plugin text NOT NULL, confirmation bigint NOT NULL,
  hook text NOT NULL, role text NOT NULL, hash text NOT NULL, at bigint NOT NULL,
  fuel bigint NOT NULL, micros bigint NOT NULL,
  fault text NOT NULL,             -- its kind only
  body bytea NOT NULL              -- sealed: input, output, log, fault, seed, at
);
CREATE INDEX plugin_runs_tenant ON plugin_runs (tenant, id);
CREATE INDEX plugin_runs_plugin ON plugin_runs (tenant, plugin, id);
CREATE INDEX plugin_runs_confirmation ON plugin_runs (confirmation);

-- What a confirmation tells of, and what later work keeps beside a message: columns
-- that are empty in every row that is there, so that no row is written anew, and each
-- row's part in the sealed sums stays what it was (see sums.go).
--
-- A tenant's orders by time are found by shop: a list of one shop, and its exact count,
-- look at no other's; a list of all merges them. Of what is ready without a message there
-- is next to nothing, and it is found at once.

-- +goose Up
ALTER TABLE confirmations ADD COLUMN kind TEXT;
ALTER TABLE confirmations ADD COLUMN part TEXT;
ALTER TABLE messages ADD COLUMN actor TEXT;
ALTER TABLE messages ADD COLUMN why TEXT;
ALTER TABLE messages ADD COLUMN revision TEXT;
ALTER TABLE contents ADD COLUMN ingredients BLOB;
ALTER TABLE instances ADD COLUMN epoch INTEGER;
ALTER TABLE instances ADD COLUMN lease INTEGER;
CREATE TABLE annotations (
  message INTEGER NOT NULL, kind TEXT NOT NULL, at INTEGER NOT NULL, provider TEXT NOT NULL,
  sealed BLOB,                     -- the evidence, as its provider gave it
  PRIMARY KEY (message, kind)
) WITHOUT ROWID;
DROP INDEX confirmations_tenant;
CREATE INDEX confirmations_shop ON confirmations (tenant, shop, id);
CREATE INDEX confirmations_bare ON confirmations (tenant, id) WHERE state='ready' AND messages=0;

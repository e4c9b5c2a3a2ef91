-- A confirmation's row holds the hashes that it is found by: an index over hashes, which
-- come in no order, would write a page for nearly each of them. The newest rows are looked
-- through; each few thousand are sorted into a segment once (see lookups.go). What was
-- written before stays in lookups, and so does what is added to a confirmation later.

-- +goose Up
ALTER TABLE confirmations ADD COLUMN named BLOB;
CREATE TABLE lookup_segments (no INTEGER PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE lookup_pages (
  id INTEGER PRIMARY KEY,          -- the segment's number, and eight bits of the hashes
  body BLOB NOT NULL               -- hashes and confirmations, sorted
);

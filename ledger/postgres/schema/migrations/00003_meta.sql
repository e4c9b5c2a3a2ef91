-- What a ledger has that was moved here from another store, or away: its mark while it is
-- moved, and for good, once it was; the sealed seed of the key that its anchors are signed with; and
-- what later programs must know of older ones that began it. Nothing here is a tenant's.

-- +goose Up
CREATE TABLE meta (k text PRIMARY KEY, v bytea NOT NULL);

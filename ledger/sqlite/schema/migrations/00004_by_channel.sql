-- Each channel's due messages, and those whose time is over, are found without a
-- look at any other's; and held confirmations apart from fresh ones.

-- +goose Up
DROP INDEX messages_due;
CREATE INDEX messages_due ON messages (channel, next_at, expires, state) WHERE next_at IS NOT NULL;
DROP INDEX confirmations_due;
CREATE INDEX confirmations_due ON confirmations (due, state) WHERE due IS NOT NULL;

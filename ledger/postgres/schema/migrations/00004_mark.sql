-- Each commit leaves something that nobody else can have written, by which it is known whether it
-- was made when its answer was lost: a batch of the trail, or else this number in its
-- instance's row.

-- +goose Up
ALTER TABLE instances ADD COLUMN mark bigint NOT NULL DEFAULT 0;

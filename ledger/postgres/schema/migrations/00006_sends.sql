-- An instance that only sends takes nothing in and looks for nothing: the others do not leave it a
-- share of what is due.
--
-- waxwing: expand
-- waxwing: holds instances from reads and writes

-- +goose Up
ALTER TABLE instances ADD COLUMN sends boolean NOT NULL DEFAULT false;

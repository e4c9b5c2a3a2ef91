-- Why an address is not to be mailed, and who said so; and of what class a mail came back. They are
-- empty in the rows that are there, and in those that older programs write: such a suppression is of
-- the class "person".
--
-- waxwing: expand
-- waxwing: holds suppressions from reads and writes
-- waxwing: holds annotations from reads and writes

-- +goose Up
ALTER TABLE suppressions ADD COLUMN class text NOT NULL DEFAULT '', ADD COLUMN reason text NOT NULL DEFAULT '', ADD COLUMN actor text NOT NULL DEFAULT '';
ALTER TABLE annotations ADD COLUMN class text NOT NULL DEFAULT '';
CREATE INDEX suppressions_at ON suppressions (tenant, at, hash);

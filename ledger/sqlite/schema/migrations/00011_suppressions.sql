-- Why an address is not to be mailed, and who said so; and of what class a mail came back. The
-- columns are empty in every row that is there, so that no row is written anew and each row's part
-- in the sealed sums stays what it was: such a suppression is of the class "person", and nobody
-- knows any more of what class such a mail was. The list of suppressions, newest first, is an index.

-- +goose Up
ALTER TABLE suppressions ADD COLUMN class TEXT;
ALTER TABLE suppressions ADD COLUMN reason TEXT;
ALTER TABLE suppressions ADD COLUMN actor TEXT;
ALTER TABLE annotations ADD COLUMN class TEXT;
CREATE INDEX suppressions_at ON suppressions (tenant, at, hash);

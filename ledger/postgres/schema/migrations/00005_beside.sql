-- Programs of several layouts beside each other: each instance tells which layout its program
-- knows (who does not tell knows 4), and one that lacks what a contraction asks for cannot begin
-- or go on, not even after it slept while its tables were changed. The least layout that a program
-- must know is written with each contraction, into meta.
--
-- waxwing: expand
-- waxwing: holds instances from reads and writes

-- +goose Up
ALTER TABLE instances ADD COLUMN layout bigint NOT NULL DEFAULT 4;
CREATE FUNCTION waxwing_least() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.stopped = 0 AND NEW.layout < (SELECT convert_from(v, 'UTF8')::bigint FROM meta WHERE k = 'least') THEN
    RAISE EXCEPTION 'the ledger is for newer programs: instance % knows layout %', NEW.id, NEW.layout;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER least BEFORE INSERT OR UPDATE OF stopped, lease ON instances FOR EACH ROW EXECUTE FUNCTION waxwing_least();

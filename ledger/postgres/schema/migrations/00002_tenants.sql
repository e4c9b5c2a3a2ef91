-- Rows are seen for the tenant that a transaction names, and without one none are: the setting
-- waxwing.tenant holds the number of one, or * for the work that is done for all. Where it is
-- nothing, or was never set, nothing is seen and nothing can be written. FORCE: the tables'
-- owner is bound by it, too.
--
-- What is of an order and has no tenant of its own has its confirmation's, whose id is a column
-- for that. Whoever compares an id with another must not calculate with a column (x.id < w.id + 64):
-- such a condition could give away a row by failing, so that Postgres would hold it back, and read
-- the table to its end.
--
-- A later migration that changes rows names whom it works for first:
-- SELECT set_config('waxwing.tenant', '*', true).

-- +goose Up
ALTER TABLE tenants ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON tenants USING ((SELECT current_setting('waxwing.tenant', true)) = '*'
  OR no = (SELECT nullif(nullif(current_setting('waxwing.tenant', true), ''), '*')::bigint));

ALTER TABLE confirmations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON confirmations USING ((SELECT current_setting('waxwing.tenant', true)) = '*'
  OR tenant = (SELECT nullif(nullif(current_setting('waxwing.tenant', true), ''), '*')::bigint));
ALTER TABLE messages ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON messages USING ((SELECT current_setting('waxwing.tenant', true)) = '*'
  OR tenant = (SELECT nullif(nullif(current_setting('waxwing.tenant', true), ''), '*')::bigint));
ALTER TABLE suppressions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON suppressions USING ((SELECT current_setting('waxwing.tenant', true)) = '*'
  OR tenant = (SELECT nullif(nullif(current_setting('waxwing.tenant', true), ''), '*')::bigint));
ALTER TABLE plugin_versions ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON plugin_versions USING ((SELECT current_setting('waxwing.tenant', true)) = '*'
  OR tenant = (SELECT nullif(nullif(current_setting('waxwing.tenant', true), ''), '*')::bigint));
ALTER TABLE plugin_numbers ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON plugin_numbers USING ((SELECT current_setting('waxwing.tenant', true)) = '*'
  OR tenant = (SELECT nullif(nullif(current_setting('waxwing.tenant', true), ''), '*')::bigint));
ALTER TABLE plugin_runs ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON plugin_runs USING ((SELECT current_setting('waxwing.tenant', true)) = '*'
  OR tenant = (SELECT nullif(nullif(current_setting('waxwing.tenant', true), ''), '*')::bigint));

ALTER TABLE events ADD COLUMN owner bigint NOT NULL GENERATED ALWAYS AS (id & ~63::bigint) STORED;
ALTER TABLE events ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON events USING ((SELECT current_setting('waxwing.tenant', true)) = '*'
  OR (SELECT c.tenant FROM confirmations c WHERE c.id = events.owner)
    = (SELECT nullif(nullif(current_setting('waxwing.tenant', true), ''), '*')::bigint));
ALTER TABLE contents ADD COLUMN owner bigint NOT NULL GENERATED ALWAYS AS (id & ~63::bigint) STORED;
ALTER TABLE contents ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON contents USING ((SELECT current_setting('waxwing.tenant', true)) = '*'
  OR (SELECT c.tenant FROM confirmations c WHERE c.id = contents.owner)
    = (SELECT nullif(nullif(current_setting('waxwing.tenant', true), ''), '*')::bigint));
ALTER TABLE claims ADD COLUMN owner bigint NOT NULL GENERATED ALWAYS AS (message & ~63::bigint) STORED;
ALTER TABLE claims ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON claims USING ((SELECT current_setting('waxwing.tenant', true)) = '*'
  OR (SELECT c.tenant FROM confirmations c WHERE c.id = claims.owner)
    = (SELECT nullif(nullif(current_setting('waxwing.tenant', true), ''), '*')::bigint));
ALTER TABLE attempts ADD COLUMN owner bigint NOT NULL GENERATED ALWAYS AS (message & ~63::bigint) STORED;
ALTER TABLE attempts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON attempts USING ((SELECT current_setting('waxwing.tenant', true)) = '*'
  OR (SELECT c.tenant FROM confirmations c WHERE c.id = attempts.owner)
    = (SELECT nullif(nullif(current_setting('waxwing.tenant', true), ''), '*')::bigint));
ALTER TABLE annotations ADD COLUMN owner bigint NOT NULL GENERATED ALWAYS AS (message & ~63::bigint) STORED;
ALTER TABLE annotations ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON annotations USING ((SELECT current_setting('waxwing.tenant', true)) = '*'
  OR (SELECT c.tenant FROM confirmations c WHERE c.id = annotations.owner)
    = (SELECT nullif(nullif(current_setting('waxwing.tenant', true), ''), '*')::bigint));
ALTER TABLE lookups ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON lookups USING ((SELECT current_setting('waxwing.tenant', true)) = '*'
  OR (SELECT c.tenant FROM confirmations c WHERE c.id = lookups.confirmation)
    = (SELECT nullif(nullif(current_setting('waxwing.tenant', true), ''), '*')::bigint));

-- Two tenants may have the same plugin: its code is whose versions have it.
ALTER TABLE plugin_modules ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON plugin_modules USING ((SELECT current_setting('waxwing.tenant', true)) = '*'
  OR EXISTS (SELECT 1 FROM plugin_versions v WHERE v.hash = plugin_modules.hash));

-- A batch of the trail has the entries of whoever was in one commit, without personal data, and
-- a dictionary packs everybody's contents: they are for all who name a tenant.
ALTER TABLE trail ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON trail USING ((SELECT current_setting('waxwing.tenant', true)) <> '');
ALTER TABLE dictionaries ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON dictionaries USING ((SELECT current_setting('waxwing.tenant', true)) <> '');

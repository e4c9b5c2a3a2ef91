-- The greatest number of a plugin's signatures stays when its versions go; what
-- holds a module, and a tenant's oldest runs, are found at once.

-- +goose Up
CREATE TABLE plugin_numbers (tenant INTEGER NOT NULL, plugin TEXT NOT NULL, number INTEGER NOT NULL, PRIMARY KEY (tenant, plugin)) WITHOUT ROWID;
CREATE INDEX plugin_versions_hash ON plugin_versions (hash);
CREATE INDEX plugin_runs_tenant ON plugin_runs (tenant, id);

-- Plugins, their code, and what they were asked.
--
-- A version's columns repeat its body for whoever looks into the file; a run's
-- are what a list shows. Its id is the moment of writing in ms, ten bits up:
-- it rises though the newest row may be erased, and tells its age.

-- +goose Up
CREATE TABLE plugin_versions (
  tenant INTEGER NOT NULL, plugin TEXT NOT NULL, no INTEGER NOT NULL,
  hash TEXT NOT NULL, state TEXT NOT NULL, percent INTEGER NOT NULL, why TEXT NOT NULL,
  body BLOB NOT NULL,              -- the version as JSON
  PRIMARY KEY (tenant, plugin, no)
);
CREATE TABLE plugin_modules (hash TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE plugin_runs (
  id INTEGER PRIMARY KEY,
  tenant INTEGER NOT NULL, plugin TEXT NOT NULL, confirmation INTEGER NOT NULL,
  hook TEXT NOT NULL, role TEXT NOT NULL, hash TEXT NOT NULL, at INTEGER NOT NULL,
  fuel INTEGER NOT NULL, micros INTEGER NOT NULL,
  fault TEXT NOT NULL,             -- its kind only
  body BLOB NOT NULL               -- sealed: input, output, log, fault, seed, at
);
CREATE INDEX plugin_runs_plugin ON plugin_runs (tenant, plugin, id);
CREATE INDEX plugin_runs_confirmation ON plugin_runs (confirmation);

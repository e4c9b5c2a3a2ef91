#!/bin/sh
# Makes the ledger's role and database in the container of compose.yaml, once.
set -eu
psql -v ON_ERROR_STOP=1 -v password="$WAXWING_PASSWORD" -U postgres <<'SQL'
CREATE ROLE waxwing LOGIN PASSWORD :'password';
CREATE DATABASE waxwing OWNER waxwing;
SQL

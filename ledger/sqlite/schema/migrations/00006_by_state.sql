-- What few have is found without a walk over all others. On the usual way from
-- received to sent neither index is touched.

-- +goose Up
CREATE INDEX messages_state ON messages (tenant, state, id) WHERE state IN ('failed','suppressed','cancelled','uncertain');
CREATE INDEX confirmations_state ON confirmations (tenant, state, id) WHERE state IN ('held','quarantined','ignored','cancelled');

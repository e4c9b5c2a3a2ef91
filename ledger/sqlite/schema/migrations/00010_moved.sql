-- No table, but a row of meta that says that the ledger was moved elsewhere, or is not whole
-- yet, since it is being moved here. The number keeps programs that do not know it from serving
-- such a ledger.

-- +goose Up
SELECT 1;

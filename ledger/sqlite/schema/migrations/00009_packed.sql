-- No table, but what rows hold: the trail's batches are packed (see pack.Lines), and an order's
-- key begins with what it shares with its neighbours (see seal.OrderKeys). What was written
-- before stays as it is, and both are read. The number keeps programs that know neither from
-- the file.

-- +goose Up
SELECT 1;

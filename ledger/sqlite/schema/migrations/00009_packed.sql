-- A message's first attempt stands in its row: it is written with the verdict anyway, and most
-- messages have no other. What was written before stays in attempts, and so do further ones.
--
-- Nothing else is another table, but what rows hold: the trail's batches are packed (see
-- pack.Lines), and an order's key begins with what it shares with its neighbours (see
-- seal.OrderKey). What was written before stays as it is, and both are read.

-- +goose Up
ALTER TABLE messages ADD COLUMN first TEXT;    -- verdict, fault, phase, code, enhanced code, began, ended, provider
ALTER TABLE messages ADD COLUMN answer BLOB;   -- sealed: reply and the provider's id

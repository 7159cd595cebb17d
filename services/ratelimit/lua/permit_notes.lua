-- Reads what is kept with a permit.
--
-- Theory. A report must declare its keys before it runs; the permit knows them and never changes.
--
-- KEYS   1 the permit.
-- ARGV   1 and 2 as everywhere; unused.
-- Gives  the notes, or empty where the permit is unknown or was reported.

return redis.call('GET', KEYS[1]) or ''

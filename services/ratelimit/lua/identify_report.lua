-- Frees a concurrency key when the outcome of an IDENTIFY is known.
--
-- Theory: identify_acquire.lua. When exactly the IDENTIFY was sent only its sender knows, but not after its outcome; so the
-- spacing is counted from the report. A permit that no longer holds the key changes nothing.
--
-- KEYS   1 concurrency key.
-- ARGV   1 now or 0; 2 milliseconds added to the TTL; 3 permit id; 4 spacing in microseconds.
-- Gives  packed doubles: now; whether the permit held the key (0, 1).

--!include counters.lua

local now, slack = clock(ARGV[1]), tonumber(ARGV[2])
local raw = redis.call('GET', KEYS[1])
local slot = raw and cmsgpack.unpack(raw)
if not slot or slot[1] ~= ARGV[3] then return spack('<dd', now, 0) end
local spacing = tonumber(ARGV[4])
redis.call('SET', KEYS[1], cmsgpack.pack({ '', now + spacing }), 'PX', string.format('%.0f', ceil(spacing / 1000) + slack))
return spack('<dd', now, 1)

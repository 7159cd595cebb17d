-- Gives one shard the right to IDENTIFY.
--
-- Theory. Discord lets one shard of each concurrency key (shard id modulo max_concurrency) identify per 5 seconds, and counts
-- 1,000 a day, after which it resets the token. A timer alone is not enough: a start that hangs must finish or fail before
-- the next one of its key. So the key is held until the outcome is reported or the permit expires, and for the spacing
-- after that. Of the day's starts a reserve is kept for operators; what Discord says remains is believed where it is less.
--
-- KEYS   1 concurrency key; 2 the day.
-- ARGV   1 now or 0; 2 milliseconds added to each TTL; 3 permit id; 4 time to live, 5 spacing, 6 time to the day's reset
--        (microseconds); 7 remaining as Discord said; 8 kept in reserve.
-- Gives  packed doubles: now; allowed (0, 1); wait.

--!include counters.lua

local now, slack = clock(ARGV[1]), tonumber(ARGV[2])
local ttl, spacing, reset = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local remaining, reserve = tonumber(ARGV[7]), tonumber(ARGV[8])
local NEW_DAY = 60000000

local raw = redis.call('GET', KEYS[1])
local slot = raw and cmsgpack.unpack(raw) or { '', 0 }
if slot[2] > now then return spack('<ddd', now, 0, slot[1] ~= '' and min(slot[2] - now, spacing) or slot[2] - now) end
raw = redis.call('GET', KEYS[2])
local day = raw and cmsgpack.unpack(raw) or { remaining, now + reset }
if day[2] <= now or now + reset > day[2] + NEW_DAY then
  day = { remaining, now + reset }
else
  day[1] = min(day[1], remaining)
end
if day[1] <= reserve then return spack('<ddd', now, 0, max(spacing, day[2] - now)) end
day[1] = day[1] - 1
redis.call('SET', KEYS[2], cmsgpack.pack(day), 'PX', string.format('%.0f', max(1, ceil((day[2] - now) / 1000)) + slack))
redis.call('SET', KEYS[1], cmsgpack.pack({ ARGV[3], now + ttl + spacing }), 'PX',
  string.format('%.0f', ceil((ttl + spacing) / 1000) + slack))
return spack('<ddd', now, 1, 0)

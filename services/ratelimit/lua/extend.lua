-- Lets the holds of one request last longer.
--
-- Theory. A hold that has expired is charged and can't come back: its amount may be taken by now. So either all holds of
-- the request are still there and all move, or nothing changes. A hold is never shortened.
--
-- KEYS   1 the record; then the counters that have holds, in the record's order.
-- ARGV   1 now or 0; 2 milliseconds added to each TTL; 3 the id; 4 microseconds from now; 5 milliseconds to keep the record
--        after expiry; 6 per counter eight doubles as in decide.lua; 7 whether they are charged at expiry from now on (0, 1).
-- Gives  packed doubles: now; status (0 no record, 1 extended, 2 settled, 3 expired); the expiry in microseconds.

--!include counters.lua

local now, slack, id = clock(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local raws = redis.call('MGET', unpack(KEYS))
if not raws[1] then return spack('<ddd', now, 0, 0) end
local record = cmsgpack.unpack(raws[1])
if record[7] then return spack('<ddd', now, 2, record[3]) end
local expiry = max(record[3], now + tonumber(ARGV[4]))
local params, states, position = {}, {}, 1
for i = 2, #KEYS do
  local p = { sunpack('<dddddddd', ARGV[6], position) }
  position = p[9]
  params[i], states[i] = p, load(raws[i], p, now)
  local found = find(states[i], id)
  if not found then return spack('<ddd', now, 3, record[3]) end
  states[i].holds[found + 1] = expiry
  if p[1] ~= CONCURRENCY then states[i].holds[found + 2] = tonumber(ARGV[7]) end
end
for i = 2, #KEYS do save(KEYS[i], states[i], params[i], now, slack) end
record[3], record[4] = expiry, tonumber(ARGV[7])
redis.call('SET', KEYS[1], cmsgpack.pack(record), 'PX',
  string.format('%.0f', ceil((expiry - now) / 1000) + tonumber(ARGV[5]) + slack))
return spack('<ddd', now, 1, expiry)

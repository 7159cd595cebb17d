-- Learns from Discord's answer to a permitted call.
--
-- Theory: rest.lua; and for 429s: `global` pauses the credential; `shared` pauses the bucket for everybody; one with slots
-- remaining, or with an error code of its own (30046), comes from a limit inside the bucket, which no header names. Such a limit is learned from the calls that
-- succeeded before: if the k-th last of them leaves the hidden window just when retry_after ends, the limit is k in that
-- long. Windows are round numbers of seconds, which picks k; where none is round, one call per retry_after is assumed,
-- which is too little rather than too much. What was learned so is forgotten after a while, as it may have been a mishap.
--
-- KEYS   1 routes; 2 credential; 3 bucket of the permit; 4 bucket of the answer; 5 sub-limit; 6 permit.
-- ARGV   1 now or 0; 2 milliseconds added to each TTL; 3 nineteen doubles: status (0 for no answer), limit, remaining, reset after,
--        retry after (microseconds), global (0, 1), shared (0, 1), has headers (0, 1), a webhook's own token (0, 1), misses until
--        it counts as gone, its pause, the credential's pause, window where none is known (microseconds), memory in
--        milliseconds, travel (0 where not measured), how long a period of the fastest is, answers before it is trusted,
--        patience with calls under way (microseconds), whether a 429 has an error code of its own (0, 1); 4 route; 5 bucket of the answer, empty for none; 6 permit id; 7 sub-limit's field; 8 milliseconds to remember routes.
-- Gives  packed doubles: now; whether the permit was open (0, 1); whether a sub-limit was learned (0, 1).

--!include counters.lua
--!include rest.lua

local ROUND = { 1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 600, 900, 1200, 1800, 3600, 7200,
  10800, 21600, 43200, 86400, 172800 }
local NEAR, ABOVE = 0.02, 50000
local FORGOTTEN_AFTER = 3600000000

local now, slack = clock(ARGV[1]), tonumber(ARGV[2])
local status, limit, remaining, reset, retry, global, shared, headers, webhook, misses, webhook_pause, credential_pause,
  unknown_window, memory, travelled, period, samples, patience, named = sunpack('<ddddddddddddddddddd', ARGV[3])
if redis.call('DEL', KEYS[6]) == 0 then return spack('<ddd', now, 0, 0) end
local id, limited, success = ARGV[6], status == 429, status >= 200 and status < 300

local learned = 0
local function learn(sub)
  local best, best_error
  local log, count = sub[1], 0
  for i = #log - 1, 1, -PAIR do
    if log[i] ~= id then
      count = count + 1
      local seconds = (now + retry - log[i + 1]) / 1000000
      for _, round in ipairs(ROUND) do
        local off = math.abs(seconds - round) / round
        if off <= NEAR and (not best_error or off < best_error) then best, best_error = { count, round * 1000000 }, off end
      end
    end
  end
  best = best or { 1, max(1, retry) }
  local known = redis.call('HGET', KEYS[1], ARGV[7])
  if known then
    known = cmsgpack.unpack(known)
    if known[3] > now and known[1] / known[2] < best[1] / best[2] then best = known end
  end
  redis.call('HSET', KEYS[1], ARGV[7], cmsgpack.pack({ best[1], best[2] + ABOVE, now + FORGOTTEN_AFTER + 4 * best[2] }))
  learned = 1
end

-- Which bucket the route has.
if ARGV[5] ~= '' then
  redis.call('HSET', KEYS[1], ARGV[4], ARGV[5])
elseif success and headers == 0 then
  redis.call('HSET', KEYS[1], ARGV[4], NO_BUCKET)
end
if redis.call('EXISTS', KEYS[1]) == 1 then redis.call('PEXPIRE', KEYS[1], string.format('%.0f', tonumber(ARGV[8]) + slack)) end

local raws = redis.call('MGET', KEYS[2], KEYS[3], KEYS[4], KEYS[5])
local credential, bucket, sub = read(raws[1], { {}, 0, 0 }), bucket_of(raws[2]), read(raws[4], { {}, 0 })

-- The permit's own entry moves to the bucket that Discord named.
local given
for i = 1, #bucket[ENTRIES], ENTRY do
  if bucket[ENTRIES][i] == id then
    given = bucket[ENTRIES][i + 1]
    for _ = 1, ENTRY do table.remove(bucket[ENTRIES], i) end
    break
  end
end
if KEYS[3] ~= KEYS[4] then
  prune(bucket, now)
  write(KEYS[3], bucket, bucket_life(bucket, now, memory) + slack)
  bucket = bucket_of(raws[3])
end
prune(bucket, now)
local entries = bucket[ENTRIES]
local function occupy(owner, free)
  local n = #entries
  entries[n + 1], entries[n + 2], entries[n + 3], entries[n + 4] = owner, given or now, free, 1
end
if given and status > 0 then
  local travel = max(1, now - given)
  bucket[TRAVEL] = bucket[TRAVEL] == 0 and travel or floor(0.8 * bucket[TRAVEL] + 0.2 * travel)
end
if headers == 1 then
  bucket[LIMIT] = max(1, limit)
  bucket[WINDOW_US] = max(reset, floor(bucket[WINDOW_US] * 0.9))
  if reset > 0 and not limited then occupy(id, now + reset) end
  local missing = limit - remaining - #entries / ENTRY
  for _ = 1, min(missing, 256) do occupy('', now + reset) end
elseif status == 0 then
  occupy(id, now + (bucket[WINDOW_US] > 0 and bucket[WINDOW_US] or unknown_window))
end

if limited then
  if global == 1 then
    credential[2] = max(credential[2], now + retry)
  elseif shared == 0 and (named == 1 or headers == 1 and remaining > 0) then
    sub[2] = max(sub[2], now + retry)
    learn(sub)
  else
    bucket[PAUSED] = max(bucket[PAUSED], now + retry)
  end
end
if status == 401 and webhook == 0 then credential[3] = now + credential_pause end
if webhook == 1 then
  if status == 404 then
    bucket[MISSES] = bucket[MISSES] + 1
    if bucket[MISSES] >= misses then bucket[STOPPED], bucket[MISSES] = now + webhook_pause, 0 end
  elseif success then
    bucket[MISSES] = 0
  end
end
-- The fastest answer lately under a name, this one included; 0 while there are too few.
local function fastest(name)
  local raw = redis.call('HGET', KEYS[1], name)
  local known = raw and cmsgpack.unpack(raw) or { travelled, 0, travelled, 0, now }
  if now - known[5] >= period then
    if now - known[5] >= 2 * period then known[1], known[2] = travelled, 0 end
    known = { travelled, 0, known[1], known[2], now }
  end
  known[1], known[2] = min(known[1], travelled), known[2] + 1
  redis.call('HSET', KEYS[1], name, cmsgpack.pack(known))
  if known[2] + known[4] < samples then return 0 end
  return known[4] > 0 and min(known[1], known[3]) or known[1]
end
local before = 0
if status > 0 and travelled > 0 then
  local of_all, of_route = fastest('q:'), fastest('q:' .. ARGV[4])
  if status < 500 and not limited then before = of_route > 0 and of_route or of_all end
end

local log = sub[1]
for i = 1, #log, PAIR do
  if log[i] == id then
    if success or status == 0 then
      log[i + 1] = now
    else
      table.remove(log, i)
      table.remove(log, i)
    end
    break
  end
end
local counted = global == 1 or status == 401
for i = 1, #credential[1], TRIPLE do
  if credential[1][i] == id then
    -- Not before its permit was given, whatever was measured.
    credential[1][i + 1], credential[1][i + 2], counted = max(now - before, credential[1][i + 1] - patience), 1, true
    break
  end
end
if counted then write(KEYS[2], credential, (max(credential[2], credential[3], now) - now) / 1000 + memory + slack) end
write(KEYS[4], bucket, bucket_life(bucket, now, memory) + slack)
if raws[4] or sub[2] > 0 then write(KEYS[5], sub, sub_life(sub, now, retry, memory) + slack) end
return spack('<ddd', now, 1, learned)

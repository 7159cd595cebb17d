-- Gives one permit for a call of Discord's REST API, or says what it waits for and how long.
--
-- Theory: rest.lua. All limits of a call are looked at and taken in one step: the credential's global limit, the route's
-- bucket, limits inside the bucket. Less important calls leave a reserve of each to more important ones, so bulk work can't
-- starve an answer whichever replica it asks. The global reserve grows with what important calls took lately (twice that, and
-- a few for the first of them), up to its whole size: where nobody answers, bulk work need not leave a fifth unused. A holder whose lease has passed to somebody else gets nothing: the highest
-- epoch ever seen for a lease stands beside the limits.
--
-- KEYS   1 routes; 2 credential; 3 bucket; 4 sub-limit; 5 lease; 6 permit.
-- ARGV   1 now or 0; 2 milliseconds added to each TTL; 3 sixteen doubles: exempt from the global limit (0, 1), global limit,
--        its window, slots of it kept for others, part of the bucket kept for others, time to live of the permit, patience with
--        calls under way, window where none is known (all microseconds), memory in milliseconds, under a lease (0, 1),
--        epoch, milliseconds to keep the epoch, sub-limit and its window where it is known beforehand (else 0), whether
--        calls are noted for learning sub-limits (0, 1), the least of the global reserve; 4 route; 5 bucket that the caller takes the route to have, empty
--        for none known; 6 permit id; 7 notes; 8 sub-limit's field.
-- Gives  packed doubles: now; status (0 permit, 1 limited, 2 stale lease, 3 other bucket, 4 stopped); what is short (1 global,
--        2 bucket, 3 calls under way, 4 sub-limit); wait; then for status 3 the bucket.

--!include counters.lua
--!include rest.lua

local now, slack = clock(ARGV[1]), tonumber(ARGV[2])
local exempt, global_limit, global_window, global_kept, bucket_kept, ttl, patience, unknown_window, memory, leased, epoch,
  lease_life, sub_limit, sub_window, noted, global_least = sunpack('<dddddddddddddddd', ARGV[3])
local GLOBAL, BUCKET_SHORT, TRAVELLING, SUB = 1, 2, 3, 4

if leased == 1 then
  local seen = tonumber(redis.call('GET', KEYS[5]) or '0')
  if epoch < seen then return spack('<dddd', now, 2, 0, 0) end
  redis.call('SET', KEYS[5], string.format('%.0f', epoch), 'PX', string.format('%.0f', lease_life + slack))
end
local known = redis.call('HMGET', KEYS[1], ARGV[4], ARGV[8])
local name = known[1] or ''
if name ~= ARGV[5] then return spack('<dddd', now, 3, 0, 0) .. name end

local raws = redis.call('MGET', KEYS[2], KEYS[3], KEYS[4])
local credential, bucket, sub = read(raws[1], { {}, 0, 0 }), bucket_of(raws[2]), read(raws[3], { {}, 0 })
if credential[3] > now then return spack('<dddd', now, 4, GLOBAL, credential[3] - now) end
if bucket[STOPPED] > now then return spack('<dddd', now, 4, BUCKET_SHORT, bucket[STOPPED] - now) end

local short, wait = 0, 0
local function blocks(what, time)
  if time > wait then short, wait = what, time end
end

if exempt == 0 then
  blocks(GLOBAL, credential[2] - now)
  local kept, frees, entries = {}, {}, credential[1]
  for i = 1, #entries, TRIPLE do
    local counted = entries[i + 2] == 1 and min(entries[i + 1], now) or entries[i + 1]
    if counted + global_window > now then
      kept[#kept + 1], kept[#kept + 2], kept[#kept + 3] = entries[i], counted, entries[i + 2]
      -- An unanswered call's slot is free no sooner than a window from now.
      frees[#frees + 1] = entries[i + 2] == 1 and counted + global_window or now + global_window
    end
  end
  credential[1] = kept
  local important = {}
  for _, time in ipairs(credential[4] or {}) do
    if time + global_window > now then important[#important + 1] = time end
  end
  credential[4] = important
  local room = max(1, global_limit - min(global_kept, global_least + 2 * #important))
  local excess = #frees + 1 - room
  if excess > 0 then
    table.sort(frees)
    blocks(GLOBAL, max(1, frees[excess] - now))
  end
end

prune(bucket, now)
blocks(BUCKET_SHORT, bucket[PAUSED] - now)
if name ~= NO_BUCKET then
  local entries, limit, window, travel = bucket[ENTRIES], bucket[LIMIT], bucket[WINDOW_US], bucket[TRAVEL]
  local most, travelling = 1, 0
  -- Where much room is left several may travel even if the rate needs only one (250 in two days): a limit would have to
  -- shrink to an eighth for them to run into it.
  if limit > 0 and window > 0 then most = max(1, floor(limit / window * travel), floor((limit - #entries / ENTRY) / 8)) end
  local frees = {}
  for i = 1, #entries, ENTRY do
    local free = entries[i + 2]
    if entries[i + 3] == 0 then
      if entries[i + 1] + patience > now then travelling = travelling + 1 end
      -- Most likely it is answered like the others were.
      free = min(free, max(now, entries[i + 1] + travel) + (window > 0 and window or unknown_window))
    end
    frees[#frees + 1] = free
  end
  if travelling >= most then blocks(TRAVELLING, max(5000, min(travel, patience))) end
  if limit > 0 then
    local room = max(1, limit - floor(limit * bucket_kept))
    local excess = #frees + 1 - room
    if excess > 0 then
      table.sort(frees)
      blocks(BUCKET_SHORT, max(1, frees[excess] - now))
    end
  end
end

blocks(SUB, sub[2] - now)
if known[2] then
  local learned = cmsgpack.unpack(known[2])
  if learned[3] > now and (sub_limit == 0 or learned[1] / learned[2] < sub_limit / sub_window) then
    sub_limit, sub_window = learned[1], learned[2]
  end
end
if sub_limit > 0 then
  local times = {}
  for i = 2, #sub[1], PAIR do
    if sub[1][i] + sub_window > now then times[#times + 1] = sub[1][i] end
  end
  table.sort(times)
  local excess = #times + 1 - sub_limit
  if excess > 0 then blocks(SUB, max(1, times[excess] + sub_window - now)) end
end
if wait > 0 then return spack('<dddd', now, 1, short, wait) end

if exempt == 0 then
  local entries = credential[1]
  local n = #entries
  entries[n + 1], entries[n + 2], entries[n + 3] = ARGV[6], now + patience, 0
  if global_kept == 0 then credential[4][#credential[4] + 1] = now end
  write(KEYS[2], credential, max(patience + global_window, credential[2] - now) / 1000 + slack)
end
if name ~= NO_BUCKET then
  local entries = bucket[ENTRIES]
  local n = #entries
  local window = bucket[WINDOW_US] > 0 and bucket[WINDOW_US] or unknown_window
  entries[n + 1], entries[n + 2], entries[n + 3], entries[n + 4] = ARGV[6], now, now + ttl + window, 0
  write(KEYS[3], bucket, bucket_life(bucket, now, memory) + slack)
end
if noted == 1 then
  local log = sub[1]
  while #log >= 64 do
    table.remove(log, 1)
    table.remove(log, 1)
  end
  log[#log + 1] = ARGV[6]
  log[#log + 1] = now
  write(KEYS[4], sub, sub_life(sub, now, sub_window, memory) + slack)
end
redis.call('SET', KEYS[6], ARGV[7], 'PX', string.format('%.0f', ttl / 1000 + memory + slack))
return spack('<dddd', now, 0, 0, 0)

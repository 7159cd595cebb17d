-- What the scripts for Discord's REST limits share. Included by rest_acquire.lua and rest_report.lua.
--
-- Theory. Discord says of each answered call which bucket it fell into, how many calls the bucket takes, how many are left
-- and in how many seconds all are back. Whether a bucket slides (one slot comes back after reset_after / used) or is fixed
-- (all come back at once), a call that is answered now has its slot back at now + reset_after at the latest, and so has
-- every earlier call. So each permit is an entry that frees its slot at the moment its own answer named: the entries
-- together mirror a bucket of either kind, with no need to know which. An unanswered permit counts until it has expired
-- and a whole window has passed. Where Discord counts more than we gave out, entries without an owner make up for it.
-- Calls of one bucket are spaced so that only as many travel at once as its rate needs (Little's law; for most buckets
-- one), or an eighth of the room that is left, so a change of its limit is seen before others run into it.
--
-- Bucket  { limit, window, travel time, paused until, entries, misses in a row, stopped until }, limit 0 while unknown;
--         entries flat: id, given at, free at, answered (0, 1).
-- The global limit has no headers; when a call was counted only Discord knows. It lies between sending and answer, and
-- how far from either is bounded by the fastest. Let x be the time from a permit to Discord's counting, y from there to
-- the report, q the least travel (sending to answer) seen lately on that route, so q <= least x + least y as far as was
-- seen. A call i reported at p was counted at p - y. A call j that gets its permit at p - q + window is counted at
-- p - q + window + x of j, which is at least a window later as long as x of j + y of i >= q. So its slot is used until a
-- window after p - q; every answer that took longer than the fastest keeps its slot for as much longer. One that is
-- the fastest itself counts from its sending. What holds a report or a permit up errs on the safe side. Where few
-- answers are known (of the route, else of the credential), where there was none, or where it came from something in
-- between (5xx, 429), q is 0.
--
-- Credential { entries, paused until, stopped until, when important calls went }, entries flat: id, counted at, answered
--         (0, 1); an unanswered one is counted at the end of the patience with it.
-- Fastest { least travel and answers in this period, the same in the one before, begin of this one }; stands with the route.
-- Sub     { entries, paused until }, entries flat: id, at. Its limit stands with the route: { limit, window, until }.

local LIMIT, WINDOW_US, TRAVEL, PAUSED, ENTRIES, MISSES, STOPPED = 1, 2, 3, 4, 5, 6, 7
local ENTRY, TRIPLE, PAIR = 4, 3, 2
local NO_BUCKET = '-'

local function read(raw, empty)
  if not raw then return empty end
  return cmsgpack.unpack(raw)
end

local function write(key, value, milliseconds)
  redis.call('SET', key, cmsgpack.pack(value), 'PX', string.format('%.0f', max(1, ceil(milliseconds))))
end

local function bucket_of(raw)
  return read(raw, { 0, 0, 0, 0, {}, 0, 0 })
end

-- Drops the entries whose slot is free again.
local function prune(bucket, now)
  local kept, entries = {}, bucket[ENTRIES]
  for i = 1, #entries, ENTRY do
    if entries[i + 2] > now then
      for j = i, i + ENTRY - 1 do kept[#kept + 1] = entries[j] end
    end
  end
  bucket[ENTRIES] = kept
end

local function bucket_life(bucket, now, memory)
  local last = max(bucket[PAUSED], bucket[STOPPED], now)
  for i = 3, #bucket[ENTRIES], ENTRY do last = max(last, bucket[ENTRIES][i]) end
  return (last - now) / 1000 + memory
end

local function sub_life(sub, now, window, memory)
  return max((max(sub[2], now) - now) / 1000, window / 1000) + memory
end

-- What the scripts that decide over counters share. Included by decide.lua, settle.lua and extend.lua.
--
-- One key holds one counter, whatever its algorithm: its use so far, and the holds set aside on it. A hold is an amount
-- that counts against the limit until it is settled or expires; at expiry it is charged (reservations) or dropped
-- (concurrency slots, tentative takes). Expiry is worked out on the next access, as of the moment of the expiry, so no
-- process has to be alive for it.
--
-- Theory.
--   1 token bucket, as the generic cell rate algorithm (ITU-T I.371): one number, the theoretical arrival time (TAT). A
--     charge moves it on by the charge's emission interval; a charge is allowed while TAT stays within the tolerance
--     tau of now. Intervals are kept as whole microseconds plus a numerator over `den`, so rates such as 7 a minute are
--     exact. A stored TAT is cut to now + clamp: a clock that went back, or a limit that was lowered, does bounded harm.
--     What was cut is written back even by a denial, or it would be cut again at every look and never pass.
--     A hold that expired was charged as estimated, at its expiry; a late settlement says that the charge was smaller. Moving
--     TAT back by the difference would credit what the bucket has refilled since. But TAT is a maximum of sums,
--       TAT = max over the charges k of (time of k + all charges from k on),
--     so it is enough to keep, beside it, the maxima over the charges before the first such late charge (`base`), between
--     each two, and after the last, each without the late charges in it. With them TAT is known for any amounts of the late
--     charges, however many, and a settlement is exact: it puts in what was used and joins the two maxima around it. What lies
--     below the last maximum, or below now, can't matter any more and is dropped. Three things drop all of it, so that late
--     settlements then give back nothing, never too much: a TAT that was cut, a rate that was changed, and more than
--     MOST_LATE late charges of one bucket that all still matter (which drops the oldest).
--     The rate of a bucket may change under it. The stored TAT is kept, cut to the new clamp: what was used counts as so much
--     time, whatever the rate. From the change on, the new law holds by itself: admitted at most capacity + rate x time, as
--     TAT never lies before now; so a stretch across the change sees at most what the old law allows up to it plus what the
--     new one allows after it. Nobody waits longer for a charge than the new law's full bucket and debt take to drain.
--   2 sliding window: what was used when, merged by slot. A slot counts until all of it has left the window, so no
--     window ever sees more than the limit; with a slot of one microsecond it is an exact log.
--   3 calendar quota: a count for the period that now lies in. The caller names four successive boundaries (time zones
--     are its business); Redis's clock picks.
--   4 concurrency: holds alone.
--
-- Times and amounts are whole numbers below 2^53, exact in Lua's doubles. `%.0f` writes them, as tostring keeps only 14
-- digits. Now is Redis's own clock; tests inject one.

local BUCKET, WINDOW, CALENDAR, CONCURRENCY = 1, 2, 3, 4
local HOLD_WIDTH = 5 -- id, expiry, charge at expiry (1) or drop (0), amount, numerator
local LATE_WIDTH = 5 -- id, amount, numerator, and the maximum after it: arrival time, numerator
local MOST_LATE = 256
local MOST_ENTRIES = 512 -- times and amounts of a sliding window
local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min
local spack, sunpack = struct.pack, struct.unpack

local function clock(injected)
  if injected ~= '0' then return tonumber(injected) end
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000000 + tonumber(time[2])
end

-- Adds a mixed number (whole, numerator over den) to another.
local function add(whole, num, more, more_num, den)
  whole, num = whole + more, num + more_num
  if num >= den then return whole + 1, num - den end
  if num < 0 then return whole - 1, num + den end
  return whole, num
end

-- Whether one mixed number is below another.
local function below(whole, num, other, other_num)
  return whole < other or (whole == other and num < other_num)
end

local function larger(whole, num, other, other_num)
  if below(whole, num, other, other_num) then return other, other_num end
  return whole, num
end

-- Puts the final amount of a late charge into the maxima before it, and joins the two around it.
local function join(state, i, amount, num)
  local late, den = state.late, state.den
  local after, after_num = late[i + 3], late[i + 4]
  state.base, state.base_num = add(state.base, state.base_num, amount, num, den)
  for j = 4, i - 1, LATE_WIDTH do
    late[j], late[j + 1] = add(late[j], late[j + 1], amount, num, den)
  end
  for _ = 1, LATE_WIDTH do table.remove(late, i) end
  if i > 1 then
    late[i - 2], late[i - 1] = larger(late[i - 2], late[i - 1], after, after_num)
  else
    state.base, state.base_num = larger(state.base, state.base_num, after, after_num)
  end
  if #late == 0 then state.late = nil end
end

-- The arrival time from the maxima and the late charges.
local function arrival(state)
  local late = state.late
  if not late then return state.base, state.base_num end
  local most, most_num = 0, 0
  local sum, sum_num = 0, 0
  for i = #late - LATE_WIDTH + 1, 1, -LATE_WIDTH do
    local whole, num = add(late[i + 3], late[i + 4], sum, sum_num, state.den)
    most, most_num = larger(most, most_num, whole, num)
    sum, sum_num = add(sum, sum_num, late[i + 1], late[i + 2], state.den)
  end
  return larger(most, most_num, add(state.base, state.base_num, sum, sum_num, state.den))
end

-- Drops the late charges that can't matter any more.
local function prune(state, now)
  while state.late do
    local late = state.late
    local sum, sum_num = state.base, state.base_num
    for i = 1, #late, LATE_WIDTH do
      sum, sum_num = add(sum, sum_num, late[i + 1], late[i + 2], state.den)
    end
    local least, least_num = larger(now, 0, late[#late - 1], late[#late])
    if #late <= MOST_LATE * LATE_WIDTH and below(least, least_num, sum, sum_num) then return end
    join(state, 1, late[2], late[3])
  end
end

local function held(state)
  local amount, num = 0, 0
  local holds = state.holds
  if holds then
    for i = 1, #holds, HOLD_WIDTH do
      amount, num = add(amount, num, holds[i + 3], holds[i + 4], state.den or 1)
    end
  end
  return amount, num
end

local function next_expiry(state, now)
  local soonest
  for i = 1, #(state.holds or {}), HOLD_WIDTH do
    local expiry = state.holds[i + 1]
    if not soonest or expiry < soonest then soonest = expiry end
  end
  return soonest and max(1, soonest - now) or 1
end

-- Charges without asking. `at` is when the use happened. A negative amount gives back what was charged at `at`, of all but
-- buckets, which `give_back` is for.
local function charge(state, p, amount, num, at, now)
  local algorithm = p[1]
  if algorithm == BUCKET then
    if state.tat < at then state.tat, state.num = at, 0 end
    state.tat, state.num = add(state.tat, state.num, amount, num, state.den)
    local late = state.late
    if late then
      state.base, state.base_num = add(state.base, state.base_num, amount, num, state.den)
      for i = 4, #late, LATE_WIDTH do
        if i + 1 == #late then late[i], late[i + 1] = larger(late[i], late[i + 1], at, 0) end
        late[i], late[i + 1] = add(late[i], late[i + 1], amount, num, state.den)
      end
    end
    if state.tat - now > p[8] then state.tat, state.num, state.late = now + p[8], 0, nil end
  elseif algorithm == WINDOW then
    local slot, entries = p[6], state.entries
    local time = slot > 1 and (floor(at / slot) + 1) * slot or at
    local size = #entries
    if amount >= 0 then
      if amount == 0 then return end
      local i = size - 1
      while i > 0 and entries[i] > time do i = i - 2 end
      if i > 0 and entries[i] == time then
        entries[i + 1] = entries[i + 1] + amount
      else
        table.insert(entries, i + 2, time)
        table.insert(entries, i + 3, amount)
      end
      if #entries > MOST_ENTRIES then -- only charges made without asking get here: let the oldest two leave together
        entries[4] = entries[4] + entries[2]
        table.remove(entries, 1)
        table.remove(entries, 1)
      end
    else
      for i = 1, size, 2 do
        if entries[i] == time then
          entries[i + 1] = max(0, entries[i + 1] + amount)
          if entries[i + 1] == 0 then
            table.remove(entries, i)
            table.remove(entries, i)
          end
          return
        end
      end
    end
  elseif algorithm == CALENDAR then
    if at >= state.start then state.count = max(0, state.count + amount) end
  end
end

-- Charges a bucket for a hold that expired at `at`, so that a late settlement can still give some of it back.
local function charge_late(state, p, id, amount, num, at, now)
  local late = state.late
  if late then
    local n = #late
    late[n - 1], late[n] = larger(late[n - 1], late[n], at, 0)
  else
    late = {}
    state.late = late
    state.base, state.base_num = larger(state.tat, state.num, at, 0)
  end
  local n = #late
  late[n + 1], late[n + 2], late[n + 3], late[n + 4], late[n + 5] = id, amount, num, 0, 0
  state.tat, state.num = arrival(state)
  if state.tat - now > p[8] then state.tat, state.num, state.late = now + p[8], 0, nil end
end

-- Charges or drops the holds that have expired, in the order in which they did.
local function expire(state, p, now)
  local holds, kept, gone = state.holds, {}, {}
  for i = 1, #holds, HOLD_WIDTH do
    if holds[i + 1] <= now then
      gone[#gone + 1] = { holds[i + 1], holds[i + 2], holds[i + 3], holds[i + 4], holds[i] }
    else
      for j = i, i + HOLD_WIDTH - 1 do kept[#kept + 1] = holds[j] end
    end
  end
  if #gone == 0 then return end
  state.holds = #kept > 0 and kept or nil
  table.sort(gone, function(a, b) return a[1] < b[1] end)
  for _, hold in ipairs(gone) do
    if hold[2] == 1 then
      if p[1] == BUCKET then
        charge_late(state, p, hold[5], hold[3], hold[4], hold[1], now)
      else
        charge(state, p, hold[3], hold[4], hold[1], now)
      end
    end
  end
end

-- Reads a counter as it stands now. What another algorithm left under the key counts as nothing.
local function load(raw, p, now)
  local algorithm = p[1]
  local state, stored = { holds = nil }, nil
  if raw and algorithm == BUCKET then
    local tat = tonumber(raw)
    if tat then
      local ahead = tat - now > p[8]
      return { tat = ahead and now + p[8] or tat, num = 0, den = p[5], corrected = ahead }
    end
  end
  if raw then
    stored = cmsgpack.unpack(raw)
    if type(stored) ~= 'table' or stored[1] ~= algorithm then stored = nil end
  end
  if algorithm == BUCKET then
    state.tat, state.num, state.den = 0, 0, p[5]
    if stored then
      state.tat, state.num, state.holds = stored[2], stored[3], stored[5] or nil
      state.late, state.base, state.base_num = stored[6] or nil, stored[7], stored[8]
      if stored[4] ~= p[5] then -- the rate was changed: round the old fractions up
        if state.num > 0 then state.tat, state.num = state.tat + 1, 0 end
        state.late = nil
        for i = 1, #(state.holds or {}), HOLD_WIDTH do
          if state.holds[i + 4] > 0 then state.holds[i + 3], state.holds[i + 4] = state.holds[i + 3] + 1, 0 end
        end
      end
    end
    if state.tat - now > p[8] then
      state.tat, state.num, state.late, state.corrected = now + p[8], 0, nil, true
    end
  elseif algorithm == WINDOW then
    local kept, latest = {}, p[6] > 1 and (floor(now / p[6]) + 1) * p[6] or now
    if stored then
      state.holds = stored[3]
      local entries = stored[2]
      for i = 1, #entries, 2 do
        local time = min(entries[i], latest)
        if time < entries[i] then state.corrected = true end
        if #kept > 0 and kept[#kept - 1] == time then
          kept[#kept] = kept[#kept] + entries[i + 1]
        else
          kept[#kept + 1] = time
          kept[#kept + 1] = entries[i + 1]
        end
      end
    end
    state.entries = kept
  elseif algorithm == CALENDAR then
    local i = 5
    if now >= p[7] then i = 7 elseif now >= p[6] then i = 6 end
    state.count = 0
    if stored then
      state.holds = stored[4]
      -- A later period than now's means that the clock went back: its count stays in force.
      for later = i, 7 do
        if stored[2] * 1000000 == p[later] then i, state.count = later, stored[3] end
      end
    end
    state.start, state.finish, state.last = p[i], p[i + 1], p[8]
  elseif stored then
    state.holds = stored[2]
  end
  if state.holds then
    if #state.holds == 0 then state.holds = nil else expire(state, p, now) end
  end
  if algorithm == WINDOW and #state.entries > 0 and state.entries[1] + p[5] <= now then
    local kept = {}
    for i = 1, #state.entries, 2 do
      if state.entries[i] + p[5] > now then
        kept[#kept + 1] = state.entries[i]
        kept[#kept + 1] = state.entries[i + 1]
      end
    end
    state.entries = kept
  end
  return state
end

-- Whether the charge fits, and if not, in how many microseconds it will. Holds that nobody settles count until they
-- expire, so with them the wait is when the answer may change next.
local function fits(state, p, now)
  local algorithm, amount, num = p[1], held(state)
  if algorithm == BUCKET then
    local ahead, ahead_num = 0, 0
    if state.tat >= now then ahead, ahead_num = state.tat - now, state.num end
    local need, need_num = add(amount, num, p[3], p[4], p[5])
    local total, total_num = add(ahead, ahead_num, need, need_num, p[5])
    if total < p[6] or (total == p[6] and total_num <= p[7]) then return true, 0 end
    if need > p[6] or (need == p[6] and need_num > p[7]) then return false, next_expiry(state, now) end
    local wait, wait_num = add(total, total_num, -p[6], -p[7], p[5])
    if wait_num > 0 then wait = wait + 1 end
    return false, max(1, wait)
  elseif algorithm == WINDOW then
    local used = amount
    for i = 2, #state.entries, 2 do used = used + state.entries[i] end
    local excess = used + p[3] - p[4]
    if excess <= 0 then return true, 0 end
    for i = 1, #state.entries, 2 do
      excess = excess - state.entries[i + 1]
      if excess <= 0 then return false, max(1, state.entries[i] + p[5] - now) end
    end
    return false, next_expiry(state, now)
  elseif algorithm == CALENDAR then
    if state.count + amount + p[3] <= p[4] then return true, 0 end
    if amount + p[3] <= p[4] or not state.holds then return false, max(1, state.finish - now) end
    return false, next_expiry(state, now)
  end
  if amount + p[3] <= p[4] then return true, 0 end
  return false, next_expiry(state, now)
end

-- How a counter stands, as two numbers: of a bucket its room (whole, numerator), of the others use and time to reset.
local function standing(state, p, now)
  local algorithm, amount, num = p[1], held(state)
  if algorithm == BUCKET then
    if state.tat >= now then amount, num = add(amount, num, state.tat - now, state.num, p[5]) end
    return add(p[6], p[7], -amount, -num, p[5])
  elseif algorithm == WINDOW then
    local used = amount
    for i = 2, #state.entries, 2 do used = used + state.entries[i] end
    local size = #state.entries
    return used, size > 0 and state.entries[size - 1] + p[5] - now or 0
  elseif algorithm == CALENDAR then
    return state.count + amount, max(0, state.finish - now)
  end
  local last = now
  for i = 2, #(state.holds or {}), HOLD_WIDTH do last = max(last, state.holds[i]) end
  return amount, last - now
end

local function hold(state, id, expiry, charged, amount, num)
  local holds = state.holds or {}
  local n = #holds
  holds[n + 1], holds[n + 2], holds[n + 3], holds[n + 4], holds[n + 5] = id, expiry, charged, amount, num
  state.holds = holds
end

-- The place of a hold, or nil.
local function find(state, id)
  for i = 1, #(state.holds or {}), HOLD_WIDTH do
    if state.holds[i] == id then return i end
  end
  return nil
end

local function remove(state, place)
  for _ = 1, HOLD_WIDTH do table.remove(state.holds, place) end
  if #state.holds == 0 then state.holds = nil end
end

-- Settles a hold of a bucket that was charged at its expiry: what was used takes the place of what was charged.
local function settle_late(state, id, used, used_num)
  local late = state.late or {}
  for i = 1, #late, LATE_WIDTH do
    if late[i] == id then
      local amount, num = late[i + 1], late[i + 2]
      if below(used, used_num, amount, num) then amount, num = used, used_num end
      join(state, i, amount, num)
      state.tat, state.num = arrival(state)
      return
    end
  end
end

-- Writes a counter with the time to live after which it would say nothing any more.
local function save(key, state, p, now, slack)
  local algorithm, last, raw = p[1], now, nil
  local holds = state.holds
  if holds then
    for i = 2, #holds, HOLD_WIDTH do last = max(last, holds[i]) end
  end
  if algorithm == BUCKET then
    prune(state, now)
    if not holds and state.num == 0 and not state.late then
      last = state.tat
      raw = string.format('%.0f', state.tat)
    else
      last = max(last, state.tat) + held(state) + 1
      raw = cmsgpack.pack({
        BUCKET, state.tat, state.num, state.den, holds or false, state.late or false, state.base or 0, state.base_num or 0,
      })
    end
  elseif algorithm == WINDOW then
    local size = #state.entries
    if size > 0 then last = max(last, state.entries[size - 1]) end
    if size > 0 or holds then last = last + p[5] + p[6] end
    raw = cmsgpack.pack({ WINDOW, state.entries, holds })
  elseif algorithm == CALENDAR then
    last = holds and max(last, state.last) or state.finish
    raw = cmsgpack.pack({ CALENDAR, state.start / 1000000, state.count, holds })
  else
    raw = cmsgpack.pack({ CONCURRENCY, holds })
  end
  if last <= now then
    redis.call('DEL', key)
  else
    redis.call('SET', key, raw, 'PX', string.format('%.0f', ceil((last - now) / 1000) + slack))
  end
end

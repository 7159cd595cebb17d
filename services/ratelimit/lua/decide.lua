-- Decides one or many requests over any number of limits each: every limit of a request is charged, or none is.
--
-- Theory. Redis runs a script alone, so reading all counters, deciding and writing all of them is one indivisible step:
-- no over-admission whatever the number of callers, and a denial takes nothing. Requests that came within one tick of
-- the service's loop share one call; they are decided in order, each seeing what the earlier ones took, and every
-- counter is written once. What is remembered of a request (its `id`) makes a repeat free and says which holds it made.
--
-- KEYS   for each request: its counters, then its record if it has an id.
-- ARGV   1 now in microseconds, or 0 for Redis's clock; 2 milliseconds added to each TTL (tests with a clock of their own);
--        3 all requests packed: mode (0 take, 1 peek, 2 hold), number of limits, has an id (0, 1), time to live of holds in
--        microseconds, charge at expiry (0, 1), time to live of the record in milliseconds, most holds of a counter; then per
--        limit: algorithm, flags (1 enforced, 2 charged even where it would deny) and six numbers of the algorithm;
--        4... for each request with an id: id, fingerprint, notes of the service.
-- Gives  packed doubles: now; per request a status (0 denied, 1 allowed, 2 repeat of an allowed one, 3 the id belongs to
--        another request), then per limit: fits (0, 1), wait in microseconds, and the two numbers of how it stands.

--!include counters.lua

local TAKE, PEEK, HOLD = 0, 1, 2
local DENIED, ALLOWED, REPEATED, CONFLICT = 0, 1, 2, 3
local ENFORCED, FORCED = 1, 2

local now, slack, packed = clock(ARGV[1]), tonumber(ARGV[2]), ARGV[3]
local raws = redis.call('MGET', unpack(KEYS))
local states, dirty, order = {}, {}, {}
local out, position, key, argument = { spack('<d', now) }, 1, 1, 4

local function place(size) -- room for the limits of a request that has no standing to tell
  return string.rep('\0', size * 32)
end

local size = #packed
while position <= size do
  local mode, count, has_id, hold_ttl, charged, record_ttl, most_holds
  mode, count, has_id, hold_ttl, charged, record_ttl, most_holds, position = sunpack('<ddddddd', packed, position)
  local first, id, fingerprint, notes, record, record_key = key, nil, nil, nil, nil, nil
  key = key + count
  if has_id == 1 then
    id, fingerprint, notes = ARGV[argument], ARGV[argument + 1], ARGV[argument + 2]
    argument = argument + 3
    record_key = KEYS[key]
    -- A repeat may stand in the same call as its original.
    record = states[record_key] or (raws[key] and cmsgpack.unpack(raws[key]))
    key = key + 1
  end
  if record then
    position = position + count * 64
    if record[1] ~= fingerprint then
      out[#out + 1] = spack('<d', CONFLICT) .. place(count)
    else
      out[#out + 1] = spack('<d', REPEATED) .. record[2]
    end
  else
    local params, results, admitted = {}, {}, true
    for i = 1, count do
      local p = { sunpack('<dddddddd', packed, position) }
      position = p[9]
      params[i] = p
      local name = KEYS[first + i - 1]
      local state = states[name]
      if not state then
        state = load(raws[first + i - 1], p, now)
        states[name] = state
        if state.corrected and mode ~= PEEK then
          dirty[name] = p
          order[#order + 1] = name
        end
      end
      local ok, wait = fits(state, p, now)
      if ok and state.holds and (mode == HOLD or p[1] == CONCURRENCY) and #state.holds >= most_holds * HOLD_WIDTH then
        ok, wait = false, next_expiry(state, now)
      end
      results[i] = { ok, wait }
      if not ok and p[2] == ENFORCED then admitted = false end
    end
    local holds = {}
    if admitted and mode ~= PEEK then
      for i = 1, count do
        local p, name = params[i], KEYS[first + i - 1]
        if results[i][1] or p[2] >= FORCED then
          local state = states[name]
          if mode == HOLD or p[1] == CONCURRENCY then
            local bucket = p[1] == BUCKET
            local expiry = now + (p[1] == CONCURRENCY and mode == TAKE and p[5] or hold_ttl)
            hold(state, id, expiry, p[1] == CONCURRENCY and 0 or charged, p[3], bucket and p[4] or 0)
            holds[#holds + 1] = i - 1
          else
            -- Whoever may pass a limit is counted up to it, and runs up no debt.
            local before = p[8]
            if p[1] == BUCKET and not results[i][1] then p[8] = max(p[6], state.tat - now) end
            charge(state, p, p[3], p[1] == BUCKET and p[4] or 0, now, now)
            p[8] = before
          end
          if not dirty[name] then
            dirty[name] = p
            order[#order + 1] = name
          end
        end
      end
    end
    local lines = {}
    for i = 1, count do
      local x, y = standing(states[KEYS[first + i - 1]], params[i], now)
      lines[i] = spack('<dddd', results[i][1] and 1 or 0, results[i][2], x, y)
    end
    local answer = table.concat(lines)
    out[#out + 1] = spack('<d', admitted and ALLOWED or DENIED) .. answer
    if id and admitted and mode ~= PEEK then
      -- fingerprint, answer, expiry, charged at expiry, indexes of the limits with holds, notes, settlement
      record = { fingerprint, answer, now + hold_ttl, charged, holds, notes, false }
      states[record_key] = record
      redis.call('SET', record_key, cmsgpack.pack(record), 'PX', string.format('%.0f', record_ttl + slack))
    end
  end
end
for _, name in ipairs(order) do save(name, states[name], dirty[name], now, slack) end
return table.concat(out)

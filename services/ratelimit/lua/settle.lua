-- Settles the holds of one request: frees them and charges what was really used.
--
-- Theory. The record that decide.lua left says what was held. The first settlement counts and is remembered, so repeats
-- change nothing. A hold that has expired meanwhile was charged (or dropped) by whoever looked first; then only the
-- difference is charged, so reserved and used always add up. Use beyond the hold is charged all the same: a debt.
--
-- KEYS   1 the record; then the counters that have holds, in the record's order.
-- ARGV   1 now or 0; 2 milliseconds added to each TTL; 3 the id; 4 flags: 1 fail unless every hold is still there;
--        5 milliseconds to keep the record; 6 per counter eight doubles as in decide.lua with the amount used, then two of the
--        amount that was held.
-- Gives  packed doubles: now; status (0 no record, 1 settled, 2 settled before, 3 a hold had expired and flag 1 forbade),
--        late (0, 1), then per counter the two numbers of how it stands.

--!include counters.lua

local now, slack, id, flags = clock(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local strict = flags == 1
local raws = redis.call('MGET', unpack(KEYS))
if not raws[1] then return spack('<ddd', now, 0, 0) end
local record = cmsgpack.unpack(raws[1])
local settled = record[7]
if settled then return spack('<dd', now, 2) .. settled[1] end

local count, position, late = #KEYS - 1, 1, 0
local params, before, states, places = {}, {}, {}, {}
for i = 1, count do
  local p = { sunpack('<dddddddddd', ARGV[6], position) }
  position = p[11]
  params[i], before[i] = p, { p[9], p[10] }
  states[i] = load(raws[i + 1], p, now)
  places[i] = find(states[i], id)
  if not places[i] then late = 1 end
end
if strict and late == 1 then return spack('<ddd', now, 3, 1) end

local lines = { spack('<d', late) }
for i = 1, count do
  local p, state = params[i], states[i]
  local num = p[1] == BUCKET and p[4] or 0
  if places[i] then
    remove(state, places[i])
    charge(state, p, p[3], num, now, now)
  else
    local was, was_num = 0, 0
    if record[4] == 1 then
      was, was_num = before[i][1], before[i][2]
    end
    local more, more_num = add(p[3], num, -was, -was_num, p[1] == BUCKET and p[5] or 1)
    if p[1] == BUCKET then settle_late(state, id, p[3], num) end
    -- What is given back was charged when the hold expired; what comes on top is charged now.
    if p[1] ~= BUCKET or more >= 0 then
      charge(state, p, more, more_num, more < 0 and record[3] or now, now)
    end
  end
  save(KEYS[i + 1], state, p, now, slack)
  lines[#lines + 1] = spack('<dd', standing(state, p, now))
end
local answer = table.concat(lines)
record[7] = { answer }
redis.call('SET', KEYS[1], cmsgpack.pack(record), 'PX', string.format('%.0f', tonumber(ARGV[5]) + slack))
return spack('<dd', now, 1) .. answer

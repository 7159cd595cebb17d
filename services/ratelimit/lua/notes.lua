-- Reads what a request's record says of its holds.
--
-- Theory. Settling and extending must declare the counters' keys before they run; which those are, only the record knows.
-- So it is read first. It never changes in this part, so nothing can come between.
--
-- KEYS   1 the record.
-- ARGV   1 and 2 as everywhere; unused.
-- Gives  empty where there is no record; else one byte with the number of limits that have holds, one byte for the index
--        of each, and the service's notes.

local raw = redis.call('GET', KEYS[1])
if not raw then return '' end
local record = cmsgpack.unpack(raw)
local out = { string.char(#record[5]) }
for _, index in ipairs(record[5]) do out[#out + 1] = string.char(index) end
out[#out + 1] = record[6]
return table.concat(out)

-- Renews a replica's lease on its part of the shares, and says how many replicas hold one.
--
-- Theory. While the store is away nobody can be asked, so what may be given out then has to be agreed beforehand: the
-- share of a limit, divided by the number of replicas that held a lease when this one last renewed. A replica that
-- ended stops renewing and is forgotten.
--
-- KEYS   1 sorted set of replicas by the microsecond in which their lease ends.
-- ARGV   1 now or 0; 2 milliseconds added to the TTL; 3 the replica; 4 time to live in microseconds, 0 to give the lease up.
-- Gives  packed doubles: now; the number of replicas.

--!include counters.lua

local now, ttl = clock(ARGV[1]), tonumber(ARGV[4])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
if ttl > 0 then
  redis.call('ZADD', KEYS[1], string.format('%.0f', now + ttl), ARGV[3])
  redis.call('PEXPIRE', KEYS[1], string.format('%.0f', ceil(ttl / 1000) + tonumber(ARGV[2])))
else
  redis.call('ZREM', KEYS[1], ARGV[3])
end
return spack('<dd', now, redis.call('ZCARD', KEYS[1]))

-- Keeps a presence (if there is one), forgets those whose time is over, and answers with the rest.
--
-- KEYS: ends presences
-- ARGV: how far our clock is ahead of the server's, who, the presence, for how long

local ENDS, PRESENCES = unpack(KEYS)
local who, presence, ttl = ARGV[2], ARGV[3], tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2] + ARGV[1]

local over = redis.call('ZRANGEBYSCORE', ENDS, '-inf', string.format('%.0f', now))
for _, gone in ipairs(over) do
  redis.call('ZREM', ENDS, gone)
  redis.call('HDEL', PRESENCES, gone)
end
if not who then return redis.call('HVALS', PRESENCES) end
redis.call('ZADD', ENDS, string.format('%.0f', now + ttl), who)
redis.call('HSET', PRESENCES, who, presence)
return {}

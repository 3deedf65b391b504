-- Gives or renews one of so many permits to be in a place.
--
-- KEYS: place
-- ARGV: how far our clock is ahead of the server's, how many, who, for how many microseconds

local PLACE = KEYS[1]
local max, holder, ttl = tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2] + ARGV[1]

redis.call('ZREMRANGEBYSCORE', PLACE, '-inf', string.format('%.0f', now))
if not redis.call('ZSCORE', PLACE, holder) and redis.call('ZCARD', PLACE) >= max then return 0 end
redis.call('ZADD', PLACE, string.format('%.0f', now + ttl), holder)
local lasts = math.ceil(ttl / 1000)
if redis.call('PTTL', PLACE) < lasts then redis.call('PEXPIRE', PLACE, lasts) end
return 1

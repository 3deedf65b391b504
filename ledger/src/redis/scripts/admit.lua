-- Takes an amount out of a bucket, and says how many microseconds to wait before using it.
--
-- KEYS: bucket
-- ARGV: how far our clock is ahead of the server's, what flows in per second, the amount

local BUCKET = KEYS[1]
local rate, amount = math.max(tonumber(ARGV[2]), 1), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2] + ARGV[1]

-- What was taken and has not flowed back yet, not when it will have: so a changed rate holds.
local known = redis.call('HMGET', BUCKET, 'taken', 'at')
local flowed = math.max(now - tonumber(known[2] or now), 0) * rate / 1000000
local taken = math.max(tonumber(known[1] or 0) - flowed, 0) + amount
redis.call('HSET', BUCKET, 'taken', string.format('%.6f', taken), 'at', string.format('%.0f', now))
-- An empty bucket need not be remembered, and nobody is made to wait for more than a day.
redis.call('PEXPIRE', BUCKET, string.format('%.0f', math.min(taken / rate * 1000 + 1000, 86400000)))
return math.ceil(math.max(taken - rate, 0) / rate * 1000000)

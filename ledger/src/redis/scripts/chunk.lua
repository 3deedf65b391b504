-- What all scripts about chunks share.
--
-- KEYS: meta done released parked claims held tries
-- ARGV: how far our clock is ahead of the server's, whom to nudge and with what, then what is asked.

local META, DONE, RELEASED, PARKED, CLAIMS, HELD, TRIES = unpack(KEYS)
local count = tonumber(redis.call('HGET', META, 'chunks') or 0)

-- A claim that would outlast this, in microseconds, is nobody's: claims last seconds.
local CLAIM_MAX = 300 * 1000000

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000000 + time[2] + ARGV[1]
end

local function nudge()
  redis.call('PUBLISH', ARGV[2], ARGV[3])
end

-- The state of a chunk, and the attempt that holds it.
local function state(chunk)
  if chunk >= count then return 'unknown' end
  if redis.call('GETBIT', DONE, chunk) == 1 then return 'done' end
  if redis.call('SISMEMBER', PARKED, chunk) == 1 then return 'parked' end
  local holder = redis.call('HGET', HELD, chunk)
  if holder then return 'claimed', string.sub(holder, 1, 36) end
  if redis.call('GETBIT', RELEASED, chunk) == 1 then return 'ready' end
  return 'waiting'
end

-- The attempt's name is always 36 characters long.
local function hold(chunk, attempt, worker, ends)
  redis.call('HSET', HELD, chunk, attempt .. worker)
  redis.call('ZADD', CLAIMS, string.format('%.0f', ends), chunk)
end

local function let_go(chunk)
  redis.call('HDEL', HELD, chunk)
  redis.call('ZREM', CLAIMS, chunk)
end

local function count_try(chunk)
  redis.call('HINCRBY', TRIES, chunk, 1)
end

-- Numbers an event, keeps it if it is to be kept, and tells it to those who watch.
--
-- KEYS: log events
-- ARGV: how far our clock is ahead of the server's, the channel, the event with \1 where its
-- number belongs and \2 where it belongs with leading zeros, how many are kept (0: not this one)

local LOG, EVENTS = unpack(KEYS)
local channel, event, keep = ARGV[2], ARGV[3], tonumber(ARGV[4])

-- Numbers begin at the time of day, so that they go on rising when everything was forgotten.
local fresh = redis.call('EXISTS', LOG) == 0
if fresh then
  local time = redis.call('TIME')
  local begun = string.format('%.0f', time[1] * 1000000 + time[2] + ARGV[1])
  redis.call('HSET', LOG, 'begun', begun, 'last', begun)
end

local number = redis.call('HINCRBY', LOG, 'last', 1)
event = string.gsub(event, '\1', string.format('%.0f', number))
event = string.gsub(event, '\2', string.format('%020.0f', number))
if keep > 0 then
  local id = string.format('%.0f-0', number)
  redis.call('XADD', EVENTS, 'MAXLEN', '~', keep, id, 'event', event)
end
redis.call('PUBLISH', channel, event)
return { number, fresh and 1 or 0 }

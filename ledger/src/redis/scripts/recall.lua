-- All that is remembered of a run's chunks, of one moment. Not a transaction: a server that is
-- out of memory refuses those even for reading.
--
-- More of anything than there are chunks, or more chunks than a plan has, was put there by somebody
-- else. It is not sent, so that nobody sets memory aside for it.
--
-- ARGV, besides: the most chunks of a plan

if count > tonumber(ARGV[4]) or count < 0 or count ~= math.floor(count)
  or redis.call('SCARD', PARKED) > count or redis.call('HLEN', HELD) > count
  or redis.call('ZCARD', CLAIMS) > count or redis.call('HLEN', TRIES) > count then
  return redis.error_reply('ABSURD more than a plan has')
end

local last = math.max(math.ceil(count / 8) - 1, 0)
return {
  redis.call('HGET', META, 'chunks'),
  redis.call('GETRANGE', DONE, 0, last),
  redis.call('GETRANGE', RELEASED, 0, last),
  redis.call('SMEMBERS', PARKED),
  redis.call('ZRANGE', CLAIMS, 0, -1, 'WITHSCORES'),
  redis.call('HGETALL', HELD),
  redis.call('HGETALL', TRIES),
}

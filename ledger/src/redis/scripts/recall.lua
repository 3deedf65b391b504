-- All that is remembered of a run's chunks, of one moment. Not a transaction: a server that is
-- out of memory refuses those even for reading.

return {
  redis.call('HGET', META, 'chunks'),
  redis.call('GET', DONE),
  redis.call('GET', RELEASED),
  redis.call('SMEMBERS', PARKED),
  redis.call('ZRANGE', CLAIMS, 0, -1, 'WITHSCORES'),
  redis.call('HGETALL', HELD),
  redis.call('HGETALL', TRIES),
}

-- Remembers a run with so many chunks, all waiting, unless it is known so.

local chunks = tonumber(ARGV[4])

if redis.call('HEXISTS', META, 'chunks') == 1 and count == chunks then return 0 end
redis.call('DEL', META, DONE, RELEASED, PARKED, CLAIMS, HELD, TRIES)
redis.call('HSET', META, 'chunks', chunks)
nudge()
return 1

-- Holds a claim for another while, even one that ran out if nobody noticed.

local chunk, attempt, ttl = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6])
local from, holder = state(chunk)

if from == 'claimed' and holder == attempt then
  redis.call('ZADD', CLAIMS, string.format('%.0f', now() + ttl), chunk)
  return 'held'
elseif from == 'claimed' or from == 'done' or from == 'parked' then
  return 'taken'
end
return 'unknown'

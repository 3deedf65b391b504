-- Takes a claim. Answers with a word, and which try it is.

local chunk, attempt, worker, ttl = tonumber(ARGV[4]), ARGV[5], ARGV[6], tonumber(ARGV[7])
local from, holder = state(chunk)
local time = now()

if from == 'claimed' and holder ~= attempt then
  local ends = redis.call('ZSCORE', CLAIMS, chunk)
  ends = ends and tonumber(ends) or 0
  if ends > time and ends <= time + CLAIM_MAX then return { 'elsewhere', 0 } end
  count_try(chunk)
elseif from ~= 'claimed' and from ~= 'ready' then
  return { from, 0 }
end
hold(chunk, attempt, worker, time + ttl)
if holder ~= attempt then nudge() end
return { 'claimed', tonumber(redis.call('HGET', TRIES, chunk) or 0) + 1 }

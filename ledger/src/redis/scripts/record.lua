-- `protocol::chunk::State::on`, and what is counted beside it.

local chunk, event, attempt = tonumber(ARGV[4]), ARGV[5], ARGV[6]
local from, holder = state(chunk)
local mine = from == 'claimed' and holder == attempt

if from == 'unknown' then
  return 0
elseif from == 'done' then
  -- Late news of its earlier life; it stays as it ended.
  local late = event == 'receipt' or event == 'lapsed' or event == 'early' or event == 'parked'
    or event == 'released'
  return late and 1 or 0
elseif event == 'receipt' then
  redis.call('SETBIT', DONE, chunk, 1)
  redis.call('SREM', PARKED, chunk)
  let_go(chunk)
elseif event == 'released' and from == 'waiting' then
  redis.call('SETBIT', RELEASED, chunk, 1)
elseif event == 'claimed' and from == 'ready' then
  hold(chunk, attempt, '', now())
elseif event == 'lapsed' and mine then
  let_go(chunk)
  count_try(chunk)
elseif event == 'early' and mine then
  let_go(chunk)
  redis.call('SETBIT', RELEASED, chunk, 0)
elseif event == 'parked' and mine then
  let_go(chunk)
  redis.call('SADD', PARKED, chunk)
  count_try(chunk)
elseif event == 'worn_out' and from == 'ready' then
  redis.call('SADD', PARKED, chunk)
elseif event == 'reopened' and from == 'parked' then
  redis.call('SREM', PARKED, chunk)
  redis.call('SETBIT', RELEASED, chunk, 1)
  redis.call('HDEL', TRIES, chunk)
else
  return 0
end
nudge()
return 1

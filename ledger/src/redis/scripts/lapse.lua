-- Makes claims lapse that ran out, or all of them, and says which.

local over
if ARGV[4] == 'all' then
  over = redis.call('HKEYS', HELD)
else
  local time = now()
  over = redis.call('ZRANGEBYSCORE', CLAIMS, '-inf', string.format('%.0f', time))
  -- No worker of ours claims for so long, or without saying until when.
  local ghosts = redis.call('ZRANGEBYSCORE', CLAIMS, string.format('(%.0f', time + CLAIM_MAX), '+inf')
  for _, chunk in ipairs(ghosts) do table.insert(over, chunk) end
  if redis.call('HLEN', HELD) ~= redis.call('ZCARD', CLAIMS) then
    for _, chunk in ipairs(redis.call('HKEYS', HELD)) do
      if not redis.call('ZSCORE', CLAIMS, chunk) then table.insert(over, chunk) end
    end
  end
end

local chunks = {}
for _, chunk in ipairs(over) do
  chunk = tonumber(chunk) or count
  if state(chunk) == 'claimed' then
    count_try(chunk)
    table.insert(chunks, chunk)
  end
  let_go(chunk)
end
table.sort(chunks)
if #chunks > 0 then nudge() end
return chunks

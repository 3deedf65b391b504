-- Makes claims lapse that ran out, or all of them, and says which.

local over
if ARGV[4] == 'all' then
  over = redis.call('HKEYS', HELD)
else
  over = redis.call('ZRANGEBYSCORE', CLAIMS, '-inf', string.format('%.0f', now()))
end

local chunks = {}
for _, chunk in ipairs(over) do
  chunk = tonumber(chunk)
  if state(chunk) == 'claimed' then
    count_try(chunk)
    table.insert(chunks, chunk)
  end
  let_go(chunk)
end
table.sort(chunks)
if #chunks > 0 then nudge() end
return chunks

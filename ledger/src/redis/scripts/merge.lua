-- Adds a piece of a bitmap to what is done, or to what is released.

local into, offset, piece = ARGV[4], tonumber(ARGV[5]), ARGV[6]

-- Of the bits beyond the last chunk, only those in its own byte can get in; nobody asks for them.
local size = math.floor((count + 7) / 8)
if offset >= size then return 0 end
piece = string.sub(piece, 1, size - offset)

local key = into == 'done' and DONE or RELEASED
local old = redis.call('GETRANGE', key, offset, offset + #piece - 1)
if #old > 0 then
  local both = {}
  for i = 1, #piece do
    both[i] = string.char(bit.bor(string.byte(piece, i), string.byte(old, i) or 0))
  end
  piece = table.concat(both)
end
if piece == old then return 0 end
redis.call('SETRANGE', key, offset, piece)

if into == 'done' then
  for _, chunk in ipairs(redis.call('HKEYS', HELD)) do
    if redis.call('GETBIT', DONE, chunk) == 1 then let_go(chunk) end
  end
  for _, chunk in ipairs(redis.call('SMEMBERS', PARKED)) do
    if redis.call('GETBIT', DONE, chunk) == 1 then redis.call('SREM', PARKED, chunk) end
  end
end
nudge()
return 1

-- Gives a claim back without counting a try.

local chunk, attempt = tonumber(ARGV[4]), ARGV[5]
local from, holder = state(chunk)

if from ~= 'claimed' or holder ~= attempt then return 0 end
let_go(chunk)
nudge()
return 1

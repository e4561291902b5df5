-- States levels that were commanded before. KEYS: the shop's versions. ARGV: life (s), then SKU, version and level of each.
local function older(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end
for i = 2, #ARGV, 3 do
  local held = redis.call('HGET', KEYS[1], ARGV[i])
  local known = held and string.match(held, '^(%d+) ')
  if not known or older(known, ARGV[i + 1]) then
    redis.call('HSET', KEYS[1], ARGV[i], string.format('%s %s 0 0', ARGV[i + 1], ARGV[i + 2]))
  end
end
redis.call('EXPIRE', KEYS[1], ARGV[1])

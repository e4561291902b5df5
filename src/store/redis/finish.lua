-- States that calls have ended. KEYS: the shop's versions. ARGV: SKU and version of each.
-- Returns version and level of what is newer by now, or two empty words, of each.
local function older(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end
local answers = {}
for i = 1, #ARGV, 2 do
  local held = redis.call('HGET', KEYS[1], ARGV[i])
  local known, level, calls, since
  if held then known, level, calls, since = string.match(held, '^(%d+) (%d+) (%d+) (%d+)$') end
  if known and tonumber(calls) > 0 then
    redis.call('HSET', KEYS[1], ARGV[i], string.format('%s %s %d %s', known, level, calls - 1, since))
  end
  local is_newer = known and older(ARGV[i + 1], known)
  answers[#answers + 1] = is_newer and known or ''
  answers[#answers + 1] = is_newer and level or ''
end
return answers

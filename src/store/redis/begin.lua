-- States that stock levels are about to be told. KEYS: the shop's versions, the mark that the memory is whole.
-- ARGV: life (s), longest call (ms), then SKU, version and level of each.
-- A field holds: version, level, calls under way, time (ms) at which the first of them began.
-- Returns three words each: 0 superseded, 1 go, or 2 go but somebody has not finished; then version and level of what
-- superseded it. Nothing at all when the memory was lost.
if redis.call('EXISTS', KEYS[2]) == 0 then return {} end
-- Versions may be larger than what a number of Lua holds exactly.
local function older(a, b)
  if #a ~= #b then return #a < #b end
  return a < b
end
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local answers = {}
for i = 3, #ARGV, 3 do
  local sku, version, level = ARGV[i], ARGV[i + 1], ARGV[i + 2]
  local held = redis.call('HGET', KEYS[1], sku)
  local known, newer, calls, since
  if held then known, newer, calls, since = string.match(held, '^(%d+) (%d+) (%d+) (%d+)$') end
  local word = '0'
  if known and older(version, known) then
    version, level = known, newer
  else
    calls, since = tonumber(calls or 0), tonumber(since or 0)
    if calls == 0 or now - since > tonumber(ARGV[2]) then calls, since = 0, now end
    word = calls > 0 and '2' or '1'
    redis.call('HSET', KEYS[1], sku, string.format('%s %s %d %.0f', version, level, calls + 1, since))
  end
  answers[#answers + 1], answers[#answers + 2], answers[#answers + 3] = word, version, level
end
redis.call('EXPIRE', KEYS[1], ARGV[1])
return answers

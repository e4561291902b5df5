-- Reserves one call at the first time that all limits allow, by the generic cell rate algorithm.
-- KEYS: for each limit, the narrowest first, its time and its stop. ARGV: for each limit time between calls (us) and burst.
-- Returns {1, delay_us} when reserved, {0, delay_us} when it is to be asked again.
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local count = #KEYS / 2
local times, delay, last = {}, 0, 0
for i = 1, count do
  local emission = tonumber(ARGV[2 * i - 1])
  local lead = (tonumber(ARGV[2 * i]) - 1) * emission
  local time = tonumber(redis.call('GET', KEYS[2 * i - 1]) or now)
  if time < now then time = now end
  -- A clock that was set back must not stop everybody for as long as that.
  if time > now + lead + 60000000 then time = now + lead + 60000000 end
  times[i] = time
  last = math.max(0, time - lead - now)
  local stopped = redis.call('PTTL', KEYS[2 * i])
  if stopped > 0 then last = math.max(last, stopped * 1000) end
  delay = math.max(delay, last)
end
-- The wider limit would allow it long before the narrower: its time is left to others.
if delay > last + 20000 or delay > 60000000 then return {0, delay} end
for i = 1, count do
  local time = math.max(times[i], now + delay) + tonumber(ARGV[2 * i - 1])
  redis.call('SET', KEYS[2 * i - 1], string.format('%.0f', time), 'PX', math.ceil((time - now) / 1000) + 1000)
end
return {1, delay}

-- Reserves one call at the first time that all limits allow, by the generic cell rate algorithm, and counts it at each
-- quota of the day.
-- KEYS: for each limit, the narrowest first, its time and its stop; then the count of each quota. ARGV: how many limits;
-- for each limit time between calls (us) and burst; for each quota calls in a day and calls to be counted besides.
-- Returns {1, delay_us, counts} when reserved, {0, delay_us, counts} when it is to be asked again, and {2, 0, counts} when
-- a quota is used up.
local count = tonumber(ARGV[1])
local first, used, left = 2 * count, {}, true
for i = 1, #KEYS - first do
  local key, owed = KEYS[first + i], ARGV[first + 1 + 2 * i]
  if owed ~= '0' then
    redis.call('INCRBY', key, owed)
    redis.call('EXPIRE', key, 172800)
  end
  used[i] = tonumber(redis.call('GET', key) or 0)
  left = left and used[i] < tonumber(ARGV[first + 2 * i])
end
if not left then return {2, 0, used} end
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local times, delay, last = {}, 0, 0
for i = 1, count do
  local emission = tonumber(ARGV[2 * i])
  local lead = (tonumber(ARGV[2 * i + 1]) - 1) * emission
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
if delay > last + 20000 or delay > 60000000 then return {0, delay, used} end
for i = 1, count do
  local time = math.max(times[i], now + delay) + tonumber(ARGV[2 * i])
  redis.call('SET', KEYS[2 * i - 1], string.format('%.0f', time), 'PX', math.ceil((time - now) / 1000) + 1000)
end
for i = 1, #used do
  used[i] = redis.call('INCR', KEYS[first + i])
  redis.call('EXPIRE', KEYS[first + i], 172800)
end
return {1, delay, used}

#!lua name=citywatch

-- What must happen in the store at once, or not at all.
--
-- Every function may be sent again after a reply was lost, and then changes nothing.
-- Every key a function touches is declared, so it also works on a cluster.

-- Level first, then newest: 10^13 ms is the year 2286, and 5 * 10^13 is exact in a double.
local FAR = 1e13

-- Beyond these the store refuses a place, and one refused place must not stop the batch.
local MAX_LON, MAX_LAT = 180, 85.05112878

local ALERT_FIELDS = 10

-- Versions of one warning whose entries are remembered with it.
local STORY = 50

local function on_map(lon, lat)
  return lon and lat and math.abs(lon) <= MAX_LON and math.abs(lat) <= MAX_LAT
end

-- The entries of a warning's versions, oldest first, one more at the end.
local function told(story, entry)
  local entries = {}
  for known in string.gmatch(story or '', '%S+') do
    entries[#entries + 1] = known
  end
  entries[#entries + 1] = entry
  return table.concat(entries, ' ', math.max(1, #entries - STORY + 1))
end

-- A message that says how long its way took so far says last when it was decided, by the wall clock,
-- and has a zero for the hop that ends here. A quote inside a text is escaped, so what is found is
-- the field; string.find is told to take it as it is.
local STORED = '"stored":0'
local AND_AT = '^,"sent":0,"at":(%d+)}'

local function stored(message, now)
  local first, last = string.find(message, STORED, 1, true)
  local at = last and string.match(message, AND_AT, last + 1)
  if not at then
    return message
  end
  local took = string.format('%.0f', math.max(0, now - at))
  return string.sub(message, 1, last - 1) .. took .. string.sub(message, last + 1)
end

local function wall_us()
  local time = redis.call('TIME')
  return time[1] * 1e6 + time[2]
end

local function show(keys, id, level, time, lon, lat)
  redis.call('ZADD', keys[2], string.format('%.0f', (level + 1) * FAR - time), id)
  if on_map(tonumber(lon), tonumber(lat)) then
    redis.call('GEOADD', keys[3], lon, lat, id)
  end
end

local function hide(keys, id)
  redis.call('ZREM', keys[2], id)
  redis.call('ZREM', keys[3], id)
end

-- KEYS log, active, geo, then one per alert. ARGV log length, seconds a cleared one is kept, then
-- per alert: id, version, time, status, level, district, hazard, lon, lat, message.
-- Returns how many versions were new. A version is new when it is above the one the store has.
local function put_alerts(keys, args)
  local applied, now = 0, wall_us()
  for i = 0, #keys - 4 do
    local key, at = keys[4 + i], 2 + i * ALERT_FIELDS
    local id, version, time, status, level = unpack(args, at + 1, at + 5)
    local district, hazard, lon, lat, message = unpack(args, at + 6, at + 10)
    local known = redis.call('HMGET', key, 'v', 'level', 'story')
    if tonumber(version) > tonumber(known[1] or 0) then
      message = stored(message, now)
      -- 'was' lets a reader with a level filter see a warning leave its levels.
      local entry = redis.call('XADD', keys[1], 'MAXLEN', '~', args[1], '*', 'id', id,
        'v', version, 'level', level, 'was', known[2] or level, 'status', status, 'b', message)
      redis.call('HSET', key, 'v', version, 'o', entry, 'level', level, 'status', status,
        'district', district, 'hazard', hazard, 'lon', lon, 'lat', lat,
        'story', told(known[3], entry), 'b', message)
      if status == 'cleared' then
        hide(keys, id)
        redis.call('EXPIRE', key, args[2])
      else
        show(keys, id, tonumber(level), tonumber(time), lon, lat)
        redis.call('PERSIST', key)
      end
      applied = applied + 1
    end
  end
  return applied
end

-- KEYS log, then one per cell. ARGV log length, seconds until a silent cell disappears, the delta
-- as one message, then per cell: level, surprisal, time, sensors, unusual, reports.
local function put_cells(keys, args)
  for i = 0, #keys - 2 do
    local at = 3 + i * 6
    redis.call('HSET', keys[2 + i], 'level', args[at + 1], 'surprisal', args[at + 2],
      'time', args[at + 3], 'sensors', args[at + 4], 'unusual', args[at + 5],
      'reports', args[at + 6])
    redis.call('EXPIRE', keys[2 + i], args[2])
  end
  redis.call('XADD', keys[1], 'MAXLEN', '~', args[1], '*', 'b', args[3])
  return #keys - 1
end

-- KEYS one sensor's series. ARGV length, seconds it is kept, then per point: time, value, low, high.
-- The entry's id is the time, so a point sent twice is one point and an older one is left out.
local function put_points(keys, args)
  local newest = redis.call('XREVRANGE', keys[1], '+', '-', 'COUNT', 1)
  local last = newest[1] and tonumber(string.match(newest[1][1], '^%d+')) or 0
  local added = 0
  for at = 3, #args, 4 do
    local time = tonumber(args[at])
    if time > last then
      redis.call('XADD', keys[1], 'MAXLEN', '~', args[1], args[at] .. '-0', 't', args[at],
        'v', args[at + 1], 'lo', args[at + 2], 'hi', args[at + 3])
      last, added = time, added + 1
    end
  end
  redis.call('EXPIRE', keys[1], args[2])
  return added
end

-- KEYS commands, this command's mark. ARGV length, seconds the mark is kept, the message.
local function put_command(keys, args)
  if not redis.call('SET', keys[2], '1', 'NX', 'EX', args[2]) then
    return 0
  end
  redis.call('XADD', keys[1], 'MAXLEN', '~', args[1], '*', 'b', args[3])
  return 1
end

redis.register_function('cw_put_alerts', put_alerts)
redis.register_function('cw_put_cells', put_cells)
redis.register_function('cw_put_points', put_points)
redis.register_function('cw_put_command', put_command)

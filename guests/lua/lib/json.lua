-- JSON (RFC 8259), also for programs: require "json".
local json = {}
local null = setmetatable({}, { __name = "json.null", __tostring = function() return "null" end })
local array = { __name = "json.array" }
json.null = null

-- Marks a table as a list, which an empty one needs.
function json.array(list) return setmetatable(list or {}, array) end

local DEPTH_MOST = 64
local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\b"] = "\\b", ["\f"] = "\\f", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }
local function escape(c) return ESCAPES[c] or format("\\u%04x", byte(c)) end
local function quote(text)
  if not utf8len(text) then error("a string that is not UTF-8 has no JSON form", 0) end
  return '"' .. gsub(text, '[%c"\\\127]', escape) .. '"'
end

-- How long a list is; nil for what is no list.
local function length(value)
  local count = 0
  for key in next, value do
    if mathtype(key) ~= "integer" or key < 1 then return nil end
    count = count + 1
  end
  for at = 1, count do if rawget(value, at) == nil then return nil end end
  return count
end

local write
local function write_list(value, count, out, room, depth)
  out[#out + 1] = "["
  for at = 1, count do
    if at > 1 then out[#out + 1] = "," end
    room = write(rawget(value, at), out, room - 1, depth)
  end
  out[#out + 1] = "]"
  return room
end
local function write_object(value, out, room, depth)
  local keys = {}
  for key in next, value do
    if type(key) ~= "string" then error("a table whose keys are neither 1..n nor strings has no JSON form", 0) end
    keys[#keys + 1] = key
  end
  sort(keys)
  out[#out + 1] = "{"
  for at, key in ipairs(keys) do
    local name = quote(key)
    out[#out + 1] = (at > 1 and "," or "") .. name .. ":"
    room = write(rawget(value, key), out, room - #name - 2, depth)
  end
  out[#out + 1] = "}"
  return room
end
function write(value, out, room, depth)
  local kind = type(value)
  if kind == "table" and value ~= null then
    if depth >= DEPTH_MOST then error("a table inside of 64 others has no JSON form", 0) end
    local count = length(value)
    if count and (count > 0 or getmetatable(value) == array) then
      room = write_list(value, count, out, room, depth + 1)
    else
      room = write_object(value, out, room, depth + 1)
    end
  else
    local text
    if kind == "string" then
      if #value > room then error("too long", 0) end
      text = quote(value)
    elseif kind == "boolean" then text = value and "true" or "false"
    elseif mathtype(value) == "integer" then text = format("%d", value)
    elseif kind == "number" and value == value and value ~= huge and value ~= -huge then
      text = format("%.17g", value)
      if tonumber(format("%.15g", value)) == value then text = format("%.15g", value) end
      if not find(text, "[.eE]") then text = text .. ".0" end
    elseif value == nil or value == null then text = "null"
    else error("a " .. (kind == "number" and "number that is not finite" or kind) .. " has no JSON form", 0) end
    out[#out + 1] = text
    room = room - #text
  end
  if room < 0 then error("too long", 0) end
  return room
end
local function encode(value, room)
  local out = {}
  write(value, out, room or huge, 0)
  return concat(out)
end
function json.encode(value) return encode(value) end

local UNESCAPED = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }
local function bad(at) error("JSON that cannot be read, at byte " .. at, 0) end
local function skip(text, at) return find(text, "[^ \t\r\n]", at) or #text + 1 end
local function read_unit(text, at)
  local digits = sub(text, at, at + 3)
  if not find(digits, "^%x%x%x%x$") then bad(at) end
  return tonumber(digits, 16)
end
local function read_string(text, at)
  local out, from = {}, at
  while true do
    local stop = find(text, '["\\%c]', at)
    local c = stop and sub(text, stop, stop)
    if not stop or (c ~= '"' and c ~= "\\" and c ~= "\127") then bad(stop or #text + 1) end
    if c == "\127" then
      at = stop + 1
    else
      out[#out + 1] = sub(text, from, stop - 1)
      if c == '"' then return concat(out), stop + 1 end
      local escaped = sub(text, stop + 1, stop + 1)
      at = stop + 2
      if escaped == "u" then
        local unit = read_unit(text, at)
        at = at + 4
        if unit >= 0xD800 and unit < 0xDC00 and sub(text, at, at + 1) == "\\u" then
          local low = read_unit(text, at + 2)
          if low >= 0xDC00 and low < 0xE000 then
            unit, at = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00), at + 6
          end
        end
        out[#out + 1] = utf8char((unit >= 0xD800 and unit < 0xE000) and 0xFFFD or unit)
      else
        out[#out + 1] = UNESCAPED[escaped] or bad(stop)
      end
      from = at
    end
  end
end
local read
local function read_items(text, at, depth, close, item)
  at = skip(text, at)
  if sub(text, at, at) == close then return at + 1 end
  while true do
    at = skip(text, item(at, depth))
    local c = sub(text, at, at)
    if c == close then return at + 1 end
    if c ~= "," then bad(at) end
    at = skip(text, at + 1)
  end
end
function read(text, at, depth)
  at = skip(text, at)
  local c = sub(text, at, at)
  if c == '"' then return read_string(text, at + 1) end
  if c == "{" or c == "[" then
    if depth >= 2 * DEPTH_MOST then bad(at) end
    local made = c == "[" and setmetatable({}, array) or {}
    local count = 0
    return made, read_items(text, at + 1, depth + 1, c == "{" and "}" or "]", function(from, inner)
      local key = count + 1
      if c == "{" then
        if sub(text, from, from) ~= '"' then bad(from) end
        key, from = read_string(text, from + 1)
        from = skip(text, from)
        if sub(text, from, from) ~= ":" then bad(from) end
        from = from + 1
      end
      local value, after = read(text, from, inner)
      if value == nil then value = null end
      count = count + 1
      made[key] = value
      return after
    end)
  end
  for word, value in next, { ["true"] = true, ["false"] = false } do
    if sub(text, at, at + #word - 1) == word then return value, at + #word end
  end
  if sub(text, at, at + 3) == "null" then return nil, at + 4 end
  local _, stop = find(text, "^-?%d+%.?%d*[eE]?[+-]?%d*", at)
  local number = stop and tonumber(sub(text, at, stop))
  if not number then bad(at) end
  return number, stop + 1
end
local function decode(text)
  local value, at = read(text, 1, 0)
  at = skip(text, at)
  if at <= #text then bad(at) end
  return value
end
function json.decode(text)
  if type(text) ~= "string" then error("json.decode takes a string", 2) end
  return decode(text)
end
package.preload.json = function() return json end

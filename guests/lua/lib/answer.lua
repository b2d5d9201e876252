-- What the shim calls: heads of requests, values and errors.
local arguments = {}
local result_bytes
local standard = {}

function hooks.begin(head)
  local options = decode(head)
  for name, value in next, options.env or {} do native.setenv(name, value) end
  if options.argv then
    arguments = { unpack(options.argv, 2) }
    arg = { [0] = options.argv[1], unpack(arguments) }
  end
  if options.path0 then
    local folder = options.path0
    package.path = folder .. "/?.lua;" .. folder .. "/?/init.lua;./?.lua;./?/init.lua"
  end
  if options.project then
    for name in next, package.loaded do if not standard[name] then package.loaded[name] = nil end end
  end
  if options.tools then hooks.forget_tools(options.globals) end
  if options.lines then native.lines() end
  result_bytes = options.result_bytes or result_bytes
  return options.name, result_bytes
end

function hooks.arguments() return unpack(arguments) end
function hooks.seed(one, other) randomseed(one, other) end

-- Values as they are read: what has a JSON form is that, anything else a text.
local function show(value)
  local ok, text = pcall(tostring, value)
  return ok and text or "<value that cannot be shown>"
end
function hooks.present(room, ...)
  local count = select("#", ...)
  local value = ...
  if count > 1 then
    value = json.array({ ... })
    for at = 1, count do if value[at] == nil then value[at] = null end end
  end
  local ok, text = pcall(encode, value, room)
  if ok then return true, text, false end
  if count == 1 then text = show(value) end
  if count > 1 then
    local parts = {}
    for at = 1, count do parts[at] = show((select(at, ...))) end
    text = concat(parts, "\t")
  end
  return false, text, #text > room // 2
end

-- Where the last error came from that nothing caught. The error itself stays what it is: Lua calls this
-- also for some that a program catches.
local trace
function hooks.handle(caught)
  trace = traceback("", 2)
  return caught
end

-- What nothing caught: its type, its message and where it came from.
function hooks.describe(caught)
  local kind, message, meta = "Error", nil, nil
  if type(caught) == "table" then
    meta = getmetatable(caught)
    local name = type(meta) == "table" and rawget(meta, "__name") or rawget(caught, "name")
    if type(name) == "string" then kind = name end
    local text = rawget(caught, "message")
    if type(text) == "string" and not (type(meta) == "table" and rawget(meta, "__tostring")) then message = text end
  end
  if not message and type(caught) == "table" and not (type(meta) == "table" and rawget(meta, "__tostring")) then
    local ok, text = pcall(encode, caught, 2000)
    if ok then message = text end
  end
  message = message or show(caught)
  if message == "not enough memory" then kind = "MemoryError" end
  -- Neither the shim's frame nor the library's are the program's.
  local where = gsub((gsub(trace or "", "\n\t%[C%]: in %?$", "")), "\n\t<sandcell>:[^\n]*", "")
  trace = nil
  return { type = kind, message = message, traceback = message .. where }
end

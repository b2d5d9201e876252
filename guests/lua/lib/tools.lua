-- Functions of the host: tools.price { symbol = "apple" }, or by the order of the schema tools.price("apple").
local ToolError = { __name = "ToolError" }
ToolError.__tostring = function(self) return self.message end
local last_id, known, bound = 0, nil, {}

local function fail(kind, message) error(setmetatable({ kind = kind, message = message }, ToolError), 0) end

local function ask(version, fields)
  last_id = last_id + 1
  fields.v, fields.id = version, last_id
  local answer = native.call(encode(fields))
  if not answer then fail("unknown_tool", "this sandbox has no tools") end
  local told = decode(answer)
  if not told.ok then
    local why = told.error or {}
    fail(why.kind or "protocol", why.message or "the host gave no reason")
  end
  return told
end

local function list()
  known = known or ask(1, { op = "list" }).tools
  return known
end

local function names_of(name)
  local names, seen = {}, {}
  for _, tool in ipairs(list()) do
    if tool.name == name then
      local schema = tool.inputSchema or {}
      for _, key in ipairs(schema.required or {}) do names[#names + 1], seen[key] = key, true end
      local others = {}
      for key in next, schema.properties or {} do if not seen[key] then others[#others + 1] = key end end
      sort(others)
      for _, key in ipairs(others) do names[#names + 1] = key end
    end
  end
  return names
end

-- One table whose keys are names is the arguments; anything else goes by order.
local function arguments_of(name, given)
  if given.n == 0 then return {} end
  local first = given[1]
  if given.n == 1 and type(first) == "table" and first ~= null and getmetatable(first) ~= array and not (length(first) and next(first)) then
    return first
  end
  local names, made = names_of(name), {}
  if given.n > #names then error(format("%s takes %d arguments (%s), and %d were given", name, #names, concat(names, ", "), given.n), 3) end
  for at = 1, given.n do made[names[at]] = given[at] end
  return made
end

local function caller(name)
  return function(...)
    local told = ask(1, { op = "call", tool = name, args = arguments_of(name, pack(...)) })
    if told.value == null then return nil end
    return told.value
  end
end

tools = setmetatable({}, {
  __name = "tools",
  __index = function(self, name)
    if type(name) ~= "string" then return nil end
    local made = caller(name)
    rawset(self, name, made)
    return made
  end,
  __pairs = function(self)
    local all = {}
    for _, tool in ipairs(list()) do all[tool.name] = self[tool.name] end
    return next, all, nil
  end,
})

function hooks.forget_tools(globals)
  known = nil
  for name, made in next, bound do if rawget(_G, name) == made then rawset(_G, name, nil) end end
  bound = {}
  if globals then
    for _, tool in ipairs(list()) do
      if rawget(_G, tool.name) == nil then
        bound[tool.name] = tools[tool.name]
        rawset(_G, tool.name, bound[tool.name])
      end
    end
  end
end

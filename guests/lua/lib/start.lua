-- The library: what programs see beside Lua's own, and what the shim calls. It takes what it needs of
-- Lua's before any program can change it.
local native = ...
local hooks = {}
local error, getmetatable, ipairs, next, pcall, rawget, rawset, select, setmetatable, tonumber, tostring, type =
  error, getmetatable, ipairs, next, pcall, rawget, rawset, select, setmetatable, tonumber, tostring, type
local byte, char, find, format, gsub, rep, sub =
  string.byte, string.char, string.find, string.format, string.gsub, string.rep, string.sub
local concat, pack, sort, unpack = table.concat, table.pack, table.sort, table.unpack
local huge, mathtype, random, randomseed = math.huge, math.type, math.random, math.randomseed
local utf8char, utf8len = utf8.char, utf8.len
local traceback = debug.traceback

// Frames to the host and back: what a call of a tool looks like on the wire, and which error it ends in.
class ToolError extends Error {
  constructor(kind, message) { super(message); this.kind = kind; }
  get name() { return "ToolError"; }
}
global("ToolError", ToolError);

const NESTING_MOST = 60; // of an argument; with the envelope of a batch it makes the 64 of the protocol
const INTEGER_LEAST = -(2n ** 63n), INTEGER_MOST = 2n ** 64n - 1n;

function refusal(path, reason) {
  let place = `argument ${quote(`${path[0]}`)}`;
  for (let at = 1; at < path.length && at <= 6; at++) place += `[${typeof path[at] === "string" ? quote(path[at]) : path[at]}]`;
  return new ToolError("invalid_arguments", `${place} ${reason}`);
}

// An argument as JSON; `path` says where it is. Refuses what would not arrive as it was.
function toWire(value, path, depth) {
  switch (typeof value) {
    case "string":
      if (!isWellFormed(value)) throw refusal(path, "holds a lone surrogate, which no UTF-8 text can carry");
      return stringify(value);
    case "boolean": return value ? "true" : "false";
    case "number":
      if (value - value !== 0) throw refusal(path, `is ${value}; only finite numbers can be passed`);
      return value === 0 && 1 / value < 0 ? "-0.0" : `${value}`;
    case "bigint":
      if (value < INTEGER_LEAST || value > INTEGER_MOST) throw refusal(path, "is an integer beyond 64 bits; pass it as a string");
      return `${value}`;
    case "undefined": return "null";
    case "symbol": throw refusal(path, "is a symbol, which has no JSON form");
    case "function": throw refusal(path, "is a function, which has no JSON form");
  }
  if (value === null) return "null";
  const kind = kindOf(value);
  if (isView(value) || kind === "ArrayBuffer") return `{"$bytes":"${toBase64(binary(bytesOf(value)))}"}`;
  if (kind === "Promise") throw refusal(path, "is a promise; await it first");
  if (depth <= 0) {
    path.length = 1;
    throw refusal(path, `nests deeper than ${NESTING_MOST} levels, or contains itself`);
  }
  if (typeof value.toJSON === "function") return part(value.toJSON(), path, "toJSON()", depth);
  switch (kind) {
    case "Number": case "String": case "Boolean": case "BigInt": return part(value.valueOf(), path, "valueOf()", depth);
    case "Map": return objectToWire(mapPairs(value), path, depth);
    case "Set": return listToWire(setItems(value), path, depth);
  }
  if (isArray(value)) return listToWire(value, path, depth);
  const pairs = [], keys = keysOf(value);
  for (let at = 0; at < keys.length; at++) put(pairs, [keys[at], value[keys[at]]]);
  return objectToWire(pairs, path, depth);
}

function part(value, path, step, depth) {
  const length = path.length;
  path[length] = step;
  const text = toWire(value, path, depth - 1);
  path.length = length;
  return text;
}

function listToWire(list, path, depth) {
  let text = "[";
  for (let at = 0; at < list.length; at++) text += (at ? "," : "") + part(list[at], path, at, depth);
  return text + "]";
}

function objectToWire(pairs, path, depth) {
  let text = "{", first = true;
  for (let at = 0; at < pairs.length; at++) {
    const key = pairs[at][0], value = pairs[at][1];
    if (typeof key !== "string") throw refusal(path, `has a key of type ${typeof key}; the keys must be strings`);
    if (key === "$bytes") throw refusal(path, 'has the key "$bytes", which would be read as bytes');
    if (!isWellFormed(key)) throw refusal(path, "has a key with a lone surrogate, which no UTF-8 text can carry");
    if (value === undefined) continue;
    text += (first ? "" : ",") + stringify(key) + ":" + part(value, path, key, depth);
    first = false;
  }
  return text + "}";
}

// Arguments by name. Their own names are no level of nesting.
function argumentsToWire(args) {
  if (!isObject(args) || isArray(args)) throw new ToolError("invalid_arguments", "the arguments must be given as an object");
  const keys = keysOf(args);
  let text = "{", first = true;
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at], value = args[key];
    if (value === undefined) continue;
    if (!isWellFormed(key)) throw refusal([""], "has a name with a lone surrogate");
    text += (first ? "" : ",") + stringify(key) + ":" + toWire(value, [key], NESTING_MOST);
    first = false;
  }
  return text + "}";
}

function fromWire(value) {
  if (!isObject(value)) return value;
  if (isArray(value)) {
    for (let at = 0; at < value.length; at++) if (isObject(value[at])) value[at] = fromWire(value[at]);
    return value;
  }
  const keys = keysOf(value);
  // A schema may speak of the key.
  if (keys.length === 1 && keys[0] === "$bytes" && typeof value.$bytes === "string") return bufferFrom(value.$bytes, "base64");
  for (let at = 0; at < keys.length; at++) {
    const item = value[keys[at]];
    if (isObject(item)) value[keys[at]] = fromWire(item);
  }
  return value;
}

// The error that an answer which is not `ok` stands for.
function failureOf(told) {
  const error = isObject(told) && told.ok === false ? told.error : undefined;
  if (!isObject(error) || typeof error.kind !== "string" || typeof error.message !== "string") {
    return new ToolError("protocol", "the host's answer says neither `ok` nor an error");
  }
  return new ToolError(error.kind, error.message);
}

let lastFrame = 0;
// Sends a frame, whose fields are JSON already, and gives one field of its answer.
function ask(version, fields, wanted) {
  const number = ++lastFrame;
  const answer = native.callHost(`{"v":${version},"id":${number},${fields}}`);
  if (answer === undefined) throw new ToolError("unknown_tool", "this sandbox has no tools");
  const told = parse(answer);
  if (told.ok !== true) throw failureOf(told);
  if (told.v !== version || told.id !== number) throw new ToolError("protocol", "the host's answer belongs to another frame");
  if (!hasOwn(told, wanted)) throw new ToolError("protocol", `the host's answer has no \`${wanted}\``);
  return told[wanted];
}

// Functions of the host. Calls made before the program next waits travel together.
class ToolError extends Error {
  constructor(kind, message) { super(message); this.kind = kind; }
  get name() { return "ToolError"; }
}
global("ToolError", ToolError);

let lastId = 0;
function ask(version, fields) {
  const answer = native.callHost(stringify({ v: version, id: ++lastId, ...fields }));
  if (answer === undefined) throw new ToolError("unknown_tool", "this sandbox has no tools");
  const told = parse(answer);
  if (!told.ok) throw new ToolError(told.error?.kind ?? "protocol", told.error?.message ?? "the host gave no reason");
  return told;
}

// Bytes travel as {"$bytes": base64}.
function toWire(value) {
  if (ArrayBuffer.isView(value) || native.parts(value)?.[0] === "ArrayBuffer") return { $bytes: btoa(binary(bytesOf(value))) };
  if (isArray(value)) return value.map(toWire);
  if (typeof value === "bigint") {
    if (value < -(2n ** 53n) || value > 2n ** 53n) throw new TypeError("A BigInt beyond 2^53 cannot be given to a tool");
    return Number(value);
  }
  if (!isObject(value) || typeof value.toJSON === "function") return value;
  if (typeof value === "function") throw new TypeError("A function cannot be given to a tool");
  if (native.parts(value)?.[0] === "Map") value = Object.fromEntries(value);
  if (native.parts(value)?.[0] === "Set") return [...value].map(toWire);
  const made = {};
  for (const [key, item] of Object.entries(value)) if (item !== undefined) made[key] = toWire(item);
  return made;
}
function fromWire(value) {
  if (!isObject(value)) return value;
  if (isArray(value)) return value.map(fromWire);
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === "$bytes") return Buffer.from(value.$bytes, "base64");
  for (const key of keys) value[key] = fromWire(value[key]);
  return value;
}

let known;
const listTools = () => (known ??= ask(1, { op: "list" }).tools);
const isPlain = value => isObject(value) && !isArray(value) && [Object.prototype, null].includes(getPrototypeOf(value)) && typeof value !== "function";

// Arguments by name: one plain object is that, and others go by the order of the schema.
function argumentsOf(name, args) {
  if (args.length === 0) return {};
  if (args.length === 1 && isPlain(args[0])) return args[0];
  const schema = listTools().find(tool => tool.name === name)?.inputSchema ?? {};
  const required = schema.required ?? [], names = [...required, ...Object.keys(schema.properties ?? {}).filter(key => !required.includes(key))];
  if (args.length > names.length) throw new TypeError(`${name} takes ${names.length} argument${names.length === 1 ? "" : "s"} (${names.join(", ")}), and ${args.length} were given`);
  const made = {};
  args.forEach((value, at) => { if (value !== undefined) made[names[at]] = value; });
  return made;
}

let waiting = [];
const BATCH_MOST = 1000;
function callTool(name, args) {
  const { stack } = new Error();
  return new Promise((resolve, reject) => {
    waiting.push({ call: { tool: name, args: toWire(args) }, stack, resolve, reject });
    native.waitForTools();
  });
}
// An error shows where the tool was called, not where its answer was read.
const refuse = (one, error) => one.reject(define(error, "stack", one.stack));
const settle = (one, told) => {
  if (told.ok) one.resolve(fromWire(told.value));
  else refuse(one, new ToolError(told.error?.kind ?? "protocol", told.error?.message ?? "the host gave no reason"));
};
hooks.callTools = () => {
  const all = waiting;
  waiting = [];
  for (let at = 0; at < all.length; at += BATCH_MOST) {
    const some = all.slice(at, at + BATCH_MOST);
    try {
      if (some.length === 1) some[0].resolve(fromWire(ask(1, { op: "call", ...some[0].call }).value));
      else ask(2, { op: "batch", calls: some.map(one => one.call) }).results.forEach((told, index) => settle(some[index], told));
    } catch (error) {
      for (const one of some) refuse(one, some.length === 1 ? error : new ToolError(error.kind, error.message));
    }
  }
  return all.length > 0;
};

const toolOf = name => Object.defineProperty((...args) => {
  try {
    return callTool(name, argumentsOf(name, args));
  } catch (error) {
    return Promise.reject(error);
  }
}, "name", { value: name });
const toolMethods = {
  call: (name, args = {}) => callTool(`${name}`, args),
  list: async () => listTools(),
  search: async (query, limit = 10) => ask(2, { op: "search", query: `${query}`, limit }).value,
  describe: async (...names) => ask(2, { op: "describe", names: names.flat(), language: "typescript" }).value,
};
const toolCache = Object.create(null);
const tools = new Proxy(toolMethods, {
  get: (target, name) => {
    if (typeof name !== "string" || name === "then" || name === "toJSON") return undefined;
    return hasOwn(target, name) ? target[name] : (toolCache[name] ??= toolOf(name));
  },
  has: (target, name) => typeof name === "string" && listTools().some(tool => tool.name === name),
  ownKeys: () => { try { return listTools().map(tool => tool.name); } catch { return []; } },
  getOwnPropertyDescriptor: (target, name) => ({ value: tools[name], enumerable: true, configurable: true, writable: false }),
});
global("tools", tools);

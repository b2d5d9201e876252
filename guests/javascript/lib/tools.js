// Functions of the host. Calls made before the program next waits travel together.
let known;
const listTools = () => (known ??= ask(1, '"op":"list"', "tools"));
function describedTool(name) {
  const list = listTools();
  for (let at = 0; at < list.length; at++) if (list[at].name === name) return list[at];
  return undefined;
}
const isPlain = value => isObject(value) && !isArray(value) && typeof value !== "function" && kindOf(value) === undefined
  && (getPrototypeOf(value) === objectPrototype || getPrototypeOf(value) === null);

// The names of a tool's arguments, those first that are required.
function namesOf(name) {
  const schema = describedTool(name)?.inputSchema, names = [];
  const required = isArray(schema?.required) ? schema.required : [];
  for (let at = 0; at < required.length; at++) put(names, required[at]);
  const all = isObject(schema?.properties) ? keysOf(schema.properties) : [];
  for (let at = 0; at < all.length; at++) if (!includes(names, all[at])) put(names, all[at]);
  return { names, required: required.length, closed: schema?.additionalProperties === false };
}

// Whether one plain object holds the arguments by name, and is not itself the first of them.
function isByName(name, object) {
  const { names, required, closed } = namesOf(name), keys = keysOf(object);
  if (names.length === 0) return true;
  if (keys.length === 0) return required === 0;
  for (let at = 0; at < keys.length; at++) if (includes(names, keys[at])) return true;
  return !closed;
}

function argumentsOf(name, args) {
  if (args.length === 0) return {};
  if (args.length === 1 && isPlain(args[0]) && isByName(name, args[0])) return args[0];
  const { names } = namesOf(name);
  if (args.length > names.length) {
    let list = "";
    for (let at = 0; at < names.length; at++) list += (at ? ", " : "") + names[at];
    throw new ToolError("invalid_arguments", describedTool(name) === undefined ? `there is no tool \`${name}\``
      : `\`${name}\` takes ${names.length} argument${names.length === 1 ? "" : "s"} (${list}), and ${args.length} were given; name them in one object`);
  }
  const made = {};
  for (let at = 0; at < args.length; at++) if (args[at] !== undefined) define(made, names[at], args[at], true);
  return made;
}

// What calls at once are sent in one frame at most, in number and in bytes.
const BATCH_MOST = 1000, BATCH_BYTES_MOST = 512 << 10;
let waiting = [];
function callTool(name, args) {
  const call = `"tool":${stringify(name)},"args":${argumentsToWire(args)}`;
  const { stack } = new Error();
  return new Promise((resolve, reject) => {
    put(waiting, { call, stack, resolve, reject });
    native.waitForTools();
  });
}
// An error shows where the tool was called, not where its answer was read.
const refuse = (one, error) => one.reject(define(error, "stack", one.stack));

function sendOne(one) {
  try {
    one.resolve(fromWire(ask(1, `"op":"call",${one.call}`, "value")));
  } catch (error) {
    refuse(one, error);
  }
}
function sendMany(some) {
  let calls = "";
  for (let at = 0; at < some.length; at++) calls += (at ? ",{" : "{") + some[at].call + "}";
  let results, failed;
  try {
    results = ask(2, `"op":"batch","calls":[${calls}]`, "results");
  } catch (error) {
    failed = error;
  }
  for (let at = 0; at < some.length; at++) {
    const told = results?.[at];
    if (failed !== undefined) refuse(some[at], new ToolError(failed.kind ?? "protocol", failed.message));
    else if (told?.ok === true) some[at].resolve(fromWire(told.value));
    else refuse(some[at], failureOf(told));
  }
}
hooks.dropCalls = () => { waiting = []; };
hooks.callTools = () => {
  const all = waiting;
  waiting = [];
  for (let at = 0; at < all.length;) {
    const some = [all[at]];
    let bytes = all[at].call.length;
    for (at++; at < all.length && some.length < BATCH_MOST && bytes + all[at].call.length <= BATCH_BYTES_MOST; at++) {
      bytes += all[at].call.length + 3;
      put(some, all[at]);
    }
    if (some.length === 1) sendOne(some[0]);
    else sendMany(some);
  }
  return all.length > 0;
};

const toolOf = name => defineProperty((...args) => {
  try {
    return callTool(name, argumentsOf(name, args));
  } catch (error) {
    return new Promise((_, reject) => reject(error));
  }
}, "name", { __proto__: null, value: name });

let made = Object.create(null);
const toolNamed = name => (made[name] ??= toolOf(name));
// The names, with none if there are no tools at all.
function toolNames() {
  const names = [];
  try {
    const list = listTools();
    for (let at = 0; at < list.length; at++) put(names, list[at].name);
  } catch {
    // A sandbox without tools answers no list.
  }
  return names;
}
const listed = call => new Promise(resolve => resolve(call()));
const toolMethods = {
  call: (name, args = {}) => { try { return callTool(`${name}`, args); } catch (error) { return new Promise((_, reject) => reject(error)); } },
  list: () => listed(() => parse(stringify(toolNames().length ? listTools() : []))),
  search: (query, limit = 10) => listed(() => ask(2, `"op":"search","query":${stringify(`${query}`)},"limit":${+limit || 10}`, "value")),
  describe: (...names) => listed(() => ask(2, `"op":"describe","names":${stringify(names.flat())},"language":"typescript"`, "value")),
};
define(toolMethods, inspectCustom, () => {
  const names = toolNames();
  return `tools { ${names.length ? names.join(", ") : "none"} }`;
});
const tools = new Proxy(toolMethods, {
  get: (target, name) => {
    if (typeof name !== "string") return target[name];
    if (name === "then" || name === "toJSON") return undefined;
    return hasOwn(target, name) ? target[name] : toolNamed(name);
  },
  has: (target, name) => typeof name === "string" && includes(toolNames(), name),
  ownKeys: () => toolNames(),
  getOwnPropertyDescriptor: (target, name) =>
    typeof name === "string" && includes(toolNames(), name) ? { __proto__: null, value: tools[name], enumerable: true, configurable: true, writable: false } : undefined,
});
global("tools", tools);

// The tools that are plain globals now.
let bound = [];
const forgetTools = () => {
  for (let at = 0; at < bound.length; at++) {
    if (getOwnPropertyDescriptor(globalThis, bound[at])?.value === made[bound[at]]) delete globalThis[bound[at]];
  }
  known = undefined;
  made = Object.create(null);
  bound = [];
};
// What is there already stays as it is.
const bindTools = () => {
  const names = toolNames();
  for (let at = 0; at < names.length; at++) {
    if (hasOwn(globalThis, names[at]) || !isIdentifier(names[at])) continue;
    global(names[at], toolNamed(names[at]));
    put(bound, names[at]);
  }
};
